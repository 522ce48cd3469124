//! The statuses of a project's tasks.

use diesel::prelude::*;

use super::Db;
use super::connection::both;
use super::schema::statuses;
use crate::domain::ids::{ProjectId, StatusId};
use crate::domain::status::{Category, DEFAULTS};

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Status {
    pub id: StatusId,
    pub project_id: ProjectId,
    pub name: String,
    pub category: Category,
    pub position: i32,
}

/// In the order of the page.
pub fn of_project(db: &mut Db, project: ProjectId) -> QueryResult<Vec<Status>> {
    statuses::table
        .filter(statuses::project_id.eq(project))
        .order((statuses::position, statuses::id))
        .load(db)
}

pub fn belongs_to(db: &mut Db, status: StatusId, project: ProjectId) -> QueryResult<bool> {
    let found = statuses::table
        .filter(statuses::id.eq(status).and(statuses::project_id.eq(project)))
        .count()
        .get_result::<i64>(db)?;
    Ok(found == 1)
}

/// What a new project begins with.
pub fn insert_defaults(db: &mut Db, project: ProjectId) -> QueryResult<()> {
    let rows: Vec<_> = (0i32..)
        .zip(DEFAULTS)
        .map(|(position, &(name, category))| {
            (
                statuses::project_id.eq(project),
                statuses::name.eq(name),
                statuses::category.eq(category),
                statuses::position.eq(position),
            )
        })
        .collect();
    both!(db => diesel::insert_into(statuses::table).values(rows).execute(db)).map(drop)
}
