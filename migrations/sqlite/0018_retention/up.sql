-- Deliveries of events up to this one may have been removed from the history; 0: none ever was. What goes for its age only raises it
-- from 0 to 1, because the age of an event says as much.
ALTER TABLE webhooks ADD COLUMN pruned_to BIGINT NOT NULL DEFAULT 0;
