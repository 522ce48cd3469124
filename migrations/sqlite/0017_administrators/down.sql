DROP INDEX audit_log_installation;
ALTER TABLE audit_log DROP COLUMN api_token;
ALTER TABLE audit_log DROP COLUMN api_token_id;
ALTER TABLE users DROP COLUMN administrator;
