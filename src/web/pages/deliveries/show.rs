//! One delivery with all that is kept of it, and the button that sends a failed one again.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::attempts::{AttemptView, attempts};
use super::why::Why;
use crate::actions::deliveries::{self, Around, Detail, Place};
use crate::actions::webhooks::Seen;
use crate::context::Context;
use crate::db::history::Delivery;
use crate::domain::delivery::{Status, Trigger};
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::{Moment, micros};
use crate::domain::task::Priority;
use crate::domain::what_changed::{cell, what_changed};
use crate::error::AppError;
use crate::web::attempt_wait::{self, Requested};
use crate::web::delivery_words::{delivery_state, tries};
use crate::web::flash::Flash;
use crate::web::json_tree::JsonTree;
use crate::web::page::{Shell, Tab, capital, html};
use crate::web::page_error::PageError;
use crate::web::pages::webhooks::view::path_of;
use crate::web::signed_in::SignedIn;
use crate::web::words::{When, duration, size};

/// A larger payload is shown raw only: a tree of a hundred thousand lines helps nobody.
const LARGEST_TREE: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "deliveries/show.html")]
struct DeliveryPage {
    shell: Shell,
    webhooks_path: String,
    path: String,
    manages: bool,
    can_retry: bool,
    /// Held, for somebody who can turn the webhook on.
    can_turn_on: bool,
    id: DeliveryId,
    title: String,
    event: String,
    /// `#123 Fix login bug`
    task: String,
    /// Empty when there is no task page to go to.
    task_href: String,
    /// The deliveries of the same task, empty without one.
    task_history: String,
    by: String,
    state: &'static str,
    words: &'static str,
    why: Why,
    first_icon: &'static str,
    first_words: &'static str,
    happened: When,
    attempts: Vec<AttemptView>,
    /// `Queued`, and how long that took.
    queued: String,
    last_knot: Option<Why>,
    changes: Vec<ChangeRow>,
    /// Of some of them.
    knows_before: bool,
    siblings: Vec<Sibling>,
    /// Addresses, empty where the history ends.
    older: String,
    newer: String,
    /// Of the last attempt.
    curl: bool,
    tree: Option<JsonTree>,
    raw: String,
    squares: Vec<&'static str>,
    tries: String,
    size: String,
    message_id: String,
}

/// A field that changed. Empty words: it is not known what was there before.
#[derive(Debug)]
struct ChangeRow {
    field: String,
    before: Option<Cell>,
    after: Cell,
}

/// A value, and what the number in it is called.
#[derive(Debug)]
struct Cell {
    text: String,
    named: String,
}

/// The same event to another webhook.
#[derive(Debug)]
struct Sibling {
    href: String,
    title: String,
    state: &'static str,
    words: &'static str,
}

pub async fn show(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId, DeliveryId)>,
) -> Result<HttpResponse, PageError> {
    let ((project, webhook, id), now) = (path.into_inner(), ctx.now());
    let page = ctx
        .read(move |db| {
            let detail = deliveries::find(db, &who.actor, project, webhook, id)?;
            let around = deliveries::around(db, &who.actor, &detail)?;
            let shell = who.shell_in(db, "Delivery", &detail.member, Tab::Webhooks)?;
            Ok(delivery_page(shell, &detail, around, now))
        })
        .await?;
    html(&page)
}

