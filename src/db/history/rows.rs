//! Single deliveries and what belongs to them: the event, the attempts, the bodies, the sentences that tell of them.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::{Attempt, Delivery, Event};
use crate::db::range::Range;
use crate::db::schema::{attempt_bodies, attempts, deliveries, events, memberships, tasks, webhooks};
use crate::db::{Db, of_webhook};
use crate::domain::delivery::OutcomeKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, TaskId, UserId, WebhookId};

/// Failed ones that are looked at for one that was really sent.
const LOOKED_AT: i64 = 1_000;

/// One delivery with its event, through account, project and webhook at once.
pub fn find(
    db: &mut Db,
    user: UserId,
    project: ProjectId,
    webhook: WebhookId,
    id: DeliveryId,
) -> QueryResult<(Delivery, Event)> {
    deliveries::table
        .inner_join(events::table)
        .inner_join(webhooks::table)
        .inner_join(memberships::table.on(memberships::project_id.eq(webhooks::project_id)))
        .filter(deliveries::id.eq(id))
        .filter(webhooks::id.eq(webhook))
        .filter(webhooks::project_id.eq(project))
        .filter(webhooks::deleted_at.is_null())
        .filter(memberships::user_id.eq(user))
        .select((Delivery::as_select(), Event::as_select()))
        .first(db)
}

/// The API names a delivery without its webhook: where it is, if the person is a member there.
pub fn place_of(db: &mut Db, user: UserId, id: DeliveryId) -> QueryResult<(ProjectId, WebhookId)> {
    deliveries::table
        .inner_join(webhooks::table)
        .inner_join(memberships::table.on(memberships::project_id.eq(webhooks::project_id)))
        .filter(deliveries::id.eq(id))
        .filter(webhooks::deleted_at.is_null())
        .filter(memberships::user_id.eq(user))
        .select((webhooks::project_id, webhooks::id))
        .first(db)
}

/// The attempts of a delivery that was found through a membership, first to last.
pub fn attempts_of(db: &mut Db, delivery: &Delivery) -> QueryResult<Vec<Attempt>> {
    attempts::table
        .filter(attempts::delivery_id.eq(delivery.id))
        .order(attempts::number)
        .select(Attempt::as_select())
        .load(db)
}

/// What receivers answered, by attempt number; an empty answer has no row.
pub fn bodies_of(db: &mut Db, delivery: &Delivery) -> QueryResult<Vec<(i32, Vec<u8>)>> {
    attempt_bodies::table
        .filter(attempt_bodies::delivery_id.eq(delivery.id))
        .select((attempt_bodies::number, attempt_bodies::body))
        .load(db)
}

/// The bodies of the events of a page's deliveries.
pub fn payloads_of(db: &mut Db, rows: &[Delivery]) -> QueryResult<Vec<(EventId, Vec<u8>)>> {
    let ids: Vec<EventId> = rows.iter().map(|row| row.event_id).collect();
    events::table
        .filter(events::id.eq_any(ids))
        .select((events::id, events::body))
        .load(db)
}

/// What the tasks of a page's deliveries are called now. A deleted task has no name any more, and a published event's task
/// is not one of ours.
pub fn task_names(db: &mut Db, project: ProjectId, rows: &[Delivery]) -> QueryResult<Vec<(EventId, String)>> {
    let ids: Vec<EventId> = rows
        .iter()
        .filter(|row| row.task_id.is_some())
        .map(|row| row.event_id)
        .collect();
    events::table
        .inner_join(tasks::table.on(events::task_id.eq(tasks::id.nullable())))
        .filter(events::id.eq_any(ids))
        .filter(events::published.eq(false))
        .filter(tasks::project_id.eq(project))
        .select((events::id, tasks::description))
        .load(db)
}

/// The newest delivery of a webhook that was attempted. Looks at the newest rows only; a long backlog hides it, and then the
/// newest failed one stands for it.
pub fn last_attempted(db: &mut Db, webhook: WebhookId) -> QueryResult<Option<Delivery>> {
    for look in [1, 100] {
        let newest: Vec<Delivery> = of_webhook::newest_first(db, webhook, Range::ALL)
            .limit(look)
            .select(Delivery::as_select())
            .load(db)?;
        let fewer = (newest.len() as i64) < look;
        if let Some(row) = newest.into_iter().find(|row| row.last_attempt_at.is_some()) {
            return Ok(Some(row));
        }
        if fewer {
            return Ok(None);
        }
    }
    last_failed(db, webhook)
}

