//! Who belongs to a project, in which role. A row's id is the member id everywhere.

use diesel::prelude::*;

use super::Db;
use super::projects::Project;
use super::schema::{memberships, projects, users};
use crate::domain::ids::{MemberId, ProjectId, UserId};
use crate::domain::moment::Moment;
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

/// A member as lists and forms name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: MemberId,
    /// `None` before an invitation is accepted.
    pub user: Option<UserId>,
    /// The account's display name, or the e-mail of who has not accepted yet.
    pub name: String,
    pub email: String,
    pub role: Role,
    pub since: Moment,
}

/// Owner first, then managers, then members; the oldest first.
pub fn people(db: &mut Db, project: ProjectId) -> QueryResult<Vec<Person>> {
    type Row = (
        MemberId,
        Option<UserId>,
        Option<String>,
        Role,
        Moment,
        Option<(String, String)>,
    );
    let rows: Vec<Row> = memberships::table
        .left_join(users::table)
        .filter(memberships::project_id.eq(project))
        .order((memberships::role.desc(), memberships::id))
        .select((
            memberships::id,
            memberships::user_id,
            memberships::email,
            memberships::role,
            memberships::created_at,
            (users::name, users::email).nullable(),
        ))
        .load(db)?;
    let person = |(id, user, invited, role, since, account): Row| {
        let (name, email) = account.unwrap_or_else(|| {
            let email = invited.unwrap_or_default();
            (email.clone(), email)
        });
        Person {
            id,
            user,
            name,
            email,
            role,
            since,
        }
    };
    Ok(rows.into_iter().map(person).collect())
}
