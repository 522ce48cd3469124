//! The attempts of a delivery, ready to print: what was sent, what came back, how long each part took.

use super::curl;
use crate::actions::deliveries::Detail;
use crate::db::history::Attempt;
use crate::domain::delivery::{OutcomeKind, code_in_words};
use crate::domain::moment::{Moment, micros};
use crate::web::delivery_words::http;
use crate::web::words::{When, duration, size};

/// An attempt of the timeline.
#[derive(Debug)]
pub struct AttemptView {
    pub number: i32,
    pub state: &'static str,
    pub http: String,
    /// `Internal Server Error in 212 ms`
    pub short: String,
    pub message: String,
    /// `Connected to 203.0.113.24:443.`
    pub connection: String,
    /// What took how long, as parts of a bar.
    pub phases: Vec<Phase>,
    /// The same request for a shell.
    pub curl: String,
    pub at: When,
    /// `waited 10 s`, before this one.
    pub waited: String,
    pub open: bool,
    pub answered: bool,
    pub reason: String,
    pub response_headers: Vec<(String, String)>,
    pub request_headers: Vec<(String, String)>,
    pub url: String,
    pub body: String,
    /// `first 16.0 KiB, cut`
    pub size: String,
}

/// A part of an attempt's time.
#[derive(Debug, PartialEq, Eq)]
pub struct Phase {
    pub name: &'static str,
    pub took: String,
    /// Which shade it has.
    pub shade: &'static str,
    /// In thousandths of the whole.
    pub start: i64,
    pub width: i64,
}

/// All attempts of a delivery; the last one is open.
pub fn attempts(detail: &Detail, now: Moment) -> Vec<AttemptView> {
    let last = detail.attempts.len();
    let payload = String::from_utf8_lossy(&detail.event.body);
    let mut ended = None::<Moment>;
    let mut views = Vec::new();
    for (place, (attempt, body)) in detail.attempts.iter().enumerate() {
        let waited = ended.map(|ended| format!("waited {}", duration(micros(attempt.started_at.since(ended)))));
        ended = Some(Moment(attempt.started_at.0 + attempt.duration_us));
        views.push(AttemptView {
            waited: waited.unwrap_or_default(),
            open: place + 1 == last,
            ..one(attempt, body, &payload, now)
        });
    }
    views
}

fn one(attempt: &Attempt, body: &[u8], payload: &str, now: Moment) -> AttemptView {
    let (state, http) = http(Some(attempt.outcome), attempt.response_code);
    let took = duration(attempt.duration_us);
    let words = answer_in_words(attempt.response_code);
    let reason = words
        .split_once(' ')
        .map(|(_, reason)| reason.to_owned())
        .unwrap_or_default();
    let request_headers = pairs(&attempt.request_headers);
    AttemptView {
        number: attempt.number,
        state,
        http,
        short: if reason.is_empty() {
            format!("after {took}")
        } else {
            format!("{reason} in {took}")
        },
        message: attempt.message.clone(),
        connection: match (&attempt.address, attempt.reused) {
            (Some(address), true) => format!("Over an open connection to {address}."),
            (Some(address), false) if attempt.outcome == OutcomeKind::Connect => format!("Tried {address}."),
            (Some(address), false) => format!("Connected to {address}."),
            (None, _) => String::new(),
        },
        phases: phases(attempt),
        // A member has no headers, and without them it is not the request.
        curl: if request_headers.is_empty() {
            String::new()
        } else {
            curl::command(attempt, &request_headers, payload)
        },
        at: When::clock(attempt.started_at, now),
        waited: String::new(),
        open: false,
        answered: attempt.outcome == OutcomeKind::Answered,
        reason,
        response_headers: pairs(&attempt.response_headers),
        request_headers,
        url: attempt.url.clone(),
        body: String::from_utf8_lossy(body).into_owned(),
        size: if attempt.cut {
            format!("first {}, cut", size(body.len()))
        } else {
            size(body.len())
        },
    }
}

/// The times that are known; none for an attempt that came nowhere. The first byte is counted from the start.
fn phases(attempt: &Attempt) -> Vec<Phase> {
    let whole = attempt.duration_us.max(1);
    let before = attempt.lookup_us.unwrap_or(0) + attempt.connect_us.unwrap_or(0);
    let answer = attempt.first_byte_us.map(|first| (first - before).max(0));
    let body = attempt.first_byte_us.map(|first| (attempt.duration_us - first).max(0));
    let encrypted = attempt.url.starts_with("https:") && !attempt.reused;
    let parts = [
        ("Name", "f1", attempt.lookup_us),
        ("Connection", "f2", attempt.connect_us),
        (if encrypted { "TLS and answer" } else { "Answer" }, "f4", answer),
        ("Body", "f5", body.filter(|&took| took > 0)),
    ];
    let mut start = 0;
    let mut phases = Vec::new();
    for (name, shade, took) in parts {
        let Some(took) = took else { continue };
        let width = (took * 1_000 / whole).clamp(2, 1_000);
        phases.push(Phase {
            name,
            took: duration(took),
            shade,
            start,
            width,
        });
        start += width + 3;
    }
    phases
}

/// Headers are kept as a JSON array of pairs; a member gets none.
pub fn pairs(json: &str) -> Vec<(String, String)> {
    serde_json::from_str(json).unwrap_or_default()
}

pub fn answer_in_words(code: Option<i32>) -> String {
    code.and_then(|code| u16::try_from(code).ok())
        .map(code_in_words)
        .unwrap_or_default()
}