/// The newest delivery that ended as failed after an attempt. Thousands that were discarded or expired may lie above it: then
/// it is not looked for.
pub fn last_failed(db: &mut Db, webhook: WebhookId) -> QueryResult<Option<Delivery>> {
    let newest: Vec<(DeliveryId, Option<OutcomeKind>)> = of_webhook::newest_first(db, webhook, Range::ALL)
        .filter(sql::<Bool>("status = 2"))
        .limit(LOOKED_AT)
        .select((deliveries::id, deliveries::outcome))
        .load(db)?;
    let never_sent = |outcome| matches!(outcome, Some(OutcomeKind::Discarded | OutcomeKind::Expired));
    let Some((id, _)) = newest.into_iter().find(|(_, outcome)| !never_sent(*outcome)) else {
        return Ok(None);
    };
    deliveries::table
        .find(id)
        .select(Delivery::as_select())
        .first(db)
        .optional()
}

/// The sentence of a delivery's last attempt.
pub fn last_message(db: &mut Db, delivery: DeliveryId) -> QueryResult<Option<String>> {
    attempts::table
        .filter(attempts::delivery_id.eq(delivery))
        .order(attempts::number.desc())
        .select(attempts::message)
        .first(db)
        .optional()
}

/// The sentences of the last attempts of a page's deliveries.
pub fn last_messages(db: &mut Db, rows: &[Delivery]) -> QueryResult<Vec<(DeliveryId, String)>> {
    let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
    attempts::table
        .inner_join(deliveries::table)
        .filter(attempts::delivery_id.eq_any(ids))
        .filter(attempts::number.eq(deliveries::attempts))
        .select((attempts::delivery_id, attempts::message))
        .load(db)
}

/// The neighbours of a delivery in its webhook's history: the next older and the next newer one.
pub fn beside(db: &mut Db, delivery: &Delivery) -> QueryResult<(Option<DeliveryId>, Option<DeliveryId>)> {
    let (older, newer) = (Range::ALL.below(delivery.id), Range::ALL.above(delivery.id));
    let older = of_webhook::newest_first(db, delivery.webhook_id, older);
    let newer = of_webhook::oldest_first(db, delivery.webhook_id, newer);
    Ok((
        older.select(deliveries::id).first(db).optional()?,
        newer.select(deliveries::id).first(db).optional()?,
    ))
}

/// All deliveries of these events, to whichever webhooks of the project.
pub fn of_events(db: &mut Db, project: ProjectId, ids: &[EventId]) -> QueryResult<Vec<Delivery>> {
    deliveries::table
        .filter(deliveries::event_id.eq_any(ids.to_vec()))
        .filter(deliveries::project_id.eq(project))
        .order(deliveries::id)
        .select(Delivery::as_select())
        .load(db)
}

/// What the task was before an event of ours: the body of the event before it.
pub fn event_before(db: &mut Db, project: ProjectId, task: TaskId, event: EventId) -> QueryResult<Option<Vec<u8>>> {
    events::table
        .filter(events::project_id.eq(project))
        .filter(events::task_id.eq(task))
        .filter(events::id.lt(event))
        .filter(events::published.eq(false))
        .order(events::id.desc())
        .select(events::body)
        .first(db)
        .optional()
}

/// Those of these deliveries that belong to the person's project, the newest first.
pub fn some(db: &mut Db, user: UserId, project: ProjectId, ids: &[DeliveryId]) -> QueryResult<Vec<Delivery>> {
    deliveries::table
        .inner_join(memberships::table.on(memberships::project_id.eq(deliveries::project_id)))
        .filter(deliveries::id.eq_any(ids.to_vec()))
        .filter(deliveries::project_id.eq(project))
        .filter(memberships::user_id.eq(user))
        .order(deliveries::id.desc())
        .select(Delivery::as_select())
        .load(db)
}
