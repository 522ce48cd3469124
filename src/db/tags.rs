//! The tags of a project.

use std::collections::HashSet;

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

/// Whether each of `ids` is a tag of the project. They come from outside in any number, so they are not bound to a statement.
pub fn are_of_project(db: &mut Db, project: ProjectId, ids: &[TagId]) -> QueryResult<bool> {
    let own: HashSet<TagId> = of_project(db, project)?.into_iter().map(|tag| tag.id).collect();
    Ok(ids.iter().all(|id| own.contains(id)))
}

/// What a new project begins with.
pub fn insert_defaults(db: &mut Db, project: ProjectId) -> QueryResult<()> {
    let rows: Vec<_> = DEFAULTS
        .iter()
        .map(|&(name, color)| (tags::project_id.eq(project), tags::name.eq(name), tags::color.eq(color)))
        .collect();
    both!(db => diesel::insert_into(tags::table).values(rows).execute(db)).map(drop)
}
