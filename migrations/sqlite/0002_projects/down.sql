DROP TABLE tags;
DROP TABLE statuses;
DROP TABLE memberships;
DROP TABLE projects;
