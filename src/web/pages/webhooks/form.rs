//! The form to add or edit a webhook. It keeps what was typed and says beside each field what is wrong with it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::secret::{self, Issued, Named};
use super::view::path_of;
use crate::actions::access;
use crate::actions::form_tokens::{self, Once};
use crate::actions::webhooks::{self, Edit, NewWebhook};
use crate::context::Context;
use crate::db::Db;
use crate::domain::event::{EventKind, KNOWN};
use crate::domain::event_docs;
use crate::domain::field_error::FieldError;
use crate::domain::form_token::Bound;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::own_header::{self, MASK};
use crate::domain::permission::Permission;
use crate::domain::retry::Schedule;
use crate::error::AppError;
use crate::web::flash::Flash;
use crate::web::form::FieldErrors;
use crate::web::json_tree::JsonTree;
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;

#[derive(Template)]
#[template(path = "webhooks/form.html")]
struct FormPage {
    shell: Shell,
    path: String,
    action: String,
    editing: Option<Named>,
    typed: Typed,
    events: Vec<EventChoice>,
    errors: FieldErrors,
    /// The form stood open for too long; nothing was done.
    stale: bool,
    /// Only where the answer is a secret.
    token: String,
}

/// What the fields hold. No `Debug`: it may hold the values of headers.
#[derive(Clone, Default)]
struct Typed {
    url: String,
    name: String,
    /// Of tasks, and those of the host's own that are subscribed to.
    events: Vec<String>,
    patient: bool,
    /// Own headers, one a line; values that are stored are not shown.
    headers: Zeroizing<String>,
}

impl Typed {
    /// What stands in the field for types that have no box.
    fn custom(&self) -> String {
        let custom = self.events.iter().filter(|name| EventKind::known(name).is_none());
        custom.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Opens the part of the form that few need.
    fn is_advanced(&self, errors: &FieldErrors) -> bool {
        self.patient || !self.headers.is_empty() || !errors.of("secret").is_empty() || !errors.of("headers").is_empty()
    }
}

#[derive(Debug)]
struct EventChoice {
    name: String,
    fires: &'static str,
    example: Option<JsonTree>,
    on: bool,
}

/// The form as browsers send it. No `Debug`: it may hold a secret.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sent {
    pub(crate) url: String,
    events: Vec<String>,
    /// Types of a host application, between spaces or commas.
    custom: String,
    pub(crate) name: String,
    schedule: String,
    pub(crate) secret: Zeroizing<String>,
    /// Absent where a program fills the form in without them: they stay. Emptied by who wants none.
    #[serde(deserialize_with = "sent")]
    pub(crate) headers: Option<Zeroizing<String>>,
    token: String,
}

/// An empty field is one that was sent.
fn sent<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    String::deserialize(field).map(|text| Some(Zeroizing::new(text)))
}

impl Sent {
    /// Several boxes of one name, which actix's own form does not read.
    pub(crate) fn parse(body: &[u8]) -> Result<Sent, AppError> {
        serde_html_form::from_bytes(body).map_err(|error| AppError::invalid("", error.to_string()))
    }

    pub(crate) fn schedule(&self) -> Schedule {
        self.schedule.parse().unwrap_or(Schedule::Standard)
    }

    pub(crate) fn events(&self) -> Vec<String> {
        let custom = self.custom.split(|c: char| c == ',' || c.is_whitespace());
        let custom = custom.filter(|name| !name.is_empty()).map(str::to_owned);
        self.events.iter().cloned().chain(custom).collect()
    }

    /// The secret is not among it: it is typed again rather than sent back.
    fn typed(&self) -> Typed {
        Typed {
            url: self.url.clone(),
            name: self.name.clone(),
            events: self.events(),
            patient: self.schedule() == Schedule::Patient,
            headers: self.headers.clone().unwrap_or_default(),
        }
    }
}

pub async fn add_page(
    who: SignedIn,
    ctx: web::Data<Context>,
    project: web::Path<ProjectId>,
) -> Result<HttpResponse, PageError> {
    let project = *project;
    let page = ctx
        .clone()
        .read(move |db| to_add(db, &ctx, &who, project, Typed::default(), Vec::new()))
        .await?;
    html(&page)
}

