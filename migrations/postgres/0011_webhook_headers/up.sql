-- A webhook's own headers: names and values sealed together; the names once more in the clear (a JSON list), for whoever manages
-- it. Both NULL when it has none, and once the webhook is deleted.
ALTER TABLE webhooks ADD COLUMN headers_sealed BYTEA;
ALTER TABLE webhooks ADD COLUMN header_names TEXT;
