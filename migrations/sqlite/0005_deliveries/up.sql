-- body is made once; it is signed, sent, retried and shown as it is here. published: handed in by a host application,
-- whose task ids are not ours.
CREATE TABLE events (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id   BIGINT NOT NULL REFERENCES projects (id),
    kind         TEXT NOT NULL,
    body         BLOB NOT NULL,
    occurred_at  BIGINT NOT NULL,
    initiator_id BIGINT,
    task_id      BIGINT,
    published    BOOLEAN NOT NULL,
    CHECK (length(kind) BETWEEN 1 AND 50),
    CHECK (length(body) BETWEEN 2 AND 262144)
);
CREATE INDEX events_task ON events (project_id, task_id, id);

-- status: 0 pending, 1 success, 2 failed. trigger: 0 automatic, 1 manual, 2 test.
-- outcome: 0 answered, 1 timeout, 2 dns, 3 connect, 4 tls, 5 blocked, 6 protocol, 7 interrupted, 8 discarded, 9 held too long
CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id      BIGINT NOT NULL,
    webhook_id      BIGINT NOT NULL REFERENCES webhooks (id),
    event_id        BIGINT NOT NULL REFERENCES events (id),
    task_id         BIGINT,
    kind            TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    status          SMALLINT NOT NULL,
    trigger         SMALLINT NOT NULL,
    attempts        INTEGER NOT NULL,
    claims          INTEGER NOT NULL,
    due_at          BIGINT NOT NULL,
    leased_until    BIGINT NOT NULL,
    lease_id        BIGINT,
    response_code   INTEGER,
    outcome         SMALLINT,
    last_attempt_at BIGINT,
    duration_us     BIGINT,
    created_at      BIGINT NOT NULL,
    CHECK (status IN (0, 1, 2)),
    CHECK (trigger IN (0, 1, 2)),
    CHECK (attempts >= 0),
    CHECK (trigger <> 2 OR attempts <= 1),
    CHECK (claims >= 0),
    CHECK (lease_id IS NULL OR status = 0),
    CHECK ((lease_id IS NULL) = (leased_until = 0)),
    CHECK (outcome BETWEEN 0 AND 9),
    CHECK (response_code IS NULL OR outcome = 0),
    CHECK (status <> 1 OR (outcome = 0 AND response_code BETWEEN 200 AND 299 AND attempts > 0)),
    CHECK (status <> 2 OR outcome IS NOT NULL),
    CHECK (outcome IS NULL OR outcome > 7 OR (attempts > 0 AND last_attempt_at IS NOT NULL AND duration_us IS NOT NULL))
);
-- What waits for the engine. Two lanes: a webhook that is off holds its automatic deliveries, not its manual and test ones.
CREATE INDEX deliveries_due ON deliveries (webhook_id, due_at) WHERE status = 0 AND trigger = 0;
CREATE INDEX deliveries_direct ON deliveries (webhook_id, due_at) WHERE status = 0 AND trigger <> 0;
-- History. No index has status as a column: that halves the rate at which deliveries are settled.
CREATE INDEX deliveries_history ON deliveries (webhook_id, id);
CREATE INDEX deliveries_failed ON deliveries (webhook_id, id) WHERE status = 2;
CREATE INDEX deliveries_event ON deliveries (event_id);

CREATE TABLE attempts (
    delivery_id      BIGINT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number           INTEGER NOT NULL,
    started_at       BIGINT NOT NULL,
    duration_us      BIGINT NOT NULL,
    lookup_us        BIGINT,
    connect_us       BIGINT,
    first_byte_us    BIGINT,
    outcome          SMALLINT NOT NULL,
    response_code    INTEGER,
    reused           BOOLEAN NOT NULL,
    cut              BOOLEAN NOT NULL,
    response_size    INTEGER NOT NULL,
    address          TEXT,
    message          TEXT NOT NULL,
    url              TEXT NOT NULL,
    request_headers  TEXT NOT NULL,
    response_headers TEXT NOT NULL,
    PRIMARY KEY (delivery_id, number),
    CHECK (number > 0),
    CHECK (outcome BETWEEN 0 AND 7),
    CHECK ((outcome = 0) = (response_code IS NOT NULL))
);

-- Bodies apart, so that lists and counts never read past them.
CREATE TABLE attempt_bodies (
    delivery_id BIGINT NOT NULL,
    number      INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (delivery_id, number),
    FOREIGN KEY (delivery_id, number) REFERENCES attempts (delivery_id, number) ON DELETE CASCADE
);
