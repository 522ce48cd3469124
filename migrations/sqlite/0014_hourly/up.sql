-- How many deliveries of a webhook ended well or failed in an hour, counted in hours since 1970: what its chart is made of. No
-- key to webhooks: counts are written a moment after the deliveries ended, and the webhook may be gone by then.
CREATE TABLE hourly (
    webhook_id BIGINT NOT NULL,
    hour       BIGINT NOT NULL,
    ok         BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, hour),
    CHECK (ok >= 0),
    CHECK (failed >= 0)
) WITHOUT ROWID;
CREATE INDEX hourly_hour ON hourly (hour);
