//! What the last request did, said once on the page that it led to. It travels in a cookie of its own for that one redirect;
//! it is text, escaped like everything else, and never holds a secret.

use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::cookies;
use crate::context::Context;
use crate::domain::ids::WebhookId;

const COOKIE: &str = "flash";
/// Cookies longer than 4 KiB are dropped by browsers.
const LONGEST: usize = 600;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Flash {
    kind: Kind,
    pub title: String,
    pub text: String,
    /// The webhook that it is about: a list that has a row for it says it there.
    #[serde(default)]
    pub webhook: Option<WebhookId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Kind {
    Good,
    Bad,
    Plain,
}

impl Flash {
    pub fn good(title: impl Into<String>) -> Self {
        Flash {
            kind: Kind::Good,
            title: cut(title.into()),
            text: String::new(),
            webhook: None,
        }
    }

    pub fn bad(title: impl Into<String>) -> Self {
        Flash {
            kind: Kind::Bad,
            title: cut(title.into()),
            text: String::new(),
            webhook: None,
        }
    }

    /// Neither good nor bad: “Still running”.
    pub fn plain(title: impl Into<String>) -> Self {
        Flash {
            kind: Kind::Plain,
            title: cut(title.into()),
            text: String::new(),
            webhook: None,
        }
    }

    /// Said at this webhook.
    #[must_use]
    pub fn beside(self, webhook: WebhookId) -> Self {
        Flash {
            webhook: Some(webhook),
            ..self
        }
    }

    /// The second sentence.
    #[must_use]
    pub fn with(self, text: impl Into<String>) -> Self {
        Flash {
            text: cut(text.into()),
            ..self
        }
    }

    pub fn state(&self) -> &'static str {
        match self.kind {
            Kind::Good => "good",
            Kind::Bad => "bad",
            Kind::Plain => "",
        }
    }

    pub fn icon(&self) -> &'static str {
        match self.kind {
            Kind::Good => "ok",
            Kind::Bad => "warn",
            Kind::Plain => "info",
        }
    }

    /// The end of a POST: a redirect to a page, which says this.
    pub fn on(self, location: impl AsRef<str>) -> HttpResponse {
        let mut response = redirect(location);
        response.extensions_mut().insert(self);
        response
    }
}

/// 303 See Other: the browser asks for `location` with GET.
pub fn redirect(location: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location.as_ref()))
        .finish()
}

pub fn of(request: &HttpRequest) -> Option<Flash> {
    read(&cookies::read(request, COOKIE)?)
}

/// The value of the cookie, which a browser may have made up.
pub fn read(cookie: &str) -> Option<Flash> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Writes the cookie of an answer that carries a [`Flash`], and takes it away once a page has shown it.
pub async fn carry(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let was_shown = cookies::read(request.request(), COOKIE).is_some();
    let ctx = request.app_data::<web::Data<Context>>().cloned();
    let mut response = next.call(request).await?;
    let flash = response.response().extensions().get::<Flash>().cloned();
    let Some(ctx) = ctx else { return Ok(response) };
    if let Some(flash) = flash {
        let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&flash)?);
        response
            .response_mut()
            .add_cookie(&cookies::make(ctx.config(), COOKIE, text, Duration::seconds(60)))?;
    } else if was_shown && !response.status().is_redirection() {
        response
            .response_mut()
            .add_cookie(&cookies::make(ctx.config(), COOKIE, String::new(), Duration::ZERO))?;
    }
    Ok(response)
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}
