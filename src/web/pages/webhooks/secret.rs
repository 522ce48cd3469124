//! The one page that shows a secret, the page that says that it was shown already, and the rotation that makes a new one.
//! A secret is rendered in the answer to the POST that made it and kept nowhere.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::view::path_of;
use crate::actions::access;
use crate::actions::form_tokens::{self, Once};
use crate::actions::webhooks::{self, COUNTED, Seen, WithSecret};
use crate::context::Context;
use crate::db::Db;
use crate::db::form_tokens::Spent;
use crate::domain::form_token::Bound;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permission;
use crate::domain::secret::Secret;
use crate::error::AppError;
use crate::web::confirm::{self, Confirm};
use crate::web::delivery_words::counted_up_to;
use crate::web::form::Form;
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::snippets::{SNIPPETS, Snippet};
use crate::web::words::When;

#[derive(Template)]
#[template(path = "webhooks/secret.html")]
struct SecretPage<'a> {
    shell: Shell,
    path: String,
    id: WebhookId,
    title: String,
    events: Vec<String>,
    rotated: bool,
    secret: &'a str,
    snippets: &'static [Snippet],
}

#[derive(Template)]
#[template(path = "webhooks/secret_gone.html")]
struct GonePage {
    shell: Shell,
    path: String,
    webhook: Option<Named>,
    at: When,
    /// `12:03`
    clock: String,
}

#[derive(Template)]
#[template(path = "webhooks/rotate.html")]
struct RotatePage {
    shell: Shell,
    path: String,
    w: Named,
    /// `6 deliveries wait`, empty when none does.
    waiting: String,
    stale: bool,
    confirm: Confirm,
    token: String,
}

/// A webhook as the pages that change it name it.
#[derive(Debug)]
pub struct Named {
    pub id: WebhookId,
    pub title: String,
    pub url: String,
    pub secret_hint: String,
    pub secret_at: When,
    pub secret_by: String,
}

impl Named {
    pub fn new(db: &mut Db, seen: &Seen, now: Moment) -> Result<Self, AppError> {
        Ok(Named {
            id: seen.webhook.id,
            title: seen.title().to_owned(),
            url: seen.webhook.url.clone(),
            secret_hint: seen.webhook.secret_hint.clone(),
            secret_at: When::new(seen.webhook.secret_made_at, now),
            secret_by: webhooks::secret_made_by(db, seen)?.unwrap_or_default(),
        })
    }
}

/// What made the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    Added,
    Rotated,
}

/// The secret, this once.
pub async fn shown(
    ctx: &Context,
    who: SignedIn,
    project: ProjectId,
    made: WithSecret,
    issued: Issued,
) -> Result<HttpResponse, PageError> {
    let WithSecret { webhook: id, secret } = made;
    let (shell, seen) = ctx
        .read(move |db| {
            let (member, seen) = webhooks::find_to_change(db, &who.actor, project, id)?;
            Ok((who.shell_in(db, "Secret", &member, Tab::Webhooks)?, seen))
        })
        .await?;
    let mut response = page_with(&secret, shell, &seen, issued)?;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn page_with(secret: &Secret, shell: Shell, seen: &Seen, issued: Issued) -> Result<HttpResponse, PageError> {
    html(&SecretPage {
        shell,
        path: path_of(seen.webhook.project_id),
        id: seen.webhook.id,
        title: seen.title().to_owned(),
        events: seen.events.iter().map(ToString::to_string).collect(),
        rotated: issued == Issued::Rotated,
        secret: secret.expose(),
        snippets: &SNIPPETS,
    })
}

/// The same form came a second time: nothing was changed, and it says when the first one did.
pub async fn gone(ctx: &Context, who: SignedIn, project: ProjectId, spent: Spent) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let page = ctx
        .read(move |db| {
            let member = access::member(db, &who.actor, project, Permission::IntegrationsCanView)?;
            // It may be deleted by now.
            let webhook = match spent
                .subject
                .map(|id| webhooks::find_to_change(db, &who.actor, project, WebhookId(id)))
            {
                Some(Ok((_, seen))) => Some(Named::new(db, &seen, now)?),
                Some(Err(AppError::NotFound)) | None => None,
                Some(Err(error)) => return Err(error),
            };
            Ok(GonePage {
                shell: who.shell_in(db, "Secret", &member, Tab::Webhooks)?,
                path: path_of(project),
                webhook,
                at: When::new(spent.at, now),
                clock: spent.at.datetime().format("%H:%M").to_string(),
            })
        })
        .await?;
    html_with(StatusCode::CONFLICT, &page)
}

pub async fn rotate_page(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .clone()
        .read(move |db| to_rotate(db, &ctx, &who, project, id))
        .await?;
    html(&page)
}

#[derive(Deserialize)]
pub struct RotateForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: Zeroizing<String>,
}

pub async fn rotate(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    Form(form): Form<RotateForm>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let action = rotate_action(id);
    let Some(token) = form_tokens::checked(ctx.vault(), bound(&who, &action), &form.token, ctx.now()) else {
        let page = ctx
            .clone()
            .read(move |db| {
                Ok(RotatePage {
                    stale: true,
                    ..to_rotate(db, &ctx, &who, project, id)?
                })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    if let Some(confirm) = confirm::ask_again(&ctx, &who, form.password).await? {
        let page = ctx
            .clone()
            .read(move |db| {
                Ok(RotatePage {
                    confirm,
                    ..to_rotate(db, &ctx, &who, project, id)?
                })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (inside, actor) = (ctx.clone(), who.actor);
    let rotated = ctx
        .write(move |tx| webhooks::rotate_once(tx, &actor, project, id, token, inside.vault()))
        .await?;
    match rotated {
        Once::Done(rotated) => shown(&ctx, who, project, rotated, Issued::Rotated).await,
        Once::Already(spent) => gone(&ctx, who, project, spent).await,
    }
}

fn rotate_action(id: WebhookId) -> String {
    format!("rotate the secret of webhook {id}")
}

fn bound<'a>(who: &SignedIn, action: &'a str) -> Bound<'a> {
    Bound {
        session: who.session,
        user: who.actor.user,
        action,
    }
}

fn to_rotate(
    db: &mut Db,
    ctx: &Context,
    who: &SignedIn,
    project: ProjectId,
    id: WebhookId,
) -> Result<RotatePage, AppError> {
    let (member, seen) = webhooks::find_to_change(db, &who.actor, project, id)?;
    let (_, waiting) = webhooks::counts(db, &seen)?;
    let what = if seen.webhook.active { "waiting" } else { "held" };
    Ok(RotatePage {
        shell: who.shell_in(db, "Rotate secret", &member, Tab::Webhooks)?,
        path: path_of(project),
        w: Named::new(db, &seen, ctx.now())?,
        waiting: if waiting == 0 {
            String::new()
        } else {
            format!("{} {what}", counted_up_to(waiting, COUNTED, "delivery", "deliveries"))
        },
        stale: false,
        confirm: Confirm::of(who),
        token: form_tokens::token(ctx.vault(), bound(who, &rotate_action(id)), ctx.now()),
    })
}
