-- Rows as each version of the program wrote them, on top of those of the versions before; tests/it/upgrades.rs makes a database of every
-- version of them. {receiver} is a URL, {bytes 00} bytes in the words of the database, {t 5} an instant, five seconds after one of an
-- hour ago. What is sealed is sealed under the key of every test, in the format of its time. A new version adds a section and edits none.
-- version 0001
INSERT INTO users (login, email, name, password_hash, created_at) VALUES
    ('lead', 'lead@example.com', 'Lead', '$argon2id$v=19$m=19456,t=2,p=1$X0L6rph0B76At364HS8XLQ$/UB9AuoqH9k/46Q/MBMdL0qRFqq2c5B05udN+DOLFJo', {t 0}),
    ('mia', 'mia@example.com', 'Mia', '$argon2id$v=19$m=19456,t=2,p=1$X0L6rph0B76At364HS8XLQ$/UB9AuoqH9k/46Q/MBMdL0qRFqq2c5B05udN+DOLFJo', {t 1}),
    ('gone', 'gone@example.com', 'Gone', '$argon2id$v=19$m=19456,t=2,p=1$X0L6rph0B76At364HS8XLQ$/UB9AuoqH9k/46Q/MBMdL0qRFqq2c5B05udN+DOLFJo', {t 2});
UPDATE users SET disabled_at = {t 3} WHERE login = 'gone';
INSERT INTO sessions (user_id, kind, token_hash, state, token_expires_at, refresh_hash, created_at, last_seen_at, expires_at) VALUES
    (1, 0, {bytes a1}, '{}', {t 2592000}, NULL, {t 0}, {t 0}, {t 2592000}),
    (1, 1, {bytes a2}, '{}', {t 900}, {bytes a3}, {t 0}, {t 0}, {t 2592000});
INSERT INTO form_tokens (token_hash, user_id, action, subject_id, spent_at) VALUES ({bytes b1}, 1, 'webhook.add', 1, {t 10});
-- version 0002
INSERT INTO projects (name, description, color, creator_id, created_at, edited_at, archived_at) VALUES
    ('Website', 'An “old” project', '#3f6fd1', 1, {t 20}, {t 20}, NULL),
    ('Archive', '', '#888888', 1, {t 21}, {t 21}, {t 22});
INSERT INTO memberships (project_id, user_id, email, role, created_at) VALUES
    (1, 1, NULL, 2, {t 20}), (1, 2, NULL, 1, {t 20}), (1, NULL, 'new@example.com', 0, {t 20}),
    (2, 1, NULL, 2, {t 21});
INSERT INTO statuses (project_id, name, category, position) VALUES (1, 'To do', 0, 0), (1, 'Done', 3, 1);
INSERT INTO tags (project_id, name, color) VALUES (1, 'bug', '#cc3333');
-- version 0003
INSERT INTO tasks (project_id, parent_id, description, note, complete, status_id, priority, start_date, end_date, end_time, creator_id, created_at, edited_at, completed_at) VALUES
    (1, NULL, 'Fix login bug', 'a note', FALSE, 1, 2, '2026-03-22', '2026-03-23', '12:00:00', 1, {t 30}, {t 30}, NULL),
    (1, 1, 'Write a test', NULL, TRUE, 2, 3, NULL, NULL, NULL, 2, {t 31}, {t 32}, {t 32});
INSERT INTO task_tags (task_id, tag_id) VALUES (1, 1);
INSERT INTO task_assignees (task_id, membership_id) VALUES (1, 2);
-- version 0004
INSERT INTO webhooks (project_id, name, url, secret_sealed, secret_hint, secret_made_at, secret_made_by, schedule, active, consecutive_failures, off_reason, off_at, discarded_to, created_by, created_at, updated_at, deleted_at) VALUES
    (1, 'CI', '{receiver}', {bytes 01de5f9ca4d71c490cfe7490390d76bfb724d242a9d82b0bcbd09907544876b5e2cf02ed7ef09fc75d9d191f55874b584495c01650e90bef05965a48d9c50eeb8322068b103d09ccc08958edd805bb3697f9e734d39398c271099d600d6f89678e43e7}, '2ViI', {t 40}, 1, 0, TRUE, 1, NULL, NULL, 0, 1, {t 40}, {t 40}, NULL),
    (1, 'Off', 'http://localhost:9/', {bytes 01de5f9ca4d71c490c1d27b50b270b2cd4b0dd26570522f3dc2386fa9c73c970d2bbcafda13903acbbb9ebce4ac6d9df408df78006be5f56c40125ecdad2277abac639b76bfd677805d261c443b3a0a4e5bfa462690d15e0948c800e31d10f298bfde4}, '2ViI', {t 40}, 1, 1, FALSE, 10, 1, {t 41}, 0, 1, {t 40}, {t 41}, NULL),
    (1, NULL, 'http://localhost:9/', {bytes }, '2ViI', {t 40}, 1, 0, TRUE, 0, NULL, NULL, 0, 1, {t 40}, {t 42}, {t 42});
