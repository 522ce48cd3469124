//! The JSON bodies of the API. What is read is what `serde_json` finds in the same text by another way; what is not is told by the
//! name of a field that was sent or is missing, in words of people.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::actions::publish::HandIn;
use crate::domain::moment::Moment;
use crate::domain::payload::MAX_BYTES;
use crate::error::AppError;
use crate::web::api::{api_tokens, collaboration, deliveries, tags, tasks, webhooks};
use crate::web::api_body::{parse, parse_all};
use crate::web::api_error::ApiError;

const LONGEST_SENTENCE: usize = 600;

pub fn check(input: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<Box<RawValue>>(input) else {
        return;
    };
    body::<webhooks::Create>(&raw);
    body::<webhooks::Change>(&raw);
    body::<webhooks::One>(&raw);
    body::<tasks::NewTask>(&raw);
    body::<tasks::EditTask>(&raw);
    body::<tasks::Assign>(&raw);
    body::<api_tokens::New>(&raw);
    body::<collaboration::Roles>(&raw);
    body::<deliveries::Failed>(&raw);
    body::<deliveries::Held>(&raw);
    body::<tags::Toggle>(&raw);
    event(&raw);
    if let Err(error) = parse_all::<HandIn>(&raw) {
        assert_told(&error, &raw);
    }
}

fn body<T: DeserializeOwned>(raw: &RawValue) {
    match parse::<T>(raw) {
        // A number that a `Value` cannot hold may stand where nobody looks.
        Ok(_) => {
            if let Ok(value) = serde_json::from_str::<Value>(raw.get()) {
                assert!(serde_json::from_value::<T>(value).is_ok(), "it is no body by another way");
            }
        }
        Err(error) => assert_told(&error, raw),
    }
}

/// What a host application gives is sent on byte for byte, in a body of our making.
fn event(raw: &RawValue) {
    let given = match parse::<HandIn>(raw) {
        Ok(given) => given,
        Err(error) => return assert_told(&error, raw),
    };
    let parts = [given.task.clone(), given.data.clone(), given.changes.clone(), given.user_ids.clone()];
    let checked = match given.check() {
        Ok(checked) => checked,
        Err(error) => return assert_told(&error.into(), raw),
    };
    let Ok(body) = checked.body(Moment(0)) else {
        return;
    };
    assert!(body.len() <= MAX_BYTES);
    let text = String::from_utf8(body).expect("JSON is text");
    let keys: BTreeMap<String, &RawValue> = serde_json::from_str(&text).expect("a body is JSON");
    assert!(keys.contains_key("event") && keys.contains_key("timestamp") && keys.contains_key("initiatorId"));
    for part in parts.iter().flatten() {
        assert!(text.contains(part.get()), "{} is not in {text}", part.get());
    }
}

fn assert_told(error: &ApiError, raw: &RawValue) {
    let sentences: Vec<(&str, &str)> = match error {
        ApiError::App(AppError::Invalid(fields)) => {
            assert!(!fields.is_empty());
            fields.iter().map(|field| (field.name.as_str(), field.message.as_str())).collect()
        }
        ApiError::Http(status, sentence) => {
            assert!(status.is_client_error());
            vec![("the body", sentence)]
        }
        other => panic!("{other:?}"),
    };
    for (name, sentence) in sentences {
        assert!(!name.is_empty() && !sentence.is_empty());
        assert!(name.len() + sentence.len() <= LONGEST_SENTENCE, "{name}: {sentence}");
        for jargon in [" at line ", "expected struct", "missing field", "untagged", "i64", "u64"] {
            assert!(!sentence.contains(jargon) || raw.get().contains(jargon), "{name}: {sentence}");
        }
    }
}
