//! What was sent and what came back: the queries behind the history pages and calls. Every one goes through the person's
//! membership, and none reads more than a few thousand rows, however many deliveries there are: pages go by id, never by
//! offset, and a filter that no index serves looks at a window of rows at a time.

mod pages;
mod range;
mod rows;
mod window;

use diesel::prelude::*;

pub use self::pages::page;
pub use self::rows::{
    attempts_of, beside, bodies_of, event_before, find, last_attempted, last_failed, last_message, last_messages,
    of_events, payloads_of, place_of, some, task_names,
};
pub use super::attempts::Attempt;
pub use super::range::Start;
use super::schema::{deliveries, events};
use crate::domain::delivery::{OutcomeKind, Status, Trigger};
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, TaskId, UserId, WebhookId};
use crate::domain::moment::Moment;

/// A line of the history.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub struct Delivery {
    pub id: DeliveryId,
    pub project_id: ProjectId,
    pub webhook_id: WebhookId,
    pub event_id: EventId,
    pub task_id: Option<TaskId>,
    pub kind: EventKind,
    /// The `webhook-id` header of all its attempts.
    pub message_id: String,
    pub status: Status,
    pub trigger: Trigger,
    pub attempts: i32,
    pub due_at: Moment,
    /// Set while an attempt is on its way.
    pub lease_id: Option<i64>,
    pub response_code: Option<i32>,
    pub outcome: Option<OutcomeKind>,
    pub last_attempt_at: Option<Moment>,
    pub duration_us: Option<i64>,
    pub created_at: Moment,
}

/// What the event of a delivery adds to it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct Event {
    pub id: EventId,
    /// The bytes as they were made, signed and sent.
    pub body: Vec<u8>,
    pub occurred_at: Moment,
    pub initiator_id: Option<i64>,
    /// Handed in by a host application, whose ids are not ours.
    pub published: bool,
}

/// Which deliveries. *Held* is what automatic deliveries are while they wait for a webhook that is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    All,
    Success,
    Failed,
    Pending,
    Held,
}

/// What the last attempt of a delivery was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeClass {
    /// 200 to 299, …
    Success,
    Redirect,
    ClientError,
    ServerError,
    /// It was made, and no answer came.
    None,
}

/// What a delivery must be to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub show: Show,
    pub kind: Option<EventKind>,
    pub code: Option<CodeClass>,
    /// Made at this instant or later.
    pub since: Option<Moment>,
    /// Made before this instant.
    pub until: Option<Moment>,
    pub task: Option<TaskId>,
    /// The `webhook-id` header.
    pub message: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    pub user: UserId,
    pub project: ProjectId,
    /// One, or those of the whole project, each with the id above which its rows are looked for: 0, or where what is held begins.
    pub webhooks: Vec<(WebhookId, DeliveryId)>,
    pub filter: Filter,
    pub start: Start,
    pub limit: i64,
}

/// A page of the history, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub rows: Vec<Delivery>,
    /// There are more in the direction that was asked for.
    pub more: bool,
    /// The filter ended at this id for want of an index; what lies beyond it was not looked at.
    pub searched_to: Option<DeliveryId>,
}
