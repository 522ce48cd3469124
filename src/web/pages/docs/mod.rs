//! `/docs`: what those who write receivers read. These pages hold nothing of anybody, so they are open to all.

mod api;

pub use api::show as api;

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::value::RawValue;

use crate::domain::event::EventKind;
use crate::domain::event_docs;
use crate::domain::moment::Moment;
use crate::domain::payload::{self, Published};
use crate::web::json_tree::JsonTree;
use crate::web::page::html;
use crate::web::page_error::PageError;
use crate::web::snippets::{SNIPPETS, Snippet};
use crate::web::theme;

/// The pages, as the navigation names them.
const PAGES: [(&str, &str); 3] = [
    ("Events", "/docs/events"),
    ("Verify", "/docs/verify"),
    ("API", "/docs/api"),
];

/// The frame of these pages: `docs/frame.html`.
struct DocsFrame {
    title: &'static str,
    theme: &'static str,
    path: String,
}

impl DocsFrame {
    fn new(title: &'static str, request: &HttpRequest) -> Self {
        DocsFrame {
            title,
            theme: theme::of(request),
            path: request.path().to_owned(),
        }
    }

    /// Label, address, and whether it is this page.
    fn links(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> + '_ {
        PAGES.iter().map(|&(label, path)| (label, path, path == self.path))
    }
}

#[derive(Template)]
#[template(path = "docs/events.html")]
struct EventsPage {
    docs: DocsFrame,
    events: Vec<DocumentedEvent>,
    headers: &'static [(&'static str, &'static str)],
    custom: String,
}

struct DocumentedEvent {
    name: String,
    fires: &'static str,
    example: Option<JsonTree>,
    /// The bytes, to be copied.
    raw: String,
    schema: String,
}

#[derive(Template)]
#[template(path = "docs/verify.html")]
struct VerifyPage {
    docs: DocsFrame,
    snippets: &'static [Snippet],
}

/// What a request carries, in the order in which it is sent; a test holds it against a real one.
const HEADERS: &[(&str, &str)] = &[
    ("Content-Type", "application/json"),
    ("User-Agent", "TaskView-Webhooks/ and the version"),
    (
        "X-Webhook-Signature",
        "sha256= and the hexadecimal HMAC-SHA256 of the raw body; the key is the secret as displayed",
    ),
    ("X-Webhook-Event", "The type of the event, as in the body"),
    ("X-Webhook-Delivery", "The same as webhook-id"),
    ("X-Webhook-Attempt", "1 for the first attempt, then 2, 3 …"),
    (
        "webhook-id",
        "Names the delivery; the same on every attempt, so a repeat can be told",
    ),
    ("webhook-timestamp", "When this attempt was made, in Unix seconds"),
    (
        "webhook-signature",
        "v1, and the base64 HMAC-SHA256 of id.timestamp.body; the key is the base64-decoded part of the secret after whsec_",
    ),
];

pub async fn events(request: HttpRequest) -> Result<HttpResponse, PageError> {
    let events = event_docs::all().into_iter().map(|event| DocumentedEvent {
        name: event.name,
        fires: event.fires,
        example: JsonTree::parse(&event.example),
        raw: String::from_utf8_lossy(&event.example).into_owned(),
        schema: serde_json::to_string_pretty(&event.schema).unwrap_or_default(),
    });
    html(&EventsPage {
        docs: DocsFrame::new("Events", &request),
        events: events.collect(),
        headers: HEADERS,
        custom: custom_example(),
    })
}

pub async fn verify(request: HttpRequest) -> Result<HttpResponse, PageError> {
    html(&VerifyPage {
        docs: DocsFrame::new("Verify", &request),
        snippets: &SNIPPETS,
    })
}

/// The payload of an event that an application handed in.
fn custom_example() -> String {
    let data = RawValue::from_string(r#"{"number":4711,"total":"129.00"}"#.to_owned());
    let (Some(kind), Ok(data), Some(at)) = (
        EventKind::custom("invoice.paid"),
        data,
        Moment::parse("2026-03-22T12:00:00.000Z"),
    ) else {
        return String::new();
    };
    let published = Published {
        kind: &kind,
        task: None,
        data: Some(&data),
        task_id: None,
        goal_id: None,
        user_ids: None,
        changes: None,
        initiator_id: None,
    };
    let bytes = payload::of_published(&published, at).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
