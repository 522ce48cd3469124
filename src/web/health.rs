//! How this node is, for whoever watches it: whether the process answers, and whether it can do its work.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::context::Context;
use crate::db::users;

/// Says nothing about the database: a supervisor that restarts us would not mend that.
pub async fn healthz() -> HttpResponse {
    super::plain(StatusCode::OK, "ok")
}

/// Whether to send requests here: 503 and a sentence while the database cannot be reached or this machine's clock is wrong.
pub async fn readyz(ctx: web::Data<Context>) -> HttpResponse {
    let wrong_clock = ctx.others().and_then(|others| others.wrong_clock());
    let reached = ctx.read(|db| Ok(users::any(db)?)).await;
    match (reached, wrong_clock) {
        (Err(_), _) => super::plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "The database cannot be reached right now.",
        ),
        (Ok(_), Some(sentence)) => super::plain(StatusCode::SERVICE_UNAVAILABLE, &sentence),
        (Ok(_), None) if ctx.nobody_delivers() => super::plain(
            StatusCode::OK,
            "ready, but no node that delivers is there: deliveries wait until one runs with TASKVIEW_ROLE all or worker",
        ),
        (Ok(_), None) => super::plain(StatusCode::OK, "ready"),
    }
}

/// Everything else on a node that serves nobody.
pub async fn only_a_worker() -> HttpResponse {
    super::plain(
        StatusCode::NOT_FOUND,
        "This node only delivers (TASKVIEW_ROLE is worker): pages and API are answered by another one.",
    )
}
