//! What lists with filters share: all of them stands in the address, so that it can be shared and gone back to, and each filter
//! that is set has a chip that takes it away. Also the time range that histories are asked for.

use std::time::Duration;

use chrono::Datelike as _;
use url::form_urlencoded;

use crate::domain::field_error::FieldError;
use crate::domain::moment::Moment;

/// A choice of a filter.
#[derive(Debug)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// A filter that is set, and the address without it.
#[derive(Debug)]
pub struct Chip {
    pub label: String,
    pub href: String,
}

/// A filter as it stands in the address.
pub type Part<'a> = (&'static str, &'a str);

const HOUR: u64 = 3_600;
const TIMES: [(&str, &str, u64); 4] = [
    ("1h", "Last hour", HOUR),
    ("24h", "Last 24 hours", 24 * HOUR),
    ("7d", "Last 7 days", 7 * 24 * HOUR),
    ("30d", "Last 30 days", 30 * 24 * HOUR),
];

/// The row of a table of choices that a word stands for.
pub fn named<T: Copy>(table: &[(&'static str, &'static str, T)], word: &str) -> Option<(&'static str, T)> {
    let row = table.iter().find(|row| row.0 == word);
    row.map(|row| (row.1, row.2))
}

pub fn choices<'a>(table: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Vec<Choice> {
    let choice = |(value, label): (&str, &str)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        chosen: value == chosen,
    };
    table.into_iter().map(choice).collect()
}

/// `?status=failed&time=7d`; empty when nothing is asked for.
pub fn written(parts: &[Part<'_>]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
    query.extend_pairs(parts);
    query.finish()
}

/// What narrows the list, each with the way to do without it.
pub fn chips(path: &str, set: &[Part<'_>], label: impl Fn(&str, &str) -> String) -> Vec<Chip> {
    let chip = |&(name, value): &Part<'_>| {
        let others: Vec<_> = set.iter().filter(|part| part.0 != name).copied().collect();
        Chip {
            label: label(name, value),
            href: format!("{path}{}", written(&others)),
        }
    };
    set.iter().map(chip).collect()
}

/// A time range as three filters say it.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    pub time: &'a str,
    pub from: &'a str,
    pub to: &'a str,
}

impl<'a> Span<'a> {
    /// The later of two beginnings counts. What was typed and cannot be understood is told.
    pub fn instants(self, now: Moment, errors: &mut Vec<FieldError>) -> (Option<Moment>, Option<Moment>) {
        let mut instant = |name: &'static str, text: &str| {
            let text = text.trim();
            let at = Moment::parse(text);
            if at.is_none() && !text.is_empty() {
                let sentence = "Enter a date and a time, such as 2026-03-22T12:00.";
                errors.push(FieldError::new(name, sentence));
            }
            at
        };
        let (from, to) = (instant("from", self.from), instant("to", self.to));
        let ago = named(&TIMES, self.time).map(|(_, seconds)| now - Duration::from_secs(seconds));
        (from.max(ago), to)
    }

    /// Those of its filters that say something.
    pub fn set(self) -> impl Iterator<Item = Part<'a>> {
        let known = named(&TIMES, self.time).is_some();
        let typed = |value: &str| !value.trim().is_empty();
        [
            ("time", self.time, known),
            ("from", self.from, typed(self.from)),
            ("to", self.to, typed(self.to)),
        ]
        .into_iter()
        .filter_map(|(name, value, says)| says.then_some((name, value)))
    }

    pub fn times(self) -> Vec<Choice> {
        choices(TIMES.map(|row| (row.0, row.1)), self.time)
    }

    /// The words of a chip; `None` for a filter that is not of the range.
    pub fn label(name: &str, value: &str) -> Option<String> {
        match name {
            "time" => named(&TIMES, value).map(|row| row.0.to_owned()),
            "from" => Some(format!("From {}", value.replace('T', " "))),
            "to" => Some(format!("Until {}", value.replace('T', " "))),
            _ => None,
        }
    }
}

/// As a browser's field for an instant wants it; nothing for what it would drop and complain about.
pub fn field_of_instant(text: &str) -> String {
    let at = Moment::parse(text.trim()).map(Moment::datetime);
    at.filter(|at| (1..=9_999).contains(&at.year()))
        .map(|at| at.format("%Y-%m-%dT%H:%M").to_string())
        .unwrap_or_default()
}
