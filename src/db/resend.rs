//! What people do to deliveries: send a test, retry a failed one, discard what was held. The engine's own claim and settle
//! are in `deliveries.rs`.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::events::message_id;
use super::range::Range;
use super::schema::{deliveries, webhooks};
use super::{Db, Tx, of_webhook};
use crate::domain::delivery::{OutcomeKind, Status, Trigger};
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, WebhookId};
use crate::domain::moment::Moment;

/// A test of the event that was made for it: due now, one attempt.
pub fn insert_test(tx: &mut Tx<'_>, project: ProjectId, webhook: WebhookId, event: EventId) -> QueryResult<DeliveryId> {
    let message_id = message_id(tx.now);
    let delivery = (
        deliveries::project_id.eq(project),
        deliveries::webhook_id.eq(webhook),
        deliveries::event_id.eq(event),
        deliveries::kind.eq(EventKind::WEBHOOK_TEST),
        deliveries::message_id.eq(&message_id),
        deliveries::status.eq(Status::Pending),
        deliveries::trigger.eq(Trigger::Test),
        deliveries::attempts.eq(0),
        deliveries::claims.eq(0),
        deliveries::due_at.eq(tx.now),
        deliveries::leased_until.eq(0),
        deliveries::created_at.eq(tx.now),
    );
    let id = diesel::insert_into(deliveries::table)
        .values(delivery)
        .returning(deliveries::id)
        .get_result(tx.db)?;
    tx.trace(id, (project, webhook), &EventKind::WEBHOOK_TEST, &message_id);
    Ok(id)
}

/// Failed → pending, due now, by hand. `false` when it is not failed (any more), or a test: of two who press at once, one
/// gets `true`.
pub fn retry(db: &mut Db, id: DeliveryId, now: Moment) -> QueryResult<bool> {
    diesel::update(
        deliveries::table
            .find(id)
            .filter(sql::<Bool>("status = 2 AND trigger <> 2")),
    )
    .set((
        deliveries::status.eq(Status::Pending),
        deliveries::trigger.eq(Trigger::Manual),
        deliveries::claims.eq(0),
        deliveries::due_at.eq(now),
    ))
    .execute(db)
    .map(|changed| changed == 1)
}

/// Those of these deliveries that are of this webhook, in the order in which locks are taken.
pub fn of_webhook(db: &mut Db, webhook: WebhookId, ids: Vec<DeliveryId>) -> QueryResult<Vec<DeliveryId>> {
    deliveries::table
        .filter(deliveries::id.eq_any(ids))
        .filter(deliveries::webhook_id.eq(webhook))
        .order(deliveries::id)
        .select(deliveries::id)
        .load(db)
}

/// The newest delivery of a webhook: everything that waits now lies at or before it.
pub fn newest(db: &mut Db, webhook: WebhookId) -> QueryResult<Option<DeliveryId>> {
    let newest = of_webhook::newest_first(db, webhook, Range::ALL);
    newest.select(deliveries::id).first(db).optional()
}

