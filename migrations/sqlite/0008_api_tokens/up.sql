-- Tokens of programs, only their hashes. permissions: names with spaces between, NULL is no restriction. every_project: false
-- means those in api_token_projects, also when these have been deleted: a list never becomes "all" by running empty.
CREATE TABLE api_tokens (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id       BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    token_hash    BLOB NOT NULL UNIQUE,
    permissions   TEXT,
    every_project BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    last_used_at  BIGINT,
    CHECK (length(name) BETWEEN 1 AND 100)
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- No key to projects: what a token lists stays listed.
CREATE TABLE api_token_projects (
    token_id   BIGINT NOT NULL REFERENCES api_tokens (id) ON DELETE CASCADE,
    project_id BIGINT NOT NULL,
    PRIMARY KEY (token_id, project_id)
);
