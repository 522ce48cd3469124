//! What people do with deliveries: look at the history, here, and send again, beside it. Members see the history without what
//! receivers answered; only the owner and managers send.

mod decisions;
mod sending;

pub use self::decisions::{Decision, Fired, of_task};
pub(super) use self::sending::press;
pub use self::sending::{MOST_SELECTED, Retried, retry, retry_selected, test};
use super::access::{Actor, Member};
use super::webhooks::{self, Seen};
use crate::db::history::{self, Attempt, Delivery, Event, Filter, Page, Query, Show, Start};
use crate::db::{Db, statuses, tags};
use crate::domain::ids::{DeliveryId, EventId, ProjectId, UserId, WebhookId};
use crate::error::AppError;

/// Whose history: one webhook's, or that of all webhooks of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub project: ProjectId,
    pub webhook: Option<WebhookId>,
}

impl Place {
    pub fn of(project: ProjectId, webhook: WebhookId) -> Self {
        Place {
            project,
            webhook: Some(webhook),
        }
    }
}

/// Which part of the history.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub filter: Filter,
    pub start: Start,
    pub limit: i64,
}

/// A page of the history with what its rows need besides.
#[derive(Debug)]
pub struct History {
    pub member: Member,
    /// The one that was asked for, or all of the project.
    pub webhooks: Vec<Seen>,
    pub page: Page,
    /// What the tasks are called now, by event.
    pub tasks: Vec<(EventId, String)>,
}

impl History {
    /// The webhook of one of its rows.
    pub fn webhook_of(&self, row: &Delivery) -> &Seen {
        let own = self.webhooks.iter().find(|seen| seen.webhook.id == row.webhook_id);
        own.expect("rows are loaded for these webhooks only")
    }
}

/// A delivery with all that is kept of it, as the person who asks may see it.
#[derive(Debug)]
pub struct Detail {
    pub member: Member,
    pub webhook: Seen,
    pub delivery: Delivery,
    pub event: Event,
    /// What the task is called now.
    pub task: Option<String>,
    /// For a member who manages nothing: without headers and bodies, and of the URL no path.
    pub attempts: Vec<(Attempt, Vec<u8>)>,
}

/// One page of the history.
pub fn history(db: &mut Db, actor: &Actor, place: Place, wanted: &Wanted) -> Result<History, AppError> {
    let (member, webhooks) = whose(db, actor, place)?;
    page_of(db, actor, member, webhooks, wanted)
}

fn whose(db: &mut Db, actor: &Actor, place: Place) -> Result<(Member, Vec<Seen>), AppError> {
    match place.webhook {
        Some(id) => {
            let (member, webhook) = webhooks::find_uncounted(db, actor, place.project, id)?;
            Ok((member, vec![webhook]))
        }
        None => webhooks::list_uncounted(db, actor, place.project),
    }
}

fn page_of(
    db: &mut Db,
    actor: &Actor,
    member: Member,
    webhooks: Vec<Seen>,
    wanted: &Wanted,
) -> Result<History, AppError> {
    let project = member.project.id;
    // Nothing is held while a webhook is on.
    let held_only = wanted.filter.show == Show::Held;
    let asked = webhooks.iter().filter(|seen| !(held_only && seen.webhook.active));
    // What was discarded waits for the engine to say so; it is not held any more.
    let above = |seen: &Seen| {
        if held_only {
            seen.webhook.discarded_to
        } else {
            DeliveryId(0)
        }
    };
    let query = Query {
        user: actor.user,
        project,
        webhooks: asked.map(|seen| (seen.webhook.id, above(seen))).collect(),
        filter: wanted.filter.clone(),
        start: wanted.start,
        limit: wanted.limit,
    };
    let page = history::page(db, &query)?;
    let tasks = history::task_names(db, project, &page.rows)?;
    Ok(History {
        member,
        webhooks,
        page,
        tasks,
    })
}

/// The rows of a page that is open somewhere, as they are now, and how many match that are newer than its newest, counted up to
/// `most`. Without a newest one none are counted.
pub fn news(
    db: &mut Db,
    actor: &Actor,
    place: Place,
    filter: &Filter,
    shown: &[DeliveryId],
    newest: Option<DeliveryId>,
    most: i64,
) -> Result<(History, usize), AppError> {
    let (member, webhooks) = whose(db, actor, place)?;
    let mut newer = 0;
    let (member, webhooks) = match newest {
        Some(newest) => {
            let wanted = Wanted {
                filter: filter.clone(),
                start: Start::After(newest),
                limit: most,
            };
            let found = page_of(db, actor, member, webhooks, &wanted)?;
            newer = found.page.rows.len();
            (found.member, found.webhooks)
        }
        None => (member, webhooks),
    };
    let mut rows = history::some(db, actor.user, place.project, shown)?;
    rows.retain(|row| webhooks.iter().any(|seen| seen.webhook.id == row.webhook_id));
    let history = History {
        tasks: history::task_names(db, place.project, &rows)?,
        page: Page {
            rows,
            ..Page::default()
        },
        member,
        webhooks,
    };
    Ok((history, newer))
}

