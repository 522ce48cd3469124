//! `/module/webhooks/attempts`: what was sent at each attempt of a delivery, and what came back.

use actix_web::web::{Data, Path};
use serde::Serialize;

use super::{Envelope, ok};
use crate::actions::deliveries;
use crate::context::Context;
use crate::db::history::Attempt;
use crate::domain::delivery::OutcomeKind;
use crate::domain::ids::DeliveryId;
use crate::domain::moment::Moment;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

type Answer = Result<actix_web::HttpResponse, ApiError>;

/// An attempt on the wire; headers are pairs, because a name may come twice.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Attempt)]
#[serde(rename_all = "camelCase")]
pub struct AttemptAnswer {
    #[schema(example = 1)]
    number: i32,
    started_at: Moment,
    #[schema(example = 84)]
    duration_ms: i64,
    #[schema(example = "answered")]
    outcome: OutcomeKind,
    #[schema(required, example = 200)]
    response_code: Option<i32>,
    #[schema(example = "The receiver answered 200 OK.")]
    message: String,
    #[schema(required, example = "203.0.113.7:443")]
    remote_address: Option<String>,
    #[schema(example = false)]
    reused: bool,
    request: Request,
    response: Response,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AttemptRequest)]
pub struct Request {
    #[schema(example = "https://ci.example.com/hooks/9f27c1")]
    url: String,
    #[schema(value_type = Vec<Vec<String>>, example = json!([["Content-Type", "application/json"]]))]
    headers: Vec<(String, String)>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AttemptResponse)]
pub struct Response {
    #[schema(value_type = Vec<Vec<String>>, example = json!([["content-length", "2"]]))]
    headers: Vec<(String, String)>,
    #[schema(example = "ok")]
    body: String,
    #[schema(example = false)]
    cut: bool,
}

impl AttemptAnswer {
    fn new((attempt, body): (Attempt, Vec<u8>)) -> Self {
        let headers = |json: &str| serde_json::from_str(json).unwrap_or_default();
        AttemptAnswer {
            number: attempt.number,
            started_at: attempt.started_at,
            duration_ms: attempt.duration_us / 1_000,
            outcome: attempt.outcome,
            response_code: attempt.response_code,
            message: attempt.message,
            remote_address: attempt.address,
            reused: attempt.reused,
            request: Request {
                url: attempt.url,
                headers: headers(&attempt.request_headers),
            },
            response: Response {
                headers: headers(&attempt.response_headers),
                body: String::from_utf8_lossy(&body).into_owned(),
                cut: attempt.cut,
            },
        }
    }
}

/// The attempts of a delivery
///
/// What was sent and what came back. Members see neither headers nor bodies.
#[utoipa::path(get, path = "/module/webhooks/attempts/{deliveryId}", tag = "Deliveries", operation_id = "listAttempts", params(("deliveryId" = DeliveryId, Path, description = "The delivery")), responses((status = 200, description = "OK", body = Envelope<Vec<AttemptAnswer>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller, id: Path<DeliveryId>) -> Answer {
    let id = *id;
    let detail = ctx
        .read(move |db| {
            let (project, webhook) = deliveries::place_of(db, &caller.actor, id)?;
            deliveries::find(db, &caller.actor, project, webhook, id)
        })
        .await?;
    ok(detail.attempts.into_iter().map(AttemptAnswer::new).collect::<Vec<_>>())
}
