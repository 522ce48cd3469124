//! The signature debugger: what a receiver saw and computed, and which mistake lies between that and what was sent.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use crate::actions::diagnosis::{self, Compared, Pasted, Report};
use crate::context::Context;
use crate::domain::diagnosis::{Computed, Mistake, Mistakes};
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::error::AppError;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;

#[derive(Template)]
#[template(path = "diagnosis/form.html")]
struct FormPage {
    shell: Shell,
    /// `/projects/7/webhooks`
    webhooks: String,
    webhook: WebhookId,
    title: String,
    typed: Typed,
    errors: FieldErrors,
    result: Option<ResultView>,
}

/// What was found, ready to print.
struct ResultView {
    good: bool,
    first: &'static str,
    second: String,
    lines: Vec<Line>,
    compared: Option<Compared>,
}

struct Line {
    good: bool,
    what: &'static str,
    short: &'static str,
    sentence: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Way {
    delivery: Option<DeliveryId>,
}

/// The form as browsers send it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    headers: String,
    body: String,
    computed: String,
    /// Empty when it is not about one delivery.
    delivery: String,
}

pub async fn form(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, WebhookId)>,
    way: Query<Way>,
) -> Result<HttpResponse, PageError> {
    let typed = Typed {
        delivery: way.delivery.map(|id| id.to_string()).unwrap_or_default(),
        ..Typed::default()
    };
    let page = page(&ctx, who, path.into_inner(), typed, FieldErrors::default(), None).await?;
    html(&page)
}

pub async fn check(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, WebhookId)>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let (project, webhook) = *path;
    let pasted = Pasted {
        headers: typed.headers.clone(),
        // A browser sends the line ends of a text field as two characters each, whatever was pasted.
        body: typed.body.replace("\r\n", "\n").into_bytes(),
        computed: typed.computed.clone(),
        delivery: typed.delivery.parse().ok().map(DeliveryId),
    };
    match diagnosis::look_into(&ctx, &who.actor, project, webhook, &pasted).await {
        Ok(report) => {
            let result = Some(ResultView::new(report));
            html(&page(&ctx, who, *path, typed, FieldErrors::default(), result).await?)
        }
        Err(AppError::Invalid(errors)) => {
            let page = page(&ctx, who, *path, typed, errors.into(), None).await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

async fn page(
    ctx: &Data<Context>,
    who: SignedIn,
    (project, webhook): (ProjectId, WebhookId),
    mut typed: Typed,
    errors: FieldErrors,
    result: Option<ResultView>,
) -> Result<FormPage, PageError> {
    let wanted = typed.delivery.parse().ok().map(DeliveryId);
    let fresh = typed.headers.is_empty() && typed.body.is_empty();
    let (shell, seen, headers) = ctx
        .read(move |db| {
            let wanted = wanted.filter(|_| fresh);
            let (member, seen, headers) = diagnosis::begin(db, &who.actor, project, webhook, wanted)?;
            Ok((
                who.shell_in(db, "Check a signature", &member, Tab::Webhooks)?,
                seen,
                headers,
            ))
        })
        .await?;
    if fresh {
        typed.headers = headers;
    }
    Ok(FormPage {
        shell,
        webhooks: format!("/projects/{project}/webhooks"),
        webhook,
        title: seen.title().to_owned(),
        typed,
        errors,
        result,
    })
}

impl ResultView {
    fn new(report: Report) -> Self {
        let Report {
            diagnosis,
            compared,
            rotated_since,
        } = report;
        let words = |mistakes: &Mistakes| {
            if rotated_since && mistakes.is(Mistake::Other) {
                Mistake::SignedWithOld.sentence().to_owned()
            } else {
                mistakes.sentences()
            }
        };
        let first_wrong = diagnosis.received.iter().find_map(|(_, result)| result.as_ref().err());
        let (good, first, second) = match (&diagnosis.computed, first_wrong) {
            (Some(Computed::Right(_)), None) => (
                true,
                "Your code computes the right value.",
                "If it refuses the delivery all the same, look at how it compares.".to_owned(),
            ),
            (Some(Computed::Right(_)), Some(wrong)) if wrong.is(Mistake::Other) => (
                false,
                "Your code computes the right value, but another came.",
                words(wrong),
            ),
            (Some(Computed::Right(_)), Some(wrong)) => (
                true,
                "Your code computes the right value. What you pasted is not quite what came.",
                words(wrong),
            ),
            (Some(other), _) => (false, "Your code computes another value.", other.sentence()),
            (None, Some(wrong)) => (false, "The signature is not that of this body.", words(wrong)),
            (None, None) => (
                true,
                "The signature is that of this body.",
                "If your code refuses it, enter what it computed.".to_owned(),
            ),
        };
        let mut lines: Vec<Line> = diagnosis
            .received
            .iter()
            .map(|(header, result)| Line {
                good: result.is_ok(),
                what: header.name(),
                short: if result.is_ok() { "verifies" } else { "does not verify" },
                sentence: result.as_ref().err().map(words).unwrap_or_default(),
            })
            .collect();
        lines.extend(diagnosis.computed.map(|computed| {
            let good = matches!(computed, Computed::Right(_));
            Line {
                good,
                what: "What your code computed",
                short: if good { "is right" } else { "is wrong" },
                sentence: computed.sentence(),
            }
        }));
        ResultView {
            good,
            first,
            second,
            lines,
            compared,
        }
    }
}
