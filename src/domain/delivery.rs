//! What can happen to a delivery: its states, the outcome of an attempt as a type and as a sentence, and the judgement of
//! whether it succeeded, is tried again, or has failed.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::retry::Schedule;
use crate::domain::smallint::small_int_enum;

small_int_enum! {
    /// *Held* is none of them: it is derived (pending, and the webhook is off).
    pub enum Status {
        Pending = 0 => "pending",
        Success = 1 => "success",
        Failed = 2 => "failed",
    }
}

small_int_enum! {
    /// What made the delivery due.
    pub enum Trigger {
        Automatic = 0 => "automatic",
        /// Somebody pressed **Retry**: one more attempt.
        Manual = 1 => "manual",
        /// Somebody pressed **Test**: one attempt.
        Test = 2 => "test",
    }
}

small_int_enum! {
    /// How an attempt, or a delivery without further attempts, ended. The first eight are attempts.
    pub enum OutcomeKind {
        Answered = 0 => "answered",
        Timeout = 1 => "timeout",
        Dns = 2 => "dns",
        Connect = 3 => "connect",
        Tls = 4 => "tls",
        Blocked = 5 => "blocked",
        Protocol = 6 => "protocol",
        Interrupted = 7 => "interrupted",
        /// Held while the webhook was off, and discarded when it was turned on.
        Discarded = 8 => "discarded",
        /// Held for longer, or in a longer row, than is kept.
        Expired = 9 => "expired",
    }
}

/// How an attempt ended. Every failure carries its sentence for people; it names no secret and no path of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A response head came, with this status code.
    Answered(u16),
    Timeout(String),
    Dns(String),
    Connect(String),
    Tls(String),
    Blocked(String),
    Protocol(String),
    Interrupted(String),
}

impl Outcome {
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Outcome::Answered(_) => OutcomeKind::Answered,
            Outcome::Timeout(_) => OutcomeKind::Timeout,
            Outcome::Dns(_) => OutcomeKind::Dns,
            Outcome::Connect(_) => OutcomeKind::Connect,
            Outcome::Tls(_) => OutcomeKind::Tls,
            Outcome::Blocked(_) => OutcomeKind::Blocked,
            Outcome::Protocol(_) => OutcomeKind::Protocol,
            Outcome::Interrupted(_) => OutcomeKind::Interrupted,
        }
    }

    pub fn code(&self) -> Option<u16> {
        match self {
            Outcome::Answered(code) => Some(*code),
            _ => None,
        }
    }

    /// A 2xx head; nothing else is.
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Answered(200..=299))
    }

    /// What happened, in one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Outcome::Answered(code) => answer_sentence(*code),
            Outcome::Timeout(why)
            | Outcome::Dns(why)
            | Outcome::Connect(why)
            | Outcome::Tls(why)
            | Outcome::Blocked(why)
            | Outcome::Protocol(why)
            | Outcome::Interrupted(why) => why.clone(),
        }
    }
}

/// A status code as people read it: `500 Internal Server Error`.
pub fn code_in_words(code: u16) -> String {
    match http::StatusCode::from_u16(code)
        .ok()
        .and_then(|status| status.canonical_reason())
    {
        Some(reason) => format!("{code} {reason}"),
        None => code.to_string(),
    }
}

fn answer_sentence(code: u16) -> String {
    let words = code_in_words(code);
    match code {
        200..=299 => format!("The receiver answered {words}."),
        300..=399 => {
            format!("The receiver answered {words}. Redirects are not followed: enter the final address as the URL.")
        }
        401 | 403 => format!("The receiver refused the request: it answered {words}."),
        410 => format!("The receiver answered {words}: it wants no more of these deliveries."),
        404 => format!("The receiver answered {words}: nothing is listening at this path."),
        429 => format!("The receiver answered {words}: it wants fewer requests."),
        _ => format!("The receiver answered {words}; only a 2xx answer is a success."),
    }
}

/// What a recorded attempt makes of its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Success,
    /// Still pending, due again at this instant.
    Retry {
        due_at: Moment,
    },
    Failed,
    /// Failed, and the receiver asked to be left alone: its webhook is to be turned off.
    Gone,
}

impl Verdict {
    /// The delivery has ended without success.
    pub fn is_failure(&self) -> bool {
        matches!(self, Verdict::Failed | Verdict::Gone)
    }
}

