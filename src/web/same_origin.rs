//! Keeps other sites from acting with a visitor's cookie. Modern browsers say where a request comes from in `Sec-Fetch-Site`;
//! older ones send `Origin`. A request that carries a bearer token has nothing to borrow and is exempt; passwords of HTTP itself are
//! no such sign, because a browser that has one for a proxy in front of us adds it to every request, whoever made it.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use url::Url;

use crate::context::Context;

/// Around all pages.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let ctx = request.app_data::<web::Data<Context>>();
    let public = ctx.and_then(|ctx| ctx.config().public_url.as_ref());
    if allowed(request.method(), request.headers(), public) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let mut sentence = "This request did not come from a page of this server, so it was refused.".to_owned();
    if let Some(public) = public {
        sentence.push_str(&format!(" Use {public} in the browser; TASKVIEW_PUBLIC_URL says so."));
    }
    let answer = super::plain(StatusCode::FORBIDDEN, &sentence);
    Ok(request.into_response(answer).map_into_right_body())
}

/// Whether a request that changes something may use the visitor's cookie.
/// `public` is the configured public URL; without one the origin must name the host and port of `Host`.
pub fn allowed(method: &Method, headers: &HeaderMap, public: Option<&Url>) -> bool {
    if method.is_safe() || has_token(headers) {
        return true;
    }
    if headers.contains_key(SEC_FETCH_SITE) {
        return only(headers, SEC_FETCH_SITE) == Some("same-origin");
    }
    let Some(origin) = only(headers, ORIGIN.as_str()) else {
        return false;
    };
    match public {
        Some(public) => origin == public.origin().ascii_serialization(),
        None => {
            let host = origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"));
            host.is_some() && host == only(headers, HOST.as_str())
        }
    }
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The value of a header that must not contradict itself.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    let shown = only(headers, AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '));
    shown.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn ask(headers: &[(&'static str, &'static str)], public: Option<&str>) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        allowed(
            &Method::POST,
            &map,
            public.map(|url| Url::parse(url).expect("a URL")).as_ref(),
        )
    }

    #[test]
    fn a_change_is_accepted_from_our_own_pages_only() {
        let public = Some("https://tasks.example");

        for (headers, expected) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "none")], false),
            // The newer header decides, whatever the older one says.
            (
                vec![("sec-fetch-site", "cross-site"), ("origin", "https://tasks.example")],
                false,
            ),
            (vec![("origin", "https://tasks.example")], true),
            (vec![("origin", "https://tasks.example.evil")], false),
            (vec![("origin", "http://tasks.example")], false),
            (vec![("origin", "null")], false),
            (vec![], false),
            (vec![("authorization", "Bearer x")], true),
            (vec![("authorization", "Bearer")], false),
            (vec![("authorization", "Basic dTpw")], false),
            (
                vec![("authorization", "Negotiate YII"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (
                vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (
                vec![("origin", "https://tasks.example"), ("origin", "https://evil.example")],
                false,
            ),
        ] {
            assert_eq!(ask(&headers, public), expected, "{headers:?}");
        }
    }

    #[test]
    fn without_a_public_url_the_origin_must_name_the_host_that_was_asked() {
        assert!(ask(
            &[("origin", "http://localhost:8080"), ("host", "localhost:8080")],
            None
        ));
        assert!(!ask(
            &[("origin", "evil://localhost:8080"), ("host", "localhost:8080")],
            None
        ));
        assert!(!ask(
            &[("origin", "http://localhost:9999"), ("host", "localhost:8080")],
            None
        ));
        assert!(!ask(&[("origin", "null")], None));
    }

    #[test]
    fn reading_needs_no_proof() {
        assert!(allowed(&Method::GET, &HeaderMap::new(), None));
    }
}
