//! What was sent and what came back: the queries behind the history pages and calls. Every one goes through the person's
//! membership, and none reads more than a few thousand rows, however many deliveries there are: pages go by id, never by
//! offset, and a filter that no index serves looks at a window of rows at a time.

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Db;
pub use super::attempts::Attempt;
use super::schema::{attempt_bodies, attempts, deliveries, events, memberships, tasks, webhooks};
use crate::domain::delivery::{OutcomeKind, Status, Trigger};
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, TaskId, UserId, WebhookId};
use crate::domain::moment::Moment;

/// Rows that one request looks at when no index serves its filter.
const WINDOW: i64 = 5_000;
/// Looked at first: most filters fill their page from the nearest rows.
const NEAR: i64 = 250;
/// Up to so many waiting deliveries are put into order in memory; beyond that the newest rows are waiting ones anyway.
const SORTED: i64 = 1_000;

/// Failed ones that are looked at for one that was really sent.
const LOOKED_AT: i64 = 1_000;

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

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Newest,
    /// Older than this one.
    Before(DeliveryId),
    /// Newer than this one.
    After(DeliveryId),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    pub user: UserId,
    pub project: ProjectId,
    pub webhook: WebhookId,
    pub show: Show,
    pub kind: Option<EventKind>,
    pub start: Start,
    pub limit: i64,
}

/// A page of the history, newest first.
#[derive(Debug, Clone)]
pub struct Page {
    pub rows: Vec<Delivery>,
    /// There are more in the direction that was asked for.
    pub more: bool,
    /// The filter ended at this id for want of an index; older ones were not looked at.
    pub searched_to: Option<DeliveryId>,
}

/// One page of a webhook's history.
pub fn page(db: &mut Db, query: &Query) -> QueryResult<Page> {
    match query.show {
        Show::Pending | Show::Held if query.kind.is_none() => waiting_page(db, query),
        // The whole history and the failed ones have an index of their own.
        Show::All | Show::Failed if query.kind.is_none() => indexed_page(db, query, None),
        _ => windowed_page(db, query),
    }
}

