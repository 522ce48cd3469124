//! What this node counts, for a Prometheus that asks: on the main address with the token, on a laptop without, and on the address that is
//! only for this. What is counted stands in `crate::metrics` and, for people, in docs/metrics.md.

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::context::Context;

/// As the format demands it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// On the main address.
pub async fn show(request: HttpRequest, ctx: web::Data<Context>) -> HttpResponse {
    let config = ctx.config();
    let shown = request.headers().get(AUTHORIZATION);
    let shown = shown.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if config.laptop_mode() || config.metrics.admits(shown) {
        told(&ctx).await
    } else {
        super::plain(
            StatusCode::NOT_FOUND,
            "Metrics are told here to who shows the token that is set with TASKVIEW_METRICS_TOKEN \
             (Authorization: Bearer …), and on the address that TASKVIEW_METRICS_LISTEN names.",
        )
    }
}

/// On the address for metrics, which only those reach who may know them.
pub async fn show_to_everybody(ctx: web::Data<Context>) -> HttpResponse {
    told(&ctx).await
}

/// Everything else on that address.
pub async fn only_metrics() -> HttpResponse {
    super::plain(StatusCode::NOT_FOUND, "This address is for metrics: ask for /metrics.")
}

async fn told(ctx: &Context) -> HttpResponse {
    match ctx.metrics().scrape(ctx).await {
        Ok(text) => HttpResponse::Ok().content_type(OPEN_METRICS).body(text),
        Err(error) => super::plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// All that the address answers which is for metrics alone.
pub fn only(cfg: &mut web::ServiceConfig) {
    cfg.route("/metrics", web::get().to(show_to_everybody))
        .default_service(web::to(only_metrics));
}
