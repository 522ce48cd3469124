-- What was answered to a request that carried an Idempotency-Key, written by the transaction of its events. body_hash: SHA-256
-- of the request's body. answer: JSON, [[event, deliveries], …].
CREATE TABLE idempotency_keys (
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    body_hash  BYTEA NOT NULL,
    answer     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, key),
    CHECK (length(key) BETWEEN 1 AND 255),
    CHECK (length(body_hash) = 32)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
