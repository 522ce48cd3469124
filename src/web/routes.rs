//! Every URL, in one table: pages first, then the JSON API under `/module`. A new one is one line.

use actix_web::web::{ServiceConfig, get, post, resource, to};

use super::{api, pages};

pub fn pages(cfg: &mut ServiceConfig) {
    use pages::{account, home, setup, sign_in, theme};
    cfg.route("/", get().to(home::show))
        .route("/setup", get().to(setup::form))
        .route("/setup", post().to(setup::create))
        .route("/sign-in", get().to(sign_in::form))
        .route("/sign-in", post().to(sign_in::sign_in))
        .route("/sign-out", post().to(sign_in::sign_out))
        .route("/theme", post().to(theme::switch))
        .route("/account", get().to(account::show))
        .route("/account/password", post().to(account::change_password))
        .route("/account/sessions/{session}/end", post().to(account::end_session));
}

pub fn api(cfg: &mut ServiceConfig) {
    use api::auth;
    cfg.service(resource("/auth/login").route(post().to(auth::login)))
        .service(resource("/auth/refresh/token").route(post().to(auth::refresh)))
        .service(resource("/auth/logout").route(post().to(auth::logout)))
        .default_service(to(api::nothing_here));
}
