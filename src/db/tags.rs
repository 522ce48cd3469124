//! The tags of a project.

use std::collections::{HashMap, HashSet};

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::Db;
use super::connection::both;
use super::schema::{memberships, projects, tags, task_tags};
use crate::domain::ids::{ProjectId, TagId, TaskId, UserId};
use crate::domain::tag::{DEFAULTS, TagDraft};

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

/// A tag, if the person is a member of its project.
pub fn of_user(db: &mut Db, user: UserId, id: TagId) -> QueryResult<Tag> {
    tags::table
        .inner_join(memberships::table.on(memberships::project_id.eq(tags::project_id)))
        .inner_join(projects::table.on(projects::id.eq(tags::project_id)))
        .filter(tags::id.eq(id))
        .filter(memberships::user_id.eq(user).and(projects::deleted_at.is_null()))
        .select(tags::all_columns)
        .first(db)
}

/// The tags of all the person's projects, oldest first.
pub fn all_of_user(db: &mut Db, user: UserId) -> QueryResult<Vec<Tag>> {
    tags::table
        .inner_join(memberships::table.on(memberships::project_id.eq(tags::project_id)))
        .inner_join(projects::table.on(projects::id.eq(tags::project_id)))
        .filter(memberships::user_id.eq(user).and(projects::deleted_at.is_null()))
        .order(tags::id)
        .select(tags::all_columns)
        .load(db)
}

/// Whether another tag of the project has this name.
pub fn is_taken(db: &mut Db, project: ProjectId, name: &str, by_other_than: Option<TagId>) -> QueryResult<bool> {
    let same: Vec<TagId> = tags::table
        .filter(tags::project_id.eq(project).and(tags::name.eq(name)))
        .select(tags::id)
        .load(db)?;
    Ok(same.into_iter().any(|id| Some(id) != by_other_than))
}

pub fn count(db: &mut Db, project: ProjectId) -> QueryResult<i64> {
    tags::table.filter(tags::project_id.eq(project)).count().get_result(db)
}

pub fn insert(db: &mut Db, project: ProjectId, draft: &TagDraft) -> QueryResult<TagId> {
    diesel::insert_into(tags::table)
        .values((
            tags::project_id.eq(project),
            tags::name.eq(&draft.name),
            tags::color.eq(&draft.color),
        ))
        .returning(tags::id)
        .get_result(db)
}

pub fn update(db: &mut Db, id: TagId, draft: &TagDraft) -> QueryResult<()> {
    diesel::update(tags::table.find(id))
        .set((tags::name.eq(&draft.name), tags::color.eq(&draft.color)))
        .execute(db)
        .map(drop)
}

/// Keeps others from using or removing it until the transaction ends. SQLite has one writer anyway.
pub fn lock(db: &mut Db, id: TagId) -> QueryResult<()> {
    if let Db::Pg(pg) = db {
        tags::table.find(id).select(tags::id).for_update().first::<TagId>(pg)?;
    }
    Ok(())
}

/// How many tasks have which, subtasks and completed ones too; a tag without any is not in the map.
pub fn counts(db: &mut Db, project: ProjectId) -> QueryResult<HashMap<TagId, i64>> {
    let rows: Vec<(TagId, i64)> = task_tags::table
        .inner_join(tags::table)
        .filter(tags::project_id.eq(project))
        .group_by(task_tags::tag_id)
        .select((task_tags::tag_id, count_star()))
        .load(db)?;
    Ok(rows.into_iter().collect())
}

/// Every task that has the tag, oldest first.
pub fn tagged(db: &mut Db, id: TagId) -> QueryResult<Vec<TaskId>> {
    task_tags::table
        .filter(task_tags::tag_id.eq(id))
        .order(task_tags::task_id)
        .select(task_tags::task_id)
        .load(db)
}

/// It is taken off its tasks without an event: whoever wants one makes it before.
pub fn delete(db: &mut Db, id: TagId) -> QueryResult<()> {
    diesel::delete(tags::table.find(id)).execute(db).map(drop)
}
