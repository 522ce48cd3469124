//! Who belongs to a project, in which role. A row's id is the member id everywhere.

use diesel::prelude::*;

use super::Db;
use super::projects::Project;
use super::schema::{memberships, projects};
use crate::domain::ids::{MemberId, ProjectId, UserId};
use crate::domain::role::Role;

/// The project as one of its members reaches it; `NotFound` for everybody else.
pub fn of_user(db: &mut Db, user: UserId, project: ProjectId) -> QueryResult<(Project, MemberId, Role)> {
    memberships::table
        .inner_join(projects::table)
        .filter(
            memberships::project_id
                .eq(project)
                .and(memberships::user_id.eq(user))
                .and(projects::deleted_at.is_null()),
        )
        .select((projects::all_columns, memberships::id, memberships::role))
        .first(db)
}

/// How many of `ids`, which are distinct, belong to the project.
pub fn count_of_project(db: &mut Db, project: ProjectId, ids: &[MemberId]) -> QueryResult<i64> {
    memberships::table
        .filter(memberships::project_id.eq(project).and(memberships::id.eq_any(ids)))
        .count()
        .get_result(db)
}
