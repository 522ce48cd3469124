-- schedule: 0 standard, 1 patient. off_reason: 0 a person, 1 ten failures in a row, 2 the receiver answered 410 Gone
CREATE TABLE webhooks (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id           BIGINT NOT NULL REFERENCES projects (id),
    name                 TEXT,
    url                  TEXT NOT NULL,
    -- key id, nonce and ciphertext; empty once the webhook is deleted
    secret_sealed        BLOB NOT NULL,
    secret_hint          TEXT NOT NULL,
    secret_made_at       BIGINT NOT NULL,
    secret_made_by       BIGINT NOT NULL REFERENCES users (id),
    schedule             SMALLINT NOT NULL,
    active               BOOLEAN NOT NULL,
    consecutive_failures INTEGER NOT NULL,
    off_reason           SMALLINT,
    off_at               BIGINT,
    off_by               BIGINT REFERENCES users (id),
    -- Waiting automatic deliveries up to this id were discarded; they end as failed in slices.
    discarded_to         BIGINT NOT NULL,
    created_by           BIGINT NOT NULL REFERENCES users (id),
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    deleted_at           BIGINT,
    CHECK (length(name) BETWEEN 1 AND 80),
    CHECK (length(url) BETWEEN 1 AND 2000),
    CHECK (schedule IN (0, 1)),
    CHECK (consecutive_failures >= 0),
    CHECK (off_reason IN (0, 1, 2)),
    CHECK (active = (off_at IS NULL)),
    CHECK ((off_at IS NULL) = (off_reason IS NULL)),
    CHECK (off_by IS NULL OR off_reason = 0),
    CHECK (deleted_at IS NULL OR length(secret_sealed) = 0)
);
CREATE INDEX webhooks_project ON webhooks (project_id, id);
CREATE INDEX webhooks_deleted ON webhooks (id) WHERE deleted_at IS NOT NULL;

-- position keeps the order in which the events were given.
CREATE TABLE webhook_events (
    webhook_id BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, kind),
    CHECK (length(kind) BETWEEN 1 AND 50)
);
