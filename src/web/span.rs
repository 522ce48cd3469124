//! What the log says of a request around whatever happens in it. Some addresses are keys: they, and queries, which may hold one, are
//! left out.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use tracing::Span;
use tracing_actix_web::{DefaultRootSpanBuilder, RequestId, RootSpanBuilder};

use super::client;

const INVITATIONS: &str = "/invitations/";

pub struct Spans;

impl RootSpanBuilder for Spans {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().map(ToString::to_string);
        tracing::info_span!(
            "request",
            request_id = id.as_deref().unwrap_or_default(),
            method = %request.method(),
            path = path(request.path()),
            client = client::address(request.request()).map(|address| address.to_string()),
            http.status_code = tracing::field::Empty,
            exception.message = tracing::field::Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        DefaultRootSpanBuilder::on_request_end(span, outcome);
    }
}

/// As the log shows it.
pub fn path(path: &str) -> &str {
    if path.starts_with(INVITATIONS) {
        "/invitations/…"
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_an_invitation_is_not_told() {
        for (shown, expected) in [
            ("/projects/7/webhooks", "/projects/7/webhooks"),
            ("/invitations/3f0c", "/invitations/…"),
            ("/invitations/3f0c/account", "/invitations/…"),
        ] {
            assert_eq!(path(shown), expected);
        }
    }
}
