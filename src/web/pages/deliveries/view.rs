//! Deliveries ready to print: a line of the history, an attempt, and why it ended as it did.

use crate::actions::deliveries::{Detail, History, Place};
use crate::actions::webhooks::Seen;
use crate::db::history::{Attempt, Delivery};
use crate::domain::delivery::{OutcomeKind, Status, Trigger, code_in_words};
use crate::domain::ids::DeliveryId;
use crate::domain::moment::{Moment, micros};
use crate::web::delivery_words::{delivery_state, http, is_held, tries};
use crate::web::words::{When, counted, duration, size};

/// A line of the history.
#[derive(Debug)]
pub struct Row {
    pub id: DeliveryId,
    pub href: String,
    /// Its webhook's name or URL, for the history of a whole project.
    pub webhook: String,
    /// By this person: it has failed and is no test.
    pub can_retry: bool,
    pub state: &'static str,
    pub words: &'static str,
    /// When the next attempt is due, while it waits for a retry.
    pub next: Option<When>,
    pub event: String,
    /// 0 when the event is about no task.
    pub task_id: i64,
    pub task: String,
    pub http_state: &'static str,
    pub http: String,
    pub squares: Vec<&'static str>,
    pub tries: String,
    pub duration: String,
    pub at: When,
}

impl Row {
    pub fn new(delivery: &Delivery, history: &History, now: Moment) -> Self {
        let seen = history.webhook_of(delivery);
        let (state, words) = delivery_state(delivery, seen);
        let (http_state, http) = http(delivery.outcome, delivery.response_code);
        let (squares, tries) = tries(delivery, seen.webhook.schedule);
        let task = history
            .tasks
            .iter()
            .find(|(event, _)| *event == delivery.event_id)
            .map(|(_, name)| name.clone());
        Row {
            id: delivery.id,
            href: format!(
                "{}/{}",
                Place::of(delivery.project_id, delivery.webhook_id).history(),
                delivery.id
            ),
            webhook: seen.title().to_owned(),
            can_retry: history.member.manages()
                && delivery.status == Status::Failed
                && delivery.trigger != Trigger::Test,
            state,
            words,
            next: next_attempt(delivery, seen, now),
            event: delivery.kind.to_string(),
            task_id: delivery.task_id.map_or(0, |task| task.0),
            task: if delivery.trigger == Trigger::Test {
                "test".to_owned()
            } else {
                task.unwrap_or_default()
            },
            http_state,
            http,
            squares,
            tries,
            duration: delivery.duration_us.map_or_else(|| "–".to_owned(), duration),
            at: When::new(delivery.last_attempt_at.unwrap_or(delivery.created_at), now),
        }
    }
}

/// Only what was tried before and waits its turn has a next attempt worth counting down to.
fn next_attempt(delivery: &Delivery, seen: &Seen, now: Moment) -> Option<When> {
    let waits = delivery.status == Status::Pending && delivery.lease_id.is_none() && !is_held(delivery, seen);
    (waits && delivery.attempts > 0 && delivery.due_at > now).then(|| When::new(delivery.due_at, now))
}

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
    /// What took how long.
    pub phases: Vec<(&'static str, String)>,
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

/// All attempts of a delivery; the last one is open.
pub fn attempts(detail: &Detail, now: Moment) -> Vec<AttemptView> {
    let last = detail.attempts.len();
    let mut ended = None::<Moment>;
    let mut views = Vec::new();
    for (place, (attempt, body)) in detail.attempts.iter().enumerate() {
        let waited = ended.map(|ended| format!("waited {}", duration(micros(attempt.started_at.since(ended)))));
        ended = Some(Moment(attempt.started_at.0 + attempt.duration_us));
        views.push(AttemptView {
            waited: waited.unwrap_or_default(),
            open: place + 1 == last,
            ..one(attempt, body, now)
        });
    }
    views
}

fn one(attempt: &Attempt, body: &[u8], now: Moment) -> AttemptView {
    let (state, http) = http(Some(attempt.outcome), attempt.response_code);
    let took = duration(attempt.duration_us);
    let words = answer_in_words(attempt.response_code);
    let reason = words
        .split_once(' ')
        .map(|(_, reason)| reason.to_owned())
        .unwrap_or_default();
    let phases = [
        ("DNS", attempt.lookup_us),
        ("Connect", attempt.connect_us),
        ("First byte", attempt.first_byte_us),
        ("In all", Some(attempt.duration_us)),
    ];
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
        phases: phases
            .into_iter()
            .filter_map(|(name, took)| took.map(|took| (name, duration(took))))
            .collect(),
        at: When::clock(attempt.started_at, now),
        waited: String::new(),
        open: false,
        answered: attempt.outcome == OutcomeKind::Answered,
        reason,
        response_headers: pairs(&attempt.response_headers),
        request_headers: pairs(&attempt.request_headers),
        url: attempt.url.clone(),
        body: String::from_utf8_lossy(body).into_owned(),
        size: if attempt.cut {
            format!("first {}, cut", size(body.len()))
        } else {
            size(body.len())
        },
    }
}