INSERT INTO webhook_events (webhook_id, kind, position) VALUES
    (1, 'task.created', 0), (1, 'task.updated', 1), (2, 'task.created', 0);
-- version 0005
INSERT INTO events (project_id, kind, body, occurred_at, initiator_id, task_id, published) VALUES
    (1, 'task.created', {bytes 7b226576656e74223a227461736b2e63726561746564222c2274696d657374616d70223a22323032362d30332d32325431323a30303a33302e3030305a222c227461736b223a7b226964223a312c22676f616c4964223a312c226465736372697074696f6e223a22466978206c6f67696e20627567222c22636f6d706c657465223a66616c73652c227374617475734964223a312c227072696f726974794964223a322c2274616773223a5b315d2c2261737369676e65645573657273223a5b325d2c227375627461736b73223a5b5d7d2c22696e69746961746f724964223a317d}, {t 30}, 1, 1, FALSE),
    (1, 'task.updated', {bytes 7b226576656e74223a227461736b2e75706461746564222c2274696d657374616d70223a22323032362d30332d32325431323a30303a33322e3030305a222c227461736b223a7b226964223a312c22676f616c4964223a312c226465736372697074696f6e223a22466978206c6f67696e20627567222c22636f6d706c657465223a66616c73652c227374617475734964223a312c227072696f726974794964223a322c2274616773223a5b315d2c2261737369676e65645573657273223a5b325d2c227375627461736b73223a5b5d7d2c226368616e676573223a7b227374617475734964223a317d2c22696e69746961746f724964223a327d}, {t 32}, 2, 1, FALSE),
    (1, 'invoice.paid', {bytes 7b226576656e74223a22696e766f6963652e70616964222c2274696d657374616d70223a22323032362d30332d32325431323a30303a33332e3030305a222c2264617461223a7b226e756d626572223a343731317d2c22696e69746961746f724964223a317d}, {t 33}, 1, NULL, TRUE);
INSERT INTO deliveries (project_id, webhook_id, event_id, task_id, kind, message_id, status, trigger, attempts, claims, due_at, leased_until, lease_id, response_code, outcome, last_attempt_at, duration_us, created_at) VALUES
    (1, 1, 1, 1, 'task.created', 'msg_success', 1, 0, 1, 1, {t 50}, 0, NULL, 200, 0, {t 50}, 1500, {t 50}),
    (1, 1, 1, 1, 'task.created', 'msg_failed', 2, 0, 3, 3, {t 51}, 0, NULL, 500, 0, {t 90}, 1500, {t 51}),
    (1, 1, 2, 1, 'task.updated', 'msg_pending', 0, 0, 1, 2, {t 52}, {t 72}, 4711, 503, 0, {t 52}, 1500, {t 52}),
    (1, 2, 1, 1, 'task.created', 'msg_held', 0, 0, 0, 0, {t 53}, 0, NULL, NULL, NULL, NULL, NULL, {t 53}),
    (1, 2, 1, 1, 'task.created', 'msg_off', 2, 0, 3, 3, {t 54}, 0, NULL, NULL, 3, {t 54}, 900, {t 54});
