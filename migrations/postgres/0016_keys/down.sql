DROP TABLE vault;
ALTER TABLE key_checks DROP COLUMN retired_at;
