//! The tags of a project.

use diesel::prelude::*;

use super::Db;
use super::connection::both;
use super::schema::tags;
use crate::domain::ids::{ProjectId, TagId};
use crate::domain::tag::DEFAULTS;

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Tag {
    pub id: TagId,
    pub project_id: ProjectId,
    pub name: String,
    /// `#rrggbb`
    pub color: String,
}

/// Oldest first.
pub fn of_project(db: &mut Db, project: ProjectId) -> QueryResult<Vec<Tag>> {
    tags::table
        .filter(tags::project_id.eq(project))
        .order(tags::id)
        .load(db)
}

/// How many of `ids`, which are distinct, are tags of the project.
pub fn count_of_project(db: &mut Db, project: ProjectId, ids: &[TagId]) -> QueryResult<i64> {
    tags::table
        .filter(tags::project_id.eq(project).and(tags::id.eq_any(ids)))
        .count()
        .get_result(db)
}

/// What a new project begins with.
pub fn insert_defaults(db: &mut Db, project: ProjectId) -> QueryResult<()> {
    let rows: Vec<_> = DEFAULTS
        .iter()
        .map(|&(name, color)| (tags::project_id.eq(project), tags::name.eq(name), tags::color.eq(color)))
        .collect();
    both!(db => diesel::insert_into(tags::table).values(rows).execute(db)).map(drop)
}
