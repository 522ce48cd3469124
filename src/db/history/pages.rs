//! A page of the history: of one webhook, or of all of a project, whose pages are laid one over the other. Which index serves
//! depends on the filter; where none does, a window of rows is looked at.

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::range::range;
use super::window::{Condition, Rows, Window};
use super::{CodeClass, Delivery, Filter, Page, Query, Show, Start};
use crate::db::range::Range;
use crate::db::schema::{deliveries, events, memberships};
use crate::db::{Db, of_webhook};
use crate::domain::ids::{DeliveryId, EventId, TaskId, WebhookId};

/// Rows that one request looks at when no index serves its filter.
const WINDOW: i64 = 5_000;
/// The least of them for each webhook of a project.
const LEAST: i64 = 250;
/// Up to so many waiting deliveries are put into order in memory; beyond that the newest rows are waiting ones anyway.
const SORTED: i64 = 1_000;
/// Events of one task that one request looks at: from its cursor on, so that the next page may see as many again.
const EVENTS: i64 = 10_000;
/// Events whose deliveries are read together, so many and then more: each has one for every webhook that subscribes to it.
const AT_FIRST: usize = 10;
const AT_A_TIME: usize = 200;

/// One page of the history of the query's webhooks.
pub fn page(db: &mut Db, query: &Query) -> QueryResult<Page> {
    let range = range(db, &query.filter)?.beyond(query.start);
    if let Some(task) = query.filter.task {
        return of_task(db, query, task, range);
    }
    let mut pages = Vec::with_capacity(query.webhooks.len());
    for &(webhook, above) in &query.webhooks {
        pages.push(of_webhook(db, query, webhook, range.above(above))?);
    }
    Ok(laid_together(query, pages))
}

/// Pages of several webhooks as one. What one of them did not search bounds what can be said of the others.
fn laid_together(query: &Query, pages: Vec<Page>) -> Page {
    let upwards = query.start.is_upwards();
    let edges = pages.iter().filter_map(|page| page.searched_to);
    let edge = if upwards { edges.min() } else { edges.max() };
    let mut more = pages.iter().any(|page| page.more);
    let mut rows: Vec<Delivery> = pages.into_iter().flat_map(|page| page.rows).collect();
    match edge {
        Some(edge) if upwards => rows.retain(|row| row.id <= edge),
        Some(edge) => rows.retain(|row| row.id >= edge),
        None => {}
    }
    rows.sort_unstable_by(|a, b| if upwards { a.id.cmp(&b.id) } else { b.id.cmp(&a.id) });
    let limit = query.limit as usize;
    more |= rows.len() > limit;
    rows.truncate(limit);
    let is_full = rows.len() == limit;
    if upwards {
        rows.reverse();
    }
    Page {
        rows,
        more: more && is_full,
        searched_to: edge.filter(|_| !(more && is_full)),
    }
}

fn of_webhook(db: &mut Db, query: &Query, webhook: WebhookId, range: Range) -> QueryResult<Page> {
    let filter = &query.filter;
    let others = filter.kind.is_some() || filter.code.is_some() || filter.message.is_some();
    match filter.show {
        Show::Pending | Show::Held if !others => waiting_page(db, query, webhook, range),
        // The whole history and the failed ones have an index of their own.
        Show::All | Show::Failed if !others => indexed_page(db, query, webhook, range),
        _ => windowed_page(db, query, webhook, range),
    }
}

