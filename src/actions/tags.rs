//! The tags of a project: every member makes, changes and removes them. A tag that is removed changes its tasks, with an event for
//! each.

use crate::actions::access::{self, Actor, Member};
use crate::actions::tasks;
use crate::db::tags::{self, Tag};
use crate::db::{Db, Tx, projects};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::{ProjectId, TagId, TaskId};
use crate::domain::permission::Permission;
use crate::domain::tag::TagDraft;
use crate::error::AppError;

/// Tags of one project.
const MOST: i64 = 200;

/// Those of all the person's projects, the oldest first.
pub fn list(db: &mut Db, actor: &Actor) -> Result<Vec<Tag>, AppError> {
    actor.check_permissions(&[Permission::ComponentCanWatchContent])?;
    let within = access::within(db, actor)?;
    let mut found = tags::all_of_user(db, actor.user)?;
    found.retain(|tag| within.shows(tag.project_id));
    Ok(found)
}

/// Those of one project, the oldest first, and how many tasks have each.
pub fn of_project(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<(Member, Vec<(Tag, i64)>), AppError> {
    let member = access::member(db, actor, project, Permission::ComponentCanWatchContent)?;
    let counts = tags::counts(db, project)?;
    let counted = |tag: Tag| {
        let tasks = counts.get(&tag.id).copied().unwrap_or(0);
        (tag, tasks)
    };
    let found = tags::of_project(db, project)?;
    Ok((member, found.into_iter().map(counted).collect()))
}

/// A tag that is about to be changed or removed.
#[derive(Debug)]
pub struct Found {
    pub member: Member,
    pub tag: Tag,
    /// Those that have it.
    pub tasks: usize,
}

/// For an address that names the project too.
pub fn find_in(db: &mut Db, actor: &Actor, project: ProjectId, id: TagId) -> Result<Found, AppError> {
    let member = access::member(db, actor, project, Permission::TaskCanEditTags)?;
    let tag = tags::of_user(db, actor.user, id)?;
    if tag.project_id != project {
        return Err(AppError::NotFound);
    }
    let tasks = tags::tagged(db, id)?.len();
    Ok(Found { member, tag, tasks })
}

pub fn create(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, draft: &TagDraft) -> Result<Tag, AppError> {
    let member = access::member(tx.db, actor, project, Permission::TaskCanEditTags)?;
    // Of two who make the same one at once, the second finds the first one's row.
    projects::lock(tx.db, project)?;
    free_name(tx, project, draft, None)?;
    if tags::count(tx.db, project)? >= MOST {
        return Err(AppError::Conflict(format!("A project has at most {MOST} tags.")));
    }
    let id = tags::insert(tx.db, project, draft)?;
    let detail = Detail::default().made("name", &draft.name).made("color", &draft.color);
    member.audit(tx, Action::TagAdded, Some(id.0), &detail)?;
    Ok(tags::of_user(tx.db, actor.user, id)?)
}

/// Another name or color is no change of the tasks that have it: they hold its id.
pub fn edit(tx: &mut Tx<'_>, actor: &Actor, id: TagId, draft: &TagDraft) -> Result<Tag, AppError> {
    let (member, tag) = open(tx, actor, id)?;
    projects::lock(tx.db, tag.project_id)?;
    free_name(tx, tag.project_id, draft, Some(id))?;
    let detail = Detail::default()
        .changed("name", &tag.name, &draft.name)
        .changed("color", &tag.color, &draft.color);
    if detail.has_changes() {
        tags::update(tx.db, id, draft)?;
        member.audit(tx, Action::TagEdited, Some(id.0), &detail.fact("name", &draft.name))?;
    }
    Ok(tags::of_user(tx.db, actor.user, id)?)
}

/// Returns how many tasks had it.
pub fn delete(tx: &mut Tx<'_>, actor: &Actor, id: TagId) -> Result<usize, AppError> {
    let (member, tag) = open(tx, actor, id)?;
    // Nobody uses it in between: that would vanish without its event.
    tags::lock(tx.db, id)?;
    let tagged = tags::tagged(tx.db, id)?;
    let changed = tasks::untag(tx, &member.project, id, &tagged, actor.user)?;
    tags::delete(tx.db, id)?;
    let detail = Detail::default()
        .gone("name", &tag.name)
        .gone("color", &tag.color)
        .fact("tasks", changed);
    member.audit(tx, Action::TagRemoved, Some(id.0), &detail)?;
    Ok(changed)
}

/// Gives a task the tag or takes it away; `true`: it has it now.
pub fn toggle(tx: &mut Tx<'_>, actor: &Actor, id: TagId, task: TaskId) -> Result<bool, AppError> {
    let (_, tag) = open(tx, actor, id)?;
    tasks::toggle_tag(tx, actor, task, &tag)
}

fn open(tx: &mut Tx<'_>, actor: &Actor, id: TagId) -> Result<(Member, Tag), AppError> {
    let tag = tags::of_user(tx.db, actor.user, id)?;
    let member = access::member(tx.db, actor, tag.project_id, Permission::TaskCanEditTags)?;
    Ok((member, tag))
}

fn free_name(tx: &mut Tx<'_>, project: ProjectId, draft: &TagDraft, own: Option<TagId>) -> Result<(), AppError> {
    if tags::is_taken(tx.db, project, &draft.name, own)? {
        return Err(AppError::invalid(
            "name",
            "The project has a tag with this name already.",
        ));
    }
    Ok(())
}
