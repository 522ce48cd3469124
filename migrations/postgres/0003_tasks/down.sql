DROP TABLE task_assignees;
DROP TABLE task_tags;
DROP TABLE tasks;
