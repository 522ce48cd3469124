//! Laptop mode: the server listens on loopback, makes the first account without a code and lets deliveries reach loopback.
//! That is safe only while nobody else can reach it, so a foreign `Host` (DNS rebinding) and every sign of a proxy in front
//! are refused.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap};
use actix_web::http::{StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::context::Context;

/// Around everything the server answers.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let laptop = request
        .app_data::<web::Data<Context>>()
        .is_some_and(|ctx| ctx.config().laptop_mode());
    if laptop && let Some(sentence) = refusal(request.uri(), request.headers()) {
        let answer = super::plain(StatusCode::MISDIRECTED_REQUEST, &sentence);
        return Ok(request.into_response(answer).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// The sentence for a request that laptop mode refuses; `None` when it may pass. Said with `421 Misdirected Request`.
pub fn refusal(target: &Uri, headers: &HeaderMap) -> Option<String> {
    let forwarded = headers
        .keys()
        .find(|name| name.as_str() == "forwarded" || name.as_str().starts_with("x-forwarded-"))
        .map(ToString::to_string);
    if let Some(name) = forwarded {
        return Some(format!(
            "This server runs in laptop mode and was reached through a proxy (the request has a “{name}” header). \
             Set TASKVIEW_PUBLIC_URL to the address that people use."
        ));
    }
    let host = headers
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // A target that names a host itself overrides `Host` (RFC 9112, 3.2.2), so both must name this machine.
    let host = match target.authority() {
        Some(named) if !is_loopback_name(named.as_str()) => named.as_str(),
        _ => host,
    };
    if is_loopback_name(host) {
        return None;
    }
    Some(format!(
        "This server runs in laptop mode and answers to localhost, 127.0.0.1 and [::1] only, not to “{host}”. \
         Set TASKVIEW_PUBLIC_URL to the address that people use."
    ))
}

fn is_loopback_name(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        host.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
            && match host[name.len()..].strip_prefix(':') {
                Some(port) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
                None => host.len() == name.len(),
            }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn ask(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        refusal(&Uri::from_static("/"), &map)
    }

    #[test]
    fn only_the_machine_itself_is_answered() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]", "[::1]:1"] {
            assert_eq!(ask(&[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io:8080",
            "localhost:",
            "localhost:x",
            "",
            "127.0.0.2",
        ] {
            assert!(ask(&[("host", host)]).is_some(), "{host}");
        }
    }

    #[test]
    fn a_host_in_the_target_counts_as_much() {
        let mut map = HeaderMap::new();
        map.insert(HOST, HeaderValue::from_static("localhost"));
        for (target, is_refused) in [
            ("http://localhost:8080/", false),
            ("http://evil.example/", true),
            ("http://localhost@evil.example/", true),
            ("http://localhost:8080@127.0.0.1/", true),
        ] {
            assert_eq!(
                refusal(&Uri::from_static(target), &map).is_some(),
                is_refused,
                "{target}"
            );
        }
    }

    #[test]
    fn a_proxy_in_front_is_named_and_refused() {
        let sentence = ask(&[("host", "localhost"), ("x-forwarded-for", "203.0.113.9")]).expect("refused");

        assert!(
            sentence.contains("x-forwarded-for") && sentence.contains("TASKVIEW_PUBLIC_URL"),
            "{sentence}"
        );
        assert!(ask(&[("host", "localhost"), ("forwarded", "for=203.0.113.9")]).is_some());
    }
}
