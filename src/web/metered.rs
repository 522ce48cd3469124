//! Counts every request by the pattern of its address, and how long the head of its answer took, which the log also tells of each. An
//! address that is no pattern of ours is counted as `other`: what strangers make up adds no series.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::assets;
use crate::context::Context;
use crate::metrics::requests::Answered;

/// Around everything that is answered.
pub async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let (route, method) = (route(&request), method(request.method()));
    let ctx = request.app_data::<web::Data<Context>>().cloned();
    let answer = next.call(request).await;
    let took = began.elapsed();
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    tracing::debug!(
        status = status.as_u16(),
        duration_ms = took.as_secs_f64() * 1_000.0,
        "a request was answered"
    );
    if let Some(ctx) = ctx {
        let answered = Answered {
            route,
            method,
            status: class(status),
        };
        ctx.metrics().requests.answered(&answered, took);
    }
    answer
}

fn route(request: &ServiceRequest) -> String {
    if request.path().starts_with(assets::base()) {
        return "/static".to_owned();
    }
    request.match_pattern().unwrap_or_else(|| "other".to_owned())
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
