//! The statuses of a project's tasks.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::Db;
use super::connection::both;
use super::schema::{statuses, tasks};
use crate::domain::ids::{ProjectId, StatusId, TaskId};
use crate::domain::status::{Category, DEFAULTS, StatusDraft};

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

/// How many tasks stand where, subtasks and completed ones too; a status without any is not in the map.
pub fn counts(db: &mut Db, project: ProjectId) -> QueryResult<HashMap<StatusId, i64>> {
    let rows: Vec<(Option<StatusId>, i64)> = tasks::table
        .filter(tasks::project_id.eq(project).and(tasks::status_id.is_not_null()))
        .group_by(tasks::status_id)
        .select((tasks::status_id, count_star()))
        .load(db)?;
    Ok(rows.into_iter().filter_map(|(id, n)| Some((id?, n))).collect())
}

/// At the end of the order.
pub fn insert(db: &mut Db, project: ProjectId, draft: &StatusDraft) -> QueryResult<StatusId> {
    let last: Option<i32> = statuses::table
        .filter(statuses::project_id.eq(project))
        .select(diesel::dsl::max(statuses::position))
        .first(db)?;
    diesel::insert_into(statuses::table)
        .values((
            statuses::project_id.eq(project),
            statuses::name.eq(&draft.name),
            statuses::category.eq(draft.category),
            statuses::position.eq(last.map_or(0, |last| last + 1)),
        ))
        .returning(statuses::id)
        .get_result(db)
}

pub fn update(db: &mut Db, id: StatusId, draft: &StatusDraft) -> QueryResult<()> {
    diesel::update(statuses::table.find(id))
        .set((statuses::name.eq(&draft.name), statuses::category.eq(draft.category)))
        .execute(db)
        .map(drop)
}

/// Numbers them in this order, which names all of the project's.
pub fn set_order(db: &mut Db, order: &[StatusId]) -> QueryResult<()> {
    for (position, &id) in (0i32..).zip(order) {
        diesel::update(statuses::table.find(id))
            .set(statuses::position.eq(position))
            .execute(db)?;
    }
    Ok(())
}

/// Keeps others from using or removing it until the transaction ends. SQLite has one writer anyway.
pub fn lock(db: &mut Db, id: StatusId) -> QueryResult<()> {
    if let Db::Pg(pg) = db {
        statuses::table
            .find(id)
            .select(statuses::id)
            .for_update()
            .first::<StatusId>(pg)?;
    }
    Ok(())
}

/// Every task that stands there, oldest first.
pub fn standing(db: &mut Db, id: StatusId) -> QueryResult<Vec<TaskId>> {
    tasks::table
        .filter(tasks::status_id.eq(id))
        .order(tasks::id)
        .select(tasks::id)
        .load(db)
}

/// No task stands there any more.
pub fn delete(db: &mut Db, id: StatusId) -> QueryResult<()> {
    diesel::delete(statuses::table.find(id)).execute(db).map(drop)
}
