//! `/module/webhooks`: webhooks over the API, by the same actions as on the pages. A call names a webhook by its id alone; its
//! project is found through the caller's membership.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Envelope, ok};
use crate::actions::access::Actor;
use crate::actions::webhooks::{self, Edit, NewWebhook, Seen};
use crate::context::Context;
use crate::db::Db;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::own_header::Given;
use crate::domain::retry::Schedule;
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;
use crate::web::number::number_or_text;

type Answer = Result<HttpResponse, ApiError>;

/// A webhook on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Webhook)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAnswer {
    id: WebhookId,
    goal_id: ProjectId,
    #[schema(example = "https://ci.example.com/hooks/9f27c1")]
    url: String,
    #[schema(example = json!(["task.created", "task.updated"]))]
    events: Vec<String>,
    is_active: bool,
    #[schema(example = 0)]
    consecutive_failures: i32,
    created_at: Moment,
    updated_at: Moment,
    #[schema(required, example = "CI")]
    name: Option<String>,
    #[schema(example = "standard")]
    retry_schedule: Schedule,
    /// The last four characters; empty for who does not manage it.
    #[schema(example = "Xc9k")]
    secret_hint: String,
    /// `manual`, `failures` or `gone`; null while it is on.
    #[schema(required, example = json!(null))]
    deactivated_reason: Option<&'static str>,
    #[schema(required, example = json!(null))]
    deactivated_at: Option<Moment>,
    #[schema(example = 0)]
    held_count: i64,
    #[schema(example = json!([]))]
    header_names: Vec<String>,
}

impl WebhookAnswer {
    fn new(seen: Seen) -> Self {
        let header_names = seen.header_names();
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
            header_names,
        }
    }

    fn of(db: &mut Db, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<Self, AppError> {
        webhooks::find(db, actor, project, id).map(|(_, seen)| WebhookAnswer::new(seen))
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct OfProject {
    goal_id: ProjectId,
}

/// List the webhooks of a project
///
/// Members see of a URL only scheme and host.
#[utoipa::path(get, path = "/module/webhooks", tag = "Webhooks", operation_id = "listWebhooks", params(OfProject), responses((status = 200, description = "OK", body = Envelope<Vec<WebhookAnswer>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller, of: Query<OfProject>) -> Answer {
    let (_, seen) = ctx
        .read(move |db| webhooks::list(db, &caller.actor, of.goal_id))
        .await?;
    ok(seen.into_iter().map(WebhookAnswer::new).collect::<Vec<_>>())
}

/// The only answer that holds the secret. No `Debug`.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AddedWebhook)]
struct Added {
    webhook: WebhookAnswer,
    #[schema(value_type = String, example = "whsec_…")]
    secret: Zeroizing<String>,
}

/// The only answer that holds the new secret. No `Debug`.
#[derive(Serialize, utoipa::ToSchema)]
struct NewSecret {
    #[schema(value_type = String, example = "whsec_…")]
    secret: Zeroizing<String>,
}

/// No `Debug`: it may hold a secret.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = NewWebhook)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    goal_id: ProjectId,
    #[serde(default)]
    #[schema(example = "https://ci.example.com/hooks/9f27c1", max_length = 2000)]
    url: String,
    #[serde(default)]
    #[schema(example = json!(["task.created", "task.updated"]))]
    events: Vec<String>,
    #[schema(example = "CI", max_length = 80)]
    name: Option<String>,
    #[schema(value_type = Option<Schedule>, example = "standard")]
    retry_schedule: Option<String>,
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    headers: Option<Headers>,
    #[schema(value_type = Option<String>)]
    secret: Option<Zeroizing<String>>,
}

