//! What members do with tasks. Every change makes its events in the same transaction; an edit that changes nothing makes
//! none.

use crate::actions::access::{self, Actor, Member};
use crate::actions::publish::task_event;
use crate::db::projects::Project;
use crate::db::statuses::{self, Status};
use crate::db::tags::{self, Tag};
use crate::db::tasks::{self, Filter};
use crate::db::{Db, Tx, memberships};
use crate::domain::ids::{MemberId, ProjectId, StatusId, TagId, TaskId, UserId};
use crate::domain::payload::TaskEvent;
use crate::domain::permission::Permission;
use crate::domain::task::{MAX_SUBTASKS, Task, TaskDraft, TaskPatch, as_set, diff};
use crate::error::AppError;

/// Tasks of a project, with what their ids stand for.
#[derive(Debug)]
pub struct Board {
    pub member: Member,
    pub statuses: Vec<Status>,
    pub tags: Vec<Tag>,
    pub people: Vec<memberships::Person>,
    pub tasks: Vec<Task>,
    /// Top-level tasks that are not complete, whatever was asked for.
    pub open: i64,
}

/// The tasks that any of the filters asks for, in their order. What is asked for may depend on who asks.
pub fn board(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    filters: impl FnOnce(MemberId) -> Vec<Filter>,
) -> Result<Board, AppError> {
    let member = access::member(db, actor, project, Permission::ComponentCanWatchContent)?;
    let mut found = Vec::new();
    for filter in filters(member.member) {
        found.extend(tasks::list(db, project, &filter)?);
    }
    around(db, member, found)
}

/// One task of the project, alone on its board.
pub fn page_of(db: &mut Db, actor: &Actor, project: ProjectId, id: TaskId) -> Result<Board, AppError> {
    let (member, task) = get_in(db, actor, project, id)?;
    around(db, member, vec![task])
}

fn around(db: &mut Db, member: Member, tasks: Vec<Task>) -> Result<Board, AppError> {
    let project = member.project.id;
    Ok(Board {
        statuses: statuses::of_project(db, project)?,
        tags: tags::of_project(db, project)?,
        people: memberships::people(db, project)?,
        open: tasks::count_open(db, project)?,
        member,
        tasks,
    })
}

pub fn get(db: &mut Db, actor: &Actor, id: TaskId) -> Result<(Member, Task), AppError> {
    let project = tasks::project_of(db, actor.user, id)?;
    let member = access::member(db, actor, project, Permission::ComponentCanWatchContent)?;
    let task = tasks::find(db, id)?.ok_or(AppError::NotFound)?;
    Ok((member, task))
}

/// As [`get`], for an address that names the project too.
pub fn get_in(db: &mut Db, actor: &Actor, project: ProjectId, id: TaskId) -> Result<(Member, Task), AppError> {
    let (member, task) = get(db, actor, id)?;
    if task.project_id == project {
        Ok((member, task))
    } else {
        Err(AppError::NotFound)
    }
}

pub fn list(db: &mut Db, actor: &Actor, project: ProjectId, filter: &Filter) -> Result<(Member, Vec<Task>), AppError> {
    let member = access::member(db, actor, project, Permission::ComponentCanWatchContent)?;
    let found = tasks::list(db, project, filter)?;
    Ok((member, found))
}

/// A new task, or a new subtask when the draft names a parent.
pub fn add(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, draft: &TaskDraft) -> Result<(Member, Task), AppError> {
    let member = access::member(tx.db, actor, project, Permission::ComponentCanAddTasks)?;
    if let Some(parent) = draft.parent_id {
        check_parent(tx, project, parent)?;
    }
    check_references(tx, project, &TaskDraft::blank(), draft)?;

    let id = tasks::insert(tx.db, project, draft, actor.user, tx.now)?;
    check_size(tx, draft.parent_id.unwrap_or(id))?;
    let task = tasks::find(tx.db, id)?.ok_or(AppError::NotFound)?;
    task_event(tx, &member.project, TaskEvent::Created, &task, actor.user)?;
    Ok((member, task))
}

