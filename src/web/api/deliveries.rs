//! `/module/webhooks/deliveries`, `test`, `retry`, `retry-failed` and `held`: the history over the API, and
//! sending by hand. The two calls that send one delivery wait for their attempt, as the pages do.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::webhooks::One;
use super::{Envelope, ok};
use crate::actions::deliveries::{self, History, Place, Wanted};
use crate::actions::resend_runs;
use crate::actions::webhooks::{self, COUNTED};
use crate::context::Context;
use crate::db::history::{Delivery, Filter, Show, Start};
use crate::domain::delivery::{OutcomeKind, Status, Trigger};
use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{DeliveryId, EventId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::attempt_wait::{self, Requested};
use crate::web::caller::Caller;
use crate::web::delivery_words::is_held;
use crate::web::number::number_or_text;

const PAGE: i64 = 20;
const LARGEST_PAGE: i64 = 100;

type Answer = Result<HttpResponse, ApiError>;

/// A delivery on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Delivery)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAnswer {
    id: DeliveryId,
    webhook_id: WebhookId,
    #[schema(value_type = String, example = "task.created")]
    event: EventKind,
    /// The bytes that were sent, embedded as they are.
    #[schema(required, value_type = Option<Object>)]
    payload: Option<Box<RawValue>>,
    #[schema(example = "success")]
    status: Status,
    #[schema(required, example = 200)]
    response_code: Option<i32>,
    #[schema(example = 1)]
    attempts: i32,
    #[schema(required)]
    last_attempt_at: Option<Moment>,
    created_at: Moment,
    #[schema(example = "msg_0193…")]
    message_id: String,
    /// Null when no attempt is planned: it has ended, or it is held.
    #[schema(required, example = json!(null))]
    next_attempt_at: Option<Moment>,
    #[schema(example = false)]
    held: bool,
    #[schema(example = false)]
    test: bool,
    #[schema(required, example = "answered")]
    outcome: Option<OutcomeKind>,
    #[schema(required, example = "The receiver answered 200 OK.")]
    message: Option<String>,
    #[schema(required, example = 84)]
    duration_ms: Option<i64>,
}

impl DeliveryAnswer {
    fn new(
        delivery: &Delivery,
        history: &History,
        messages: &[(DeliveryId, String)],
        payloads: &[(EventId, Vec<u8>)],
    ) -> Self {
        let held = is_held(delivery, history.webhook_of(delivery));
        let payload = payloads.iter().find(|(event, _)| *event == delivery.event_id);
        let message = messages.iter().find(|(id, _)| *id == delivery.id);
        DeliveryAnswer {
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event: delivery.kind.clone(),
            payload: payload
                .and_then(|(_, body)| String::from_utf8(body.clone()).ok())
                .and_then(|body| RawValue::from_string(body).ok()),
            status: delivery.status,
            response_code: delivery.response_code,
            attempts: delivery.attempts,
            last_attempt_at: delivery.last_attempt_at,
            created_at: delivery.created_at,
            message_id: delivery.message_id.clone(),
            next_attempt_at: (delivery.status == Status::Pending && !held).then_some(delivery.due_at),
            held,
            test: delivery.trigger == Trigger::Test,
            outcome: delivery.outcome,
            message: message.map(|(_, message)| message.clone()),
            duration_ms: delivery.duration_us.map(|us| us / 1_000),
        }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    cursor: Option<DeliveryId>,
    status: Option<String>,
    event: Option<String>,
    held: Option<String>,
    limit: Option<i64>,
}

impl Asked {
    fn wanted(&self) -> Result<Wanted, AppError> {
        let mut errors = Vec::new();
        let held = matches!(self.held.as_deref(), Some("1" | "true"));
        let show = match self.status.as_deref() {
            None | Some("" | "pending") if held => Show::Held,
            None | Some("") => Show::All,
            Some("success") if !held => Show::Success,
            Some("failed") if !held => Show::Failed,
            Some("pending") => Show::Pending,
            Some(_) => {
                errors.push(FieldError::new(
                    "status",
                    "It is success, failed or pending; only pending ones are held.",
                ));
                Show::All
            }
        };
        let event = self.event.as_deref().filter(|name| !name.is_empty());
        let kind = event.map(|name| {
            EventKind::parse(name)
                .or_else(|| (name == EventKind::WEBHOOK_TEST.as_str()).then_some(EventKind::WEBHOOK_TEST))
        });
        if kind == Some(None) {
            errors.push(FieldError::new("event", "There is no such event."));
        }
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            errors.push(FieldError::new(
                "limit",
                format!("It is a number from 1 to {LARGEST_PAGE}."),
            ));
        }
        if !errors.is_empty() {
            return Err(AppError::Invalid(errors));
        }
        Ok(Wanted {
            filter: Filter {
                show,
                kind: kind.flatten(),
                ..Filter::default()
            },
            start: self.cursor.map_or(Start::Newest, Start::Before),
            limit,
        })
    }
}

