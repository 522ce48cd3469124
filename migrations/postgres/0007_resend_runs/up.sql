-- A re-send of what has failed since some instant, while it is under way. It goes through the ids: those up to fed_to have had
-- their turn, whatever became of them, and those after up_to failed later than the button was pressed.
CREATE TABLE resend_runs (
    webhook_id BIGINT PRIMARY KEY NOT NULL REFERENCES webhooks (id),
    since      BIGINT NOT NULL,
    fed_to     BIGINT NOT NULL,
    up_to      BIGINT NOT NULL,
    fed_at     BIGINT NOT NULL,
    started_by BIGINT NOT NULL REFERENCES users (id),
    started_at BIGINT NOT NULL,
    CHECK (fed_to >= 0),
    CHECK (fed_to <= up_to)
);
