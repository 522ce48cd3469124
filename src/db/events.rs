//! What happened, with the exact bytes that are sent. The deliveries that follow from it are written with it, by `publish.rs`.

use diesel::prelude::*;
use uuid::{NoContext, Timestamp, Uuid};

use super::schema::{deliveries, events, webhooks};
use super::{Db, Tx};
use crate::domain::delivery::{OutcomeKind, Status};
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, TaskId, WebhookId};
use crate::domain::moment::Moment;

/// An event that is about to be.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub project: ProjectId,
    pub kind: &'a EventKind,
    pub body: &'a [u8],
    /// The account that did it; a host's own number for what a host published.
    pub initiator: Option<i64>,
    /// Ours, or the host's own number for what a host published.
    pub task: Option<TaskId>,
    /// Handed in by a host application.
    pub published: bool,
}

/// Inserts one event as having happened now, and no delivery.
pub fn insert(tx: &mut Tx<'_>, event: &NewEvent<'_>) -> QueryResult<EventId> {
    diesel::insert_into(events::table)
        .values((
            events::project_id.eq(event.project),
            events::kind.eq(event.kind),
            events::body.eq(event.body),
            events::occurred_at.eq(tx.now),
            events::initiator_id.eq(event.initiator),
            events::task_id.eq(event.task),
            events::published.eq(event.published),
        ))
        .returning(events::id)
        .get_result(tx.db)
}

/// A delivery of one of a task's events, as the task's page lists it.
#[derive(Debug, Queryable)]
pub struct Sent {
    pub delivery: DeliveryId,
    pub webhook: WebhookId,
    pub webhook_name: Option<String>,
    pub webhook_url: String,
    pub kind: EventKind,
    pub status: Status,
    pub response_code: Option<i32>,
    pub outcome: Option<OutcomeKind>,
    pub created_at: Moment,
}

/// The newest deliveries of a task of ours, for somebody who may see the task.
pub fn sent_from_task(db: &mut Db, project: ProjectId, task: TaskId, limit: i64) -> QueryResult<Vec<Sent>> {
    events::table
        .inner_join(deliveries::table.inner_join(webhooks::table))
        .filter(
            events::project_id
                .eq(project)
                .and(events::task_id.eq(task))
                // A host's own task may have the same number.
                .and(events::published.eq(false))
                .and(webhooks::deleted_at.is_null()),
        )
        .order(deliveries::id.desc())
        .limit(limit)
        .select((
            deliveries::id,
            webhooks::id,
            webhooks::name,
            webhooks::url,
            deliveries::kind,
            deliveries::status,
            deliveries::response_code,
            deliveries::outcome,
            deliveries::created_at,
        ))
        .load(db)
}

/// A delivery's `webhook-id`: the same on all its attempts, and without a `.`, which the signed text is divided by.
pub fn message_id(now: Moment) -> String {
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.0.rem_euclid(1_000_000)).unwrap_or(0) * 1_000;
    format!(
        "msg_{}",
        Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanoseconds)).simple()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_sorts_by_time_and_never_repeats() {
        let (early, late) = (message_id(Moment(1_000_000_000)), message_id(Moment(2_000_000_000)));

        assert!(early < late);
        assert_ne!(early, message_id(Moment(1_000_000_000)));
        assert_eq!(early.len(), 36);
        assert!(!early.contains('.'));
    }
}
