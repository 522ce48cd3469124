//! Publish: a host application hands in an event of a project, or many at once.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Envelope, OneOrMany, ok};
use crate::actions::hand_in::{HandInDesk, IdempotencyKey, Submission};
use crate::actions::publish::{CheckedEvent, HandIn};
use crate::db;
use crate::domain::ids::EventId;
use crate::error::AppError;
use crate::web::api_body::{parse, parse_all};
use crate::web::api_error::ApiError;
use crate::web::caller::Bearer;

/// Events in one request.
const MOST: usize = 100;
const LONGEST_KEY: usize = 255;

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    event_id: EventId,
    #[schema(example = 2)]
    deliveries: usize,
}

impl From<&db::publish::Published> for Published {
    fn from(published: &db::publish::Published) -> Self {
        Published {
            event_id: published.event,
            deliveries: published.deliveries,
        }
    }
}

/// Publish events of a host application
///
/// One, or up to 100 in an array: all or none. With an `Idempotency-Key` a request that is repeated within a day gets the answer of the first one and makes nothing new; the same key with another body: 409.
#[utoipa::path(post, path = "/module/events", tag = "Publish", operation_id = "publishEvents", request_body = OneOrMany<HandIn>, params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")), responses((status = 200, description = "OK", body = Envelope<OneOrMany<Published>>)))]
pub async fn publish(
    desk: Data<HandInDesk>,
    caller: Bearer,
    request: HttpRequest,
    Json(body): Json<Box<RawValue>>,
) -> Result<HttpResponse, ApiError> {
    let many = body.get().starts_with('[');
    let submission = Submission {
        access: caller.token,
        address: caller.address,
        events: if many {
            all(&body)?
        } else {
            vec![parse::<HandIn>(&body)?.check()?]
        },
        key: key(&request, &body)?,
    };
    let published = desk.submit(submission).await?;
    let mut answers = published.iter().map(Published::from);
    match answers.next() {
        Some(only) if !many => ok(OneOrMany::One(only)),
        first => ok(OneOrMany::Many(first.into_iter().chain(answers).collect())),
    }
}

/// Every mistake of every event at once, each named by its place.
fn all(body: &RawValue) -> Result<Vec<CheckedEvent>, ApiError> {
    let given: Vec<HandIn> = parse_all(body)?;
    if given.is_empty() || given.len() > MOST {
        let words = format!("Send 1 to {MOST} events at once.");
        return Err(AppError::invalid("events", words).into());
    }
    let (mut events, mut errors) = (Vec::with_capacity(given.len()), Vec::new());
    for (place, event) in given.into_iter().enumerate() {
        match event.check() {
            Ok(event) => events.push(event),
            Err(AppError::Invalid(fields)) => errors.extend(fields.into_iter().map(|field| field.of_item(place))),
            Err(other) => return Err(other.into()),
        }
    }
    if errors.is_empty() {
        Ok(events)
    } else {
        Err(AppError::Invalid(errors).into())
    }
}

fn key(request: &HttpRequest, body: &RawValue) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = request.headers().get("Idempotency-Key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let Some(key) = key else {
        let words = format!("An Idempotency-Key is 1 to {LONGEST_KEY} visible ASCII characters.");
        return Err(AppError::invalid("Idempotency-Key", words).into());
    };
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        body_hash: Sha256::digest(body.get()).into(),
    }))
}
