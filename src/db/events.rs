//! What happened, with the exact bytes that are sent, and the deliveries that follow from it. Written in the transaction of
//! the change itself: they exist together or not at all.

use diesel::prelude::*;
use uuid::{NoContext, Timestamp, Uuid};

use super::schema::{deliveries, events, webhook_events, webhooks};
use super::{Db, Due, Lane, Tx};
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

/// Inserts the event as having happened now.
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

/// One delivery for each webhook of the project that subscribes to the event, also for those that are off: theirs are held.
/// Tells the engine about the others. Returns how many there are.
pub fn fan_out(tx: &mut Tx<'_>, id: EventId, event: &NewEvent<'_>) -> QueryResult<usize> {
    let receivers: Vec<(WebhookId, bool)> = webhooks::table
        .inner_join(webhook_events::table)
        .filter(
            webhooks::project_id
                .eq(event.project)
                .and(webhooks::deleted_at.is_null())
                .and(webhook_events::kind.eq(event.kind)),
        )
        .order(webhooks::id)
        .select((webhooks::id, webhooks::active))
        .load(tx.db)?;
    if receivers.is_empty() {
        return Ok(0);
    }
    let rows: Vec<_> = receivers
        .iter()
        .map(|&(webhook, _)| {
            (
                deliveries::project_id.eq(event.project),
                deliveries::webhook_id.eq(webhook),
                deliveries::event_id.eq(id),
                deliveries::task_id.eq(event.task),
                deliveries::kind.eq(event.kind),
                deliveries::message_id.eq(message_id(tx.now)),
                deliveries::status.eq(0i16),
                deliveries::trigger.eq(0i16),
                deliveries::attempts.eq(0),
                deliveries::claims.eq(0),
                deliveries::due_at.eq(tx.now),
                deliveries::leased_until.eq(0i64),
                deliveries::created_at.eq(tx.now),
            )
        })
        .collect();
    match &mut *tx.db {
        // One trip for all of them; a statement of many rows is prepared anew each time.
        Db::Pg(pg) if rows.len() > 1 => diesel::insert_into(deliveries::table)
            .values(rows)
            .execute(pg)
            .map(drop)?,
        // Row by row with one prepared statement: in the same process a trip costs nothing.
        db => {
            for row in rows {
                diesel::insert_into(deliveries::table).values(row).execute(db)?;
            }
        }
    }
    for &(webhook, _) in receivers.iter().filter(|(_, active)| *active) {
        tx.wake(Due {
            webhook,
            project: event.project,
            lane: Lane::Automatic,
            at: tx.now,
        });
    }
    Ok(receivers.len())
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
