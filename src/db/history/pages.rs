//! A page of the history: of one webhook, or of all of a project, whose pages are laid one over the other. Which index serves
//! depends on the filter; where none does, a window of rows is looked at.

use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::range::range;
use super::{CodeClass, Delivery, Filter, Page, Query, Show, Start};
use crate::db::range::Range;
use crate::db::schema::{deliveries, events, memberships};
use crate::db::{Db, of_webhook};
use crate::domain::ids::{DeliveryId, EventId, TaskId, WebhookId};

/// Rows that one request looks at when no index serves its filter.
const WINDOW: i64 = 5_000;
/// Looked at first: most filters fill their page from the nearest rows.
const NEAR: i64 = 250;
/// Ids of a window whose deliveries are read together, where the ids are read first.
const LOOKED_AT_A_TIME: usize = 1_000;
/// Up to so many waiting deliveries are put into order in memory; beyond that the newest rows are waiting ones anyway.
const SORTED: i64 = 1_000;
/// Events of one task that one request looks at: from its cursor on, so that the next page may see as many again.
const EVENTS: i64 = 10_000;
/// Events whose deliveries are read together.
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

/// Looks at a window of rows beyond the cursor, a small one first; what it does not find there the next request may.
fn windowed_page(db: &mut Db, query: &Query, webhook: WebhookId, range: Range) -> QueryResult<Page> {
    let up_to = |edge: Option<DeliveryId>| edge.map_or(range, |edge| range.up_to(edge, query.start));
    let near = window_edge(db, query, webhook, range, NEAR)?;
    let page = of_window(db, query, webhook, up_to(near), NEAR)?;
    if page.more || near.is_none() {
        return Ok(page);
    }
    let share = (WINDOW / query.webhooks.len().max(1) as i64).max(NEAR);
    let edge = window_edge(db, query, webhook, range, share)?;
    let mut page = of_window(db, query, webhook, up_to(edge), share)?;
    if !page.more {
        page.searched_to = edge;
    }
    Ok(page)
}

/// A page of a range that holds so many rows at most. PostgreSQL would take them for all of the webhook's, and look through the whole table for
/// what is rare: it gets their ids, a part at a time.
fn of_window(db: &mut Db, query: &Query, webhook: WebhookId, range: Range, rows: i64) -> QueryResult<Page> {
    if db.is_sqlite() {
        return indexed_page(db, query, webhook, range);
    }
    let ids = in_order(db, query, webhook, range).limit(rows);
    let ids: Vec<DeliveryId> = ids.select(deliveries::id).load(db)?;
    let mut rows: Vec<Delivery> = Vec::new();
    for ids in ids.chunks(LOOKED_AT_A_TIME) {
        let found = asked_for(query).filter(deliveries::id.eq_any(ids.to_vec()));
        rows.extend(found.load::<Delivery>(db)?);
        if rows.len() as i64 > query.limit {
            break;
        }
    }
    let page = Page {
        rows,
        ..Page::default()
    };
    Ok(laid_together(query, vec![page]))
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
    let rows = in_order(db, query, webhook, range)
        .filter(seen_by(query))
        .limit(query.limit + 1)
        .select(Delivery::as_select());
    let mut rows: Vec<Delivery> = matching(rows, &query.filter).load(db)?;
    let more = rows.len() as i64 > query.limit;
    rows.truncate(query.limit as usize);
    if query.start.is_upwards() {
        rows.reverse();
    }
    Ok(Page {
        rows,
        more,
        searched_to: None,
    })
}

/// A task's deliveries are found through its events: their ids are read first, from the index alone, and then the deliveries of
/// some at a time until the page is full.
fn of_task(db: &mut Db, query: &Query, task: TaskId, range: Range) -> QueryResult<Page> {
    let mut rows: Vec<Delivery> = Vec::new();
    for ids in events_beyond(db, query, task)?.chunks(AT_A_TIME) {
        let found = asked_for(query).filter(deliveries::event_id.eq_any(ids.to_vec()));
        let found: Vec<Delivery> = found.load(db)?;
        rows.extend(found.into_iter().filter(|row| {
            let is_asked = |&(webhook, above)| webhook == row.webhook_id && row.id > above;
            range.holds(row.id) && query.webhooks.iter().any(is_asked)
        }));
        if rows.len() as i64 > query.limit {
            break;
        }
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

type Rows<'a> = deliveries::BoxedQuery<
    'a,
    <Db as Connection>::Backend,
    diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<Delivery, <Db as Connection>::Backend>>,
>;

/// All that the person may see and the filter lets through, wherever they lie.
fn asked_for<'a>(query: &Query) -> Rows<'a> {
    let seen = deliveries::table.filter(seen_by(query)).select(Delivery::as_select());
    matching(seen.into_boxed(), &query.filter)
}

/// What a row must be by itself. Literals: a bound status would miss the partial index.
fn matching<'a>(rows: Rows<'a>, filter: &Filter) -> Rows<'a> {
    let mut rows = match filter.show {
        Show::All => rows,
        Show::Success => rows.filter(sql::<Bool>("deliveries.status = 1")),
        Show::Failed => rows.filter(sql::<Bool>("deliveries.status = 2")),
        // `+status` fits no partial index: with one of those a large backlog would be sorted as a whole.
        Show::Pending => rows.filter(sql::<Bool>("+deliveries.status = 0")),
        Show::Held => rows.filter(sql::<Bool>("+deliveries.status = 0 AND deliveries.trigger = 0")),
    };
    if let Some(kind) = &filter.kind {
        rows = rows.filter(deliveries::kind.eq(kind.clone()));
    }
    if let Some(message) = &filter.message {
        rows = rows.filter(deliveries::message_id.eq(message.clone()));
    }
    match filter.code {
        None => rows,
        Some(CodeClass::Success) => rows.filter(deliveries::response_code.between(200, 299)),
        Some(CodeClass::Redirect) => rows.filter(deliveries::response_code.between(300, 399)),
        Some(CodeClass::ClientError) => rows.filter(deliveries::response_code.between(400, 499)),
        Some(CodeClass::ServerError) => rows.filter(deliveries::response_code.between(500, 599)),
        Some(CodeClass::None) => rows.filter(sql::<Bool>("deliveries.outcome BETWEEN 1 AND 7")),
    }
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
