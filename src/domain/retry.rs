//! When an attempt that failed is repeated. Chance is an argument.

use std::time::Duration;

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

    /// The original attempt and its retries.
    pub fn max_attempts(self) -> i32 {
        match self {
            Schedule::Standard => 3,
            Schedule::Patient => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
