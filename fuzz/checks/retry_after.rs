//! `Retry-After`. The first line is the time now in seconds since 1970, the rest is the value. Dates are compared with chrono, which
//! is another implementation than the one in use.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::first_line;
use crate::domain::moment::Moment;
use crate::domain::retry::{LONGEST_WAIT_ASKED, Schedule, wait_asked};

const IMF_FIXDATE: &str = "%a, %d %b %Y %H:%M:%S GMT";
/// The spread of *Patient* makes its own waits a tenth longer.
const LONGEST_OWN: Duration = Duration::from_secs(24 * 3_600 * 11 / 10);

pub fn check(input: &[u8]) {
    let (seconds, value) = first_line(input);
    let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<i32>().ok());
    let (Some(seconds), Ok(value)) = (seconds, std::str::from_utf8(value)) else {
        return;
    };
    let now = Moment(i64::from(seconds) * 1_000_000);
    let asked = wait_asked(value, now);

    let bare = value.trim_matches([' ', '\t']);
    if let Ok(date) = NaiveDateTime::parse_from_str(bare, IMF_FIXDATE) {
        let date = date.and_utc();
        // chrono is more lenient about spaces and case than HTTP, knows years that HTTP cannot write, and leap seconds, which
        // httpdate does not.
        let is_fixdate = date.format(IMF_FIXDATE).to_string() == bare && !bare.ends_with(":60 GMT");
        if is_fixdate && date.timestamp() >= 0 && seconds >= 0 {
            let ahead = date.timestamp() - i64::from(seconds);
            let expected = u64::try_from(ahead).ok().map(Duration::from_secs);
            assert_eq!(asked, expected, "{bare}");
        }
    }
    if let Ok(number) = bare.parse::<u64>() {
        let is_plain = bare.bytes().all(|byte| byte.is_ascii_digit());
        assert_eq!(asked, is_plain.then(|| Duration::from_secs(number)), "{bare}");
    }

    for &schedule in Schedule::ALL {
        for number in 1..=schedule.max_attempts() {
            for jitter in [0.0, 0.999] {
                granted(schedule, number, asked, jitter, now);
            }
        }
    }
}

fn granted(schedule: Schedule, number: i32, asked: Option<Duration>, jitter: f64, now: Moment) {
    let own = schedule.delay_after(number, jitter);
    for code in [200, 429, 500, 503] {
        let delay = schedule.delay_after_answer(number, code, asked, jitter);
        assert_eq!(delay.is_some(), own.is_some(), "a wait neither adds nor takes an attempt");
        let (Some(delay), Some(own)) = (delay, own) else {
            continue;
        };
        assert!(delay >= own && delay <= own.max(LONGEST_WAIT_ASKED) && delay <= LONGEST_OWN, "{delay:?}");
        assert!(now + delay > now);
    }
}
