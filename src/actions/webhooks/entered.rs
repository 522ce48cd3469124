//! What people enter for a webhook, checked: every field is looked at, so that a form comes back with all its errors.

use super::{Edit, NewWebhook};
use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::own_header::{self, Given, OwnHeader};
use crate::domain::quoted::quoted;
use crate::domain::secret::Secret;
use crate::domain::target::{AllowList, TargetUrl};
use crate::error::AppError;

const LONGEST_NAME: usize = 80;
/// Each is a row; a host application has tens of types, not thousands.
const MOST_EVENTS: usize = 100;
const LONGEST_EVENT: usize = 50;

impl NewWebhook {
    /// What is wrong with it by itself. Calls look before they look anything up; the action looks again.
    pub fn check(&self, allow: &AllowList) -> Result<(), AppError> {
        let mut errors = Vec::new();
        url(&self.url, allow, &mut errors);
        events(&self.events, &mut errors);
        name(self.name.as_deref().unwrap_or_default(), &mut errors);
        secret(self.secret.as_ref(), &mut errors);
        errors.extend(own_header::check(&self.headers));
        invalid_if_any(errors)
    }
}

impl Edit {
    /// What is wrong with it by itself, also with a URL that was accepted before.
    pub fn check(&self, allow: &AllowList) -> Result<(), AppError> {
        let mut errors = Vec::new();
        if let Some(given) = &self.url {
            url(given, allow, &mut errors);
        }
        if let Some(given) = &self.events {
            events(given, &mut errors);
        }
        name(self.name.as_deref().unwrap_or_default(), &mut errors);
        errors.extend(own_header::check(self.headers.as_deref().unwrap_or_default()));
        invalid_if_any(errors)
    }
}

fn invalid_if_any(errors: Vec<FieldError>) -> Result<(), AppError> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(AppError::Invalid(errors))
    }
}

pub(super) fn url(given: &str, allow: &AllowList, errors: &mut Vec<FieldError>) -> Option<TargetUrl> {
    match TargetUrl::parse(given.trim(), allow) {
        Ok(url) => Some(url),
        Err(sentence) => {
            errors.push(FieldError::new("url", sentence));
            None
        }
    }
}

/// Enough to know it again: no event's name is longer.
fn beginning(name: &str) -> String {
    match name.char_indices().nth(LONGEST_EVENT) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The kinds in the order given, each once.
pub(super) fn events(given: &[String], errors: &mut Vec<FieldError>) -> Option<Vec<EventKind>> {
    if given.len() > MOST_EVENTS {
        errors.push(FieldError::new("events", format!("At most {MOST_EVENTS} events.")));
        return None;
    }
    let mut kinds = Vec::new();
    for name in given {
        match EventKind::parse(name) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => {
                errors.push(FieldError::new(
                    "events",
                    format!("There is no event {}.", quoted(&beginning(name))),
                ));
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
    if given.chars().any(char::is_control) {
        errors.push(FieldError::new(
            "name",
            "A name is one line, without control characters.",
        ));
    }
    (!given.is_empty()).then_some(given)
}

pub(super) fn secret(given: Option<&Result<Secret, &'static str>>, errors: &mut Vec<FieldError>) -> Option<Secret> {
    match given? {
        Ok(secret) => Some(secret.clone()),
        Err(sentence) => {
            errors.push(FieldError::new("secret", *sentence));
            None
        }
    }
}

/// Those that are given, with the stored values of those that are given without one.
pub(super) fn headers(given: &[Given], stored: &[OwnHeader], errors: &mut Vec<FieldError>) -> Vec<OwnHeader> {
    own_header::resolve(given, stored).unwrap_or_else(|wrong| {
        errors.extend(wrong);
        Vec::new()
    })
}
