//! The statements that make the history shorter: which finished deliveries and which events may go, and their removal in slices. What is
//! pending or held never goes, nor what a re-send is still to reach. When anything goes is decided in `actions::retention`.

use std::collections::{BTreeSet, HashSet};

use diesel::dsl::{count_star, max, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::range::Range;
use super::schema::{deliveries, events, webhooks};
use super::{Db, attempts, of_webhook};
use crate::domain::ids::{DeliveryId, EventId, WebhookId};
use crate::domain::moment::Moment;

pub use super::halving::{first_delivery_since, first_event_since};

/// A delivery of which nothing has happened since the instant that is bound next. Its age counts from its last attempt: one that
/// somebody has just sent again is not old.
const MAY_GO: &str = "status <> 0 AND NOT EXISTS (SELECT 1 FROM resend_runs r WHERE r.webhook_id = deliveries.webhook_id \
                        AND r.fed_to < deliveries.id AND r.up_to >= deliveries.id) \
                      AND coalesce(last_attempt_at, created_at) < ";

/// Where to look for deliveries that may go: after one id and before another.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Of all, if none.
    pub webhook: Option<WebhookId>,
    pub after: DeliveryId,
    pub before: DeliveryId,
    /// Nothing has happened to them since.
    pub quiet_since: Moment,
}

/// Why they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Age,
    /// Their webhook has more than are kept.
    Number,
}

/// The first of a span that may go, in the order of their ids.
pub fn first(db: &mut Db, span: &Span, limit: i64) -> QueryResult<Vec<DeliveryId>> {
    let between = deliveries::id.gt(span.after).and(deliveries::id.lt(span.before));
    let rows = match span.webhook {
        Some(webhook) => of_webhook::oldest_first(db, webhook, Range::ALL.above(span.after).below(span.before)),
        None => deliveries::table.filter(between).order(deliveries::id).into_boxed(),
    };
    rows.filter(sql::<Bool>(MAY_GO).bind::<BigInt, _>(span.quiet_since))
        .limit(limit)
        .select(deliveries::id)
        .load(db)
}

/// How many of a webhook's deliveries below an id may go.
pub fn count(db: &mut Db, webhook: WebhookId, before: DeliveryId, quiet_since: Moment) -> QueryResult<i64> {
    deliveries::table
        .filter(deliveries::webhook_id.eq(webhook).and(deliveries::id.lt(before)))
        .filter(sql::<Bool>(MAY_GO).bind::<BigInt, _>(quiet_since))
        .count()
        .get_result(db)
}

/// Deletes those of these that still may go, with what is kept of their attempts, and says how many went.
pub fn delete(db: &mut Db, ids: Vec<DeliveryId>, quiet_since: Moment, reason: Reason) -> QueryResult<usize> {
    // Again, because somebody may have sent one again meanwhile, or have begun to re-send all.
    let going = deliveries::table
        .filter(deliveries::id.eq_any(ids))
        .filter(sql::<Bool>(MAY_GO).bind::<BigInt, _>(quiet_since));
    let gone: Vec<(DeliveryId, WebhookId, EventId)> = diesel::delete(going)
        .returning((deliveries::id, deliveries::webhook_id, deliveries::event_id))
        .get_results(db)?;
    attempts::delete_of(db, gone.iter().map(|(id, ..)| *id).collect())?;
    let newest = gone.iter().map(|(_, _, event)| *event).max();
    let Some(newest) = newest else { return Ok(0) };
    let whose: BTreeSet<WebhookId> = gone.iter().map(|(_, webhook, _)| *webhook).collect();
    let pruned_to = match reason {
        Reason::Age => EventId(1),
        Reason::Number => newest,
    };
    // Last: locks are taken in one order everywhere, deliveries before webhooks.
    let unmarked = webhooks::table
        .filter(webhooks::id.eq_any(whose))
        .filter(webhooks::pruned_to.lt(pruned_to));
    diesel::update(unmarked)
        .set(webhooks::pruned_to.eq(pruned_to))
        .execute(db)?;
    Ok(gone.len())
}

/// Those that are not deleted: the rows of the others go by themselves.
pub fn webhooks(db: &mut Db) -> QueryResult<Vec<WebhookId>> {
    webhooks::table
        .filter(webhooks::deleted_at.is_null())
        .order(webhooks::id)
        .select(webhooks::id)
        .load(db)
}

/// How many deliveries a webhook has after an id, and the last of them; in the index of the history, without reading a row.
pub fn all_after(db: &mut Db, webhook: WebhookId, after: DeliveryId) -> QueryResult<(i64, Option<DeliveryId>)> {
    deliveries::table
        .filter(deliveries::webhook_id.eq(webhook).and(deliveries::id.gt(after)))
        .select((count_star(), max(deliveries::id)))
        .first(db)
}

/// How many of its deliveries wait or are held, in the indexes of those.
pub fn waiting(db: &mut Db, webhook: WebhookId) -> QueryResult<i64> {
    let of_webhook = || deliveries::table.filter(deliveries::webhook_id.eq(webhook));
    let automatic: i64 = of_webhook()
        .filter(sql::<Bool>("status = 0 AND trigger = 0"))
        .count()
        .get_result(db)?;
    let direct: i64 = of_webhook()
        .filter(sql::<Bool>("status = 0 AND trigger <> 0"))
        .count()
        .get_result(db)?;
    Ok(automatic + direct)
}

/// A few events in the order of their ids.
#[derive(Debug)]
pub struct Looked {
    /// Those that no delivery refers to.
    pub idle: Vec<EventId>,
    /// `None` when there are no more.
    pub last: Option<EventId>,
}

/// Looks at no more than `limit` events after one id and before another that happened before an instant. Two questions, because one
/// with both in it is planned as a walk over all deliveries.
pub fn idle_events(db: &mut Db, after: EventId, below: EventId, before: Moment, limit: i64) -> QueryResult<Looked> {
    let some = old_events(db, after, below, before, limit)?;
    let referred: Vec<EventId> = deliveries::table
        .filter(deliveries::event_id.eq_any(some.clone()))
        .select(deliveries::event_id)
        .load(db)?;
    Ok(without(some, referred))
}

/// The same once every delivery has gone that may go.
pub fn events_idle_then(
    db: &mut Db,
    after: EventId,
    below: EventId,
    before: Moment,
    limit: i64,
) -> QueryResult<Looked> {
    let some = old_events(db, after, below, before, limit)?;
    let referred: Vec<EventId> = deliveries::table
        .filter(deliveries::event_id.eq_any(some.clone()))
        .filter(not(sql::<Bool>(MAY_GO).bind::<BigInt, _>(before)))
        .select(deliveries::event_id)
        .load(db)?;
    Ok(without(some, referred))
}

fn old_events(db: &mut Db, after: EventId, below: EventId, before: Moment, limit: i64) -> QueryResult<Vec<EventId>> {
    events::table
        .filter(events::id.gt(after).and(events::id.lt(below)))
        .filter(events::occurred_at.lt(before))
        .order(events::id)
        .limit(limit)
        .select(events::id)
        .load(db)
}

fn without(some: Vec<EventId>, referred: Vec<EventId>) -> Looked {
    let referred: HashSet<EventId> = referred.into_iter().collect();
    Looked {
        last: some.last().copied(),
        idle: some.into_iter().filter(|id| !referred.contains(id)).collect(),
    }
}

/// Deletes events that no delivery refers to; none is ever added to an event that is old.
pub fn delete_events(db: &mut Db, ids: Vec<EventId>) -> QueryResult<usize> {
    diesel::delete(events::table.filter(events::id.eq_any(ids))).execute(db)
}
