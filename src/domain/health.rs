//! What the end of a delivery does to its webhook: the count of consecutive failures, and turning off at ten.

use crate::domain::delivery::{Trigger, Verdict};
use crate::domain::smallint::small_int_enum;

/// So many failed deliveries in a row turn a webhook off.
pub const TURN_OFF_AT: i32 = 10;

small_int_enum! {
    /// Why a webhook is off.
    pub enum OffReason {
        /// Somebody turned it off.
        Person = 0 => "manual",
        /// Ten failed deliveries in a row did.
        Failures = 1 => "failures",
        /// Its receiver answered 410 Gone.
        Gone = 2 => "gone",
    }
}

/// What is to be written to the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Unchanged,
    /// The counter's new value.
    Failures(i32),
    /// The counter's new value, and the webhook goes off.
    TurnOff {
        failures: i32,
        reason: OffReason,
    },
    /// The counter goes to 0. Whether the webhook is on does not change.
    Reset,
}

/// `failures` and `active` are the webhook's state when the result is recorded. Turning a webhook on does not reset the
/// counter, so one that stands at ten goes off with its next failed delivery. A 410 counts like any failed delivery besides.
pub fn after(failures: i32, active: bool, verdict: &Verdict, trigger: Trigger) -> Change {
    match (verdict, trigger) {
        (_, Trigger::Test) | (Verdict::Retry { .. }, _) | (Verdict::Failed | Verdict::Gone, Trigger::Manual) => {
            Change::Unchanged
        }
        (Verdict::Success, _) if failures == 0 => Change::Unchanged,
        (Verdict::Success, _) => Change::Reset,
        (Verdict::Failed | Verdict::Gone, Trigger::Automatic) => {
            let failures = failures.saturating_add(1);
            let reason = match verdict {
                Verdict::Gone => Some(OffReason::Gone),
                _ => (failures >= TURN_OFF_AT).then_some(OffReason::Failures),
            };
            match reason {
                Some(reason) if active => Change::TurnOff { failures, reason },
                _ => Change::Failures(failures),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::Moment;

    #[test]
    fn only_automatic_deliveries_count_and_any_real_success_resets() {
        use Trigger::{Automatic, Manual, Test};
        let retry = Verdict::Retry { due_at: Moment(0) };
        let (failed, success, gone) = (Verdict::Failed, Verdict::Success, Verdict::Gone);
        let off = |failures, reason| Change::TurnOff { failures, reason };
        let cases = [
            // (failures, active, verdict, trigger, expected)
            (0, true, &failed, Automatic, Change::Failures(1)),
            (8, true, &failed, Automatic, Change::Failures(9)),
            (9, true, &failed, Automatic, off(10, OffReason::Failures)),
            (10, true, &failed, Automatic, off(11, OffReason::Failures)),
            (10, false, &failed, Automatic, Change::Failures(11)),
            (i32::MAX, true, &failed, Automatic, off(i32::MAX, OffReason::Failures)),
            (0, true, &gone, Automatic, off(1, OffReason::Gone)),
            (9, true, &gone, Automatic, off(10, OffReason::Gone)),
            (3, false, &gone, Automatic, Change::Failures(4)),
            (0, true, &gone, Manual, Change::Unchanged),
            (0, true, &gone, Test, Change::Unchanged),
            (9, true, &retry, Automatic, Change::Unchanged),
            (0, true, &success, Automatic, Change::Unchanged),
            (9, true, &success, Automatic, Change::Reset),
            (10, false, &success, Automatic, Change::Reset),
            (9, true, &failed, Manual, Change::Unchanged),
            (10, false, &success, Manual, Change::Reset),
            (9, true, &failed, Test, Change::Unchanged),
            (9, true, &success, Test, Change::Unchanged),
        ];
        for (failures, active, verdict, trigger, expected) in cases {
            let change = after(failures, active, verdict, trigger);
            assert_eq!(change, expected, "{failures} {active} {verdict:?} {trigger}");
        }
    }
}
