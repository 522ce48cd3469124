-- An attempt is written by the statement that has just settled its delivery, its body by the same, and both are deleted after
-- it: a key can find nothing, and checking them for every delivery was an eighth of what it costs the database.
ALTER TABLE attempts DROP CONSTRAINT attempts_delivery_id_fkey;
ALTER TABLE attempt_bodies DROP CONSTRAINT attempt_bodies_delivery_id_number_fkey;