/// Add a webhook
///
/// It is on at once. The secret is in this answer only; one that you have already can be brought along.
#[utoipa::path(post, path = "/module/webhooks", tag = "Webhooks", operation_id = "createWebhook", request_body = Create, responses((status = 200, description = "OK", body = Envelope<Added>)))]
pub async fn create(ctx: Data<Context>, caller: Caller, JsonBody(sent): JsonBody<Create>) -> Answer {
    let new = NewWebhook {
        url: sent.url,
        events: sent.events,
        name: sent.name,
        schedule: schedule(sent.retry_schedule.as_deref())?,
        secret: sent.secret.as_deref().and_then(|text| webhooks::brought(text)),
        headers: headers(&sent.headers.unwrap_or_default())?,
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
    ok(Added {
        webhook,
        secret: Zeroizing::new(added.secret.expose().to_owned()),
    })
}

/// No `Debug`: it may hold the values of headers.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = WebhookChange)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    id: WebhookId,
    #[schema(example = "https://ci.example.com/hooks/9f27c1", max_length = 2000)]
    url: Option<String>,
    events: Option<Vec<String>>,
    #[schema(example = true)]
    is_active: Option<bool>,
    #[schema(max_length = 80)]
    name: Option<String>,
    #[schema(value_type = Option<Schedule>)]
    retry_schedule: Option<String>,
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    headers: Option<Headers>,
}

/// Change a webhook, turn it on or off
///
/// What is not sent stays. `isActive: true` sends what was held.
#[utoipa::path(patch, path = "/module/webhooks", tag = "Webhooks", operation_id = "editWebhook", request_body = Change, responses((status = 200, description = "OK", body = Envelope<WebhookAnswer>)))]
pub async fn change(ctx: Data<Context>, caller: Caller, JsonBody(sent): JsonBody<Change>) -> Answer {
    let edit = Edit {
        url: sent.url,
        events: sent.events,
        name: sent.name,
        schedule: schedule(sent.retry_schedule.as_deref())?,
        headers: sent.headers.as_ref().map(headers).transpose()?,
    };
    edit.check(&ctx.config().allow)?;
    let inside = ctx.clone();
    let webhook = ctx
        .write(move |tx| {
            let (actor, id) = (&caller.actor, sent.id);
            let project = webhooks::project_of(tx.db, actor, id)?;
            webhooks::edit(tx, actor, project, id, &edit, inside.vault(), &inside.config().allow)?;
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
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichWebhook)]
pub struct One {
    #[serde(deserialize_with = "number_or_text")]
    pub(super) id: WebhookId,
}

/// Delete a webhook and its history
#[utoipa::path(delete, path = "/module/webhooks", tag = "Webhooks", operation_id = "deleteWebhook", request_body = One, responses((status = 200, description = "OK", body = Envelope<bool>)))]
pub async fn delete(ctx: Data<Context>, caller: Caller, JsonBody(One { id }): JsonBody<One>) -> Answer {
    ctx.write(move |tx| {
        let project = webhooks::project_of(tx.db, &caller.actor, id)?;
        webhooks::delete(tx, &caller.actor, project, id)
    })
    .await?;
    ok(true)
}

/// Make a new secret
///
/// The old one signs nothing from now on. The new one is in this answer only. With a sign-in older than 12 hours: 403.
#[utoipa::path(post, path = "/module/webhooks/rotate-secret", tag = "Webhooks", operation_id = "rotateSecret", request_body = One, responses((status = 200, description = "OK", body = Envelope<NewSecret>)))]
pub async fn rotate_secret(ctx: Data<Context>, caller: Caller, JsonBody(One { id }): JsonBody<One>) -> Answer {
    let inside = ctx.clone();
    let rotated = ctx
        .write(move |tx| {
            let project = webhooks::project_of(tx.db, &caller.actor, id)?;
            webhooks::rotate(tx, &caller.actor, project, id, inside.vault())
        })
        .await?;
    ok(NewSecret {
        secret: Zeroizing::new(rotated.secret.expose().to_owned()),
    })
}

fn schedule(given: Option<&str>) -> Result<Option<Schedule>, AppError> {
    let Some(word) = given else { return Ok(None) };
    let schedule = word
        .parse()
        .map_err(|()| AppError::invalid("retrySchedule", "It is standard or patient."))?;
    Ok(Some(schedule))
}

/// By name, in the order sent; a value of `null` or `••••` keeps the one that is stored.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Headers(serde_json::Map<String, Value>);

impl Drop for Headers {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

fn headers(given: &Headers) -> Result<Vec<Given>, AppError> {
    let one = |(name, value): (&String, &Value)| match value {
        Value::Null => Ok(Given::new(name, None)),
        Value::String(value) => Ok(Given::new(name, Some(value))),
        _ => Err(AppError::invalid(
            "headers",
            "Each value is a text, or null to keep it.",
        )),
    };
    given.0.iter().map(one).collect()
}