/// Small backlogs are read whole through the index of what is due, which is in queue order; in a large one the newest rows
/// of the history are waiting ones themselves.
fn waiting_page(db: &mut Db, query: &Query, webhook: WebhookId, range: Range) -> QueryResult<Page> {
    let Some(mut ids) = few_waiting(db, query, webhook)? else {
        return windowed_page(db, query, webhook, range);
    };
    ids.retain(|&id| range.holds(id));
    ids.sort_unstable_by(|a, b| b.cmp(a));
    if query.start.is_upwards() {
        ids.reverse();
    }
    let more = ids.len() > query.limit as usize;
    ids.truncate(query.limit as usize);
    let rows = deliveries::table
        .filter(seen_by(query))
        .filter(deliveries::webhook_id.eq(webhook))
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
fn few_waiting(db: &mut Db, query: &Query, webhook: WebhookId) -> QueryResult<Option<Vec<DeliveryId>>> {
    let mut ids: Vec<DeliveryId> = deliveries::table
        .filter(deliveries::webhook_id.eq(webhook))
        .filter(sql::<Bool>("status = 0 AND trigger = 0"))
        .order(deliveries::due_at)
        .limit(SORTED + 1)
        .select(deliveries::id)
        .load(db)?;
    if query.filter.show == Show::Pending {
        let direct: Vec<DeliveryId> = deliveries::table
            .filter(deliveries::webhook_id.eq(webhook))
            .filter(sql::<Bool>("status = 0 AND trigger <> 0"))
            .order(deliveries::due_at)
            .limit(SORTED + 1)
            .select(deliveries::id)
            .load(db)?;
        ids.extend(direct);
    }
    Ok((ids.len() as i64 <= SORTED).then_some(ids))
}

/// Looks at a window of rows beyond the cursor; what it does not find there the next request may.
fn windowed_page(db: &mut Db, query: &Query, webhook: WebhookId, range: Range) -> QueryResult<Page> {
    let rows = (WINDOW / query.webhooks.len().max(1) as i64).max(LEAST);
    let window = Window {
        rows: seen_in_order(db, query, webhook, range).limit(rows),
        conditions: conditions(&query.filter),
        wanted: query.limit + 1,
    };
    // Of one instant: after a removal in between, the edge would lie beyond what was looked at.
    db.transaction(|db| {
        let mut page = page_of(query, window.load(db)?);
        if !page.more {
            page.searched_to = window_edge(db, query, webhook, range, rows)?;
        }
        Ok(page)
    })
}

/// The id at which the window ends; `None` when the rows end before it does. Index only: no row is read.
fn window_edge(
    db: &mut Db,
    query: &Query,
    webhook: WebhookId,
    range: Range,
    rows: i64,
) -> QueryResult<Option<DeliveryId>> {
    let ids = in_order(db, query, webhook, range).offset(rows - 1);
    ids.select(deliveries::id).first(db).optional()
}

fn in_order(db: &Db, query: &Query, webhook: WebhookId, range: Range) -> of_webhook::Rows {
    if query.start.is_upwards() {
        of_webhook::oldest_first(db, webhook, range)
    } else {
        of_webhook::newest_first(db, webhook, range)
    }
}

fn indexed_page(db: &mut Db, query: &Query, webhook: WebhookId, range: Range) -> QueryResult<Page> {
    let rows = narrowed(seen_in_order(db, query, webhook, range), &query.filter);
    Ok(page_of(query, rows.limit(query.limit + 1).load(db)?))
}

/// Of rows in the order of reading, with one more than wanted if there are more.
fn page_of(query: &Query, mut rows: Vec<Delivery>) -> Page {
    let more = rows.len() as i64 > query.limit;
    rows.truncate(query.limit as usize);
    if query.start.is_upwards() {
        rows.reverse();
    }
    Page {
        rows,
        more,
        searched_to: None,
    }
}

/// A task's deliveries are found through its events: their ids are read first, from the index alone, and then the deliveries of
/// some at a time until the page is full.
fn of_task(db: &mut Db, query: &Query, task: TaskId, range: Range) -> QueryResult<Page> {
    let mut rows: Vec<Delivery> = Vec::new();
    let events = events_beyond(db, query, task)?;
    let (mut events, mut at_a_time) = (events.as_slice(), AT_FIRST);
    while !events.is_empty() && rows.len() as i64 <= query.limit {
        let (ids, rest) = events.split_at(at_a_time.min(events.len()));
        let found = deliveries::table.filter(seen_by(query)).select(Delivery::as_select());
        let found = found.filter(deliveries::event_id.eq_any(ids.to_vec())).into_boxed();
        let found: Vec<Delivery> = narrowed(found, &query.filter).load(db)?;
        rows.extend(found.into_iter().filter(|row| {
            let is_asked = |&(webhook, above)| webhook == row.webhook_id && row.id > above;
            range.holds(row.id) && query.webhooks.iter().any(is_asked)
        }));
        (events, at_a_time) = (rest, (at_a_time * 4).min(AT_A_TIME));
    }
    let page = Page {
        rows,
        ..Page::default()
    };
    Ok(laid_together(query, vec![page]))
}

/// The events of a task from the cursor on, in the direction of reading. A delivery that is gone stands for the one before it.
fn events_beyond(db: &mut Db, query: &Query, task: TaskId) -> QueryResult<Vec<EventId>> {
    let cursor: Option<EventId> = match query.start {
        Start::Newest => None,
        Start::Before(id) | Start::After(id) => deliveries::table
            .filter(deliveries::id.le(id))
            .order(deliveries::id.desc())
            .select(deliveries::event_id)
            .first(db)
            .optional()?
            .or(Some(EventId(0))),
    };
    let events = events::table
        .filter(events::project_id.eq(query.project))
        .filter(events::task_id.eq(task))
        .select(events::id)
        .limit(EVENTS)
        .into_boxed();
    match (cursor, query.start) {
        (Some(event), Start::After(_)) => events.filter(events::id.ge(event)).order(events::id.asc()).load(db),
        (Some(event), _) => events.filter(events::id.le(event)).order(events::id.desc()).load(db),
        (None, _) => events.order(events::id.desc()).load(db),
    }
}

fn seen_in_order(db: &Db, query: &Query, webhook: WebhookId, range: Range) -> Rows {
    let rows = in_order(db, query, webhook, range).filter(seen_by(query));
    rows.select(Delivery::as_select())
}

fn narrowed(rows: Rows, filter: &Filter) -> Rows {
    conditions(filter).into_iter().fold(rows, Rows::filter)
}

/// Literals: a bound status would miss the partial index.
fn conditions(filter: &Filter) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    match filter.show {
        Show::All => {}
        Show::Success => all.push(Box::new(sql("deliveries.status = 1"))),
        Show::Failed => all.push(Box::new(sql("deliveries.status = 2"))),
        Show::Pending => all.push(Box::new(sql("deliveries.status = 0"))),
        Show::Held => all.push(Box::new(sql("deliveries.status = 0 AND deliveries.trigger = 0"))),
    }
    if let Some(kind) = &filter.kind {
        all.push(Box::new(deliveries::kind.eq(kind.clone())));
    }
    if let Some(message) = &filter.message {
        all.push(Box::new(deliveries::message_id.eq(message.clone())));
    }
    if let Some(code) = filter.code {
        let of = |low, high| deliveries::response_code.between(low, high).assume_not_null();
        all.push(match code {
            CodeClass::Success => Box::new(of(200, 299)),
            CodeClass::Redirect => Box::new(of(300, 399)),
            CodeClass::ClientError => Box::new(of(400, 499)),
            CodeClass::ServerError => Box::new(of(500, 599)),
            CodeClass::None => Box::new(sql("deliveries.outcome BETWEEN 1 AND 7")),
        });
    }
    all
}

/// Of the project, if the person is a member of it.
#[diesel::dsl::auto_type]
fn seen_by(query: &Query) -> _ {
    let user: crate::domain::ids::UserId = query.user;
    let project: crate::domain::ids::ProjectId = query.project;
    deliveries::project_id.eq(project).and(exists(
        memberships::table
            .filter(memberships::project_id.eq(project))
            .filter(memberships::user_id.eq(user)),
    ))
}
