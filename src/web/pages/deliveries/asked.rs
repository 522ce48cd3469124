//! Which part of a history is asked for, and where on it one stands: all of it in the address, so that it can be shared, gone
//! back to, and exported.

use serde::Deserialize;

use crate::db::history::{CodeClass, Filter, Show, Start};
use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{DeliveryId, TaskId};
use crate::domain::moment::Moment;
use crate::web::filters::{self, Chip, Choice, Part, Span, choices, named, written};

/// As the address says it; an empty word asks for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub status: String,
    pub event: String,
    pub code: String,
    pub time: String,
    pub from: String,
    pub to: String,
    pub id: String,
    before: Option<DeliveryId>,
    after: Option<DeliveryId>,
    pub tested: Option<DeliveryId>,
}

const STATUSES: [(&str, &str, Show); 4] = [
    ("success", "Success", Show::Success),
    ("failed", "Failed", Show::Failed),
    ("pending", "Pending", Show::Pending),
    ("held", "Held", Show::Held),
];
const CODES: [(&str, &str, CodeClass); 5] = [
    ("2xx", "2xx", CodeClass::Success),
    ("3xx", "3xx", CodeClass::Redirect),
    ("4xx", "4xx", CodeClass::ClientError),
    ("5xx", "5xx", CodeClass::ServerError),
    ("none", "No answer", CodeClass::None),
];
impl Asked {
    /// An unknown word of a list asks for nothing; what was typed and cannot be understood is told.
    pub fn filter(&self, now: Moment) -> Result<Filter, Vec<FieldError>> {
        let mut errors = Vec::new();
        let (since, until) = self.span().instants(now, &mut errors);
        let mut filter = Filter {
            show: named(&STATUSES, &self.status).map_or(Show::All, |(_, show)| show),
            kind: kind(&self.event),
            code: named(&CODES, &self.code).map(|(_, code)| code),
            since,
            until,
            ..Filter::default()
        };
        let id = self.id.trim();
        if id.starts_with("msg_") {
            filter.message = Some(id.to_owned()).filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        } else {
            filter.task = id.trim_start_matches('#').parse::<i64>().ok().map(TaskId);
        }
        if !id.is_empty() && filter.message.is_none() && filter.task.is_none() {
            let sentence = "Enter the number of a task, such as 123, or the id of a delivery, which begins with msg_.";
            errors.push(FieldError::new("id", sentence));
        }
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }

    fn span(&self) -> Span<'_> {
        Span {
            time: &self.time,
            from: &self.from,
            to: &self.to,
        }
    }

    pub fn start(&self) -> Start {
        match (self.before, self.after) {
            (Some(id), _) => Start::Before(id),
            (None, Some(id)) => Start::After(id),
            (None, None) => Start::Newest,
        }
    }

    /// Something narrows the history.
    pub fn is_filtered(&self) -> bool {
        !self.set().is_empty()
    }

    /// The filters that say something, as they stand in the address.
    fn set(&self) -> Vec<Part<'_>> {
        let known = |is_known: bool, name, value| Some((name, value)).filter(|_| is_known);
        let mut set: Vec<_> = [
            known(named(&STATUSES, &self.status).is_some(), "status", self.status.as_str()),
            known(kind(&self.event).is_some(), "event", self.event.as_str()),
            known(named(&CODES, &self.code).is_some(), "code", self.code.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        set.extend(self.span().set());
        set.extend(known(!self.id.trim().is_empty(), "id", self.id.trim()));
        set
    }

    /// `?status=failed&before=12`; empty for the newest of all.
    pub fn query(&self) -> String {
        match self.start() {
            Start::Before(id) => self.query_with("before", &id.to_string()),
            Start::After(id) => self.query_with("after", &id.to_string()),
            Start::Newest => self.newest_query(),
        }
    }

    /// The filters alone.
    pub fn newest_query(&self) -> String {
        written(&self.set())
    }

    /// The filters and one thing more.
    pub fn query_with(&self, name: &'static str, value: &str) -> String {
        let mut parts = self.set();
        parts.push((name, value));
        written(&parts)
    }

    /// What narrows the history, each with the way to do without it.
    pub fn chips(&self, path: &str) -> Vec<Chip> {
        filters::chips(path, &self.set(), label)
    }

    pub fn statuses(&self) -> Vec<Choice> {
        choices(STATUSES.map(|row| (row.0, row.1)), &self.status)
    }

    pub fn codes(&self) -> Vec<Choice> {
        choices(CODES.map(|row| (row.0, row.1)), &self.code)
    }

    pub fn times(&self) -> Vec<Choice> {
        self.span().times()
    }

    /// Those that webhooks subscribe to, and what is chosen already.
    pub fn events(&self, subscribed: impl Iterator<Item = EventKind>) -> Vec<Choice> {
        let mut kinds: Vec<EventKind> = subscribed
            .chain([EventKind::WEBHOOK_TEST])
            .chain(kind(&self.event))
            .collect();
        kinds.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        kinds.dedup();
        let names = kinds.iter().map(|kind| (kind.as_str(), kind.as_str()));
        choices(names, &self.event)
    }
}

