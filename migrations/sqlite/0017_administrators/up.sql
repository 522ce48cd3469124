-- Who may see the audit log of the whole installation. Of an installation that has accounts already, the first is one.
ALTER TABLE users ADD COLUMN administrator BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE users SET administrator = TRUE WHERE id = (SELECT min(id) FROM users WHERE disabled_at IS NULL);

-- The API token that was used and what it was called: it may be revoked since.
ALTER TABLE audit_log ADD COLUMN api_token_id BIGINT;
ALTER TABLE audit_log ADD COLUMN api_token TEXT;
UPDATE audit_log SET api_token_id = json_extract(detail, '$.apiToken') WHERE detail LIKE '%"apiToken":%';
UPDATE audit_log SET api_token = (SELECT name FROM api_tokens WHERE id = api_token_id) WHERE api_token_id IS NOT NULL;

-- What administrators see: what belongs to no project, and of a project that it was made or deleted.
CREATE INDEX audit_log_installation ON audit_log (id)
    WHERE project_id IS NULL OR action = 'project.added' OR action = 'project.deleted';
