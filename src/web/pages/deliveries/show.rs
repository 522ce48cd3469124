//! One delivery with all that is kept of it, and the button that sends a failed one again.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::view::{AttemptView, Why, attempts};
use crate::actions::deliveries::{self, Detail};
use crate::context::Context;
use crate::domain::delivery::{Status, Trigger};
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::attempt_wait::{self, Requested};
use crate::web::delivery_words::{delivery_state, tries};
use crate::web::flash::Flash;
use crate::web::json_tree::JsonTree;
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::pages::webhooks::view::path_of;
use crate::web::signed_in::SignedIn;
use crate::web::words::{When, size};

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
    id: DeliveryId,
    title: String,
    event: String,
    /// `#123 Fix login bug`
    task: String,
    /// Empty when there is no task page to go to.
    task_href: String,
    by: String,
    state: &'static str,
    words: &'static str,
    why: Why,
    first_icon: &'static str,
    first_words: &'static str,
    happened: When,
    attempts: Vec<AttemptView>,
    last_knot: Option<Why>,
    tree: Option<JsonTree>,
    raw: String,
    squares: Vec<&'static str>,
    tries: String,
    size: String,
    message_id: String,
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
            let by = deliveries::initiator(db, &detail)?.unwrap_or_default();
            let shell = who.shell_in(db, "Delivery", &detail.member, Tab::Webhooks)?;
            Ok(delivery_page(shell, &detail, by, now))
        })
        .await?;
    html(&page)
}

fn delivery_page(shell: Shell, detail: &Detail, by: String, now: Moment) -> DeliveryPage {
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
    DeliveryPage {
        shell,
        path: format!("{webhooks_path}/{}", webhook.id),
        manages: detail.member.manages(),
        can_retry: detail.member.manages() && delivery.status == Status::Failed && !is_test,
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
        by,
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
        attempts: attempts(detail, now),
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
