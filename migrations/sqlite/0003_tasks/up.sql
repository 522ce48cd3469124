-- priority: 1 low, 2 medium, 3 high. Dates are YYYY-MM-DD, times HH:MM:SS: a deadline is a wall-clock time of no zone.
CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id   BIGINT NOT NULL REFERENCES projects (id),
    parent_id    BIGINT REFERENCES tasks (id),
    description  TEXT NOT NULL,
    note         TEXT,
    complete     BOOLEAN NOT NULL,
    status_id    BIGINT REFERENCES statuses (id),
    priority     SMALLINT NOT NULL,
    start_date   TEXT,
    start_time   TEXT,
    end_date     TEXT,
    end_time     TEXT,
    creator_id   BIGINT NOT NULL REFERENCES users (id),
    created_at   BIGINT NOT NULL,
    edited_at    BIGINT NOT NULL,
    completed_at BIGINT,
    CHECK (length(description) BETWEEN 1 AND 2000),
    CHECK (length(note) <= 20000),
    CHECK (priority IN (1, 2, 3)),
    CHECK (complete = (completed_at IS NOT NULL)),
    CHECK (start_time IS NULL OR start_date IS NOT NULL),
    CHECK (end_time IS NULL OR end_date IS NOT NULL),
    CHECK (parent_id <> id)
);
CREATE INDEX tasks_project ON tasks (project_id, id);
CREATE INDEX tasks_parent ON tasks (parent_id);
CREATE INDEX tasks_status ON tasks (status_id);

CREATE TABLE task_tags (
    task_id BIGINT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    tag_id  BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (task_id, tag_id)
);
CREATE INDEX task_tags_tag ON task_tags (tag_id);

CREATE TABLE task_assignees (
    task_id       BIGINT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    membership_id BIGINT NOT NULL REFERENCES memberships (id) ON DELETE CASCADE,
    PRIMARY KEY (task_id, membership_id)
);
CREATE INDEX task_assignees_membership ON task_assignees (membership_id);
