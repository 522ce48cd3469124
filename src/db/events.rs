//! What happened, with the exact bytes that are sent. The deliveries that follow from it are written with it, by `publish.rs`.

use diesel::prelude::*;
use uuid::{NoContext, Timestamp, Uuid};

use super::schema::events;
use super::{Db, Tx};
use crate::domain::event::EventKind;
use crate::domain::ids::{EventId, ProjectId, TaskId};
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

/// That something happened, without the bytes.
#[derive(Debug, Clone, Queryable)]
pub struct Happened {
    pub id: EventId,
    pub kind: EventKind,
    pub occurred_at: Moment,
    pub initiator_id: Option<i64>,
}

/// The newest events of a task of ours, for somebody who may see the task. A host's own task may have the same number.
pub fn of_task(db: &mut Db, project: ProjectId, task: TaskId, limit: i64) -> QueryResult<Vec<Happened>> {
    events::table
        .filter(events::project_id.eq(project))
        .filter(events::task_id.eq(task))
        .filter(events::published.eq(false))
        .order(events::id.desc())
        .limit(limit)
        .select((events::id, events::kind, events::occurred_at, events::initiator_id))
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
