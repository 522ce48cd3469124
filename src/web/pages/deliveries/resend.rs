//! Sending several failed deliveries again: a selection of the history's rows, or all that failed since some instant, of which
//! a page says first how many they are.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::At;
use super::asked::Asked;
use crate::actions::deliveries;
use crate::actions::resend_runs::{self, Preview};
use crate::actions::webhooks::COUNTED;
use crate::context::Context;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::delivery_words::counted_up_to;
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::pages::webhooks::view::path_of;
use crate::web::signed_in::SignedIn;
use crate::web::words::counted;

/// What the page counts before anybody has chosen.
const USUALLY: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

#[derive(Template)]
#[template(path = "deliveries/resend.html")]
struct ResendPage {
    shell: Shell,
    webhooks_path: String,
    /// Of this webhook.
    path: String,
    title: String,
    url: String,
    /// As the field has it.
    since: String,
    errors: FieldErrors,
    /// `12 deliveries`, empty when there are none.
    deliveries: String,
    /// A run that is under way, in words.
    left: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Since {
    since: Option<String>,
}

pub async fn form(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    asked: web::Query<Since>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), now) = (path.into_inner(), ctx.now());
    let usual = (now - USUALLY).datetime().format("%Y-%m-%dT%H:%M").to_string();
    let since = asked.into_inner().since.unwrap_or(usual);
    let page = ctx
        .read(move |db| {
            let parsed = parse(&since);
            // With an instant that cannot be read nothing is counted.
            let at = parsed.as_ref().copied().unwrap_or(now);
            let preview = resend_runs::preview(db, &who.actor, project, id, at)?;
            let errors = match parsed {
                Err(AppError::Invalid(errors)) => errors.into(),
                _ => FieldErrors::default(),
            };
            Ok(ResendPage {
                shell: who.shell_in(db, "Re-send failed", &preview.member, Tab::Webhooks)?,
                webhooks_path: path_of(project),
                path: format!("{}/{id}", path_of(project)),
                title: preview.webhook.title().to_owned(),
                url: preview.webhook.webhook.url.clone(),
                deliveries: amount(&preview),
                left: preview.left.map(left_in_words),
                since,
                errors,
            })
        })
        .await?;
    html(&page)
}

pub async fn start(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    form: Form<Since>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let (actor, presses) = (who.actor, ctx.presses().clone());
    let since = parse(form.0.since.as_deref().unwrap_or_default())?;
    let preview = ctx
        .read(move |db| resend_runs::preview(db, &actor, project, id, since))
        .await?;
    let history = format!("{}/{id}/deliveries", path_of(project));
    let deliveries = amount(&preview);
    if deliveries.is_empty() {
        return Ok(Flash::plain("Nothing has failed since then.").on(history));
    }
    let started = ctx
        .write(move |tx| resend_runs::start(tx, &actor, project, id, preview.amount, &presses))
        .await;
    said(started, history, |()| {
        Flash::good(format!("{deliveries} will be sent again."))
            .with("They go out a few at a time, oldest first; live events come first.")
    })
}

#[derive(Debug, Deserialize)]
pub struct Selection {
    #[serde(default)]
    d: Vec<DeliveryId>,
}

pub async fn selection(
    who: SignedIn,
    ctx: web::Data<Context>,
    At(place): At,
    asked: web::Query<Asked>,
    form: Form<Selection>,
) -> Result<HttpResponse, PageError> {
    let selected = form.0.d;
    let (actor, presses) = (who.actor, ctx.presses().clone());
    let back = format!("{}{}", place.history(), asked.query());
    let retried = ctx
        .write(move |tx| deliveries::retry_selected(tx, &actor, place, selected, &presses))
        .await;
    said(retried, back, |retried| {
        let skipped = match retried.skipped {
            0 => "Reload to see the results.".to_owned(),
            n => {
                let others = counted(n as i64, "other was", "others were");
                format!("{others} left out: only what has failed is sent again, and never a test.")
            }
        };
        match retried.due {
            0 => Flash::plain("Nothing was sent again.")
                .with("None of these has failed any more: only what has failed is sent again, and never a test."),
            n => Flash::good(counted(
                n as i64,
                "delivery is being sent again.",
                "deliveries are being sent again.",
            ))
            .with(skipped),
        }
    })
}

/// How many are left of a run that is under way.
pub(super) fn left_in_words(left: i64) -> String {
    match left {
        0 => "The last ones are on their way.".to_owned(),
        n => format!(
            "{} left. They go out a few at a time, oldest first; live events come first.",
            counted_up_to(n, COUNTED, "delivery is", "deliveries are")
        ),
    }
}

fn amount(preview: &Preview) -> String {
    match preview.amount.count {
        0 => String::new(),
        n if n > COUNTED => format!("More than {}", counted(COUNTED, "delivery", "deliveries")),
        n => counted(n, "delivery", "deliveries"),
    }
}

fn parse(since: &str) -> Result<Moment, AppError> {
    Moment::parse(since).ok_or_else(|| AppError::invalid("since", "Enter a date and a time, such as 2026-03-22T12:00."))
}

/// What came of a button is said on the page where it was pressed, as are refusals that pass.
fn said<T>(done: Result<T, AppError>, back: String, good: impl FnOnce(T) -> Flash) -> Result<HttpResponse, PageError> {
    match done {
        Err(AppError::Conflict(message) | AppError::TooMany { message, .. }) => Ok(Flash::plain(message).on(back)),
        done => Ok(good(done?).on(back)),
    }
}