/// The history of a webhook
///
/// The newest first. `cursor` is the id of the last row seen.
#[utoipa::path(get, path = "/module/webhooks/deliveries/{webhookId}", tag = "Deliveries", operation_id = "listDeliveries", params(("webhookId" = WebhookId, Path, description = "The webhook"), Asked), responses((status = 200, description = "OK", body = Envelope<Vec<DeliveryAnswer>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller, id: Path<WebhookId>, asked: Query<Asked>) -> Answer {
    let (id, wanted) = (*id, asked.wanted()?);
    let answers: Vec<DeliveryAnswer> = ctx
        .read(move |db| {
            let project = webhooks::project_of(db, &caller.actor, id)?;
            let history = deliveries::history_far(db, &caller.actor, Place::of(project, id), &wanted)?;
            let messages = deliveries::messages(db, &history)?;
            let payloads = deliveries::payloads(db, &history)?;
            Ok(history
                .page
                .rows
                .iter()
                .map(|row| DeliveryAnswer::new(row, &history, &messages, &payloads))
                .collect())
        })
        .await?;
    ok(answers)
}

/// How the one attempt went that a call asked for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SentByHand)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    response_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    /// It takes longer than anybody wants to wait.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pending: bool,
}

impl Sent {
    fn new(delivery: &Delivery) -> Self {
        let pending = delivery.status == Status::Pending;
        Sent {
            success: delivery.status == Status::Success,
            // Of a retry that runs still, it would be the code of the attempt before.
            response_code: delivery.response_code.filter(|_| !pending),
            delivery_id: None,
            pending,
        }
    }
}

/// Send a test
///
/// One attempt, on or off, never repeated and never counted. Waits for it, at most 15 seconds.
#[utoipa::path(post, path = "/module/webhooks/test", tag = "Deliveries", operation_id = "testWebhook", request_body = One, responses((status = 200, description = "OK", body = Envelope<Sent>)))]
pub async fn test(ctx: Data<Context>, caller: Caller, JsonBody(One { id: webhook }): JsonBody<One>) -> Answer {
    let (actor, presses) = (caller.actor, ctx.presses().clone());
    let settled = attempt_wait::attempt(&ctx, actor, move |tx| {
        let project = webhooks::project_of(tx.db, &actor, webhook)?;
        let delivery = deliveries::test(tx, &actor, project, webhook, &presses)?;
        Ok(Requested {
            project,
            webhook,
            delivery,
        })
    })
    .await?;
    ok(Sent {
        delivery_id: Some(settled.id),
        ..Sent::new(&settled)
    })
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichDelivery)]
pub struct Which {
    #[serde(deserialize_with = "number_or_text")]
    id: DeliveryId,
}