/// Changes fields, or who is assigned, or both: an event for each of the two, when something really changed.
pub fn edit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: TaskId,
    patch: &TaskPatch,
    assignees: Option<&[MemberId]>,
) -> Result<(Member, Task), AppError> {
    let (member, before) = open(tx, actor, id, &needed(patch, assignees))?;
    let project = member.project.id;
    let base = before.draft();
    let draft = patch.onto(base.clone()).map_err(AppError::Invalid)?;
    check_references(tx, project, &base, &draft)?;
    if let Some(parent) = draft.parent_id.filter(|_| draft.parent_id != before.parent_id) {
        if parent == id || !before.subtasks.is_empty() {
            return Err(AppError::invalid(
                "parentId",
                "A task with subtasks cannot be a subtask.",
            ));
        }
        check_parent(tx, project, parent)?;
    }
    let mut assigned = assignees.map_or_else(|| before.assignees.clone(), <[MemberId]>::to_vec);
    as_set(&mut assigned);
    let added: Vec<MemberId> = assigned
        .iter()
        .copied()
        .filter(|one| !before.assignees.contains(one))
        .collect();
    if !added.is_empty() && !memberships::are_of_project(tx.db, project, &added)? {
        return Err(AppError::NotFound);
    }

    let mut after = with_draft(&before, draft);
    after.assignees = assigned;
    save(tx, &member.project, actor.user, &before, after).map(|task| (member, task))
}

/// Deletes a task and its subtasks, each with its own event. Returns how many tasks went.
pub fn delete(tx: &mut Tx<'_>, actor: &Actor, id: TaskId) -> Result<(Member, usize), AppError> {
    let (member, task) = open(tx, actor, id, &[Permission::TaskCanDelete])?;
    for one in task.subtasks.iter().chain([&task]) {
        task_event(tx, &member.project, TaskEvent::Deleted, one, actor.user)?;
        tasks::delete(tx.db, one.id)?;
    }
    Ok((member, 1 + task.subtasks.len()))
}

/// Takes a member off every task, with an event for each; for who removes the member, before the membership goes.
/// Returns how many tasks it were.
pub fn unassign_member(tx: &mut Tx<'_>, project: &Project, member: MemberId, by: UserId) -> Result<usize, AppError> {
    let theirs = tasks::assigned_to(tx.db, member)?;
    change_each(tx, project, &theirs, by, |task| {
        task.assignees.retain(|&one| one != member);
    })?;
    Ok(theirs.len())
}

/// Takes a tag off these tasks, with an event for each; for who removes the tag. Returns how many tasks it were.
pub fn untag(tx: &mut Tx<'_>, project: &Project, tag: TagId, tagged: &[TaskId], by: UserId) -> Result<usize, AppError> {
    change_each(tx, project, tagged, by, |task| task.tags.retain(|&one| one != tag))?;
    Ok(tagged.len())
}

/// Moves those of these tasks that still stand at `from` to another status, with an event for each; for who removes `from`. Returns
/// how many tasks it were.
pub fn restatus(
    tx: &mut Tx<'_>,
    project: &Project,
    standing: &[TaskId],
    (from, to): (StatusId, StatusId),
    by: UserId,
) -> Result<usize, AppError> {
    let moved = std::cell::Cell::new(0);
    change_each(tx, project, standing, by, |task| {
        // Somebody may have moved it since the list was made.
        if task.status_id == Some(from) {
            task.status_id = Some(to);
            moved.set(moved.get() + 1);
        }
    })?;
    Ok(moved.get())
}

/// Gives a task a tag of its project, or takes it away; `true`: it has it now.
pub fn toggle_tag(tx: &mut Tx<'_>, actor: &Actor, id: TaskId, tag: &Tag) -> Result<bool, AppError> {
    let (member, before) = open(tx, actor, id, &[Permission::TaskCanEditTags])?;
    if tag.project_id != member.project.id {
        return Err(AppError::NotFound);
    }
    let mut after = before.clone();
    let has_it = !before.tags.contains(&tag.id);
    if has_it {
        after.tags.push(tag.id);
        as_set(&mut after.tags);
    } else {
        after.tags.retain(|&one| one != tag.id);
    }
    save(tx, &member.project, actor.user, &before, after)?;
    Ok(has_it)
}

fn change_each(
    tx: &mut Tx<'_>,
    project: &Project,
    ids: &[TaskId],
    by: UserId,
    change: impl Fn(&mut Task),
) -> Result<(), AppError> {
    for &id in ids {
        if !tasks::lock(tx.db, id)? {
            continue;
        }
        let Some(before) = tasks::find(tx.db, id)? else {
            continue;
        };
        let mut after = before.clone();
        change(&mut after);
        save(tx, project, by, &before, after)?;
    }
    Ok(())
}

/// The way from an id to a task that may be changed: the permission, the lock, and the state under the lock.
fn open(tx: &mut Tx<'_>, actor: &Actor, id: TaskId, needs: &[Permission]) -> Result<(Member, Task), AppError> {
    let project = tasks::project_of(tx.db, actor.user, id)?;
    let member = access::member_with(tx.db, actor, project, needs)?;
    if !tasks::lock(tx.db, id)? {
        return Err(AppError::NotFound);
    }
    let task = tasks::find(tx.db, id)?.ok_or(AppError::NotFound)?;
    Ok((member, task))
}

