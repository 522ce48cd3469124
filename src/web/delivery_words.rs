//! States of webhooks and deliveries as people read them: the key that the style sheet knows, and the word beside it.

use crate::actions::webhooks::Seen;
use crate::db::history::Delivery;
use crate::domain::delivery::{OutcomeKind, Status, Trigger};
use crate::domain::event::{EventKind, KNOWN};
use crate::domain::health::{OffReason, TURN_OFF_AT};
use crate::domain::retention::Kept;
use crate::domain::retry::Schedule;
use crate::web::words::{counted, thousands};

/// State and words of a webhook. `used` says whether it has ever sent anything.
pub fn webhook_state(seen: &Seen, used: bool) -> (&'static str, String) {
    let webhook = &seen.webhook;
    match webhook.off_reason {
        Some(OffReason::Person) => ("off", "Off".to_owned()),
        Some(OffReason::Failures) => ("stopped", format!("Turned off after {TURN_OFF_AT} failures")),
        Some(OffReason::Gone) => ("stopped", "Turned off: the receiver is gone".to_owned()),
        None if webhook.consecutive_failures > 0 => (
            "failing",
            format!(
                "Failing, {} of {TURN_OFF_AT}",
                webhook.consecutive_failures.min(TURN_OFF_AT)
            ),
        ),
        None if !used => ("never", "Never used".to_owned()),
        None => ("active", "Active".to_owned()),
    }
}

/// *Held* is what an automatic delivery is while it waits for a webhook that is off.
pub fn is_held(delivery: &Delivery, seen: &Seen) -> bool {
    !seen.webhook.active
        && delivery.status == Status::Pending
        && delivery.trigger == Trigger::Automatic
        && delivery.id > seen.webhook.discarded_to
}

pub fn delivery_state(delivery: &Delivery, seen: &Seen) -> (&'static str, &'static str) {
    match delivery.status {
        Status::Success => ("success", "Success"),
        Status::Failed => ("failed", "Failed"),
        Status::Pending if is_held(delivery, seen) => ("held", "Held"),
        Status::Pending => ("pending", "Pending"),
    }
}

/// The code that came back, or the kind of failure; empty before the first attempt. The state is that of the code.
pub fn http(outcome: Option<OutcomeKind>, code: Option<i32>) -> (&'static str, String) {
    let Some(outcome) = outcome else {
        return ("", String::new());
    };
    let text = match outcome {
        OutcomeKind::Answered => return answered(code.unwrap_or(0)),
        OutcomeKind::Dns => "DNS",
        OutcomeKind::Tls => "TLS",
        OutcomeKind::Expired => "held too long",
        other => other.as_str(),
    };
    ("failed", text.to_owned())
}

fn answered(code: i32) -> (&'static str, String) {
    (
        if (200..300).contains(&code) {
            "success"
        } else {
            "failed"
        },
        code.to_string(),
    )
}

/// A square for each attempt where there are few, and `2 of 3`.
pub fn tries(delivery: &Delivery, schedule: Schedule) -> (Vec<&'static str>, String) {
    if delivery.attempts == 0 && delivery.status != Status::Pending {
        return (Vec::new(), "not sent".to_owned());
    }
    let planned = if delivery.trigger == Trigger::Test {
        1
    } else {
        schedule.max_attempts()
    };
    let made = delivery.attempts;
    if made > planned {
        return (Vec::new(), counted(made.into(), "attempt", "attempts"));
    }
    let words = format!("{made} of {planned}");
    if planned > 3 {
        return (Vec::new(), words);
    }
    let square = |number| match number {
        number if number > made => "o",
        number if number == made && delivery.status == Status::Success => "g",
        _ => "b",
    };
    ((1..=planned).map(square).collect(), words)
}

/// Whether these are all that the task side fires, in whatever order.
pub fn are_all_task_events(events: &[EventKind]) -> bool {
    events.len() == KNOWN.len() && KNOWN.iter().all(|known| events.contains(&known.kind))
}

/// A number that was counted up to `most` + 1 only: `10,000+ deliveries`.
pub fn counted_up_to(n: i64, most: i64, one: &str, many: &str) -> String {
    if n > most {
        format!("{}+ {many}", thousands(most))
    } else {
        counted(n, one, many)
    }
}

/// For how long the history is kept, where it ends.
pub fn kept_in_words(kept: Kept) -> String {
    format!(
        "Finished deliveries are kept for {}, and of each webhook the newest {}.",
        counted(kept.days.into(), "day", "days"),
        thousands(kept.per_webhook)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_its_code_or_its_kind() {
        assert_eq!(
            http(Some(OutcomeKind::Answered), Some(204)),
            ("success", "204".to_owned())
        );
        assert_eq!(
            http(Some(OutcomeKind::Answered), Some(301)),
            ("failed", "301".to_owned())
        );
        assert_eq!(http(Some(OutcomeKind::Timeout), None), ("failed", "timeout".to_owned()));
        assert_eq!(
            http(Some(OutcomeKind::Discarded), None),
            ("failed", "discarded".to_owned())
        );
        assert_eq!(http(None, None), ("", String::new()));
    }

    #[test]
    fn a_count_that_stopped_says_so() {
        assert_eq!(counted_up_to(1, 10_000, "delivery", "deliveries"), "1 delivery");
        assert_eq!(
            counted_up_to(10_001, 10_000, "delivery", "deliveries"),
            "10,000+ deliveries"
        );
    }
}
