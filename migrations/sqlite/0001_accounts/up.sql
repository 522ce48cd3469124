CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    login         TEXT NOT NULL UNIQUE,
    email         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT,
    CHECK (length(login) BETWEEN 1 AND 100),
    CHECK (length(email) BETWEEN 3 AND 320),
    CHECK (length(name) BETWEEN 1 AND 100)
);

-- kind: 0 browser (cookie), 1 api (access and refresh token)
CREATE TABLE sessions (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id            BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind               SMALLINT NOT NULL,
    token_hash         BLOB NOT NULL UNIQUE,
    state              TEXT NOT NULL,
    token_expires_at   BIGINT NOT NULL,
    refresh_hash       BLOB UNIQUE,
    spent_refresh_hash BLOB UNIQUE,
    refresh_spent_at   BIGINT,
    created_at         BIGINT NOT NULL,
    last_seen_at       BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    CHECK (kind IN (0, 1)),
    CHECK (kind = 1 OR (refresh_hash IS NULL AND spent_refresh_hash IS NULL)),
    CHECK ((spent_refresh_hash IS NULL) = (refresh_spent_at IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- Only tokens that were spent are kept; issuing one writes nothing.
CREATE TABLE form_tokens (
    token_hash BLOB PRIMARY KEY NOT NULL,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    action     TEXT NOT NULL,
    subject_id BIGINT,
    spent_at   BIGINT NOT NULL
);
CREATE INDEX form_tokens_spent ON form_tokens (spent_at);