/// The rights that an edit needs: one for each kind of field that it names, whether or not it changes it.
fn needed(patch: &TaskPatch, assignees: Option<&[MemberId]>) -> Vec<Permission> {
    let text = patch.description.is_some() || patch.note.is_some() || patch.parent_id.is_some();
    let dates = [&patch.start_date, &patch.start_time, &patch.end_date, &patch.end_time];
    let kinds = [
        (text, Permission::TaskCanEditDescription),
        (
            patch.complete.is_some() || patch.status_id.is_some(),
            Permission::TaskCanEditStatus,
        ),
        (
            dates.iter().any(|given| given.is_some()),
            Permission::TaskCanEditDeadline,
        ),
        (patch.priority_id.is_some(), Permission::TaskCanEditPriority),
        (patch.tags.is_some(), Permission::TaskCanEditTags),
        (assignees.is_some(), Permission::TaskCanAssignUsers),
    ];
    let named = kinds.into_iter().filter(|(named, _)| *named);
    named.map(|(_, permission)| permission).collect()
}

/// Writes what changed and its events; nothing when nothing did.
fn save(tx: &mut Tx<'_>, project: &Project, by: UserId, before: &Task, mut after: Task) -> Result<Task, AppError> {
    let changes = diff(before, &after);
    let reassigned = before.assignees != after.assignees;
    if changes.is_empty() && !reassigned {
        return Ok(after);
    }
    after.edited_at = tx.now;
    if before.complete != after.complete {
        after.completed_at = after.complete.then_some(tx.now);
    }
    tasks::update(tx.db, &after)?;
    check_size(tx, after.parent_id.unwrap_or(after.id))?;
    if !changes.is_empty() {
        task_event(tx, project, TaskEvent::Updated(&changes), &after, by)?;
    }
    if reassigned {
        task_event(tx, project, TaskEvent::AssigneesChanged, &after, by)?;
    }
    Ok(after)
}

fn with_draft(task: &Task, draft: TaskDraft) -> Task {
    Task {
        description: draft.description,
        complete: draft.complete,
        status_id: draft.status_id,
        priority: draft.priority,
        tags: draft.tags,
        parent_id: draft.parent_id,
        note: draft.note,
        start_date: draft.start_date,
        start_time: draft.start_time,
        end_date: draft.end_date,
        end_time: draft.end_time,
        ..task.clone()
    }
}

/// Status and tags, where they are new, are the project's. Others are answered as if they did not exist.
fn check_references(
    tx: &mut Tx<'_>,
    project: ProjectId,
    before: &TaskDraft,
    after: &TaskDraft,
) -> Result<(), AppError> {
    if let Some(status) = after.status_id.filter(|_| after.status_id != before.status_id)
        && !statuses::belongs_to(tx.db, status, project)?
    {
        return Err(AppError::NotFound);
    }
    if after.tags != before.tags && !tags::are_of_project(tx.db, project, &after.tags)? {
        return Err(AppError::NotFound);
    }
    Ok(())
}

/// The parent is a top-level task of the project with room for one more. Locks it.
fn check_parent(tx: &mut Tx<'_>, project: ProjectId, parent: TaskId) -> Result<(), AppError> {
    if !tasks::lock(tx.db, parent)? {
        return Err(AppError::NotFound);
    }
    let parent = tasks::find(tx.db, parent)?
        .filter(|task| task.project_id == project)
        .ok_or(AppError::NotFound)?;
    if parent.parent_id.is_some() {
        return Err(AppError::invalid("parentId", "A subtask cannot have subtasks."));
    }
    if parent.subtasks.len() >= MAX_SUBTASKS {
        return Err(AppError::invalid(
            "parentId",
            format!("A task has at most {MAX_SUBTASKS} subtasks."),
        ));
    }
    Ok(())
}

/// The payload of a task holds its subtasks: together they must fit. `root` is the top-level task of what was written.
fn check_size(tx: &mut Tx<'_>, root: TaskId) -> Result<(), AppError> {
    let task = tasks::find(tx.db, root)?.ok_or(AppError::NotFound)?;
    if task.fits_a_payload() {
        Ok(())
    } else {
        Err(AppError::invalid(
            "note",
            "This task and its subtasks hold too much text for one event. Shorten a note.",
        ))
    }
}