/// Small backlogs are read whole through the index of what is due, which is in queue order; in a large one the newest rows
/// of the history are waiting ones themselves.
fn waiting_page(db: &mut Db, query: &Query) -> QueryResult<Page> {
    let Some(mut ids) = few_waiting(db, query)? else {
        return windowed_page(db, query);
    };
    match query.start {
        Start::Newest => {}
        Start::Before(id) => ids.retain(|&other| other < id),
        Start::After(id) => ids.retain(|&other| other > id),
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    if matches!(query.start, Start::After(_)) {
        ids.reverse();
    }
    let more = ids.len() > query.limit as usize;
    ids.truncate(query.limit as usize);
    let rows = scoped(query)
        .filter(deliveries::id.eq_any(ids))
        .order(deliveries::id.desc())
        .select(Delivery::as_select())
        .load(db)?;
    Ok(Page {
        rows,
        more,
        searched_to: None,
    })
}

/// The ids of all that wait, unless they are many. The order is what makes SQLite take the index of what is due; without it
/// the whole history is walked.
fn few_waiting(db: &mut Db, query: &Query) -> QueryResult<Option<Vec<DeliveryId>>> {
    let mut ids: Vec<DeliveryId> = deliveries::table
        .filter(deliveries::webhook_id.eq(query.webhook))
        .filter(sql::<Bool>("status = 0 AND trigger = 0"))
        .order(deliveries::due_at)
        .limit(SORTED + 1)
        .select(deliveries::id)
        .load(db)?;
    if query.show == Show::Pending {
        let direct: Vec<DeliveryId> = deliveries::table
            .filter(deliveries::webhook_id.eq(query.webhook))
            .filter(sql::<Bool>("status = 0 AND trigger <> 0"))
            .order(deliveries::due_at)
            .limit(SORTED + 1)
            .select(deliveries::id)
            .load(db)?;
        ids.extend(direct);
    }
    Ok((ids.len() as i64 <= SORTED).then_some(ids))
}

/// Looks at a window of rows beyond the cursor, a small one first; what it does not find there the next request may.
fn windowed_page(db: &mut Db, query: &Query) -> QueryResult<Page> {
    let near = window_edge(db, query, NEAR)?;
    let page = indexed_page(db, query, near)?;
    if page.more || near.is_none() {
        return Ok(page);
    }
    let edge = window_edge(db, query, WINDOW)?;
    let mut page = indexed_page(db, query, edge)?;
    if !page.more && !matches!(query.start, Start::After(_)) {
        page.searched_to = edge;
    }
    Ok(page)
}

/// The id at which the window ends; `None` when the rows end before it does. Index only: no row is read.
fn window_edge(db: &mut Db, query: &Query, rows: i64) -> QueryResult<Option<DeliveryId>> {
    let ids = deliveries::table
        .filter(deliveries::webhook_id.eq(query.webhook))
        .offset(rows - 1)
        .select(deliveries::id);
    match query.start {
        Start::Newest => ids.order(deliveries::id.desc()).first(db),
        Start::Before(id) => ids.filter(deliveries::id.lt(id)).order(deliveries::id.desc()).first(db),
        Start::After(id) => ids.filter(deliveries::id.gt(id)).order(deliveries::id.asc()).first(db),
    }
    .optional()
}

fn indexed_page(db: &mut Db, query: &Query, edge: Option<DeliveryId>) -> QueryResult<Page> {
    let mut rows = scoped(query)
        .select(Delivery::as_select())
        .limit(query.limit + 1)
        .into_boxed();
    // Literals: a bound status would miss the partial index.
    rows = match query.show {
        Show::All => rows,
        Show::Success => rows.filter(sql::<Bool>("deliveries.status = 1")),
        Show::Failed => rows.filter(sql::<Bool>("deliveries.status = 2")),
        // `+status` fits no partial index: with one of those a large backlog would be sorted as a whole.
        Show::Pending => rows.filter(sql::<Bool>("+deliveries.status = 0")),
        Show::Held => rows.filter(sql::<Bool>("+deliveries.status = 0 AND deliveries.trigger = 0")),
    };
    if let Some(kind) = &query.kind {
        rows = rows.filter(deliveries::kind.eq(kind.clone()));
    }
    let upwards = matches!(query.start, Start::After(_));
    rows = match query.start {
        Start::Newest => rows.order(deliveries::id.desc()),
        Start::Before(id) => rows.filter(deliveries::id.lt(id)).order(deliveries::id.desc()),
        Start::After(id) => rows.filter(deliveries::id.gt(id)).order(deliveries::id.asc()),
    };
    if let Some(edge) = edge {
        rows = if upwards {
            rows.filter(deliveries::id.le(edge))
        } else {
            rows.filter(deliveries::id.ge(edge))
        };
    }
    let mut rows: Vec<Delivery> = rows.load(db)?;
    let more = rows.len() as i64 > query.limit;
    rows.truncate(query.limit as usize);
    if upwards {
        rows.reverse();
    }
    Ok(Page {
        rows,
        more,
        searched_to: None,
    })
}

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
        let newest: Vec<Delivery> = deliveries::table
            .filter(deliveries::webhook_id.eq(webhook))
            .order(deliveries::id.desc())
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
    let newest: Vec<(DeliveryId, Option<OutcomeKind>)> = deliveries::table
        .filter(deliveries::webhook_id.eq(webhook))
        .filter(sql::<Bool>("status = 2"))
        .order(deliveries::id.desc())
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

/// The deliveries of one webhook in one project, if the person is a member of it.
#[diesel::dsl::auto_type]
fn scoped(query: &Query) -> _ {
    let user: UserId = query.user;
    let project: ProjectId = query.project;
    let webhook: WebhookId = query.webhook;
    deliveries::table
        .filter(deliveries::webhook_id.eq(webhook))
        .filter(deliveries::project_id.eq(project))
        .filter(exists(
            memberships::table
                .filter(memberships::project_id.eq(project))
                .filter(memberships::user_id.eq(user)),
        ))
}
