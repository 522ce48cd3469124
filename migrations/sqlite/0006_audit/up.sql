-- Who did what to which thing. user_id is null for what the system did by itself.
CREATE TABLE audit_log (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id BIGINT,
    user_id    BIGINT,
    action     TEXT NOT NULL,
    subject_id BIGINT,
    detail     TEXT NOT NULL,
    address    TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX audit_log_project ON audit_log (project_id, id);

-- Proof that a master key belongs to this database: a known text sealed under it.
CREATE TABLE key_checks (
    key_id     TEXT PRIMARY KEY NOT NULL,
    sealed     BLOB NOT NULL,
    created_at BIGINT NOT NULL
);
