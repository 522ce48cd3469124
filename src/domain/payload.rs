//! The body of a delivery: made once, as bytes, in the order of keys that receivers were promised. Whoever holds it stores,
//! signs and shows these bytes; nobody serialises it again.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::event::EventKind;
use crate::domain::ids::{MemberId, ProjectId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::domain::task::{Changes, Task};

/// The largest body, in bytes; the column's CHECK says the same.
pub const MAX_BYTES: usize = 256 * 1024;

/// What happened to a task.
#[derive(Debug, Clone, Copy)]
pub enum TaskEvent<'a> {
    Created,
    Updated(&'a Changes),
    /// The body holds the last state.
    Deleted,
    /// The body lists the whole new set.
    AssigneesChanged,
}

impl TaskEvent<'_> {
    pub fn kind(&self) -> EventKind {
        match self {
            TaskEvent::Created => EventKind::TASK_CREATED,
            TaskEvent::Updated(_) => EventKind::TASK_UPDATED,
            TaskEvent::Deleted => EventKind::TASK_DELETED,
            TaskEvent::AssigneesChanged => EventKind::TASK_ASSIGNEES_CHANGED,
        }
    }
}

/// An event that a host application hands in; what it gives is sent on byte for byte.
#[derive(Debug)]
pub struct Published<'a> {
    pub kind: &'a EventKind,
    pub task: Option<&'a RawValue>,
    pub data: Option<&'a RawValue>,
    pub task_id: Option<i64>,
    /// Only `task.deleted` has it.
    pub goal_id: Option<ProjectId>,
    pub user_ids: Option<&'a RawValue>,
    pub changes: Option<&'a RawValue>,
    /// The host's own number.
    pub initiator_id: Option<i64>,
}

/// The body would be larger than [`MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The event's payload would be larger than 256 KiB.")]
pub struct TooLarge;

/// The body of a change that `initiator` made to `task`; `task` is the state after it.
pub fn of_task(event: TaskEvent<'_>, at: Moment, task: &Task, initiator: UserId) -> Result<Vec<u8>, TooLarge> {
    let kind = event.kind();
    let mut body = Body {
        event: &kind,
        timestamp: at,
        task: Some(task),
        data: None::<&RawValue>,
        task_id: None,
        goal_id: None,
        user_ids: None::<&[MemberId]>,
        changes: None,
        initiator_id: Some(initiator.0),
    };
    match event {
        TaskEvent::Created => {}
        TaskEvent::Updated(changes) => body.changes = Some(changes),
        TaskEvent::Deleted => {
            body.task_id = Some(task.id);
            body.goal_id = Some(task.project_id);
        }
        TaskEvent::AssigneesChanged => {
            body.task_id = Some(task.id);
            body.user_ids = Some(&task.assignees);
        }
    }
    bounded(&body)
}

/// The body of an event that a host application handed in.
pub fn of_published(event: &Published<'_>, at: Moment) -> Result<Vec<u8>, TooLarge> {
    bounded(&Body {
        event: event.kind,
        timestamp: at,
        task: event.task,
        data: event.data,
        task_id: event.task_id.map(TaskId),
        goal_id: event.goal_id,
        user_ids: event.user_ids,
        changes: event.changes,
        initiator_id: event.initiator_id,
    })
}

/// The body of the **Test** button.
pub fn of_test(at: Moment) -> Vec<u8> {
    let at = at.iso();
    format!(r#"{{"event":"webhook.test","timestamp":"{at}","data":{{"message":"This is a test webhook delivery"}}}}"#)
        .into_bytes()
}

/// The order of these fields is the order of the keys. An absent one is left out, `initiatorId` never is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, T: Serialize, R: Serialize, U: Serialize, C: Serialize> {
    event: &'a EventKind,
    timestamp: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal_id: Option<ProjectId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_ids: Option<U>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<C>,
    initiator_id: Option<i64>,
}

fn bounded<T: Serialize, R: Serialize, U: Serialize, C: Serialize>(
    body: &Body<'_, T, R, U, C>,
) -> Result<Vec<u8>, TooLarge> {
    // Nothing in a body has a key that is no string or a number that is not finite: serialising cannot fail otherwise.
    let bytes = serde_json::to_vec(body).map_err(|_| TooLarge)?;
    if bytes.len() > MAX_BYTES {
        Err(TooLarge)
    } else {
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
