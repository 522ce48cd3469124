CREATE TABLE projects (
    id          INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    color       TEXT NOT NULL,
    creator_id  BIGINT NOT NULL REFERENCES users (id),
    created_at  BIGINT NOT NULL,
    edited_at   BIGINT NOT NULL,
    archived_at BIGINT,
    -- Hidden from everybody at once; the rows below it go in slices.
    deleted_at  BIGINT,
    CHECK (length(name) BETWEEN 1 AND 200),
    CHECK (length(description) <= 5000),
    CHECK (length(color) = 7)
);
CREATE INDEX projects_deleted ON projects (id) WHERE deleted_at IS NOT NULL;

-- The id is the member id everywhere. role: 0 member, 1 manager, 2 owner
CREATE TABLE memberships (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    BIGINT REFERENCES users (id),
    email      TEXT,
    role       SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (project_id, user_id),
    UNIQUE (project_id, email),
    CHECK (role IN (0, 1, 2)),
    -- Before acceptance a membership has an e-mail, afterwards an account.
    CHECK ((user_id IS NULL) <> (email IS NULL)),
    CHECK (role <> 2 OR user_id IS NOT NULL)
);
CREATE INDEX memberships_user ON memberships (user_id);
CREATE UNIQUE INDEX memberships_owner ON memberships (project_id) WHERE role = 2;

-- category: 0 to do, 1 in progress, 2 in review, 3 done
CREATE TABLE statuses (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    category   SMALLINT NOT NULL,
    position   INTEGER NOT NULL,
    UNIQUE (project_id, name),
    CHECK (length(name) BETWEEN 1 AND 50),
    CHECK (category IN (0, 1, 2, 3))
);

CREATE TABLE tags (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    color      TEXT NOT NULL,
    UNIQUE (project_id, name),
    CHECK (length(name) BETWEEN 1 AND 50),
    CHECK (length(color) = 7)
);
