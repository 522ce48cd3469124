//! Whether the process answers. It says nothing about the database: a supervisor that restarts us would not mend that.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Everything else on a node that serves nobody.
pub async fn only_a_worker() -> HttpResponse {
    super::plain(
        StatusCode::NOT_FOUND,
        "This node only delivers (TASKVIEW_ROLE is worker): pages and API are answered by another one.",
    )
}
