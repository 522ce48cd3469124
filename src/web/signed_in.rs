//! Who asks. A handler that takes [`SignedIn`] is reached by people with a session only; everybody else is led to the
//! sign-in page and back.

use std::future::{Ready, ready};

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use url::Url;

use super::client;
use super::flash::{self, Flash};
use super::session::{ADMINISTRATOR, AUTHENTICATED, ID, LOGIN, NAME, USER};
use super::theme;
use crate::actions::access::Actor;
use crate::context::Context;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::moment::Moment;

/// A person with a session, and what the frame of every page needs to know of the request. Cheap to clone into `ctx.read`.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub actor: Actor,
    pub session: SessionId,
    /// When the password was last shown in it.
    pub authenticated_at: Moment,
    pub login: String,
    pub name: String,
    /// The frame shows the way to the pages of the installation.
    pub administrator: bool,
    pub theme: &'static str,
    pub flash: Option<Flash>,
    /// When the request came.
    pub now: Moment,
}

/// Nobody is signed in.
#[derive(Debug, thiserror::Error)]
#[error("Sign in first.")]
pub struct SignInFirst {
    /// Where to come back to.
    next: Option<String>,
}

impl SignInFirst {
    /// Back to this page, which is not the one that was asked for.
    pub fn and_return_to(next: String) -> Self {
        SignInFirst { next: Some(next) }
    }
}

impl ResponseError for SignInFirst {
    fn status_code(&self) -> StatusCode {
        StatusCode::SEE_OTHER
    }

    fn error_response(&self) -> HttpResponse {
        let to = match &self.next {
            Some(next) => {
                let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
                format!("/sign-in?next={next}")
            }
            None => "/sign-in".to_owned(),
        };
        HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
    }
}

impl FromRequest for SignedIn {
    type Error = SignInFirst;
    type Future = Ready<Result<Self, SignInFirst>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let session = request.get_session();
        let number = |name| session.get::<i64>(name).ok().flatten();
        let text = |name| session.get::<String>(name).ok().flatten().unwrap_or_default();
        let (Some(user), Some(id)) = (number(USER), number(ID)) else {
            // What somebody wanted to change cannot be repeated after the sign-in; a page can.
            let next = (request.method() == Method::GET)
                .then(|| request.uri().path_and_query().map(ToString::to_string))
                .flatten()
                .filter(|next| next != "/");
            return ready(Err(SignInFirst { next }));
        };
        let now = request
            .app_data::<web::Data<Context>>()
            .map(|ctx| ctx.now())
            .unwrap_or_default();
        ready(Ok(SignedIn {
            actor: Actor::account(UserId(user), client::address(request)).in_session(SessionId(id)),
            session: SessionId(id),
            authenticated_at: Moment(number(AUTHENTICATED).unwrap_or_default()),
            login: text(LOGIN),
            name: text(NAME),
            administrator: session.get(ADMINISTRATOR).ok().flatten().unwrap_or(false),
            theme: theme::of(request),
            flash: flash::of(request),
            now,
        }))
    }
}

/// Of an address to go back to; our own are shorter, and browsers and proxies take no more than a few thousand.
const LONGEST_NEXT: usize = 2_000;

/// Where to go after the sign-in: a path of this server, whatever the address says. A browser sends what is not ASCII encoded.
pub fn safe_next(next: &str) -> &str {
    let inside = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.len() <= LONGEST_NEXT
        && next.chars().all(|c| c.is_ascii_graphic())
        && !dotted_to_a_host(next);
    if inside { next } else { "/" }
}

/// `/.//evil.example`: still a path of ours, but one that names a host to whoever takes the dots out and uses it again.
fn dotted_to_a_host(next: &str) -> bool {
    let here = Url::parse("http://localhost").and_then(|here| here.join(next));
    here.is_ok_and(|url| url.path().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_to_another_host() {
        for (next, expected) in [
            ("/projects/3/webhooks?x=1", "/projects/3/webhooks?x=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/\r\nSet-Cookie: a=b", "/"),
            ("/.//evil.example", "/"),
            ("/x/..//evil.example", "/"),
            ("/projects/\u{fc}", "/"),
            ("", "/"),
        ] {
            assert_eq!(safe_next(next), expected, "{next}");
        }
        assert_eq!(safe_next(&format!("/{}", "x".repeat(5_000))), "/");
    }
}