fn kind(name: &str) -> Option<EventKind> {
    EventKind::parse(name).or_else(|| (name == EventKind::WEBHOOK_TEST.as_str()).then_some(EventKind::WEBHOOK_TEST))
}

fn label(name: &str, value: &str) -> String {
    let of = |table: Option<&'static str>| table.unwrap_or_default().to_owned();
    match name {
        "status" => of(named(&STATUSES, value).map(|row| row.0)),
        "code" => match named(&CODES, value) {
            Some((label, CodeClass::None)) => label.to_owned(),
            other => format!("HTTP {}", of(other.map(|row| row.0))),
        },
        "id" if value.starts_with("msg_") => value.to_owned(),
        "id" => format!("Task #{}", value.trim_start_matches('#')),
        _ => Span::label(name, value).unwrap_or_else(|| value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::web::filters::field_of_instant;

    const NOW: Moment = Moment(1_774_180_800_000_000);

    fn asked(query: &str) -> Asked {
        serde_html_form::from_str(query).expect("a query")
    }

    #[test]
    fn an_address_is_written_as_it_was_read_without_what_says_nothing() {
        let asked = asked("status=failed&event=any&code=&time=7d&id=%20%23123&before=9&odd=1");

        assert_eq!(asked.query(), "?status=failed&time=7d&id=%23123&before=9");
        assert_eq!(asked.newest_query(), "?status=failed&time=7d&id=%23123");
        let chips = asked.chips("/p");
        let labels: Vec<_> = chips.iter().map(|chip| chip.label.as_str()).collect();
        assert_eq!(labels, ["Failed", "Last 7 days", "Task #123"]);
        assert_eq!(chips[1].href, "/p?status=failed&id=%23123");
        assert!(!self::asked("status=any").is_filtered());
    }

    #[test]
    fn an_id_is_a_task_or_a_delivery_and_anything_else_is_told() {
        let filter = |query: &str| asked(query).filter(NOW);

        assert_eq!(filter("id=123").expect("fine").task, Some(TaskId(123)));
        assert_eq!(filter("id=%23123").expect("fine").task, Some(TaskId(123)));
        assert_eq!(filter("id=msg_1a").expect("fine").message.as_deref(), Some("msg_1a"));
        for wrong in ["id=bug", "id=msg_%00", "from=yesterday", "to=1"] {
            assert_eq!(filter(wrong).expect_err(wrong).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn blanks_ask_for_nothing_and_a_browser_is_shown_years_that_it_knows() {
        let blank = asked("from=+&to=%09&id=+");
        let far = asked("from=%2B12345-01-01T00:00&to=+2026-03-22+");

        assert!(!blank.is_filtered() && blank.filter(NOW).is_ok());
        assert_eq!(field_of_instant(&far.from), "");
        assert_eq!(field_of_instant(&far.to), "2026-03-22T00:00");
    }

    #[test]
    fn the_later_of_two_beginnings_counts() {
        let since = |query: &str| asked(query).filter(NOW).expect("fine").since;

        assert_eq!(since("time=1h"), Some(NOW - Duration::from_secs(3_600)));
        assert_eq!(
            since("time=1h&from=2026-03-22T11:30"),
            Moment::parse("2026-03-22T11:30")
        );
        assert_eq!(since(""), None);
    }
}