/// Ends at most `limit` discarded deliveries as failed and says how many; 0 when nothing is left to do. One whose attempt is
/// on its way is left until that is recorded. The mark of a webhook goes when its last one has ended.
pub fn end_discarded_slice(db: &mut Db, limit: i64, now: Moment) -> QueryResult<usize> {
    let marked: Vec<(WebhookId, DeliveryId)> = webhooks::table
        .filter(webhooks::discarded_to.gt(0))
        .order(webhooks::id)
        .select((webhooks::id, webhooks::discarded_to))
        .load(db)?;
    let mut done = Vec::new();
    let mut ended = 0;
    for (webhook, discarded_to) in marked {
        // Leased ones too: while one is on its way the mark must stay. A lease that ran out belongs to nobody.
        let waiting: Vec<(DeliveryId, Moment)> = deliveries::table
            .filter(deliveries::webhook_id.eq(webhook))
            // `+id` and the order make SQLite walk the queue, in which the discarded ones come first, and not the history.
            .filter(sql::<Bool>("status = 0 AND trigger = 0 AND +id <= ").bind::<BigInt, _>(discarded_to))
            .order(deliveries::due_at)
            .limit(limit)
            .select((deliveries::id, deliveries::leased_until))
            .load(db)?;
        if waiting.is_empty() {
            done.push((webhook, discarded_to));
        }
        let ids: Vec<DeliveryId> = waiting
            .into_iter()
            .filter(|(_, until)| *until < now)
            .map(|(id, _)| id)
            .collect();
        if !ids.is_empty() {
            ended = end(db, ids, OutcomeKind::Discarded, now)?;
            break;
        }
    }
    // Last: locks are taken in one order everywhere, deliveries before webhooks.
    for (webhook, discarded_to) in done {
        let still_marked = webhooks::table
            .find(webhook)
            .filter(webhooks::discarded_to.eq(discarded_to));
        diesel::update(still_marked)
            .set(webhooks::discarded_to.eq(0))
            .execute(db)?;
    }
    Ok(ended)
}

/// How much is held of one webhook that is off.
#[derive(Debug, Clone, Copy)]
pub struct HeldBounds {
    pub count: i64,
    pub age: Duration,
}

/// At most `limit` deliveries that were held for longer, or in a longer row, than is kept, the oldest first. For a read
/// connection: it looks at every webhook that is off.
pub fn expired(db: &mut Db, limit: i64, bounds: &HeldBounds, now: Moment) -> QueryResult<Vec<DeliveryId>> {
    let off: Vec<WebhookId> = webhooks::table
        .filter(webhooks::active.eq(false).and(webhooks::deleted_at.is_null()))
        .order(webhooks::id)
        .select(webhooks::id)
        .load(db)?;
    for webhook in off {
        let held = || {
            deliveries::table
                .filter(deliveries::webhook_id.eq(webhook))
                .filter(sql::<Bool>("status = 0 AND trigger = 0"))
        };
        let too_many: Option<Moment> = held()
            .order(deliveries::due_at.desc())
            .offset(bounds.count)
            .select(deliveries::due_at)
            .first(db)
            .optional()?;
        let too_old = now - bounds.age;
        let up_to = too_many.map_or(too_old, |due| due.max(too_old));
        let ids: Vec<DeliveryId> = held()
            .filter(deliveries::due_at.le(up_to))
            .filter(deliveries::leased_until.lt(now))
            .order(deliveries::due_at)
            .limit(limit)
            .select(deliveries::id)
            .load(db)?;
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(Vec::new())
}

/// The project and the webhook of the first of these deliveries, which [`expired`] found: they have one webhook.
pub fn whose(db: &mut Db, ids: &[DeliveryId]) -> QueryResult<Option<(ProjectId, WebhookId)>> {
    let Some(first) = ids.first() else { return Ok(None) };
    deliveries::table
        .find(first)
        .select((deliveries::project_id, deliveries::webhook_id))
        .first(db)
        .optional()
}

/// Ends what [`expired`] found, unless it has been claimed or ended since.
pub fn end_expired(db: &mut Db, ids: Vec<DeliveryId>, now: Moment) -> QueryResult<usize> {
    end(db, ids, OutcomeKind::Expired, now)
}

fn end(db: &mut Db, ids: Vec<DeliveryId>, outcome: OutcomeKind, now: Moment) -> QueryResult<usize> {
    diesel::update(deliveries::table)
        .filter(deliveries::id.eq_any(ids))
        // Again, because a claim on another node may have been quicker.
        .filter(sql::<Bool>("status = 0 AND trigger = 0"))
        .filter(deliveries::leased_until.lt(now))
        .set((
            deliveries::status.eq(Status::Failed),
            deliveries::outcome.eq(Some(outcome)),
            deliveries::response_code.eq(None::<i32>),
            deliveries::lease_id.eq(None::<i64>),
            deliveries::leased_until.eq(0),
        ))
        .execute(db)
}
