//! The JSON API under `/module`, one file per noun. Success is `{"response": …}` but for the sign-in.

pub mod api_tokens;
pub mod attempts;
pub mod auth;
pub mod collaboration;
pub mod deliveries;
pub mod events;
pub mod goals;
pub mod openapi;
pub mod tags;
pub mod tasks;
pub mod webhooks;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

use super::api_error::ApiError;

/// What stands around every answer but that of a sign-in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Envelope<T> {
    response: T,
}

/// One, or many in an array.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// `200 {"response": …}`
pub fn ok(response: impl Serialize) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(Envelope { response }))
}

/// A path that is not in the table.
pub async fn nothing_here() -> Result<HttpResponse, ApiError> {
    Err(ApiError::Http(
        StatusCode::NOT_FOUND,
        "There is no such call.".to_owned(),
    ))
}