/// Send a failed delivery again
///
/// One more attempt with the same bytes. Waits for it, at most 15 seconds. Not failed, or running already: 409.
#[utoipa::path(post, path = "/module/webhooks/retry", tag = "Deliveries", operation_id = "retryDelivery", request_body = Which, responses((status = 200, description = "OK", body = Envelope<Sent>)))]
pub async fn retry(ctx: Data<Context>, caller: Caller, JsonBody(Which { id: delivery }): JsonBody<Which>) -> Answer {
    let (actor, presses) = (caller.actor, ctx.presses().clone());
    let settled = attempt_wait::attempt(&ctx, actor, move |tx| {
        let (project, webhook) = deliveries::place_of(tx.db, &actor, delivery)?;
        deliveries::retry(tx, &actor, project, webhook, delivery, &presses)?;
        Ok(Requested {
            project,
            webhook,
            delivery,
        })
    })
    .await?;
    ok(Sent::new(&settled))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = FailedSince)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    #[serde(deserialize_with = "number_or_text")]
    id: WebhookId,
    #[schema(value_type = Moment)]
    since: String,
    /// Only counts.
    #[serde(default)]
    #[schema(example = true)]
    dry_run: bool,
}

/// How many deliveries it is about.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Amount)]
pub struct Amount {
    #[schema(example = 3)]
    count: i64,
    /// There are more than were counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    more: bool,
}

impl Amount {
    fn of(count: i64) -> Self {
        Amount {
            count: count.min(COUNTED),
            more: count > COUNTED,
        }
    }
}

/// Send all that has failed since an instant again
///
/// Each once, a few at a time. With `dryRun` they are only counted.
#[utoipa::path(post, path = "/module/webhooks/retry-failed", tag = "Deliveries", operation_id = "retryFailed", request_body = Failed, responses((status = 200, description = "OK", body = Envelope<Amount>)))]
pub async fn retry_failed(ctx: Data<Context>, caller: Caller, JsonBody(sent): JsonBody<Failed>) -> Answer {
    let (actor, presses, id) = (caller.actor, ctx.presses().clone(), sent.id);
    let since = Moment::parse(&sent.since)
        .ok_or_else(|| AppError::invalid("since", "It is an instant such as 2026-03-22T12:00:00Z."))?;
    let (project, amount) = ctx
        .read(move |db| {
            let project = webhooks::project_of(db, &actor, id)?;
            let preview = resend_runs::preview(db, &actor, project, id, since)?;
            Ok((project, preview.amount))
        })
        .await?;
    if !sent.dry_run {
        ctx.write(move |tx| resend_runs::start(tx, &actor, project, id, amount, &presses))
            .await?;
    }
    ok(Amount::of(amount.count))
}

#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum HeldAction {
    /// Turns the webhook on.
    Send,
    /// Leaves it off.
    Discard,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = HeldDeliveries)]
pub struct Held {
    #[serde(deserialize_with = "number_or_text")]
    id: WebhookId,
    action: HeldAction,
}

/// Say what becomes of what is held
///
/// Held is what waits for a webhook that is off. `send` turns it on.
#[utoipa::path(post, path = "/module/webhooks/held", tag = "Deliveries", operation_id = "handleHeld", request_body = Held, responses((status = 200, description = "OK", body = Envelope<Amount>)))]
pub async fn held(ctx: Data<Context>, caller: Caller, JsonBody(Held { id, action }): JsonBody<Held>) -> Answer {
    let actor = caller.actor;
    let count = ctx
        .write(move |tx| {
            let project = webhooks::project_of(tx.db, &actor, id)?;
            let count = webhooks::held_of(tx.db, &actor, project, id)?;
            match action {
                HeldAction::Send => webhooks::turn_on_and_send(tx, &actor, project, id)?,
                HeldAction::Discard => webhooks::discard_held(tx, &actor, project, id)?,
            }
            Ok(count)
        })
        .await?;
    ok(Amount::of(count))
}
