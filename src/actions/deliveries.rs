//! What people do with deliveries: look at the history, send a test, retry a failed one. Members see the history without
//! what receivers answered; only the owner and managers send.

use std::time::Duration;

use serde_json::json;

use super::access::{self, Actor, Member};
use super::webhooks::{self, Seen};
use crate::db::events::{self, NewEvent};
use crate::db::history::{self, Attempt, Delivery, Event, Page, Query, Show, Start};
use crate::db::{Db, Due, Lane, Tx, resend};
use crate::domain::delivery::{Status, Trigger};
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, UserId, WebhookId};
use crate::domain::payload;
use crate::domain::permission::Permission;
use crate::error::AppError;
use crate::press_limit::PressLimit;

/// Which part of the history.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub show: Show,
    pub kind: Option<EventKind>,
    pub start: Start,
    pub limit: i64,
}

/// A page of the history with what its rows need besides.
#[derive(Debug)]
pub struct History {
    pub member: Member,
    pub webhook: Seen,
    pub page: Page,
    /// What the tasks are called now, by event.
    pub tasks: Vec<(EventId, String)>,
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

/// One page of a webhook's history.
pub fn history(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    wanted: &Wanted,
) -> Result<History, AppError> {
    let (member, webhook) = webhooks::find(db, actor, project, id)?;
    // Nothing is held while the webhook is on.
    let page = if wanted.show == Show::Held && webhook.webhook.active {
        Page {
            rows: Vec::new(),
            more: false,
            searched_to: None,
        }
    } else {
        let query = Query {
            user: actor.user,
            project,
            webhook: id,
            show: wanted.show,
            kind: wanted.kind.clone(),
            start: wanted.start,
            limit: wanted.limit,
        };
        history::page(db, &query)?
    };
    let tasks = history::task_names(db, project, &page.rows)?;
    Ok(History {
        member,
        webhook,
        page,
        tasks,
    })
}

/// What programs want of a page's rows besides; `history` proves that they may see it.
#[derive(Debug)]
pub struct Extras {
    pub payloads: Vec<(EventId, Vec<u8>)>,
    /// The sentence of the last attempt.
    pub messages: Vec<(DeliveryId, String)>,
}

pub fn extras(db: &mut Db, history: &History) -> Result<Extras, AppError> {
    Ok(Extras {
        payloads: history::payloads_of(db, &history.page.rows)?,
        messages: history::last_messages(db, &history.page.rows)?,
    })
}

/// As [`history`], but a filter goes on to the next windows of rows until the page is full; after some it gives up.
pub fn history_far(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    wanted: &Wanted,
) -> Result<History, AppError> {
    let mut found = history(db, actor, project, id, wanted)?;
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
        let older = history(db, actor, project, id, &wanted)?;
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

/// Who did what the event tells of; a host application's own number says nothing to us.
pub fn initiator(db: &mut Db, detail: &Detail) -> Result<Option<String>, AppError> {
    match detail.event.initiator_id {
        Some(user) if !detail.event.published => Ok(crate::db::webhooks::person(db, UserId(user))?),
        _ => Ok(None),
    }
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

/// Sends a test: one attempt, on or off, never repeated and never counted.
pub fn test(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    limit: &PressLimit,
) -> Result<DeliveryId, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    webhooks::find(tx.db, actor, project, webhook)?;
    press(limit, webhook)?;
    let event = NewEvent {
        project,
        kind: &EventKind::WEBHOOK_TEST,
        body: &payload::of_test(tx.now),
        initiator: Some(actor.user.0),
        task: None,
        published: false,
    };
    let event = events::insert(tx, &event)?;
    let id = resend::insert_test(tx, project, webhook, event)?;
    manager.audit(tx, "webhook.tested", Some(webhook.0), &json!({ "delivery": id }))?;
    tx.wake(Due {
        webhook,
        project,
        lane: Lane::Direct,
        at: tx.now,
    });
    Ok(id)
}

/// Makes a failed delivery due now, by hand: one more attempt with the same bytes and the URL and secret of now. Of two who
/// press at once, the second hears that it is running.
pub fn retry(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    id: DeliveryId,
    limit: &PressLimit,
) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let (delivery, _) = history::find(tx.db, actor.user, project, webhook, id)?;
    refuse_what_did_not_fail(&delivery)?;
    press(limit, webhook)?;
    if !resend::retry(tx.db, id, tx.now)? {
        return Err(AppError::Conflict(RUNNING.into()));
    }
    manager.audit(tx, "delivery.retried", Some(id.0), &json!({ "webhook": webhook }))?;
    tx.wake(Due {
        webhook,
        project,
        lane: Lane::Direct,
        at: tx.now,
    });
    Ok(())
}

/// What became of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    pub due: usize,
    /// Not failed (any more), or tests.
    pub skipped: usize,
}

/// As many as a page has rows.
pub const MOST_SELECTED: usize = 20;

/// Makes those of the selected deliveries due now that are failed, by hand, and leaves the others. Counts as one press.
pub fn retry_selected(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    mut selected: Vec<DeliveryId>,
    limit: &PressLimit,
) -> Result<Retried, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    webhooks::find(tx.db, actor, project, webhook)?;
    selected.sort_unstable();
    selected.dedup();
    if selected.is_empty() {
        return Err(AppError::Conflict(
            "Select the deliveries that are to be sent again.".into(),
        ));
    }
    if selected.len() > MOST_SELECTED {
        let sentence = format!("At most {MOST_SELECTED} deliveries can be selected; “Re-send failed” takes them all.");
        return Err(AppError::Conflict(sentence));
    }
    press(limit, webhook)?;
    let mut due = 0;
    for id in resend::of_webhook(tx.db, webhook, selected.clone())? {
        if resend::retry(tx.db, id, tx.now)? {
            due += 1;
            manager.audit(tx, "delivery.retried", Some(id.0), &json!({ "webhook": webhook }))?;
        }
    }
    if due > 0 {
        tx.wake(Due {
            webhook,
            project,
            lane: Lane::Direct,
            at: tx.now,
        });
    }
    Ok(Retried {
        due,
        skipped: selected.len() - due,
    })
}

const RUNNING: &str = "This delivery is already running; its result appears here as soon as it is known.";

fn refuse_what_did_not_fail(delivery: &Delivery) -> Result<(), AppError> {
    let sentence = match (delivery.status, delivery.trigger) {
        (_, Trigger::Test) => "A test is never retried; send a new one.",
        (Status::Failed, _) => return Ok(()),
        (Status::Success, _) => "This delivery has succeeded; there is nothing to retry.",
        (Status::Pending, Trigger::Manual) => RUNNING,
        (Status::Pending, Trigger::Automatic) => {
            "This delivery is still waiting to be sent; only failed ones are retried."
        }
    };
    Err(AppError::Conflict(sentence.into()))
}

pub(super) fn press(limit: &PressLimit, webhook: WebhookId) -> Result<(), AppError> {
    limit.press(webhook).map_err(|retry_after: Duration| AppError::TooMany {
        message: "Tests and retries are limited to 10 a minute for each webhook; wait a moment.".into(),
        retry_after,
    })
}