pub async fn add(
    who: SignedIn,
    ctx: web::Data<Context>,
    project: web::Path<ProjectId>,
    body: web::Bytes,
) -> Result<HttpResponse, PageError> {
    let project = *project;
    let sent = Sent::parse(&body)?;
    let typed = sent.typed();
    let action = add_action(project);
    let Some(token) = form_tokens::checked(ctx.vault(), bound(&who, &action), &sent.token, ctx.now()) else {
        let page = ctx
            .clone()
            .read(move |db| {
                Ok(FormPage {
                    stale: true,
                    ..to_add(db, &ctx, &who, project, typed, Vec::new())?
                })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let schedule = Some(sent.schedule());
    let new = NewWebhook {
        events: sent.events(),
        url: sent.url,
        name: Some(sent.name),
        schedule,
        secret: webhooks::brought(&sent.secret),
        headers: own_header::lines(sent.headers.as_deref().map_or("", |text| text)),
    };
    let (inside, actor) = (ctx.clone(), who.actor);
    let added = ctx
        .write(move |tx| webhooks::add_once(tx, &actor, project, &new, token, inside.vault(), &inside.config().allow))
        .await;
    match added {
        Ok(Once::Done(added)) => secret::shown(&ctx, who, project, added, Issued::Added).await,
        Ok(Once::Already(spent)) => secret::gone(&ctx, who, project, spent).await,
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .clone()
                .read(move |db| to_add(db, &ctx, &who, project, typed, errors))
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn edit_page(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .clone()
        .read(move |db| to_edit(db, &ctx, &who, project, id, None))
        .await?;
    html(&page)
}

pub async fn edit(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    body: web::Bytes,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let sent = Sent::parse(&body)?;
    let typed = sent.typed();
    let schedule = Some(sent.schedule());
    let changes = Edit {
        events: Some(sent.events()),
        url: Some(sent.url),
        name: Some(sent.name),
        schedule,
        headers: sent.headers.as_deref().map(|text| own_header::lines(text)),
    };
    let (inside, actor) = (ctx.clone(), who.actor);
    let done = ctx
        .write(move |tx| {
            webhooks::edit(
                tx,
                &actor,
                project,
                id,
                &changes,
                inside.vault(),
                &inside.config().allow,
            )
        })
        .await;
    match done {
        Ok(()) => Ok(Flash::good("Saved.")
            .with("Retries that are waiting use it from now on.")
            .beside(id)
            .on(format!("{}#w-{id}", path_of(project)))),
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .clone()
                .read(move |db| to_edit(db, &ctx, &who, project, id, Some((typed, errors))))
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn add_action(project: ProjectId) -> String {
    format!("add a webhook to project {project}")
}

fn bound<'a>(who: &SignedIn, action: &'a str) -> Bound<'a> {
    Bound {
        session: who.session,
        user: who.actor.user,
        action,
    }
}

fn to_add(
    db: &mut Db,
    ctx: &Context,
    who: &SignedIn,
    project: ProjectId,
    typed: Typed,
    errors: Vec<FieldError>,
) -> Result<FormPage, AppError> {
    let manager = access::manager(db, &who.actor, project, Permission::IntegrationsCanManage)?;
    let path = path_of(project);
    Ok(FormPage {
        shell: who.shell_in(db, "Add Webhook", &manager, Tab::Webhooks)?,
        action: format!("{path}/new"),
        path,
        editing: None,
        events: choices(&typed),
        typed,
        errors: errors.into(),
        stale: false,
        token: form_tokens::token(ctx.vault(), bound(who, &add_action(project)), ctx.now()),
    })
}

fn to_edit(
    db: &mut Db,
    ctx: &Context,
    who: &SignedIn,
    project: ProjectId,
    id: WebhookId,
    came_back: Option<(Typed, Vec<FieldError>)>,
) -> Result<FormPage, AppError> {
    let (member, seen) = webhooks::find_to_change(db, &who.actor, project, id)?;
    let (typed, errors) = came_back.unwrap_or_else(|| {
        let typed = Typed {
            url: seen.webhook.url.clone(),
            name: seen.webhook.name.clone().unwrap_or_default(),
            events: seen.events.iter().map(ToString::to_string).collect(),
            patient: seen.webhook.schedule == Schedule::Patient,
            headers: Zeroizing::new(masked(&seen.header_names())),
        };
        (typed, Vec::new())
    });
    let path = path_of(project);
    Ok(FormPage {
        shell: who.shell_in(db, "Edit webhook", &member, Tab::Webhooks)?,
        action: format!("{path}/{id}/edit"),
        path,
        editing: Some(Named::new(db, &seen, ctx.now())?),
        events: choices(&typed),
        typed,
        errors: errors.into(),
        stale: false,
        token: String::new(),
    })
}

fn masked(names: &[String]) -> String {
    let lines = names.iter().map(|name| format!("{name}: {MASK}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn choices(typed: &Typed) -> Vec<EventChoice> {
    KNOWN
        .iter()
        .map(|known| EventChoice {
            name: known.name().to_owned(),
            fires: known.fires,
            example: JsonTree::parse(&event_docs::example(known)),
            on: typed.events.iter().any(|name| name == known.name()),
        })
        .collect()
}
