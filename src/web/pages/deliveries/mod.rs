//! A webhook's delivery history, one delivery with all that is kept of it, and the button that sends a failed one again.

mod resend;
mod view;

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

pub use self::resend::{form as resend_form, selection as retry_selected, start as resend};
use self::view::{AttemptView, Row, Why, attempts};
use super::webhooks::view::{Tested, path_of};
use crate::actions::deliveries::{self, Detail, Wanted};
use crate::actions::resend_runs;
use crate::actions::webhooks::{self, COUNTED};
use crate::context::Context;
use crate::db::history::{Show, Start};
use crate::domain::delivery::{Status, Trigger};
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::attempt_wait::{self, Requested};
use crate::web::delivery_words::{counted_up_to, delivery_state, tries, webhook_state};
use crate::web::flash::Flash;
use crate::web::json_tree::JsonTree;
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::{When, size};

const PAGE: i64 = 20;
/// A larger payload is shown raw only: a tree of a hundred thousand lines helps nobody.
const LARGEST_TREE: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct HistoryPage {
    shell: Shell,
    webhooks_path: String,
    /// Of this webhook.
    path: String,
    manages: bool,
    title: String,
    url: String,
    state: &'static str,
    state_words: String,
    failures: i32,
    /// `34 deliveries are held`, empty when none is.
    held: String,
    tested: Option<Tested>,
    statuses: Vec<Choice>,
    filtered: bool,
    rows: Vec<Row>,
    /// Some rows can be selected, to be sent again.
    selectable: bool,
    /// Of this page's address, to come back to it.
    query: String,
    /// How much of a re-send is left, while one is under way.
    left: Option<String>,
    /// The filter stopped at its window; older rows were not looked at.
    searching: bool,
    newer: String,
    older: String,
}

#[derive(Debug)]
struct Choice {
    value: &'static str,
    label: &'static str,
    chosen: bool,
}

/// The filter and the place in the history, all of it in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    status: String,
    before: Option<DeliveryId>,
    after: Option<DeliveryId>,
    tested: Option<DeliveryId>,
}

const STATUSES: [(Show, &str, &str); 5] = [
    (Show::All, "any", "Any"),
    (Show::Success, "success", "Success"),
    (Show::Failed, "failed", "Failed"),
    (Show::Pending, "pending", "Pending"),
    (Show::Held, "held", "Held"),
];

impl Asked {
    /// An unknown word shows everything.
    fn show(&self) -> Show {
        STATUSES
            .iter()
            .find(|status| status.1 == self.status)
            .map_or(Show::All, |status| status.0)
    }

    fn start(&self) -> Start {
        match (self.before, self.after) {
            (Some(id), _) => Start::Before(id),
            (None, Some(id)) => Start::After(id),
            (None, None) => Start::Newest,
        }
    }

    /// `?status=failed&before=12`, from what was understood of it; empty for the newest of all.
    fn query(&self) -> String {
        let status = STATUSES
            .iter()
            .find(|status| status.1 == self.status && status.0 != Show::All);
        let mut parts: Vec<String> = status
            .map(|status| format!("status={}", status.1))
            .into_iter()
            .collect();
        match self.start() {
            Start::Before(id) => parts.push(format!("before={id}")),
            Start::After(id) => parts.push(format!("after={id}")),
            Start::Newest => {}
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!("?{}", parts.join("&"))
        }
    }
}

pub async fn history(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), now) = (path.into_inner(), ctx.now());
    let pending = attempt_wait::reason(&ctx);
    let page = ctx
        .read(move |db| {
            let wanted = Wanted {
                show: asked.show(),
                kind: None,
                start: asked.start(),
                limit: PAGE,
            };
            let history = deliveries::history(db, &who.actor, project, id, &wanted)?;
            let tested = super::webhooks::tested(db, &who, project, asked.tested, now, pending)?;
            let seen = &history.webhook;
            let rows: Vec<Row> = history
                .page
                .rows
                .iter()
                .map(|row| Row::new(row, &history, now))
                .collect();
            let (state, state_words) = webhook_state(seen, webhooks::recent(db, seen)?.last.is_some());
            let webhooks_path = path_of(project);
            let path = format!("{webhooks_path}/{id}");
            let left = resend_runs::left(db, seen)?.map(resend::left_in_words);
            let (newer, older) = neighbours(&asked, &history.page, &path);
            Ok(HistoryPage {
                shell: who.shell_in(db, "Deliveries", &history.member, Tab::Webhooks)?,
                manages: history.member.manages(),
                title: seen.title().to_owned(),
                url: seen.webhook.url.clone(),
                state,
                state_words,
                failures: seen.webhook.consecutive_failures,
                held: match seen.held {
                    0 => String::new(),
                    n => format!("{} held", counted_up_to(n, COUNTED, "delivery", "deliveries")),
                },
                tested: tested.map(|(_, tested)| tested),
                statuses: STATUSES
                    .iter()
                    .map(|&(show, value, label)| Choice {
                        value,
                        label,
                        chosen: show == wanted.show,
                    })
                    .collect(),
                filtered: wanted.show != Show::All,
                selectable: rows.iter().any(|row| row.can_retry),
                rows,
                query: asked.query(),
                left,
                searching: history.page.searched_to.is_some(),
                newer,
                older,
                webhooks_path,
                path,
            })
        })
        .await?;
    html(&page)
}

/// The addresses of the pages before and after this one, empty where there is none.
fn neighbours(asked: &Asked, page: &crate::db::history::Page, path: &str) -> (String, String) {
    let status = if asked.show() == Show::All {
        String::new()
    } else {
        format!("status={}&", asked.status)
    };
    let to = |word: &str, id: DeliveryId| format!("{path}/deliveries?{status}{word}={id}");
    let (first, last) = (page.rows.first().map(|row| row.id), page.rows.last().map(|row| row.id));
    let upwards = matches!(asked.start(), Start::After(_));
    // Where we came from there is something; in the direction of reading the query looked one row further.
    let has_newer = if upwards {
        page.more
    } else {
        asked.start() != Start::Newest
    };
    let has_older = if upwards { true } else { page.more };
    let newer = first
        .filter(|_| has_newer)
        .map(|id| to("after", id))
        .unwrap_or_default();
    let older = match page.searched_to {
        Some(edge) => to("before", edge),
        None => last
            .filter(|_| has_older)
            .map(|id| to("before", id))
            .unwrap_or_default(),
    };
    (newer, older)
}

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
