//! The address under which people reach this server, for links that are copied and examples that are run.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::web::Data;

use crate::context::Context;
use crate::domain::token::Token;

/// `https://hooks.example.com`: the public URL, else what this request asked for. Only text for the one who asked.
pub fn of(request: &HttpRequest) -> String {
    let public = request
        .app_data::<Data<Context>>()
        .and_then(|ctx| ctx.config().public_url.as_ref());
    if let Some(url) = public {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

/// Where the holder of the token is invited.
pub fn invitation(request: &HttpRequest, token: &Token) -> String {
    format!("{}/invitations/{}", of(request), token.expose())
}
