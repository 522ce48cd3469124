-- The link that an invited person accepts with, only its hash: one for each membership that waits. Accepting uses it up.
CREATE TABLE invitations (
    membership_id BIGINT PRIMARY KEY NOT NULL REFERENCES memberships (id) ON DELETE CASCADE,
    token_hash    BYTEA NOT NULL UNIQUE,
    made_by       BIGINT NOT NULL REFERENCES users (id),
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX invitations_expires ON invitations (expires_at);
