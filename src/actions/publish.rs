//! The transactional outbox: an event and its deliveries are written by the transaction of the change, never after it.
//! Events come from our own tasks, or from a host application that hands its own in.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::projects::Project;
use crate::db::publish as db_publish;
use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::domain::payload::{self, TaskEvent};
use crate::domain::task::Task;
use crate::error::AppError;

/// Writes what `by` did to `task`, which is the state after it. An archived project has no events.
pub fn task_event(
    tx: &mut Tx<'_>,
    project: &Project,
    event: TaskEvent<'_>,
    task: &Task,
    by: UserId,
) -> Result<(), AppError> {
    if project.archived_at.is_some() {
        return Ok(());
    }
    let body =
        payload::of_task(event, tx.now, task, by).map_err(|error| AppError::invalid("note", error.to_string()))?;
    let new = NewEvent {
        project: project.id,
        kind: &event.kind(),
        body: &body,
        initiator: Some(by.0),
        task: Some(task.id),
        published: false,
    };
    db_publish::publish(tx, &[new])?;
    Ok(())
}

/// An event as a host application sends it; see [`HandIn::check`] for what belongs to which type.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[schema(as = Event, example = json!({"goalId": 1, "event": "invoice.paid", "data": {"invoice": 4711, "total": "119.00"}}))]
#[serde(rename_all = "camelCase")]
pub struct HandIn {
    pub goal_id: ProjectId,
    #[schema(max_length = 50)]
    pub event: String,
    #[schema(value_type = Option<Object>)]
    pub task: Option<Box<RawValue>>,
    pub task_id: Option<i64>,
    #[schema(value_type = Option<Object>)]
    pub changes: Option<Box<RawValue>>,
    #[schema(value_type = Option<Vec<i64>>)]
    pub user_ids: Option<Box<RawValue>>,
    pub initiator_id: Option<i64>,
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<Box<RawValue>>,
}

/// An event that is complete and has nothing that its type does not.
#[derive(Debug, Clone)]
pub struct CheckedEvent {
    kind: EventKind,
    /// The host's own number of the task.
    task: Option<i64>,
    given: HandIn,
}

impl CheckedEvent {
    pub fn project(&self) -> ProjectId {
        self.given.goal_id
    }

    /// The bytes that are stored, signed and sent.
    pub(crate) fn body(&self, at: Moment) -> Result<Vec<u8>, AppError> {
        let CheckedEvent { kind, task, given } = self;
        let deleted = *kind == EventKind::TASK_DELETED;
        let named = deleted || *kind == EventKind::TASK_ASSIGNEES_CHANGED;
        let body = payload::Published {
            kind,
            task: given.task.as_deref(),
            data: given.data.as_deref(),
            task_id: if named { *task } else { given.task_id },
            goal_id: deleted.then_some(given.goal_id),
            user_ids: given.user_ids.as_deref(),
            changes: given.changes.as_deref(),
            initiator_id: given.initiator_id,
        };
        let large = if given.task.is_some() { "task" } else { "data" };
        payload::of_published(&body, at).map_err(|error| AppError::invalid(large, error.to_string()))
    }

    pub(super) fn with_body<'a>(&'a self, body: &'a [u8]) -> NewEvent<'a> {
        NewEvent {
            project: self.given.goal_id,
            kind: &self.kind,
            body,
            initiator: self.given.initiator_id,
            task: self.task.map(TaskId),
            published: true,
        }
    }

    /// About how much memory it takes.
    pub(super) fn size(&self) -> usize {
        let HandIn {
            task,
            changes,
            user_ids,
            data,
            ..
        } = &self.given;
        let parts = [task, changes, user_ids, data].into_iter().flatten();
        size_of::<Self>() + parts.map(|part| part.get().len()).sum::<usize>()
    }
}