/// Judges attempt `number` (1 is the original) that ended at `now`, whose answer asked for the wait `asked`. Manual and test
/// attempts are never repeated, and a 410 to one of them turns nothing off: somebody wanted that one request and sees its answer.
pub fn judge(
    number: i32,
    outcome: &Outcome,
    trigger: Trigger,
    schedule: Schedule,
    asked: Option<Duration>,
    now: Moment,
    jitter: f64,
) -> Verdict {
    if outcome.is_success() {
        return Verdict::Success;
    }
    match trigger {
        Trigger::Manual | Trigger::Test => Verdict::Failed,
        Trigger::Automatic if schedule == Schedule::Patient && *outcome == Outcome::Answered(410) => Verdict::Gone,
        Trigger::Automatic => {
            let delay = match outcome {
                Outcome::Answered(code) => schedule.delay_after_answer(number, *code, asked, jitter),
                _ => schedule.delay_after(number, jitter),
            };
            delay.map_or(Verdict::Failed, |delay| Verdict::Retry { due_at: now + delay })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000_000);

    fn judged(number: i32, outcome: Outcome, trigger: Trigger, schedule: Schedule) -> Verdict {
        judge(number, &outcome, trigger, schedule, None, NOW, 0.5)
    }

    #[test]
    fn a_2xx_head_is_a_success_and_nothing_else_is() {
        for code in [200, 201, 204, 299] {
            let verdict = judged(1, Outcome::Answered(code), Trigger::Automatic, Schedule::Standard);
            assert_eq!(verdict, Verdict::Success, "{code}");
        }
        for code in [100, 101, 199, 300, 301, 302, 400, 404, 410, 429, 500, 503, 599, 999] {
            let verdict = judged(3, Outcome::Answered(code), Trigger::Automatic, Schedule::Standard);
            assert_eq!(verdict, Verdict::Failed, "{code}");
        }
    }

    #[test]
    fn an_automatic_attempt_is_repeated_until_the_schedule_ends_whatever_the_failure() {
        let why = || "why".to_owned();
        for outcome in [
            Outcome::Answered(500),
            Outcome::Timeout(why()),
            Outcome::Dns(why()),
            Outcome::Connect(why()),
            Outcome::Tls(why()),
            Outcome::Blocked(why()),
            Outcome::Protocol(why()),
            Outcome::Interrupted(why()),
        ] {
            let verdicts: Vec<_> = (1..=3)
                .map(|number| judged(number, outcome.clone(), Trigger::Automatic, Schedule::Standard))
                .collect();

            assert_eq!(
                verdicts,
                [
                    Verdict::Retry {
                        due_at: NOW + Duration::from_secs(10)
                    },
                    Verdict::Retry {
                        due_at: NOW + Duration::from_secs(20)
                    },
                    Verdict::Failed,
                ],
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn manual_and_test_attempts_are_never_repeated() {
        for trigger in [Trigger::Manual, Trigger::Test] {
            for &schedule in Schedule::ALL {
                assert_eq!(judged(1, Outcome::Answered(500), trigger, schedule), Verdict::Failed);
                assert_eq!(judged(1, Outcome::Answered(204), trigger, schedule), Verdict::Success);
            }
        }
    }

    #[test]
    fn gone_ends_an_automatic_delivery_of_the_patient_schedule_at_once_and_is_an_ordinary_failure_elsewhere() {
        use Trigger::{Automatic, Manual, Test};
        let again = |seconds| Verdict::Retry {
            due_at: NOW + Duration::from_secs(seconds),
        };
        let cases = [
            // (attempt, code, trigger, schedule, expected)
            (1, 410, Automatic, Schedule::Patient, Verdict::Gone),
            (4, 410, Automatic, Schedule::Patient, Verdict::Gone),
            (10, 410, Automatic, Schedule::Patient, Verdict::Gone),
            (1, 404, Automatic, Schedule::Patient, again(5)),
            (1, 410, Manual, Schedule::Patient, Verdict::Failed),
            (1, 410, Test, Schedule::Patient, Verdict::Failed),
            (1, 410, Automatic, Schedule::Standard, again(10)),
            (3, 410, Automatic, Schedule::Standard, Verdict::Failed),
            (1, 410, Manual, Schedule::Standard, Verdict::Failed),
        ];
        for (number, code, trigger, schedule, expected) in cases {
            let verdict = judged(number, Outcome::Answered(code), trigger, schedule);
            assert_eq!(verdict, expected, "{number} {code} {trigger} {schedule}");
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_counts_for_an_answer_only() {
        let asked = Some(Duration::from_secs(3_600));
        let judged = |outcome: Outcome| judge(1, &outcome, Trigger::Automatic, Schedule::Patient, asked, NOW, 0.5);
        let again = |seconds| Verdict::Retry {
            due_at: NOW + Duration::from_secs(seconds),
        };

        assert_eq!(judged(Outcome::Answered(503)), again(3_600));
        assert_eq!(judged(Outcome::Answered(500)), again(5));
        assert_eq!(judged(Outcome::Timeout("why".to_owned())), again(5));
        assert_eq!(judged(Outcome::Answered(200)), Verdict::Success);
    }

    #[test]
    fn an_answer_becomes_a_sentence_that_names_its_code() {
        assert_eq!(Outcome::Answered(200).sentence(), "The receiver answered 200 OK.");
        assert!(
            Outcome::Answered(302)
                .sentence()
                .contains("302 Found. Redirects are not followed")
        );
        assert!(Outcome::Answered(500).sentence().contains("500 Internal Server Error"));
        assert!(Outcome::Answered(799).sentence().contains("799"));
    }
}
