//! Why a delivery stands as it does: one sentence that says what happened, and one that says what to do.

use super::attempts::{answer_in_words, pairs};
use super::row::next_attempt;
use crate::actions::deliveries::Detail;
use crate::actions::webhooks::Seen;
use crate::db::history::{Attempt, Delivery};
use crate::domain::delivery::{OutcomeKind, Status, Trigger};
use crate::domain::hint::{self, hint};
use crate::domain::moment::Moment;
use crate::domain::retry::Schedule;
use crate::web::delivery_words::{delivery_state, is_held};
use crate::web::words::{When, counted, duration};

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
        let advice = detail
            .attempts
            .last()
            .map(|(last, body)| advice(last, body, detail))
            .unwrap_or_default();
        let (retry, turn_on) = if detail.member.manages() {
            (RETRY, TURN_ON)
        } else {
            (RETRY_BY_OTHERS, TURN_ON_BY_OTHERS)
        };
        let (first, second) = match (delivery.status, delivery.outcome) {
            (Status::Pending, _) if is_held(delivery, &detail.webhook) => (
                "Held: the webhook is off.".to_owned(),
                format!("Nothing is lost. {turn_on}"),
            ),
            (Status::Pending, _) => (
                waiting(delivery, &detail.webhook, now),
                format!("{message} {advice}").trim().to_owned(),
            ),
            (Status::Success, _) => {
                let last = last.map(|last| {
                    let answer = answer_in_words(last.response_code);
                    format!(
                        "Delivered on attempt {}: {answer} in {}.",
                        last.number,
                        duration(last.duration_us)
                    )
                });
                (last.unwrap_or_default(), advice)
            }
            (Status::Failed, Some(OutcomeKind::Discarded)) => (
                "Discarded when the webhook was turned on again.".to_owned(),
                retry.to_owned(),
            ),
            (Status::Failed, Some(OutcomeKind::Expired)) => (
                "Held for too long while the webhook was off.".to_owned(),
                retry.to_owned(),
            ),
            (Status::Failed, _) if delivery.trigger == Trigger::Test => (
                message,
                format!("{advice} A test is sent once and never counts as a failed delivery.")
                    .trim()
                    .to_owned(),
            ),
            (Status::Failed, _) => {
                let attempts = counted(delivery.attempts.into(), "attempt", "attempts");
                (
                    message,
                    format!("{advice} It failed after {attempts}. {retry}")
                        .trim()
                        .to_owned(),
                )
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

fn advice(last: &Attempt, body: &[u8], detail: &Detail) -> String {
    hint(&hint::Seen {
        outcome: last.outcome,
        code: last.response_code,
        message: &last.message,
        connected: last.reused || last.connect_us.is_some(),
        url: &last.url,
        headers: &pairs(&last.response_headers),
        body,
        manages: detail.member.manages(),
        patient: detail.webhook.webhook.schedule == Schedule::Patient,
    })
}

const RETRY: &str = "It can be retried: same id, same bytes, the URL and secret of now.";
/// For who may not.
const RETRY_BY_OTHERS: &str = "The owner and managers of the project can retry it.";
const TURN_ON: &str = "Turn the webhook on to send it, or to discard it.";
const TURN_ON_BY_OTHERS: &str = "It is sent, or discarded, when the owner or a manager turns the webhook on.";

fn waiting(delivery: &Delivery, seen: &Seen, now: Moment) -> String {
    let words = if delivery.lease_id.is_some() {
        "An attempt is on its way."
    } else if next_attempt(delivery, seen, now).is_some() {
        "Next attempt"
    } else {
        "Waiting to be sent."
    };
    words.to_owned()
}
