//! Webhooks ready to print: a row of the list with its state, its trouble and the result of a test.

use crate::actions::deliveries::Detail;
use crate::actions::webhooks::{COUNTED, Chart, Recent, Seen};
use crate::domain::delivery::{Status, code_in_words};
use crate::domain::health::OffReason;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::web::bars::Bars;
use crate::web::delivery_words::{are_all_task_events, counted_up_to, delivery_state, http, webhook_state};
use crate::web::flash::Flash;
use crate::web::words::{When, duration, size};

/// Where a project's webhooks are.
pub fn path_of(project: ProjectId) -> String {
    format!("/projects/{project}/webhooks")
}

/// A row of the list.
#[derive(Debug)]
pub struct Row {
    pub id: WebhookId,
    pub title: String,
    /// Empty when the title is the URL.
    pub url: String,
    pub events: Vec<String>,
    pub all_events: bool,
    pub state: &'static str,
    pub state_words: String,
    pub on: bool,
    pub held: i64,
    pub bars: Bars,
    pub last: Option<Last>,
    pub trouble: Option<Trouble>,
    pub tested: Option<Tested>,
    /// What was just done to it.
    pub flash: Option<Flash>,
}

/// The last delivery that was attempted.
#[derive(Debug)]
pub struct Last {
    pub state: &'static str,
    pub words: &'static str,
    pub http: String,
    pub at: When,
}

/// Why somebody should look: it is off, or its deliveries fail.
#[derive(Debug)]
pub struct Trouble {
    pub state: &'static str,
    pub icon: &'static str,
    pub first: String,
    pub since: Option<When>,
    pub second: String,
    pub failures: i32,
    pub is_off: bool,
}

/// The result of a test.
#[derive(Debug)]
pub struct Tested {
    pub state: &'static str,
    pub icon: &'static str,
    pub first: String,
    pub second: String,
    pub href: String,
    pub at: When,
}

impl Row {
    pub fn new(seen: &Seen, recent: &Recent, chart: &Chart, now: Moment) -> Self {
        let webhook = &seen.webhook;
        let used = recent.used;
        let (state, mut state_words) = webhook_state(seen, used);
        if let Some(person) = &recent.off_by {
            state_words = format!("{state_words} · by {person}");
        }
        let last = recent.last.as_ref().map(|last| {
            let (state, words) = delivery_state(last, seen);
            let (_, http) = http(last.outcome, last.response_code);
            Last {
                state,
                words,
                http,
                at: When::new(last.last_attempt_at.unwrap_or(last.created_at), now),
            }
        });
        Row {
            id: webhook.id,
            title: seen.title().to_owned(),
            url: if webhook.name.is_some() {
                webhook.url.clone()
            } else {
                String::new()
            },
            events: seen.events.iter().map(ToString::to_string).collect(),
            all_events: are_all_task_events(&seen.events),
            state,
            state_words,
            on: webhook.active,
            held: seen.held,
            bars: Bars::new(chart, used),
            last,
            trouble: Trouble::of(seen, recent, now),
            tested: None,
            flash: None,
        }
    }

    /// It was turned off for failing, or it is failing now.
    pub fn needs_a_look(&self) -> bool {
        matches!(self.state, "stopped" | "failing")
    }
}

impl Trouble {
    fn of(seen: &Seen, recent: &Recent, now: Moment) -> Option<Self> {
        let webhook = &seen.webhook;
        let held = match seen.held {
            0 => String::new(),
            1 => "1 delivery is held and waits for your decision.".to_owned(),
            n => format!(
                "{} are held and wait for your decision.",
                counted_up_to(n, COUNTED, "delivery", "deliveries")
            ),
        };
        let since = webhook.off_at.map(|at| When::new(at, now));
        let reason = recent.reason.as_deref().unwrap_or_default();
        let failures = webhook.consecutive_failures;
        match webhook.off_reason {
            Some(OffReason::Person) => Some(Trouble {
                state: "held",
                icon: "power",
                first: format!("Turned off by {}", recent.off_by.as_deref().unwrap_or("somebody")),
                since,
                second: held,
                failures,
                is_off: true,
            }),
            Some(OffReason::Failures) => Some(Trouble {
                state: "bad",
                icon: "stopped",
                first: "Turned off automatically after 10 failed deliveries in a row".to_owned(),
                since,
                second: format!("{reason} {held}").trim().to_owned(),
                failures,
                is_off: true,
            }),
            Some(OffReason::Gone) => Some(Trouble {
                state: "bad",
                icon: "stopped",
                first: "Turned off automatically: the receiver answered 410 Gone".to_owned(),
                since,
                second: format!("It wants no more deliveries: correct the URL, or delete the webhook. {held}")
                    .trim()
                    .to_owned(),
                failures,
                is_off: true,
            }),
            None if failures > 0 => Some(Trouble {
                state: "warn",
                icon: "warn",
                first: match failures {
                    1 => "The last delivery failed.".to_owned(),
                    n => format!("The last {n} deliveries failed."),
                },
                since: None,
                second: format!("{reason} At 10 in a row the webhook is turned off.")
                    .trim()
                    .to_owned(),
                failures,
                is_off: false,
            }),
            None => None,
        }
    }
}

impl Tested {
    /// `pending` says why there is no result, when there is none.
    pub fn new(detail: &Detail, now: Moment, pending: &str) -> Self {
        let delivery = &detail.delivery;
        let webhook = &detail.webhook.webhook;
        let took = duration(delivery.duration_us.unwrap_or(0));
        let attempt = detail.attempts.last().map(|(attempt, _)| attempt);
        let answer = attempt
            .and_then(|attempt| attempt.response_code)
            .and_then(|code| u16::try_from(code).ok());
        let (state, icon, first, second) = match (delivery.status, attempt) {
            (Status::Pending, _) | (_, None) => (
                "",
                "pending",
                "Still running.".to_owned(),
                format!(" {pending}; the result will be in the history."),
            ),
            (Status::Success, Some(attempt)) => (
                "good",
                "ok",
                format!("{} in {took}", code_in_words(answer.unwrap_or_default())),
                format!(
                    ", {} came back.",
                    size(usize::try_from(attempt.response_size).unwrap_or_default())
                ),
            ),
            (Status::Failed, Some(attempt)) => (
                "bad",
                "fail",
                match answer {
                    Some(code) => format!("{} in {took}.", code_in_words(code)),
                    None => "The test failed.".to_owned(),
                },
                format!(" {}", attempt.message),
            ),
        };
        Tested {
            state,
            icon,
            first,
            second,
            href: format!(
                "{}/{}/deliveries/{}",
                path_of(webhook.project_id),
                webhook.id,
                delivery.id
            ),
            at: When::new(delivery.last_attempt_at.unwrap_or(delivery.created_at), now),
        }
    }
}
