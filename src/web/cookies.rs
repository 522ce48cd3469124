//! The cookies of the pages: out of a script's reach, and not sent along from other sites. Under https their names begin with
//! `__Host-`, so that no other host of the domain can plant one. The session's own cookie is made in `session.rs`.

use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{COOKIE, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use crate::config::Config;
use crate::context::Context;

/// What the browser sent under this name, character by character.
pub fn read(request: &HttpRequest, name: &str) -> Option<String> {
    let ctx = request.app_data::<web::Data<Context>>()?;
    let cookie = request.cookie_raw(&full_name(ctx.config(), name))?;
    Some(cookie.value().to_owned())
}

/// `value` needs no encoding: letters, digits, `-` and `_`.
pub fn make(config: &Config, name: &str, value: String, life: Duration) -> Cookie<'static> {
    Cookie::build(full_name(config, name), value)
        .path("/")
        .http_only(true)
        .secure(config.is_https())
        .same_site(SameSite::Lax)
        .max_age(life)
        .finish()
}

/// Without https browsers would refuse a cookie with the prefix.
fn full_name(config: &Config, name: &str) -> String {
    let prefix = if config.is_https() { "__Host-" } else { "" };
    format!("{prefix}{name}")
}

/// Around all pages. actix decodes names: `%5F_Host-session`, which any host of the domain may set, would pass for the
/// protected one. None of ours is written like that, so such cookies are dropped before anybody reads them.
pub async fn as_written<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let headers = request.headers_mut();
    let sent: Vec<HeaderValue> = headers.remove(COOKIE).collect();
    for value in sent {
        let plain = |pair: &&[u8]| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            // What is no UTF-8 would make actix drop its neighbours too.
            !name.contains(&b'%') && std::str::from_utf8(pair).is_ok()
        };
        let pairs = value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let kept: Vec<&[u8]> = pairs.filter(plain).collect();
        if let Ok(value) = HeaderValue::from_bytes(&kept.join(&b"; "[..])) {
            headers.append(COOKIE, value);
        }
    }
    next.call(request).await
}