/// Headers are kept as a JSON array of pairs; a member gets none.
pub fn pairs(json: &str) -> Vec<(String, String)> {
    serde_json::from_str(json).unwrap_or_default()
}

fn answer_in_words(code: Option<i32>) -> String {
    code.and_then(|code| u16::try_from(code).ok())
        .map(code_in_words)
        .unwrap_or_default()
}

/// Why a delivery stands as it does: a sentence and a hint.
#[derive(Debug)]
pub struct Why {
    pub state: &'static str,
    pub first: String,
    pub second: String,
    pub next: Option<When>,
}

impl Why {
    pub fn new(detail: &Detail, now: Moment) -> Self {
        let delivery = &detail.delivery;
        let (state, _) = delivery_state(delivery, &detail.webhook);
        let last = detail.attempts.last().map(|(attempt, _)| attempt);
        let message = last.map(|last| last.message.clone()).unwrap_or_default();
        let (first, second) = match (delivery.status, delivery.outcome) {
            (Status::Pending, _) => (waiting(delivery, &detail.webhook, now), message),
            (Status::Success, _) => {
                let last = last.map(|last| {
                    let answer = answer_in_words(last.response_code);
                    format!(
                        "Delivered on attempt {}: {answer} in {}.",
                        last.number,
                        duration(last.duration_us)
                    )
                });
                (last.unwrap_or_default(), String::new())
            }
            (Status::Failed, Some(OutcomeKind::Discarded)) => (
                "Discarded when the webhook was turned on again.".to_owned(),
                RETRY.to_owned(),
            ),
            (Status::Failed, Some(OutcomeKind::Expired)) => (
                "Held for too long while the webhook was off.".to_owned(),
                RETRY.to_owned(),
            ),
            (Status::Failed, _) if delivery.trigger == Trigger::Test => (
                message,
                "A test is sent once and never counts as a failed delivery.".to_owned(),
            ),
            (Status::Failed, _) => {
                let attempts = counted(delivery.attempts.into(), "attempt", "attempts");
                (message, format!("It failed after {attempts}. {RETRY}"))
            }
        };
        Why {
            state,
            first,
            second,
            next: next_attempt(delivery, &detail.webhook, now),
        }
    }
}

const RETRY: &str = "It can be retried: same id, same bytes, the URL and secret of now.";

fn waiting(delivery: &Delivery, seen: &Seen, now: Moment) -> String {
    let words = if is_held(delivery, seen) {
        "Held: the webhook is off."
    } else if delivery.lease_id.is_some() {
        "An attempt is on its way."
    } else if next_attempt(delivery, seen, now).is_some() {
        "Next attempt"
    } else {
        "Waiting to be sent."
    };
    words.to_owned()
}