impl HandIn {
    /// Task events need `task` (an object with an integer `id`), an update also `changes`, new assignees also `userIds`;
    /// a type of the host's own needs `data`. What belongs to another type is refused. Looks nothing up.
    pub fn check(self) -> Result<CheckedEvent, AppError> {
        let mut errors = Vec::new();
        let kind = EventKind::parse(&self.event);
        if kind.is_none() {
            errors.push(FieldError::new(
                "event",
                "This is neither one of the task events nor a type of your own (like invoice.paid, \
                 outside task. and webhook., at most 50 characters).",
            ));
        }
        let is_task = self.event.starts_with("task.");
        let mut belongs = |name: &str, given: bool, needed: bool, allowed: bool| {
            if needed && !given {
                errors.push(FieldError::new(name, format!("{} needs {name}.", self.event)));
            } else if given && !allowed {
                errors.push(FieldError::new(name, format!("{} has no {name}.", self.event)));
            }
        };
        if kind.is_some() {
            let updated = kind == Some(EventKind::TASK_UPDATED);
            let assigned = kind == Some(EventKind::TASK_ASSIGNEES_CHANGED);
            belongs("task", self.task.is_some(), is_task, is_task);
            belongs("taskId", self.task_id.is_some(), false, is_task);
            belongs("changes", self.changes.is_some(), updated, updated);
            belongs("userIds", self.user_ids.is_some(), assigned, assigned);
            belongs("data", self.data.is_some(), !is_task, !is_task);
        }

        let task = self.task.as_deref().and_then(task_number);
        if self.task.is_some() && task.is_none() {
            errors.push(FieldError::new("task", "A task is an object with an integer id."));
        }
        if task.is_some() && self.task_id.is_some() && task != self.task_id {
            errors.push(FieldError::new("taskId", "This is not the id of the task."));
        }
        if self
            .changes
            .as_deref()
            .is_some_and(|changes| !changes.get().starts_with('{'))
        {
            errors.push(FieldError::new("changes", "Changes are an object."));
        }
        let numbers = |users: &RawValue| serde_json::from_str::<Vec<i64>>(users.get()).is_ok();
        if self.user_ids.as_deref().is_some_and(|users| !numbers(users)) {
            errors.push(FieldError::new("userIds", "These are integers, in an array."));
        }
        match kind {
            Some(kind) if errors.is_empty() => Ok(CheckedEvent {
                kind,
                task,
                given: self,
            }),
            _ => Err(AppError::Invalid(errors)),
        }
    }
}

/// The id of a task of the host's: any object that has one.
fn task_number(task: &RawValue) -> Option<i64> {
    #[derive(Deserialize)]
    struct Numbered {
        id: i64,
    }
    // An array of one number would do for serde.
    let object = task.get().starts_with('{');
    object
        .then(|| serde_json::from_str::<Numbered>(task.get()).ok())?
        .map(|numbered| numbered.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(json: &str) -> Vec<String> {
        match serde_json::from_str::<HandIn>(json).unwrap().check() {
            Ok(_) => Vec::new(),
            Err(AppError::Invalid(errors)) => errors.into_iter().map(|error| error.name).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_type_has_what_belongs_to_it_and_nothing_else() {
        let table: &[(&str, &[&str])] = &[
            (r#""event":"task.created","task":{"id":1}"#, &[]),
            (
                r#""event":"task.created","task":{"id":1,"deep":[{}]},"taskId":1,"initiatorId":3"#,
                &[],
            ),
            (r#""event":"task.updated","task":{"id":1},"changes":{"a":1}"#, &[]),
            (r#""event":"task.deleted","task":{"id":1}"#, &[]),
            (
                r#""event":"task.assigneesChanged","task":{"id":1},"userIds":[1,2]"#,
                &[],
            ),
            (r#""event":"invoice.paid","data":7"#, &[]),
            (r#""event":"invoice.paid","data":{"x":1},"initiatorId":null"#, &[]),
            (r#""event":"task.created""#, &["task"]),
            (r#""event":"task.created","task":null"#, &["task"]),
            (r#""event":"task.created","task":{"id":"1"}"#, &["task"]),
            (r#""event":"task.created","task":[1]"#, &["task"]),
            (r#""event":"task.created","task":{"id":1.5}"#, &["task"]),
            (r#""event":"task.created","task":{"id":1},"taskId":2"#, &["taskId"]),
            (r#""event":"task.created","task":{"id":1},"changes":{}"#, &["changes"]),
            (r#""event":"task.updated","task":{"id":1}"#, &["changes"]),
            (r#""event":"task.updated","task":{"id":1},"changes":[]"#, &["changes"]),
            (r#""event":"task.assigneesChanged","task":{"id":1}"#, &["userIds"]),
            (
                r#""event":"task.assigneesChanged","task":{"id":1},"userIds":["1"]"#,
                &["userIds"],
            ),
            (r#""event":"task.deleted","task":{"id":1},"data":{}"#, &["data"]),
            (r#""event":"invoice.paid""#, &["data"]),
            (
                r#""event":"invoice.paid","data":{},"task":{"id":1},"taskId":1"#,
                &["task", "taskId"],
            ),
            (r#""event":"task.archived","task":{"id":1}"#, &["event"]),
            (r#""event":"webhook.test","data":{}"#, &["event"]),
            (r#""event":"Paid","data":{}"#, &["event"]),
        ];
        for (fields, expected) in table {
            assert_eq!(
                complaints(&format!(r#"{{"goalId":1,{fields}}}"#)),
                *expected,
                "{fields}"
            );
        }
    }
}
