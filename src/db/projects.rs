//! Projects. One that is deleted is hidden at once (`deleted_at`); the rows below it go in slices.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::schema::{events, memberships, projects, tasks, webhooks};
use super::{Db, webhooks as hooks};
use crate::domain::ids::{EventId, ProjectId, TaskId, UserId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::project::ProjectDraft;
use crate::domain::role::Role;

/// The columns in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    pub description: String,
    /// `#rrggbb`
    pub color: String,
    pub creator_id: UserId,
    pub created_at: Moment,
    pub edited_at: Moment,
    pub archived_at: Option<Moment>,
    pub deleted_at: Option<Moment>,
}

impl Project {
    /// What a person wrote about it: the base of the next edit.
    pub fn draft(&self) -> ProjectDraft {
        ProjectDraft {
            name: self.name.clone(),
            description: self.description.clone(),
            color: self.color.clone(),
        }
    }
}

/// Every project that the person is a member of, with their role: the own ones, then the shared; the oldest first.
pub fn of_user(db: &mut Db, user: UserId) -> QueryResult<Vec<(Project, Role)>> {
    let mut rows: Vec<(Project, Role)> = memberships::table
        .inner_join(projects::table)
        .filter(memberships::user_id.eq(user).and(projects::deleted_at.is_null()))
        .order(projects::id)
        .select((projects::all_columns, memberships::role))
        .load(db)?;
    rows.sort_by_key(|(_, role)| *role != Role::Owner);
    Ok(rows)
}

/// Top-level tasks that are not complete; a project that has none is not in the map.
pub fn open_tasks(db: &mut Db, projects: &[ProjectId]) -> QueryResult<HashMap<ProjectId, i64>> {
    let rows: Vec<(ProjectId, i64)> = tasks::table
        .filter(
            tasks::project_id
                .eq_any(projects)
                .and(tasks::parent_id.is_null())
                .and(tasks::complete.eq(false)),
        )
        .group_by(tasks::project_id)
        .select((tasks::project_id, count_star()))
        .load(db)?;
    Ok(rows.into_iter().collect())
}

/// Webhooks that are failing or turned themselves off; a project that has none is not in the map.
pub fn alerts(db: &mut Db, projects: &[ProjectId]) -> QueryResult<HashMap<ProjectId, i64>> {
    let failing = webhooks::active.eq(true).and(webhooks::consecutive_failures.gt(0));
    // A person's reason is the number 0.
    let stopped = webhooks::active.eq(false).and(webhooks::off_by.is_null());
    let rows: Vec<(ProjectId, i64)> = webhooks::table
        .filter(
            webhooks::project_id
                .eq_any(projects)
                .and(webhooks::deleted_at.is_null())
                .and(failing.or(stopped)),
        )
        .group_by(webhooks::project_id)
        .select((webhooks::project_id, count_star()))
        .load(db)?;
    Ok(rows.into_iter().collect())
}

/// All its tasks, subtasks too.
pub fn count_tasks(db: &mut Db, id: ProjectId) -> QueryResult<i64> {
    tasks::table.filter(tasks::project_id.eq(id)).count().get_result(db)
}

pub fn insert(db: &mut Db, draft: &ProjectDraft, creator: UserId, now: Moment) -> QueryResult<Project> {
    diesel::insert_into(projects::table)
        .values((
            projects::name.eq(&draft.name),
            projects::description.eq(&draft.description),
            projects::color.eq(&draft.color),
            projects::creator_id.eq(creator),
            projects::created_at.eq(now),
            projects::edited_at.eq(now),
        ))
        .returning(projects::all_columns)
        .get_result(db)
}

/// Writes a project as it is after an edit.
pub fn update(db: &mut Db, project: &Project) -> QueryResult<()> {
    diesel::update(projects::table.find(project.id))
        .set((
            projects::name.eq(&project.name),
            projects::description.eq(&project.description),
            projects::color.eq(&project.color),
            projects::edited_at.eq(project.edited_at),
            projects::archived_at.eq(project.archived_at),
        ))
        .execute(db)
        .map(drop)
}

/// Those with this name or number, for an operator who types it.
pub fn called(db: &mut Db, text: &str) -> QueryResult<Vec<(ProjectId, String)>> {
    let number = text.parse().map_or(ProjectId(0), ProjectId);
    projects::table
        .filter(projects::name.eq(text).or(projects::id.eq(number)))
        .filter(projects::deleted_at.is_null())
        .order(projects::id)
        .select((projects::id, projects::name))
        .load(db)
}

/// Keeps other writers away from the project until the transaction ends; both databases understand an update that changes
/// nothing.
pub fn lock(db: &mut Db, id: ProjectId) -> QueryResult<()> {
    diesel::update(projects::table.find(id))
        .set(projects::id.eq(id))
        .execute(db)
        .map(drop)
}

/// Hides it from everybody, with its webhooks, whose secrets are erased. Nobody is a member any more.
pub fn hide(db: &mut Db, id: ProjectId, now: Moment) -> QueryResult<()> {
    diesel::update(projects::table.find(id))
        .set(projects::deleted_at.eq(Some(now)))
        .execute(db)?;
    hide_webhooks(db, id, now)?;
    diesel::delete(memberships::table.filter(memberships::project_id.eq(id)))
        .execute(db)
        .map(drop)
}

/// Deletes at most `limit` rows of a deleted project and says how many went, the project itself included; 0 when nothing is
/// left to do, or when its webhooks' deliveries have to go first.
pub fn purge_slice(db: &mut Db, limit: i64, now: Moment) -> QueryResult<usize> {
    let deleted: Option<ProjectId> = projects::table
        .filter(projects::deleted_at.is_not_null())
        .order(projects::id)
        .select(projects::id)
        .first(db)
        .optional()?;
    let Some(id) = deleted else { return Ok(0) };

    // One that was being added while the project was deleted.
    let late = hide_webhooks(db, id, now)?;
    let hidden: i64 = webhooks::table
        .filter(webhooks::project_id.eq(id))
        .count()
        .get_result(db)?;
    if hidden > 0 {
        return Ok(late);
    }
    // With the last webhook the last delivery has gone. Subtasks refer to their parents: they go first.
    let some: Vec<TaskId> = tasks::table
        .filter(tasks::project_id.eq(id))
        .order((tasks::parent_id.is_null(), tasks::id.desc()))
        .limit(limit)
        .select(tasks::id)
        .load(db)?;
    if !some.is_empty() {
        return diesel::delete(tasks::table.filter(tasks::id.eq_any(some))).execute(db);
    }
    let some: Vec<EventId> = events::table
        .filter(events::project_id.eq(id))
        .limit(limit)
        .select(events::id)
        .load(db)?;
    if !some.is_empty() {
        return diesel::delete(events::table.filter(events::id.eq_any(some))).execute(db);
    }
    diesel::delete(projects::table.find(id)).execute(db)
}

fn hide_webhooks(db: &mut Db, id: ProjectId, now: Moment) -> QueryResult<usize> {
    let shown: Vec<WebhookId> = webhooks::table
        .filter(webhooks::project_id.eq(id).and(webhooks::deleted_at.is_null()))
        // Locks are taken in ascending order everywhere.
        .order(webhooks::id)
        .select(webhooks::id)
        .load(db)?;
    for &webhook in &shown {
        hooks::hide(db, webhook, now)?;
    }
    Ok(shown.len())
}