/// The sentences of the last attempts of a page's rows; `history` proves that they may be seen.
pub fn messages(db: &mut Db, history: &History) -> Result<Vec<(DeliveryId, String)>, AppError> {
    Ok(history::last_messages(db, &history.page.rows)?)
}

/// What was sent, by event; `history` proves that it may be seen.
pub fn payloads(db: &mut Db, history: &History) -> Result<Vec<(EventId, Vec<u8>)>, AppError> {
    Ok(history::payloads_of(db, &history.page.rows)?)
}

/// As [`history`], but a filter goes on to the next windows of rows until the page is full; after some it gives up.
pub fn history_far(db: &mut Db, actor: &Actor, place: Place, wanted: &Wanted) -> Result<History, AppError> {
    let mut found = history(db, actor, place, wanted)?;
    for _ in 0..FAR {
        let missing = wanted.limit - found.page.rows.len() as i64;
        let Some(edge) = found.page.searched_to.filter(|_| missing > 0) else {
            break;
        };
        let wanted = Wanted {
            start: Start::Before(edge),
            limit: missing,
            ..wanted.clone()
        };
        let older = history(db, actor, place, &wanted)?;
        found.page.rows.extend(older.page.rows);
        found.page.more = older.page.more;
        found.page.searched_to = older.page.searched_to;
    }
    Ok(found)
}

/// Windows of 5,000 rows that one call looks at beyond the first.
const FAR: usize = 19;

/// One delivery with its attempts.
pub fn find(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Detail, AppError> {
    let (member, seen) = webhooks::find(db, actor, project, webhook)?;
    let (delivery, event) = history::find(db, actor.user, project, webhook, id)?;
    let mut bodies = history::bodies_of(db, &delivery)?;
    let mut attempts = Vec::new();
    for mut attempt in history::attempts_of(db, &delivery)? {
        let body = bodies.iter().position(|(number, _)| *number == attempt.number);
        let mut body = body.map(|at| bodies.swap_remove(at).1).unwrap_or_default();
        if !member.manages() {
            attempt.url = webhooks::hide_path(&attempt.url);
            attempt.request_headers.clear();
            attempt.response_headers.clear();
            attempt.address = None;
            body.clear();
        }
        attempts.push((attempt, body));
    }
    let task = history::task_names(db, project, std::slice::from_ref(&delivery))?
        .pop()
        .map(|(_, name)| name);
    Ok(Detail {
        member,
        webhook: seen,
        delivery,
        event,
        task,
        attempts,
    })
}

/// What lies around a delivery; `detail` proves that the person may see it.
#[derive(Debug)]
pub struct Around {
    /// Who did what the event tells of; a host application's own number says nothing to us.
    pub by: Option<String>,
    pub older: Option<DeliveryId>,
    pub newer: Option<DeliveryId>,
    /// The same event to other webhooks.
    pub siblings: Vec<(Seen, Delivery)>,
    /// The body of the task's event before this one, while it is kept.
    pub before: Option<Vec<u8>>,
    pub statuses: Vec<statuses::Status>,
    pub tags: Vec<tags::Tag>,
}

pub fn around(db: &mut Db, actor: &Actor, detail: &Detail) -> Result<Around, AppError> {
    let (delivery, project) = (&detail.delivery, detail.member.project.id);
    let (older, newer) = history::beside(db, delivery)?;
    let others: Vec<Delivery> = history::of_events(db, project, &[delivery.event_id])?
        .into_iter()
        .filter(|other| other.id != delivery.id)
        .collect();
    let siblings = if others.is_empty() {
        Vec::new()
    } else {
        let (_, webhooks) = webhooks::list_uncounted(db, actor, project)?;
        let whose = |other: Delivery| {
            let seen = webhooks.iter().find(|seen| seen.webhook.id == other.webhook_id);
            seen.map(|seen| (seen.clone(), other))
        };
        others.into_iter().filter_map(whose).collect()
    };
    let ours = !detail.event.published;
    Ok(Around {
        by: match detail.event.initiator_id {
            Some(user) if ours => crate::db::webhooks::person(db, UserId(user))?,
            _ => None,
        },
        before: match delivery.task_id {
            Some(task) if ours => history::event_before(db, project, task, delivery.event_id)?,
            _ => None,
        },
        statuses: statuses::of_project(db, project)?,
        tags: tags::of_project(db, project)?,
        older,
        newer,
        siblings,
    })
}

/// Where a delivery is that a call names by its id alone.
pub fn place_of(db: &mut Db, actor: &Actor, id: DeliveryId) -> Result<(ProjectId, WebhookId), AppError> {
    Ok(history::place_of(db, actor.user, id)?)
}

/// A delivery's row alone, for who waits for its attempt.
pub fn look(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Delivery, AppError> {
    Ok(history::find(db, actor.user, project, webhook, id)?.0)
}
