DROP TABLE attempt_bodies;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE events;
