-- A key seals no more once retired_at is set. One that is neither retired nor the vault's current one is being replaced.
ALTER TABLE key_checks ADD COLUMN retired_at BIGINT;

-- One row. current_key seals everything from now on; the keys of cookies and forms are derived from the root, which is sealed too.
CREATE TABLE vault (
    id          SMALLINT PRIMARY KEY NOT NULL,
    current_key TEXT NOT NULL REFERENCES key_checks (key_id),
    root_sealed BYTEA NOT NULL,
    CHECK (id = 1)
);
