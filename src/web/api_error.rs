//! An [`AppError`] as the API says it: always `{"error":{"code","message","fields"}}`. What the caller may not touch is 403
//! whether it exists or not, so that nothing can be probed.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::JsonPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use serde::Serialize;

use super::request_id;
use crate::domain::field_error::FieldError;
use crate::error::AppError;
use crate::limits::Limits;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    App(#[from] AppError),
    /// What HTTP itself has a word for: 400, 404, 405, 413, 415.
    #[error("{1}")]
    Http(StatusCode, String),
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Error)]
pub struct Answer<'a> {
    error: Body<'a>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ErrorBody)]
pub struct Body<'a> {
    #[schema(example = "invalid")]
    code: &'static str,
    #[schema(example = "Some of the input is not valid.")]
    message: String,
    /// Empty unless the input is to blame: clients may count on it.
    #[schema(value_type = Vec<FieldError>)]
    fields: &'a [FieldError],
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            ApiError::Http(status, _) => *status,
            ApiError::App(error) => match error {
                AppError::NotSignedIn => StatusCode::UNAUTHORIZED,
                AppError::NotFound | AppError::Forbidden(_) | AppError::TokenLacks(_) => StatusCode::FORBIDDEN,
                AppError::Invalid(_) => StatusCode::BAD_REQUEST,
                AppError::Conflict(_) => StatusCode::CONFLICT,
                AppError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
                AppError::Unavailable(_) | AppError::Collided(_) | AppError::Locked { .. } => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                AppError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(None)
    }
}

impl ApiError {
    fn answer(&self, request: Option<String>) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        match self {
            ApiError::App(AppError::TooMany { retry_after, .. }) => {
                response.insert_header((RETRY_AFTER, retry_after.as_secs().max(1)));
            }
            ApiError::App(AppError::Unavailable(_)) => {
                response.insert_header((RETRY_AFTER, 5));
            }
            ApiError::App(AppError::Collided(_)) => {
                response.insert_header((RETRY_AFTER, 1));
            }
            ApiError::App(AppError::NotSignedIn) => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            _ => {}
        }
        let fields: &[FieldError] = match self {
            ApiError::App(AppError::Invalid(fields)) => fields,
            _ => &[],
        };
        let message = match self {
            ApiError::App(AppError::NotFound) => "You may not do this with this id; it may also not exist.".to_owned(),
            ApiError::App(AppError::NotSignedIn) => "The token is missing, wrong or expired.".to_owned(),
            other => other.to_string(),
        };
        response.json(Answer {
            error: Body {
                code: code(status),
                message,
                fields,
                request,
            },
        })
    }
}

fn code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        413 => "too_large",
        415 => "unsupported_media_type",
        429 => "too_many_requests",
        500 => "internal",
        503 => "unavailable",
        _ => "invalid",
    }
}

/// What a body that is not the JSON we wait for is told.
pub fn from_json(error: JsonPayloadError, limits: &Limits) -> ApiError {
    match error {
        JsonPayloadError::ContentType => ApiError::Http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the body as application/json.".to_owned(),
        ),
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            ApiError::Http(StatusCode::PAYLOAD_TOO_LARGE, limits.body_too_large())
        }
        JsonPayloadError::Deserialize(error) => {
            ApiError::Http(StatusCode::BAD_REQUEST, format!("The body is no JSON: {error}."))
        }
        _ => ApiError::Http(
            StatusCode::BAD_REQUEST,
            "The body could not be read, or did not come in time.".to_owned(),
        ),
    }
}

/// What a path or a query that does not parse is told.
pub fn from_address(error: &impl std::fmt::Display) -> ApiError {
    ApiError::Http(
        StatusCode::BAD_REQUEST,
        format!("The address is not what this call takes: {error}."),
    )
}

/// Around the whole API: what actix refuses by itself gets a body too, and what broke gets an id that the log knows.
pub async fn dress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let response = next.call(request).await?;
    let status = response.status();
    let error = response.response().error();
    let answer = match error.and_then(|error| error.as_error::<ApiError>()) {
        Some(ApiError::App(error)) if error.detail().is_some() => {
            error.log(status.as_u16(), "a call failed");
            let internal = matches!(error, AppError::Internal(_));
            let id = request_id::of(response.request());
            internal.then(|| ApiError::App(AppError::Internal(String::new())).answer(Some(id)))
        }
        Some(_) => None,
        None if status.is_client_error() && error.is_some() => {
            Some(ApiError::Http(status, error.map(ToString::to_string).unwrap_or_default()).answer(None))
        }
        None if status == StatusCode::METHOD_NOT_ALLOWED => {
            Some(ApiError::Http(status, "This path does not answer to this method.".to_owned()).answer(None))
        }
        None => None,
    };
    Ok(match answer {
        Some(answer) => ServiceResponse::new(response.into_parts().0, answer).map_into_right_body(),
        None => response.map_into_left_body(),
    })
}
