ALTER TABLE webhooks DROP COLUMN header_names;
ALTER TABLE webhooks DROP COLUMN headers_sealed;
