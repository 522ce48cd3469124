//! The id by which a request is found again in the log: the one that a proxy of ours gave it, else one that is made here. The answer
//! carries it, so that somebody who complains can name it.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage as _, HttpRequest};
use tracing_actix_web::RequestId as Made;

use super::client;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// As long as what proxies make, and no longer.
const LONGEST: usize = 64;

#[derive(Clone)]
struct RequestId(String);

/// Once, before anything is logged of it.
pub fn give(request: &ServiceRequest) {
    let told = client::is_behind_proxy(request.request())
        .then(|| request.headers().get(HEADER)?.to_str().ok())
        .flatten()
        .filter(|told| is_sane(told))
        .map(str::to_owned);
    let made = request.extensions().get::<Made>().map(ToString::to_string);
    let id = told.or(made).unwrap_or_default();
    request.extensions_mut().insert(RequestId(id));
}

/// Empty before it was given.
pub fn of(request: &HttpRequest) -> String {
    let id = request.extensions().get::<RequestId>().cloned();
    id.map(|id| id.0).unwrap_or_default()
}

/// What cannot be anything else in a log, a header or a shell.
fn is_sane(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_of_plain_characters() {
        for (id, sane) in [
            ("0198c3a2-7b1e-7a30-9d52-6f0a1b2c3d4e", true),
            ("7b1e7a309d526f0a", true),
            ("Root=1-67891233-abcdef012345678912345678", false),
            ("edge:4711_a.b", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("ä", false),
        ] {
            assert_eq!(is_sane(id), sane, "{id}");
        }
        assert!(is_sane(&"a".repeat(64)) && !is_sane(&"a".repeat(65)));
    }
}
