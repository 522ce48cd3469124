//! The questions before something that many rows follow from: delete, and turning on with held deliveries.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::list::title;
use super::secret::Named;
use super::view::path_of;
use crate::actions::webhooks::{self, COUNTED};
use crate::context::Context;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::quoted::quoted;
use crate::web::delivery_words::counted_up_to;
use crate::web::flash::{Flash, redirect};
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::When;

#[derive(Template)]
#[template(path = "webhooks/delete.html")]
struct DeletePage {
    shell: Shell,
    path: String,
    w: Named,
    /// `1,284 deliveries`
    deliveries: String,
    /// `6 of them waiting`, empty when none is.
    waiting: String,
}

#[derive(Template)]
#[template(path = "webhooks/turn_on.html")]
struct TurnOnPage {
    shell: Shell,
    path: String,
    w: Named,
    /// `34 events arrived`
    held: String,
    /// `34 held deliveries`
    deliveries: String,
    since: Option<When>,
    failures: i32,
}

pub async fn delete_page(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), now) = (path.into_inner(), ctx.now());
    let page = ctx
        .read(move |db| {
            let (member, seen) = webhooks::find_to_change(db, &who.actor, project, id)?;
            let (all, waiting) = webhooks::counts(db, &seen)?;
            Ok(DeletePage {
                shell: who.shell_in(db, "Delete webhook", &member, Tab::Webhooks)?,
                path: path_of(project),
                w: Named::new(db, &seen, now)?,
                deliveries: counted_up_to(all, COUNTED, "delivery", "deliveries"),
                waiting: match waiting {
                    0 => String::new(),
                    n if n > COUNTED => "thousands of them waiting".to_owned(),
                    n => format!("{n} of them waiting"),
                },
            })
        })
        .await?;
    html(&page)
}

pub async fn delete(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let actor = who.actor;
    let title = title(&ctx, who, project, id).await?;
    ctx.write(move |tx| webhooks::delete(tx, &actor, project, id)).await?;
    Ok(Flash::good(format!("{} is deleted.", quoted(&title)))
        .with("Its secret is erased and its history goes with it.")
        .on(path_of(project)))
}

pub async fn turn_on_page(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), now) = (path.into_inner(), ctx.now());
    let page = ctx
        .read(move |db| {
            let (member, seen) = webhooks::find_to_change(db, &who.actor, project, id)?;
            if seen.webhook.active {
                return Ok(None);
            }
            Ok(Some(TurnOnPage {
                shell: who.shell_without_banner(db, "Turn on", &member, Tab::Webhooks)?,
                path: path_of(project),
                w: Named::new(db, &seen, now)?,
                held: counted_up_to(seen.held, COUNTED, "event arrived", "events arrived"),
                deliveries: counted_up_to(seen.held, COUNTED, "held delivery", "held deliveries"),
                since: seen.held_since.map(|at| When::new(at, now)),
                failures: seen.webhook.consecutive_failures,
            }))
        })
        .await?;
    match page {
        Some(page) => html(&page),
        None => Ok(redirect(format!("{}#w-{id}", path_of(project)))),
    }
}

#[derive(Debug, Deserialize)]
pub struct TurnOnForm {
    held: Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Held {
    Send,
    Discard,
}

pub async fn turn_on(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    form: web::Form<TurnOnForm>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), held) = (path.into_inner(), form.held);
    let actor = who.actor;
    let title = title(&ctx, who, project, id).await?;
    ctx.write(move |tx| match held {
        Held::Send => webhooks::turn_on_and_send(tx, &actor, project, id),
        Held::Discard => webhooks::turn_on_and_discard(tx, &actor, project, id),
    })
    .await?;
    let then = match held {
        Held::Send => "What was held is being sent, oldest first.",
        Held::Discard => "What was held ends as failed, “discarded”, in the history.",
    };
    Ok(Flash::good(format!("{} is on.", quoted(&title)))
        .with(then)
        .beside(id)
        .on(format!("{}#w-{id}", path_of(project))))
}
