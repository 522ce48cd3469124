//! `/module/webhooks`: webhooks over the API, by the same actions as on the pages. A call names a webhook by its id alone; its
//! project is found through the caller's membership.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::ok;
use crate::actions::access::Actor;
use crate::actions::webhooks::{self, Edit, NewWebhook, Seen};
use crate::context::Context;
use crate::db::Db;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::retry::Schedule;
use crate::error::AppError;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;
use crate::web::number::number_or_text;

type Answer = Result<HttpResponse, ApiError>;

/// A webhook on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAnswer {
    id: WebhookId,
    goal_id: ProjectId,
    url: String,
    events: Vec<String>,
    is_active: bool,
    consecutive_failures: i32,
    created_at: Moment,
    updated_at: Moment,
    name: Option<String>,
    retry_schedule: Schedule,
    /// The last four characters; empty for who does not manage it.
    secret_hint: String,
    /// `manual`, `failures` or `gone`; null while it is on.
    deactivated_reason: Option<&'static str>,
    deactivated_at: Option<Moment>,
    held_count: i64,
    header_names: Vec<String>,
}

impl WebhookAnswer {
    fn new(seen: Seen) -> Self {
        let webhook = seen.webhook;
        WebhookAnswer {
            id: webhook.id,
            goal_id: webhook.project_id,
            url: webhook.url,
            events: seen.events.iter().map(ToString::to_string).collect(),
            is_active: webhook.active,
            consecutive_failures: webhook.consecutive_failures,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            name: webhook.name,
            retry_schedule: webhook.schedule,
            secret_hint: webhook.secret_hint,
            deactivated_reason: webhook.off_reason.map(crate::domain::health::OffReason::as_str),
            deactivated_at: webhook.off_at,
            held_count: seen.held,
            header_names: Vec::new(),
        }
    }

    fn of(db: &mut Db, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<Self, AppError> {
        webhooks::find(db, actor, project, id).map(|(_, seen)| WebhookAnswer::new(seen))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfProject {
    goal_id: ProjectId,
}

pub async fn list(ctx: Data<Context>, caller: Caller, of: Query<OfProject>) -> Answer {
    let (_, seen) = ctx
        .read(move |db| webhooks::list(db, &caller.actor, of.goal_id))
        .await?;
    ok(seen.into_iter().map(WebhookAnswer::new).collect::<Vec<_>>())
}

/// No `Debug`: it may hold a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    goal_id: ProjectId,
    #[serde(default)]
    url: String,
    #[serde(default)]
    events: Vec<String>,
    name: Option<String>,
    retry_schedule: Option<String>,
    headers: Option<Value>,
    secret: Option<Zeroizing<String>>,
}

pub async fn create(ctx: Data<Context>, caller: Caller, Json(sent): Json<Create>) -> Answer {
    refuse_what_would_be_lost(sent.headers.as_ref())?;
    let new = NewWebhook {
        url: sent.url,
        events: sent.events,
        name: sent.name,
        schedule: schedule(sent.retry_schedule.as_deref())?,
        secret: sent.secret.as_deref().and_then(|text| webhooks::brought(text)),
    };
    new.check(&ctx.config().allow)?;
    let inside = ctx.clone();
    let (webhook, added) = ctx
        .write(move |tx| {
            let added = webhooks::add(
                tx,
                &caller.actor,
                sent.goal_id,
                &new,
                inside.vault(),
                &inside.config().allow,
            )?;
            Ok((
                WebhookAnswer::of(tx.db, &caller.actor, sent.goal_id, added.webhook)?,
                added,
            ))
        })
        .await?;
    ok(json!({ "webhook": webhook, "secret": added.secret.expose() }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    id: WebhookId,
    url: Option<String>,
    events: Option<Vec<String>>,
    is_active: Option<bool>,
    name: Option<String>,
    retry_schedule: Option<String>,
    headers: Option<Value>,
}

pub async fn change(ctx: Data<Context>, caller: Caller, Json(sent): Json<Change>) -> Answer {
    refuse_what_would_be_lost(sent.headers.as_ref())?;
    let edit = Edit {
        url: sent.url,
        events: sent.events,
        name: sent.name,
        schedule: schedule(sent.retry_schedule.as_deref())?,
    };
    edit.check(&ctx.config().allow)?;
    let inside = ctx.clone();
    let webhook = ctx
        .write(move |tx| {
            let (actor, id) = (&caller.actor, sent.id);
            let project = webhooks::project_of(tx.db, actor, id)?;
            webhooks::edit(tx, actor, project, id, &edit, &inside.config().allow)?;
            match sent.is_active {
                Some(true) => webhooks::turn_on_and_send(tx, actor, project, id)?,
                Some(false) => webhooks::turn_off(tx, actor, project, id)?,
                None => {}
            }
            WebhookAnswer::of(tx.db, actor, project, id)
        })
        .await?;
    ok(webhook)
}

/// The body of calls about one webhook.
#[derive(Debug, Deserialize)]
pub struct One {
    #[serde(deserialize_with = "number_or_text")]
    pub(super) id: WebhookId,
}

pub async fn delete(ctx: Data<Context>, caller: Caller, Json(One { id }): Json<One>) -> Answer {
    ctx.write(move |tx| {
        let project = webhooks::project_of(tx.db, &caller.actor, id)?;
        webhooks::delete(tx, &caller.actor, project, id)
    })
    .await?;
    ok(true)
}

pub async fn rotate_secret(ctx: Data<Context>, caller: Caller, Json(One { id }): Json<One>) -> Answer {
    let inside = ctx.clone();
    let rotated = ctx
        .write(move |tx| {
            let project = webhooks::project_of(tx.db, &caller.actor, id)?;
            webhooks::rotate(tx, &caller.actor, project, id, inside.vault())
        })
        .await?;
    ok(json!({ "secret": rotated.secret.expose() }))
}

fn schedule(given: Option<&str>) -> Result<Option<Schedule>, AppError> {
    let Some(word) = given else { return Ok(None) };
    let schedule = word
        .parse()
        .map_err(|()| AppError::invalid("retrySchedule", "It is standard or patient."))?;
    Ok(Some(schedule))
}

/// Own headers are not part of this version; dropping them silently would break a receiver.
fn refuse_what_would_be_lost(headers: Option<&Value>) -> Result<(), AppError> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    if headers.is_none_or(is_empty) {
        return Ok(());
    }
    Err(AppError::invalid(
        "headers",
        "This version sends no headers of one's own.",
    ))
}
