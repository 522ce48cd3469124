//! The switch between light and dark, for everybody who looks at a page.

use actix_web::cookie::time::Duration;
use actix_web::http::header::REFERER;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use url::Url;

use crate::context::Context;
use crate::web::cookies;
use crate::web::flash::redirect;
use crate::web::form::Form;
use crate::web::signed_in::safe_next;
use crate::web::theme;

#[derive(Deserialize)]
pub struct Choice {
    #[serde(default)]
    theme: String,
}

pub async fn switch(ctx: Data<Context>, request: HttpRequest, Form(choice): Form<Choice>) -> HttpResponse {
    let came_from = request
        .headers()
        .get(REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|url| Url::parse(url).ok());
    let back = came_from.map_or_else(
        || "/".to_owned(),
        |url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
    );
    let mut response = redirect(safe_next(&back));
    let chosen = theme::known(&choice.theme);
    let life = if chosen.is_empty() {
        Duration::ZERO
    } else {
        Duration::days(365)
    };
    let cookie = cookies::make(ctx.config(), theme::COOKIE, chosen.to_owned(), life);
    // A cookie that holds one of two words is always a valid header.
    let _ = response.add_cookie(&cookie);
    response
}
