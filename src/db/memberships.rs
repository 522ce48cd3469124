//! Who belongs to a project, in which role. A row's id is the member id everywhere.

use std::collections::{HashMap, HashSet};

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

pub fn is_member(db: &mut Db, user: UserId, project: ProjectId) -> QueryResult<bool> {
    let found: i64 = memberships::table
        .filter(memberships::project_id.eq(project).and(memberships::user_id.eq(user)))
        .count()
        .get_result(db)?;
    Ok(found > 0)
}

/// Whether each of `ids` belongs to the project. They come from outside in any number, so they are not bound to a statement.
pub fn are_of_project(db: &mut Db, project: ProjectId, ids: &[MemberId]) -> QueryResult<bool> {
    let own: Vec<MemberId> = memberships::table
        .filter(memberships::project_id.eq(project))
        .select(memberships::id)
        .load(db)?;
    let own: HashSet<MemberId> = own.into_iter().collect();
    Ok(ids.iter().all(|id| own.contains(id)))
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
    Ok(rows.into_iter().map(Person::from).collect())
}

/// One member of the project.
pub fn find(db: &mut Db, project: ProjectId, id: MemberId) -> QueryResult<Person> {
    let row: Row = memberships::table
        .left_join(users::table)
        .filter(memberships::project_id.eq(project).and(memberships::id.eq(id)))
        .select((
            memberships::id,
            memberships::user_id,
            memberships::email,
            memberships::role,
            memberships::created_at,
            (users::name, users::email).nullable(),
        ))
        .first(db)?;
    Ok(row.into())
}

/// The account that owns each project.
pub fn owners(db: &mut Db, projects: &[ProjectId]) -> QueryResult<HashMap<ProjectId, UserId>> {
    let rows: Vec<(ProjectId, UserId)> = memberships::table
        .filter(
            memberships::project_id
                .eq_any(projects)
                .and(memberships::role.eq(Role::Owner)),
        )
        .select((memberships::project_id, memberships::user_id.assume_not_null()))
        .load(db)?;
    Ok(rows.into_iter().collect())
}

pub fn insert(db: &mut Db, project: ProjectId, user: UserId, role: Role, now: Moment) -> QueryResult<MemberId> {
    diesel::insert_into(memberships::table)
        .values((
            memberships::project_id.eq(project),
            memberships::user_id.eq(user),
            memberships::role.eq(role),
            memberships::created_at.eq(now),
        ))
        .returning(memberships::id)
        .get_result(db)
}

/// Somebody who has no account yet. Not more than one for an e-mail in a project.
pub fn insert_invited(db: &mut Db, project: ProjectId, email: &str, role: Role, now: Moment) -> QueryResult<MemberId> {
    diesel::insert_into(memberships::table)
        .values((
            memberships::project_id.eq(project),
            memberships::email.eq(email),
            memberships::role.eq(role),
            memberships::created_at.eq(now),
        ))
        .returning(memberships::id)
        .get_result(db)
}

/// From now on the membership is the account's; what is assigned to it stays.
pub fn accept(db: &mut Db, id: MemberId, user: UserId) -> QueryResult<()> {
    diesel::update(memberships::table.find(id))
        .set((
            memberships::user_id.eq(Some(user)),
            memberships::email.eq(None::<String>),
        ))
        .execute(db)
        .map(drop)
}

pub fn set_role(db: &mut Db, id: MemberId, role: Role) -> QueryResult<()> {
    diesel::update(memberships::table.find(id))
        .set(memberships::role.eq(role))
        .execute(db)
        .map(drop)
}

/// Projects that the account owns; deleted ones do not count.
pub fn count_owned(db: &mut Db, user: UserId) -> QueryResult<i64> {
    memberships::table
        .inner_join(projects::table)
        .filter(memberships::user_id.eq(user).and(memberships::role.eq(Role::Owner)))
        .filter(projects::deleted_at.is_null())
        .count()
        .get_result(db)
}

/// Keeps others from changing, removing or assigning the member until the transaction ends. SQLite has one writer anyway.
pub fn lock(db: &mut Db, id: MemberId) -> QueryResult<()> {
    if let Db::Pg(pg) = db {
        memberships::table
            .find(id)
            .select(memberships::id)
            .for_update()
            .first::<MemberId>(pg)?;
    }
    Ok(())
}

/// What is assigned to the member is unassigned with it, without an event: whoever wants one makes it before.
pub fn delete(db: &mut Db, id: MemberId) -> QueryResult<()> {
    diesel::delete(memberships::table.find(id)).execute(db).map(drop)
}

type Row = (
    MemberId,
    Option<UserId>,
    Option<String>,
    Role,
    Moment,
    Option<(String, String)>,
);

impl From<Row> for Person {
    fn from((id, user, invited, role, since, account): Row) -> Person {
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
    }
}

/// The account that owns the project.
pub fn owner(db: &mut Db, project: ProjectId) -> QueryResult<UserId> {
    memberships::table
        .filter(
            memberships::project_id
                .eq(project)
                .and(memberships::role.eq(Role::Owner)),
        )
        .select(memberships::user_id.assume_not_null())
        .first(db)
}
