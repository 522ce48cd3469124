//! Whether the process answers. It says nothing about the database: a supervisor that restarts us would not mend that.

use actix_web::HttpResponse;

pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}