INSERT INTO attempts (delivery_id, number, started_at, duration_us, outcome, response_code, reused, cut, response_size, address, message, url, request_headers, response_headers) VALUES
    (1, 1, {t 50}, 1500, 0, 200, FALSE, FALSE, 2, '127.0.0.1:4545', '', '{receiver}', '[["content-type","application/json"]]', '[["content-length","2"]]'),
    (2, 3, {t 90}, 1500, 0, 500, TRUE, FALSE, 0, '127.0.0.1:4545', '', '{receiver}', '[]', '[]'),
    (3, 1, {t 52}, 1500, 0, 503, TRUE, TRUE, 70000, '127.0.0.1:4545', '', '{receiver}', '[]', '[]'),
    (5, 3, {t 54}, 900, 3, NULL, FALSE, FALSE, 0, '127.0.0.1:9', 'connection refused', 'http://localhost:9/', '[]', '[]');
INSERT INTO attempt_bodies (delivery_id, number, body) VALUES (1, 1, {bytes 4f4b}), (3, 1, {bytes 00ff});
-- version 0006
INSERT INTO audit_log (project_id, user_id, action, subject_id, detail, address, created_at) VALUES
    (NULL, 1, 'account.added', 1, '{}', NULL, {t 0}),
    (1, 1, 'project.added', 1, '{"name":"Website"}', '127.0.0.1', {t 20}),
    (1, NULL, 'webhook.turned_off', 2, '{"reason":"failures","failures":10}', NULL, {t 41});
INSERT INTO key_checks (key_id, sealed, created_at) VALUES ('de5f9ca4d71c490c', {bytes 01de5f9ca4d71c490cee3345910546bf310e7b0e5b8ec30c7e0107f3439238667e698973407ee15ff38dbb5c9b31f6eea46522ba0561fac5061071280ed3b5bb171ff9672e09d4b36e3344522d}, {t 0});
-- version 0007
INSERT INTO resend_runs (webhook_id, since, fed_to, up_to, fed_at, started_by, started_at) VALUES (2, {t 0}, 4, 5, {t 100}, 1, {t 100});
-- version 0008
INSERT INTO api_tokens (user_id, name, token_hash, permissions, every_project, created_at, expires_at, last_used_at) VALUES
    (1, 'Deploy bot', {bytes c1}, NULL, TRUE, {t 110}, NULL, {t 111}),
    (2, 'Reader', {bytes c2}, 'webhooks:read', FALSE, {t 110}, {t 100110}, NULL);
INSERT INTO api_token_projects (token_id, project_id) VALUES (2, 1);
-- version 0010
INSERT INTO idempotency_keys (user_id, key, body_hash, answer, created_at) VALUES
    (1, 'invoice-4711', {bytes 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f}, '[[3,0]]', {t 33});
-- version 0011
UPDATE webhooks SET headers_sealed = {bytes 01de5f9ca4d71c490cfc3d4d98cc2caba90aa3f0a988bbfec8d877ba153ee4839f2c842d8747a5c608b8e9213dee75df149210f50708de9aeffcb56b1fd7df916eb0521c6f9b53680e68f231c8eb8f}, header_names = '["X-Own"]' WHERE id = 1;
-- version 0013
INSERT INTO invitations (membership_id, token_hash, made_by, created_at, expires_at) VALUES (3, {bytes d1}, 1, {t 20}, {t 604820});
-- version 0014
INSERT INTO hourly (webhook_id, hour, ok, failed) VALUES (1, {hour}, 12, 3), (2, {hour}, 0, 10);
-- version 0015
INSERT INTO sessions (user_id, kind, token_hash, state, token_expires_at, created_at, last_seen_at, expires_at, authenticated_at, address, user_agent) VALUES
    (2, 0, {bytes a4}, '{}', {t 2592000}, {t 100}, {t 100}, {t 2592000}, {t 100}, '192.0.2.7', 'Firefox');
-- version 0016
INSERT INTO vault (id, current_key, root_sealed) VALUES (1, 'de5f9ca4d71c490c', {bytes 01de5f9ca4d71c490ca886da630fc07b26af32faa14f7ce7b8d39d80d062b0af9d513c65441ce65ca36fee53629dbcb7b411f8494ff81edfb5ce98ac1cdc6f62f5fcff462c30ff508d8d785a27220d4c13});
-- version 0017
UPDATE users SET administrator = TRUE WHERE login = 'mia';
INSERT INTO audit_log (project_id, user_id, action, subject_id, detail, created_at, api_token_id, api_token) VALUES
    (1, 1, 'project.edited', 1, '{"name":"Website","before":"Site"}', {t 120}, 1, 'Deploy bot');