fn delivery_page(shell: Shell, detail: &Detail, around: Around, now: Moment) -> DeliveryPage {
    let (delivery, webhook) = (&detail.delivery, &detail.webhook.webhook);
    let webhooks_path = path_of(webhook.project_id);
    let (state, words) = delivery_state(delivery, &detail.webhook);
    let (squares, tries) = tries(delivery, webhook.schedule);
    let is_test = delivery.trigger == Trigger::Test;
    let ours = delivery
        .task_id
        .filter(|_| !detail.event.published && detail.task.is_some());
    let body = &detail.event.body;
    let why = Why::new(detail, now);
    let attempts = attempts(detail, now);
    let place = Place::of(webhook.project_id, webhook.id);
    let beside = |id: Option<DeliveryId>| id.map(|id| format!("{}/{id}", place.history())).unwrap_or_default();
    let changes = changes(detail, &around);
    let queued = micros(delivery.created_at.since(detail.event.occurred_at));
    DeliveryPage {
        shell,
        path: format!("{webhooks_path}/{}", webhook.id),
        manages: detail.member.manages(),
        can_retry: detail.member.manages() && delivery.status == Status::Failed && !is_test,
        can_turn_on: detail.member.manages() && state == "held",
        id: delivery.id,
        title: detail.webhook.title().to_owned(),
        event: delivery.kind.to_string(),
        task: delivery
            .task_id
            .map(|task| {
                format!("#{task} {}", detail.task.as_deref().unwrap_or_default())
                    .trim()
                    .to_owned()
            })
            .unwrap_or_default(),
        task_href: ours
            .map(|task| format!("/projects/{}/tasks/{task}", webhook.project_id))
            .unwrap_or_default(),
        task_history: delivery
            .task_id
            .map(|task| format!("/projects/{}/deliveries?id={task}", webhook.project_id))
            .unwrap_or_default(),
        by: around.by.clone().unwrap_or_default(),
        queued: if queued > 1_000 {
            format!("+{}", duration(queued))
        } else {
            String::new()
        },
        knows_before: changes.iter().any(|change| change.before.is_some()),
        changes,
        siblings: around
            .siblings
            .iter()
            .map(|(seen, other)| sibling(seen, other))
            .collect(),
        older: beside(around.older),
        newer: beside(around.newer),
        curl: attempts.last().is_some_and(|last| !last.curl.is_empty()),
        state,
        words,
        first_icon: if is_test { "send" } else { "edit" },
        first_words: match delivery.kind.as_str() {
            "webhook.test" => "Test sent",
            "task.created" => "Task created",
            "task.deleted" => "Task deleted",
            "task.assigneesChanged" => "Assignees changed",
            "task.updated" => "Task changed",
            _ => "Event published",
        },
        happened: When::clock(detail.event.occurred_at, now),
        attempts,
        last_knot: (delivery.status == Status::Pending).then(|| Why::new(detail, now)),
        why,
        tree: if body.len() > LARGEST_TREE {
            None
        } else {
            JsonTree::parse(body)
        },
        raw: String::from_utf8_lossy(body).into_owned(),
        squares,
        tries,
        size: size(body.len()),
        message_id: delivery.message_id.clone(),
        webhooks_path,
    }
}

fn changes(detail: &Detail, around: &Around) -> Vec<ChangeRow> {
    if detail.event.published {
        return Vec::new();
    }
    let named = |field: &str, value: &Value| Cell {
        text: cell(value),
        named: name(field, value, around),
    };
    what_changed(&detail.event.body, around.before.as_deref())
        .into_iter()
        .map(|change| ChangeRow {
            before: change.before.as_ref().map(|before| named(&change.field, before)),
            after: named(&change.field, &change.after),
            field: change.field,
        })
        .collect()
}

/// What a number stands for, as it is called now; empty for what is no number of ours, or is gone.
fn name(field: &str, value: &Value, around: &Around) -> String {
    let number = value.as_i64();
    let found = match field {
        "statusId" => around
            .statuses
            .iter()
            .find(|status| Some(status.id.0) == number)
            .map(|status| status.name.clone()),
        "priorityId" => Priority::ALL
            .iter()
            .find(|priority| Some(i64::from(priority.number())) == number)
            .map(|priority| capital(priority.as_str())),
        "tags" => value.as_array().map(|ids| {
            let known = |id: &Value| around.tags.iter().find(|tag| Some(tag.id.0) == id.as_i64());
            let names: Vec<_> = ids.iter().filter_map(known).map(|tag| tag.name.as_str()).collect();
            names.join(", ")
        }),
        _ => None,
    };
    found.unwrap_or_default()
}

fn sibling(seen: &Seen, other: &Delivery) -> Sibling {
    let (state, words) = delivery_state(other, seen);
    Sibling {
        href: format!(
            "{}/{}",
            Place::of(other.project_id, other.webhook_id).history(),
            other.id
        ),
        title: seen.title().to_owned(),
        state,
        words,
    }
}

pub async fn retry(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId, DeliveryId)>,
) -> Result<HttpResponse, PageError> {
    let (project, webhook, delivery) = path.into_inner();
    let back = format!("{}/{webhook}/deliveries/{delivery}", path_of(project));
    let actor = who.actor;
    let presses = ctx.presses().clone();
    let settled = attempt_wait::attempt(&ctx, actor, move |tx| {
        deliveries::retry(tx, &actor, project, webhook, delivery, &presses)?;
        Ok(Requested {
            project,
            webhook,
            delivery,
        })
    });
    let settled = match settled.await {
        // Said where the button was pressed.
        Err(AppError::Conflict(message) | AppError::TooMany { message, .. }) => {
            return Ok(Flash::plain(message).on(back));
        }
        settled => settled?,
    };
    let flash = match settled.status {
        Status::Success => Flash::good("Retried: it was delivered."),
        Status::Failed => Flash::bad("Retried: it failed again."),
        Status::Pending => {
            Flash::plain("Still running.").with(format!("{}; reload to see the result.", attempt_wait::reason(&ctx)))
        }
    };
    Ok(flash.on(back))
}
