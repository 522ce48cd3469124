//! What people enter for a webhook, checked: every field is looked at, so that a form comes back with all its errors.

use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::target::{AllowList, TargetUrl};

const LONGEST_NAME: usize = 80;

pub(super) fn url(given: &str, allow: &AllowList, errors: &mut Vec<FieldError>) -> Option<TargetUrl> {
    match TargetUrl::parse(given.trim(), allow) {
        Ok(url) => Some(url),
        Err(sentence) => {
            errors.push(FieldError::new("url", sentence));
            None
        }
    }
}

/// The kinds in the order given, each once.
pub(super) fn events(given: &[String], errors: &mut Vec<FieldError>) -> Option<Vec<EventKind>> {
    let mut kinds = Vec::new();
    for name in given {
        match EventKind::parse(name) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => {
                errors.push(FieldError::new("events", format!("There is no event “{name}”.")));
                return None;
            }
        }
    }
    if kinds.is_empty() {
        errors.push(FieldError::new("events", "Choose at least one event."));
        return None;
    }
    Some(kinds)
}

/// An empty name is none.
pub(super) fn name<'a>(given: &'a str, errors: &mut Vec<FieldError>) -> Option<&'a str> {
    let given = given.trim();
    if given.chars().count() > LONGEST_NAME {
        errors.push(FieldError::new(
            "name",
            format!("A name has at most {LONGEST_NAME} characters."),
        ));
    }
    (!given.is_empty()).then_some(given)
}
