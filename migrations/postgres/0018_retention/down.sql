ALTER TABLE webhooks DROP COLUMN pruned_to;
