//! When an attempt that failed is repeated, and what a receiver may ask for with `Retry-After`. Time and chance are arguments.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::smallint::small_int_enum;

small_int_enum! {
    /// A webhook's retry schedule.
    pub enum Schedule {
        /// ~10 s and ~20 s after the attempt before: three attempts in all.
        Standard = 0 => "standard",
        /// The schedule of Standard Webhooks 1.0: ten attempts over three days.
        Patient = 1 => "patient",
    }
}

const STANDARD: &[u64] = &[10, 20];
/// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
const PATIENT: &[u64] = &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// A receiver cannot put a delivery off for longer.
pub const LONGEST_WAIT_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

impl Schedule {
    /// How long to wait after attempt `number` (1 is the original) has failed; `None` when it was the last.
    /// `jitter` in 0..1 spreads *Patient* by ±10 %; *Standard* has only two short waits and keeps its promise exactly.
    pub fn delay_after(self, number: i32, jitter: f64) -> Option<Duration> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        match self {
            Schedule::Standard => STANDARD.get(index).map(|&seconds| Duration::from_secs(seconds)),
            Schedule::Patient => PATIENT
                .get(index)
                .map(|&seconds| Duration::from_secs(seconds).mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0))),
        }
    }

    /// The same when the receiver answered `code` and asked for a wait. *Patient* grants it after 429 and 503, up to a day and
    /// never to come earlier than it would have anyway; it does not add an attempt.
    pub fn delay_after_answer(self, number: i32, code: u16, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
        let own = self.delay_after(number, jitter)?;
        match (self, code, asked) {
            (Schedule::Patient, 429 | 503, Some(asked)) => Some(own.max(asked.min(LONGEST_WAIT_ASKED))),
            _ => Some(own),
        }
    }

    /// The original attempt and its retries.
    pub fn max_attempts(self) -> i32 {
        match self {
            Schedule::Standard => 3,
            Schedule::Patient => 10,
        }
    }
}

/// The wait that a `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date in one of the three forms of HTTP.
/// `None`: it is neither, it lies in the past, or its number is larger than a number of seconds can be.
pub fn wait_asked(value: &str, now: Moment) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let now = std::time::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).ok()?);
    date.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_with_a_date_of_http_and_nonsense_asks_for_nothing() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = Moment(784_111_777_000_000);
        let cases = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120\t", Some(120)),
            ("0000000000000000000000000120", Some(120)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999999999", None),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("1e3", None),
            ("5 s", None),
            ("5, 5", None),
            ("\u{0665}", None),
            ("", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("Sun, 32 Nov 1994 08:50:37 GMT", None),
            ("Sun, 06 Nov 1994 08:50:37 CET", None),
            ("1994-11-06T08:50:37Z", None),
        ];
        for (value, expected) in cases {
            assert_eq!(wait_asked(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn patient_grants_a_wait_after_429_and_503_up_to_a_day_and_never_comes_earlier_for_it() {
        use Schedule::{Patient, Standard};
        let cases = [
            // (schedule, attempt, code, asked, expected)
            (Patient, 1, 429, Some(HOUR), Some(HOUR)),
            (Patient, 1, 503, Some(HOUR), Some(HOUR)),
            (Patient, 1, 503, Some(1), Some(5)),
            (Patient, 1, 503, Some(0), Some(5)),
            (Patient, 3, 503, Some(60), Some(1_800)),
            (Patient, 1, 503, Some(25 * HOUR), Some(24 * HOUR)),
            (Patient, 1, 503, Some(u64::MAX), Some(24 * HOUR)),
            (Patient, 1, 503, None, Some(5)),
            (Patient, 1, 500, Some(HOUR), Some(5)),
            (Patient, 1, 301, Some(HOUR), Some(5)),
            (Patient, 10, 503, Some(HOUR), None),
            (Standard, 1, 503, Some(HOUR), Some(10)),
            (Standard, 3, 429, Some(HOUR), None),
        ];
        for (schedule, number, code, asked, expected) in cases {
            let delay = schedule.delay_after_answer(number, code, asked.map(Duration::from_secs), 0.5);
            let case = format!("{schedule} {number} {code} {asked:?}");
            assert_eq!(delay, expected.map(Duration::from_secs), "{case}");
        }
    }

    #[test]
    fn standard_waits_ten_and_twenty_seconds_and_then_gives_up() {
        let waits: Vec<_> = (1..=4)
            .map(|number| Schedule::Standard.delay_after(number, 0.7))
            .collect();

        assert_eq!(
            waits,
            [Some(Duration::from_secs(10)), Some(Duration::from_secs(20)), None, None]
        );
    }

    #[test]
    fn patient_spreads_nine_waits_by_a_tenth() {
        assert_eq!(Schedule::Patient.delay_after(1, 0.5), Some(Duration::from_secs(5)));
        assert_eq!(Schedule::Patient.delay_after(2, 0.0), Some(Duration::from_secs(270)));
        assert_eq!(Schedule::Patient.delay_after(9, 1.0), Some(Duration::from_secs(95_040)));
        assert_eq!(Schedule::Patient.delay_after(10, 0.5), None);
    }

    #[test]
    fn the_last_attempt_is_the_one_without_a_wait_after_it() {
        for &schedule in Schedule::ALL {
            assert!(schedule.delay_after(schedule.max_attempts() - 1, 0.5).is_some());
            assert!(schedule.delay_after(schedule.max_attempts(), 0.5).is_none());
        }
    }

    #[test]
    fn a_number_that_no_attempt_has_gets_no_retry() {
        assert_eq!(Schedule::Standard.delay_after(0, 0.5), None);
        assert_eq!(Schedule::Standard.delay_after(i32::MIN, 0.5), None);
    }
}
