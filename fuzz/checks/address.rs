//! What stands in the address of a page: the filters and cursors of histories and lists, and the way back after the sign-in. What was
//! understood is written so that it is understood in the same way again, and the way back never leads to another host.

use actix_web::http::header::HeaderValue;
use url::Url;

use crate::domain::calendar::{Date, TimeOfDay};
use crate::domain::moment::Moment;
use crate::web::filters::field_of_instant;
use crate::web::pages::deliveries::asked::Asked as History;
use crate::web::pages::tasks::asked::{Asked as Tasks, ListQuery};
use crate::web::signed_in::safe_next;

const NOW: Moment = Moment(1_774_180_800_000_000);

pub fn check(input: &[u8]) {
    if let Ok(asked) = serde_html_form::from_bytes::<History>(input) {
        history(&asked);
    }
    if let Ok(query) = serde_html_form::from_bytes::<ListQuery>(input) {
        let asked = Tasks::from(query);
        let again: ListQuery = serde_html_form::from_str(bare(&asked.query())).expect("an address of ours");
        assert_eq!(Tasks::from(again), asked);
    }
    if let Ok(text) = std::str::from_utf8(input) {
        way_back(text);
        if let Some(day) = Date::parse(text) {
            assert_eq!(Date::parse(day.as_str()).as_ref(), Some(&day));
            assert!(day.day().is_some() && text.starts_with(day.as_str()));
        }
        if let Some(time) = TimeOfDay::parse(text) {
            assert_eq!(TimeOfDay::parse(time.as_str()).as_ref(), Some(&time));
            assert!(time.as_str() <= "23:59:59" && text.starts_with(time.short()));
        }
    }
}

fn history(asked: &History) {
    let said = |asked: &History| format!("{:?} {:?}", asked.filter(NOW), asked.start());
    let query = asked.query();
    let again: History = serde_html_form::from_str(bare(&query)).expect("an address of ours");
    assert_eq!(said(&again), said(asked));
    assert_eq!(again.query(), query);
    assert_eq!(again.is_filtered(), asked.is_filtered());
    assert!(query.is_ascii() && !query.contains(['"', '<', '>', ' ', '\'']), "{query}");
    if let Ok(filter) = asked.filter(NOW) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(filter.message.is_none_or(|id| id.starts_with("msg_") && id.chars().all(plain)));
    }
    for chip in asked.chips("/here") {
        assert!(!chip.label.is_empty());
        let others = chip.href.strip_prefix("/here").expect("the same page");
        let others: History = serde_html_form::from_str(bare(others)).expect("an address of ours");
        assert_eq!(others.chips("/here").len() + 1, asked.chips("/here").len());
    }
    for text in [&asked.from, &asked.to] {
        let shown = field_of_instant(text);
        assert!(shown.is_empty() || is_of_a_browser(&shown), "{text:?} is shown as {shown:?}");
    }
}

/// `2026-03-22T12:00`, as a field for an instant takes it.
fn is_of_a_browser(instant: &str) -> bool {
    let shape: String = instant.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00" && !instant.starts_with("0000")
}

fn way_back(next: &str) {
    let next = safe_next(next);
    let here = Url::parse("https://tasks.example:8443/sign-in").expect("a URL");
    let there = here.join(next).expect("a path");
    assert_eq!(there.origin(), here.origin(), "{next:?}");
    HeaderValue::from_str(next).expect("a value of Location");
}

fn bare(query: &str) -> &str {
    query.strip_prefix('?').unwrap_or(query)
}
