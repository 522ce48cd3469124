//! Tasks, with the rows that hang on them: their tags and their assignees.

use std::collections::HashMap;

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::Db;
use super::connection::{both, holds_nul};
use super::schema::{memberships, projects, task_assignees, task_tags, tasks};
use crate::domain::calendar::{Date, TimeOfDay};
use crate::domain::ids::{MemberId, ProjectId, StatusId, TagId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::domain::task::{Priority, Task, TaskDraft};

diesel::define_sql_function! {
    /// `LIKE` ignores case on SQLite and does not on PostgreSQL; both lower-case alike what is ASCII.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// SQLite takes 32,766 values in one statement; short lists keep statements cacheable too.
const SLICE: usize = 500;

/// Which tasks of a project; the default is all that are not subtasks, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub complete: Option<bool>,
    /// The task or one of its subtasks has it.
    pub tag: Option<TagId>,
    /// `Some(None)`: it has no status.
    pub status: Option<Option<StatusId>>,
    /// The task or one of its subtasks is theirs; `Some(None)`: it is nobody's.
    pub assignee: Option<Option<MemberId>>,
    /// Ends before this day.
    pub ends_before: Option<Date>,
    /// Case does not matter.
    pub text: Option<String>,
    pub order: Order,
    pub limit: Option<i64>,
    pub offset: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    OldestFirst,
    NewestFirst,
    /// What was completed last stands first.
    LastCompleted,
}

/// The columns in the order of the table.
#[derive(Queryable)]
struct Row {
    id: TaskId,
    project_id: ProjectId,
    parent_id: Option<TaskId>,
    description: String,
    note: Option<String>,
    complete: bool,
    status_id: Option<StatusId>,
    priority: Priority,
    start_date: Option<Date>,
    start_time: Option<TimeOfDay>,
    end_date: Option<Date>,
    end_time: Option<TimeOfDay>,
    creator_id: UserId,
    created_at: Moment,
    edited_at: Moment,
    completed_at: Option<Moment>,
}

/// A task with its subtasks.
pub fn find(db: &mut Db, id: TaskId) -> QueryResult<Option<Task>> {
    let row: Option<Row> = tasks::table.find(id).first(db).optional()?;
    Ok(with_all(db, row.into_iter().collect())?.pop())
}

/// The project of a task, when `user` is a member of it: the way from an id alone to a task.
pub fn project_of(db: &mut Db, user: UserId, id: TaskId) -> QueryResult<ProjectId> {
    tasks::table
        .inner_join(projects::table.inner_join(memberships::table))
        .filter(
            tasks::id
                .eq(id)
                .and(memberships::user_id.eq(user))
                .and(projects::deleted_at.is_null()),
        )
        .select(projects::id)
        .first(db)
}

/// The top-level tasks of a project that match, each with its subtasks.
pub fn list(db: &mut Db, project: ProjectId, filter: &Filter) -> QueryResult<Vec<Task>> {
    if filter.text.as_deref().is_some_and(holds_nul) {
        return Ok(Vec::new());
    }
    let subtask = diesel::alias!(tasks as subtask);
    let mut query = tasks::table
        .filter(tasks::project_id.eq(project).and(tasks::parent_id.is_null()))
        .into_boxed();
    if let Some(complete) = filter.complete {
        query = query.filter(tasks::complete.eq(complete));
    }
    if let Some(tag) = filter.tag {
        let own = task_tags::table
            .filter(task_tags::tag_id.eq(tag))
            .select(task_tags::task_id);
        let below = task_tags::table
            .inner_join(subtask.on(subtask.field(tasks::id).eq(task_tags::task_id)))
            .filter(task_tags::tag_id.eq(tag))
            .filter(subtask.field(tasks::parent_id).is_not_null())
            .select(subtask.field(tasks::parent_id).assume_not_null());
        query = query.filter(tasks::id.eq_any(own).or(tasks::id.eq_any(below)));
    }
    match filter.status {
        Some(Some(status)) => query = query.filter(tasks::status_id.eq(status)),
        Some(None) => query = query.filter(tasks::status_id.is_null()),
        None => {}
    }
    match filter.assignee {
        Some(Some(member)) => {
            let own = task_assignees::table
                .filter(task_assignees::membership_id.eq(member))
                .select(task_assignees::task_id);
            let below = task_assignees::table
                .inner_join(subtask.on(subtask.field(tasks::id).eq(task_assignees::task_id)))
                .filter(task_assignees::membership_id.eq(member))
                .filter(subtask.field(tasks::parent_id).is_not_null())
                .select(subtask.field(tasks::parent_id).assume_not_null());
            query = query.filter(tasks::id.eq_any(own).or(tasks::id.eq_any(below)));
        }
        Some(None) => {
            let theirs = task_assignees::table.filter(task_assignees::task_id.eq(tasks::id));
            query = query.filter(not(exists(theirs)));
        }
        None => {}
    }
    if let Some(day) = &filter.ends_before {
        query = query.filter(tasks::end_date.lt(day.clone()));
    }
    if let Some(text) = &filter.text {
        let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        // SQLite lower-cases ASCII only; the second arm finds what was typed as it stands.
        let small = format!("%{}%", escaped.to_lowercase());
        let same = format!("%{escaped}%");
        query = query.filter(
            lower(tasks::description)
                .like(small)
                .escape('\\')
                .or(tasks::description.like(same).escape('\\')),
        );
    }
    query = match filter.order {
        Order::OldestFirst => query.order(tasks::id.asc()),
        Order::NewestFirst => query.order(tasks::id.desc()),
        Order::LastCompleted => query.order((tasks::completed_at.desc(), tasks::id.desc())),
    };
    if let Some(limit) = filter.limit {
        query = query.limit(limit).offset(filter.offset);
    }
    let rows: Vec<Row> = query.load(db)?;
    with_all(db, rows)
}

/// Top-level tasks of a project that are not complete.
pub fn count_open(db: &mut Db, project: ProjectId) -> QueryResult<i64> {
    tasks::table
        .filter(
            tasks::project_id
                .eq(project)
                .and(tasks::parent_id.is_null())
                .and(tasks::complete.eq(false)),
        )
        .count()
        .get_result(db)
}

/// Every task that is assigned to a member, oldest first.
pub fn assigned_to(db: &mut Db, member: MemberId) -> QueryResult<Vec<TaskId>> {
    task_assignees::table
        .filter(task_assignees::membership_id.eq(member))
        .order(task_assignees::task_id)
        .select(task_assignees::task_id)
        .load(db)
}

/// Keeps other writers away from a task, its parent and its subtasks until the transaction ends: what is read before an edit
/// must be what is edited. The row of the top-level task is the lock of its tree. SQLite has one writer anyway.
/// `false`: there is no such task.
pub fn lock(db: &mut Db, id: TaskId) -> QueryResult<bool> {
    let Some(mut root) = root_of(db, id)? else {
        return Ok(false);
    };
    if let Db::Pg(pg) = db {
        loop {
            let locked: Option<TaskId> = tasks::table
                .find(root)
                .select(tasks::id)
                .for_update()
                .first(pg)
                .optional()?;
            // While waiting for the lock, the task may have moved below another one, or gone.
            let now: Option<(TaskId, Option<TaskId>)> = tasks::table
                .find(id)
                .select((tasks::id, tasks::parent_id))
                .first(pg)
                .optional()?;
            match now.map(|(id, parent)| parent.unwrap_or(id)) {
                None => return Ok(false),
                Some(same) if same == root && locked.is_some() => break,
                Some(other) => root = other,
            }
        }
    }
    Ok(true)
}

fn root_of(db: &mut Db, id: TaskId) -> QueryResult<Option<TaskId>> {
    let found: Option<(TaskId, Option<TaskId>)> = tasks::table
        .find(id)
        .select((tasks::id, tasks::parent_id))
        .first(db)
        .optional()?;
    Ok(found.map(|(id, parent)| parent.unwrap_or(id)))
}

/// A new task with its tags; nobody is assigned yet.
pub fn insert(db: &mut Db, project: ProjectId, draft: &TaskDraft, creator: UserId, now: Moment) -> QueryResult<TaskId> {
    let id: TaskId = diesel::insert_into(tasks::table)
        .values((
            tasks::project_id.eq(project),
            tasks::parent_id.eq(draft.parent_id),
            tasks::description.eq(&draft.description),
            tasks::note.eq(&draft.note),
            tasks::complete.eq(draft.complete),
            tasks::status_id.eq(draft.status_id),
            tasks::priority.eq(draft.priority),
            tasks::start_date.eq(&draft.start_date),
            tasks::start_time.eq(&draft.start_time),
            tasks::end_date.eq(&draft.end_date),
            tasks::end_time.eq(&draft.end_time),
            tasks::creator_id.eq(creator),
            tasks::created_at.eq(now),
            tasks::edited_at.eq(now),
            tasks::completed_at.eq(draft.complete.then_some(now)),
        ))
        .returning(tasks::id)
        .get_result(db)?;
    insert_tags(db, id, &draft.tags)?;
    Ok(id)
}

/// Writes a task as it is after an edit, its tags and its assignees with it.
pub fn update(db: &mut Db, task: &Task) -> QueryResult<()> {
    diesel::update(tasks::table.find(task.id))
        .set((
            tasks::parent_id.eq(task.parent_id),
            tasks::description.eq(&task.description),
            tasks::note.eq(&task.note),
            tasks::complete.eq(task.complete),
            tasks::status_id.eq(task.status_id),
            tasks::priority.eq(task.priority),
            tasks::start_date.eq(&task.start_date),
            tasks::start_time.eq(&task.start_time),
            tasks::end_date.eq(&task.end_date),
            tasks::end_time.eq(&task.end_time),
            tasks::edited_at.eq(task.edited_at),
            tasks::completed_at.eq(task.completed_at),
        ))
        .execute(db)?;
    diesel::delete(task_tags::table.filter(task_tags::task_id.eq(task.id))).execute(db)?;
    insert_tags(db, task.id, &task.tags)?;
    diesel::delete(task_assignees::table.filter(task_assignees::task_id.eq(task.id))).execute(db)?;
    insert_assignees(db, task.id, &task.assignees)
}

/// Deletes one task that has no subtasks any more; its tags and assignees go with it.
pub fn delete(db: &mut Db, id: TaskId) -> QueryResult<()> {
    diesel::delete(tasks::table.find(id)).execute(db).map(drop)
}

fn insert_tags(db: &mut Db, task: TaskId, tags: &[TagId]) -> QueryResult<()> {
    let rows: Vec<_> = tags
        .iter()
        .map(|&tag| (task_tags::task_id.eq(task), task_tags::tag_id.eq(tag)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    both!(db => diesel::insert_into(task_tags::table).values(rows).execute(db)).map(drop)
}

fn insert_assignees(db: &mut Db, task: TaskId, members: &[MemberId]) -> QueryResult<()> {
    let rows: Vec<_> = members
        .iter()
        .map(|&member| {
            (
                task_assignees::task_id.eq(task),
                task_assignees::membership_id.eq(member),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    both!(db => diesel::insert_into(task_assignees::table).values(rows).execute(db)).map(drop)
}

/// Rows as tasks, in the same order, with subtasks (one level), tags and assignees.
fn with_all(db: &mut Db, rows: Vec<Row>) -> QueryResult<Vec<Task>> {
    let parents: Vec<TaskId> = rows.iter().map(|row| row.id).collect();
    let mut children: Vec<Row> = Vec::new();
    for slice in parents.chunks(SLICE) {
        let some: Vec<Row> = tasks::table
            .filter(tasks::parent_id.eq_any(slice))
            .order(tasks::id)
            .load(db)?;
        children.extend(some);
    }

    let ids: Vec<TaskId> = parents.into_iter().chain(children.iter().map(|row| row.id)).collect();
    let mut tags: HashMap<TaskId, Vec<TagId>> = HashMap::new();
    let mut assignees: HashMap<TaskId, Vec<MemberId>> = HashMap::new();
    for slice in ids.chunks(SLICE) {
        let some: Vec<(TaskId, TagId)> = task_tags::table
            .filter(task_tags::task_id.eq_any(slice))
            .order(task_tags::tag_id)
            .load(db)?;
        some.into_iter()
            .for_each(|(task, tag)| tags.entry(task).or_default().push(tag));
        let some: Vec<(TaskId, MemberId)> = task_assignees::table
            .filter(task_assignees::task_id.eq_any(slice))
            .order(task_assignees::membership_id)
            .load(db)?;
        some.into_iter()
            .for_each(|(task, member)| assignees.entry(task).or_default().push(member));
    }

    let mut complete = |row: Row, subtasks: Vec<Task>| Task {
        id: row.id,
        project_id: row.project_id,
        description: row.description,
        complete: row.complete,
        status_id: row.status_id,
        priority: row.priority,
        tags: tags.remove(&row.id).unwrap_or_default(),
        assignees: assignees.remove(&row.id).unwrap_or_default(),
        subtasks,
        parent_id: row.parent_id,
        note: row.note,
        start_date: row.start_date,
        start_time: row.start_time,
        end_date: row.end_date,
        end_time: row.end_time,
        creator_id: row.creator_id,
        created_at: row.created_at,
        edited_at: row.edited_at,
        completed_at: row.completed_at,
    };
    let mut below: HashMap<TaskId, Vec<Task>> = HashMap::new();
    for child in children {
        if let Some(parent) = child.parent_id {
            below.entry(parent).or_default().push(complete(child, Vec::new()));
        }
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let subtasks = below.remove(&row.id).unwrap_or_default();
            complete(row, subtasks)
        })
        .collect())
}
