//! Pages for people and JSON for programs. A handler reads the request, calls one action and renders; rules live below.
//! `routes` is the one table of every URL; this file puts the rules that hold for all of them around it.

pub mod api;
pub mod api_body;
pub mod api_error;
pub mod assets;
pub mod attempt_wait;
mod banner;
mod bars;
pub mod caller;
pub mod client;
pub mod colors;
pub mod confirm;
pub mod cookies;
pub mod delivery_words;
mod export;
pub mod filters;
pub mod flash;
pub mod form;
pub mod headers;
pub mod health;
mod incoming;
pub mod json_tree;
pub mod laptop;
mod metered;
pub mod metrics;
pub mod number;
pub mod origin;
mod page;
pub mod page_error;
mod pager;
pub mod pages;
mod request_id;
pub mod routes;
pub mod same_origin;
pub mod session;
pub mod signed_in;
pub mod snippets;
mod span;
pub mod theme;
pub mod words;

#[cfg(test)]
mod parts_tests;

use std::net::SocketAddr;

use actix_files::Files;
use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};
use tracing_actix_web::TracingLogger;

use crate::actions::hand_in;
use crate::context::Context;
use crate::db::users;
use crate::error::AppError;

const STOP_SECONDS: u64 = 10;

/// Binds the address. Requests are answered once the server is awaited. Also says the port, which is of interest when the
/// setting was 0.
pub async fn serve(ctx: Context) -> Result<(Server, u16), String> {
    let config = ctx.config();
    let listen = config.listen;
    let limits = config.limits;
    let assets = assets::unpack(&config.data_dir, config.static_dir.as_deref()).map_err(|error| {
        format!(
            "The static files cannot be unpacked into {}: {error}",
            config.data_dir.display()
        )
    })?;
    tell_setup_code(&ctx)
        .await
        .map_err(|error| format!("The database cannot be read: {error}"))?;
    let desk = web::Data::new(hand_in::desk(ctx.clone()));
    let context = web::Data::new(ctx);
    let server = HttpServer::new(move || {
        let immutable = assets.immutable;
        App::new()
            .app_data(context.clone())
            .app_data(desk.clone())
            .app_data(web::PayloadConfig::new(limits.body))
            // actix's own limit of 16 KiB is less than a long description in another script than Latin.
            .app_data(web::FormConfig::default().limit(limits.body))
            .app_data(api_body::config(limits))
            .app_data(web::PathConfig::default().error_handler(|_, _| page_error::PageError(AppError::NotFound).into()))
            .app_data(web::QueryConfig::default().error_handler(|error, _| {
                page_error::PageError(AppError::invalid(
                    "",
                    format!("The address was not understood: {error}."),
                ))
                .into()
            }))
            .wrap(from_fn(incoming::guard))
            .wrap(Compress::default())
            .wrap(from_fn(laptop::guard))
            .wrap(from_fn(headers::safe))
            .wrap(from_fn(metered::measure))
            .wrap(TracingLogger::<span::Spans>::new())
            .configure(routes::health)
            .service(
                web::scope(assets::base())
                    .wrap(from_fn(move |request, next| assets::caching(immutable, request, next)))
                    .service(Files::new("", &assets.folder).prefer_utf8(true)),
            )
            .service(
                web::scope("/module")
                    .wrap(from_fn(api_error::dress))
                    .configure(routes::api),
            )
            .service(
                web::scope("")
                    .wrap(from_fn(page_error::dress))
                    .wrap(from_fn(flash::carry))
                    .wrap(session::middleware(&context))
                    .wrap(from_fn(session::within_reach))
                    .wrap(from_fn(cookies::as_written))
                    .wrap(from_fn(form::only_forms))
                    .wrap(from_fn(same_origin::guard))
                    .configure(routes::pages)
                    .default_service(web::to(pages::nothing_here)),
            )
    })
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals()
    .bind(listen)
    .map_err(|error| cannot_listen(listen, "TASKVIEW_LISTEN", &error))?;
    let port = server.addrs().first().map_or(listen.port(), SocketAddr::port);
    Ok((server.run(), port))
}

/// The same for a node that only delivers: it tells whoever watches it how it is, and nothing else to anybody.
pub fn serve_health(ctx: Context) -> Result<(Server, u16), String> {
    let listen = ctx.config().listen;
    serve_only(ctx, routes::worker, listen, "TASKVIEW_LISTEN")
}

/// Metrics on an address of their own.
pub fn serve_metrics(ctx: Context, listen: SocketAddr) -> Result<(Server, u16), String> {
    serve_only(ctx, metrics::only, listen, "TASKVIEW_METRICS_LISTEN")
}

/// A few addresses without a page among them.
fn serve_only(
    ctx: Context,
    routes: fn(&mut web::ServiceConfig),
    listen: SocketAddr,
    setting: &str,
) -> Result<(Server, u16), String> {
    let context = web::Data::new(ctx);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(context.clone())
            .wrap(from_fn(headers::safe))
            .wrap(from_fn(metered::measure))
            .wrap(TracingLogger::<span::Spans>::new())
            .configure(routes)
    })
    .workers(1)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals()
    .bind(listen)
    .map_err(|error| cannot_listen(listen, setting, &error))?;
    let port = server.addrs().first().map_or(listen.port(), SocketAddr::port);
    Ok((server.run(), port))
}

fn cannot_listen(listen: SocketAddr, setting: &str, error: &std::io::Error) -> String {
    format!("The address {listen} cannot be used: {error}. Set {setting} to another one.")
}

/// While there is no account, whoever reaches the server could make the first one: outside of laptop mode only with this.
async fn tell_setup_code(ctx: &Context) -> Result<(), AppError> {
    let empty = !ctx.read(|db| Ok(users::any(db)?)).await?;
    if empty && !ctx.config().laptop_mode() {
        tracing::warn!(
            code = ctx.gate().setup_code(),
            "there is no account yet; this set-up code makes the first one"
        );
    }
    Ok(())
}

/// A short sentence without a page around it, for what never reaches a handler.
fn plain(status: StatusCode, sentence: &str) -> actix_web::HttpResponse {
    actix_web::HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .body(format!("{sentence}\n"))
}
