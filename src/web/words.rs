//! Values ready to print: how long ago, how many, which event. English, and only for people.

use std::time::Duration;

use crate::domain::moment::Moment;

/// So much of the end of a URL is always shown.
const URL_END: usize = 14;
/// Less is not worth a piece of its own.
const LEAST_URL_END: usize = 4;
const LONGEST_IN_A_SENTENCE: usize = 60;

/// An instant as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// `2026-03-22T12:00:00.000Z`, for `<time datetime>`.
    pub iso: String,
    /// `2026-03-22 12:00:00 UTC`, for the title.
    pub exact: String,
    /// `8 min ago`, `in 8 s`, `18 Mar`.
    pub words: String,
}

impl When {
    pub fn new(at: Moment, now: Moment) -> Self {
        let time = at.datetime();
        let words = if at > now { ahead(at.since(now)) } else { ago(at, now) };
        When {
            iso: at.iso(),
            exact: time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            words,
        }
    }
}

impl When {
    /// With the time of day to the millisecond for words: `12:00:40.230`, for a list of moments that lie close together.
    pub fn clock(at: Moment, now: Moment) -> Self {
        When {
            words: at.datetime().format("%H:%M:%S%.3f").to_string(),
            ..When::new(at, now)
        }
    }
}

fn ago(at: Moment, now: Moment) -> String {
    let past = now.since(at).as_secs();
    match past {
        0..45 => "just now".to_owned(),
        45..2_700 => format!("{} min ago", ((past + 30) / 60).max(1)),
        2_700..79_200 => format!("{} h ago", (past + 1_800) / 3_600),
        _ if at.datetime().format("%Y").to_string() == now.datetime().format("%Y").to_string() => {
            at.datetime().format("%-d %b").to_string()
        }
        _ => at.datetime().format("%-d %b %Y").to_string(),
    }
}

fn ahead(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_micros() > 0);
    match seconds {
        0..100 => format!("in {seconds} s"),
        100..5_400 => format!("in {} min", (seconds + 30) / 60),
        5_400..129_600 => format!("in {} h", (seconds + 1_800) / 3_600),
        _ => format!("in {} days", (seconds + 43_200) / 86_400),
    }
}

/// `84 ms`, `1.31 s`, `10.0 s`.
pub fn duration(micros: i64) -> String {
    let ms = micros.max(0) / 1_000;
    match ms {
        0 if micros > 0 => "<1 ms".to_owned(),
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{:.2} s", ms as f64 / 1_000.0),
        _ => format!("{:.1} s", ms as f64 / 1_000.0),
    }
}

/// `747 bytes`, `41 KiB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1_024 => format!("{bytes} bytes"),
        1_024..10_240 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        10_240..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_073_741_824.. => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// `1 delivery`, `1,234 deliveries`.
pub fn counted(n: i64, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{} {many}", thousands(n))
    }
}

/// `1,234`.
pub fn thousands(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

/// Text with code between backticks: the pieces, and which of them are code.
pub fn code_parts(text: &str) -> Vec<(&str, bool)> {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(place, piece)| (piece, place % 2 == 1))
        .filter(|(piece, _)| !piece.is_empty())
        .collect()
}

/// `task.updated` → (`task.`, `updated`): the prefix is dimmed.
pub fn event_parts(name: &str) -> (&str, &str) {
    match name.find('.') {
        Some(dot) => name.split_at(dot + 1),
        None => ("", name),
    }
}

/// A URL in two pieces, to be cut between them where it is too long: the host is always in the first, and the second is what
/// tells apart two URLs that begin alike. It is empty where next to nothing follows the
/// host.
pub fn url_parts(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url[host..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |end| host + end + 1);
    let kept = url.char_indices().rev().nth(URL_END - 1).map_or(0, |(at, _)| at);
    let (host, end) = url.split_at(kept.max(path));
    if end.chars().count() < LEAST_URL_END {
        (url, "")
    } else {
        (host, end)
    }
}

/// A name or a URL that fits into a sentence: what is too long is cut in the middle.
pub fn shorter(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST_IN_A_SENTENCE {
        return text.to_owned();
    }
    let first: String = text.chars().take(LONGEST_IN_A_SENTENCE - URL_END - 1).collect();
    let last: String = text.chars().skip(length - URL_END).collect();
    format!("{first}…{last}")
}

/// Which of the ten squares of a failure counter are filled.
pub fn pips(failures: impl std::borrow::Borrow<i32>) -> [bool; 10] {
    let failures = usize::try_from(*failures.borrow()).unwrap_or(0);
    std::array::from_fn(|place| place < failures)
}

/// The letter in a person's round sign.
pub fn initial(name: &str) -> String {
    name.chars()
        .find(|c| c.is_alphanumeric())
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default()
}

/// Which of the four hues a person's sign has; always the same one.
pub fn hue(id: i64) -> i64 {
    id.rem_euclid(4) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_as_people_say_it() {
        let now = Moment(1_774_180_800_000_000);
        let said = |seconds: i64| When::new(Moment(now.0 - seconds * 1_000_000), now).words;

        assert_eq!(said(8), "just now");
        assert_eq!(said(120), "2 min ago");
        assert_eq!(said(7_200), "2 h ago");
        assert_eq!(said(4 * 86_400), "18 Mar");
        assert_eq!(said(400 * 86_400), "15 Feb 2025");
        assert_eq!(said(-8), "in 8 s");
        assert_eq!(said(-7_200), "in 2 h");
        assert_eq!(When::new(now, now).exact, "2026-03-22 12:00:00 UTC");
    }

    #[test]
    fn numbers_carry_their_unit() {
        assert_eq!(duration(84_200), "84 ms");
        assert_eq!(duration(1_310_000), "1.31 s");
        assert_eq!(duration(10_000_000), "10.0 s");
        assert_eq!(size(747), "747 bytes");
        assert_eq!(size(41 * 1_024), "41 KiB");
        assert_eq!(counted(1, "delivery", "deliveries"), "1 delivery");
        assert_eq!(counted(12_345, "delivery", "deliveries"), "12,345 deliveries");
    }

    #[test]
    fn a_url_is_cut_behind_its_host_and_before_its_last_characters() {
        for (url, parts) in [
            (
                "https://hooks.example.com/services/T000/B000/x9fKq2",
                ("https://hooks.example.com/services/T0", "00/B000/x9fKq2"),
            ),
            ("https://a.example/hook", ("https://a.example/", "hook")),
            ("https://a.example/", ("https://a.example/", "")),
            ("https://a.example", ("https://a.example", "")),
            (
                "https://a.example?token=12345678901234",
                ("https://a.example?token=", "12345678901234"),
            ),
            ("https://a.example/…", ("https://a.example/…", "")),
            (
                "https://a.example/ärgerlich/großartig",
                ("https://a.example/ärger", "lich/großartig"),
            ),
            ("…", ("…", "")),
        ] {
            assert_eq!(url_parts(url), parts, "{url}");
        }
    }

    #[test]
    fn a_name_in_a_sentence_has_an_end() {
        let long = format!("https://hooks.example.com/{}/the-end-of-it", "x".repeat(2_000));

        assert_eq!(shorter("CI pipeline"), "CI pipeline");
        assert_eq!(shorter(&long).chars().count(), 60);
        assert!(shorter(&long).starts_with("https://hooks.example.com/xxx"));
        assert!(shorter(&long).ends_with("x…/the-end-of-it"));
    }

    #[test]
    fn an_event_without_a_prefix_is_shown_whole() {
        assert_eq!(event_parts("task.updated"), ("task.", "updated"));
        assert_eq!(event_parts("odd"), ("", "odd"));
    }
}
