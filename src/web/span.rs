//! What the log says of a request around whatever happens in it. Some addresses are keys: they, and queries, which may hold one, are
//! left out.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use tracing::Span;
use tracing_actix_web::RootSpanBuilder;

use super::{client, request_id};

const INVITATIONS: &str = "/invitations/";

pub struct Spans;

impl RootSpanBuilder for Spans {
    /// At the level of errors: whatever is logged at all tells in which request it happened.
    fn on_request_start(request: &ServiceRequest) -> Span {
        request_id::give(request);
        tracing::error_span!(
            "request",
            request_id = request_id::of(request.request()),
            method = %request.method(),
            path = path(request.path()),
            client = client::address(request.request()).map(|address| address.to_string()),
        )
    }

    /// `metered` knows how long it took.
    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
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
