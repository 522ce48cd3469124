//! The JSON body of a call. What does not fit is told by the name of its field and in words for people, not for who knows Rust.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value};
use zeroize::Zeroizing;

use super::api_error::{ApiError, from_json};
use super::words::shorter;
use crate::domain::field_error::FieldError;
use crate::error::AppError;
use crate::limits::Limits;

/// A body that is longer is not looked into for what is wrong with it.
const LONGEST: usize = 64 * 1024;

/// What was sent.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // Content type, size, and whether it is JSON at all.
        let raw = web::Json::<Box<RawValue>>::from_request(request, payload);
        Box::pin(async move {
            let text: Box<str> = raw.await?.0.into();
            // It may hold a password or a secret. What came over the network lies in buffers that cannot be reached.
            let text = Zeroizing::new(text);
            let body = read(&text)?;
            Ok(JsonBody(body))
        })
    }
}

pub fn parse<T: DeserializeOwned>(raw: &RawValue) -> Result<T, ApiError> {
    read(raw.get())
}

/// A list of them.
pub fn parse_all<T: DeserializeOwned>(raw: &RawValue) -> Result<Vec<T>, ApiError> {
    let all: Vec<Object<T>> = read_as(raw.get())?;
    Ok(all.into_iter().map(|Object(one)| one).collect())
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    read_as(text).map(|Object(body)| body)
}

fn read_as<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|error| explain::<T>(text, &error))
}

/// What has fields. By itself a derived `Deserialize` also takes a list of the values in the order of the declaration.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

fn explain<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> ApiError {
    let traced: Result<T, _> = serde_path_to_error::deserialize(&mut Deserializer::from_str(text));
    let (path, said) = match traced {
        Err(traced) => (traced.path().to_string(), traced.inner().to_string()),
        Ok(_) => (String::new(), error.to_string()),
    };
    let parent = if path == "." { String::new() } else { path };
    // From behind: what was sent may be quoted before.
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    let name = match missing(said).or_else(|| twice(said)) {
        Some(name) if parent.is_empty() => name.to_owned(),
        Some(name) => format!("{parent}.{name}"),
        None if parent.is_empty() => culprit::<T>(text).unwrap_or_default(),
        None => parent,
    };
    if name.is_empty() {
        let sentence = format!("The body is not what this call takes. {}", words(said));
        return ApiError::Http(StatusCode::BAD_REQUEST, sentence);
    }
    // Keys come from outside too, and may be as long as the body.
    AppError::Invalid(vec![FieldError::new(shorter(&name), words(said))]).into()
}

fn missing(said: &str) -> Option<&str> {
    said.strip_prefix("missing field `")?.strip_suffix('`')
}

fn twice(said: &str) -> Option<&str> {
    said.strip_prefix("duplicate field `")?.strip_suffix('`')
}

/// Of a body whose fields belong to several things the parser does not know which one it stumbled over: it is the one without which all is
/// well, or else that is missing then. Each is tried, so only of a body that is no larger than people write them.
fn culprit<T: DeserializeOwned>(text: &str) -> Option<String> {
    const MOST: usize = 32;
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return None;
    };
    if fields.len() > MOST || text.len() > LONGEST {
        return None;
    }
    let without = |name: &str| {
        let mut others = fields.clone();
        others.shift_remove(name);
        serde_json::from_value::<T>(Value::Object(others))
    };
    // A field that the parser does name is not the one.
    let is_named = |name: &str| {
        let mut others = fields.clone();
        others.insert(name.to_owned(), Value::Array(vec![Value::Array(Vec::new())]));
        let traced: Result<T, _> = serde_path_to_error::deserialize(Value::Object(others));
        traced.is_err_and(|error| error.path().to_string() == name)
    };
    let unneeded = fields.keys().find(|name| without(name).is_ok());
    let needed = || {
        fields.keys().find(|name| {
            let error = without(name).err().map(|error| error.to_string());
            error.is_some_and(|error| missing(&error) == Some(name)) && !is_named(name)
        })
    };
    unneeded.or_else(needed).cloned()
}

/// `invalid type: map, expected i64` → `Expected a whole number, and got an object.`
fn words(said: &str) -> String {
    if missing(said).is_some() {
        return "This is missing.".to_owned();
    }
    if twice(said).is_some() {
        return "This is there twice.".to_owned();
    }
    if said.starts_with("invalid value: ") {
        let value = said.split('`').nth(1).unwrap_or("The value");
        return format!("{value} is not possible here.");
    }
    // Without the word that was sent, which may be a long one.
    if said.starts_with("unknown variant ")
        && let Some((_, expected)) = said.rsplit_once("`, expected ")
    {
        return format!("Expected {expected}.");
    }
    // Of something within the body.
    if said.starts_with("invalid length ") {
        return format!("Expected {}, and got a list.", kind("map"));
    }
    let shape = said.strip_prefix("invalid type: ");
    match shape.and_then(|shape| shape.rsplit_once(", expected ")) {
        Some((got, expected)) => format!("Expected {}, and got {}.", kind(expected), kind(got)),
        None => {
            let mut letters = said.chars();
            let first = letters.next().map(char::to_uppercase).into_iter().flatten();
            first.chain(letters).chain(['.']).collect()
        }
    }
}

/// What JSON calls it.
fn kind(word: &str) -> &str {
    let first = word.split(' ').next().unwrap_or_default();
    match first {
        "map" | "struct" | "object" => "an object",
        "sequence" | "tuple" => "a list",
        "string" => "a text",
        "integer" => "a number",
        "boolean" => "true or false",
        "null" | "unit" => "null",
        "floating" => "a number with a fraction",
        "f64" => "a number",
        "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        _ => match word {
            "a string" => "a text",
            "a boolean" => "true or false",
            "a sequence" => "a list",
            "a map" => "an object",
            other => other,
        },
    }
}

/// For actix' own part of reading a body.
pub fn config(limits: Limits) -> web::JsonConfig {
    web::JsonConfig::default()
        .limit(limits.body)
        .error_handler(move |error, _| from_json(error, &limits).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Whole {
        id: i64,
        name: Option<String>,
        list: Option<Vec<Part>>,
        map: Option<BTreeMap<String, bool>>,
        #[serde(flatten)]
        rest: Rest,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Rest {
        color: String,
        #[serde(default)]
        size: u8,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Part {
        x: f64,
    }

    fn told(text: &str) -> String {
        let raw: Box<RawValue> = serde_json::from_str(text).expect("JSON");
        match parse::<Whole>(&raw) {
            Err(ApiError::App(AppError::Invalid(fields))) => format!("{}: {}", fields[0].name, fields[0].message),
            Err(ApiError::Http(_, sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_name_in_words_for_people() {
        for (text, expected) in [
            (r#"{"color":"x"}"#, "id: This is missing."),
            (
                r#"{"id":{},"color":"x"}"#,
                "id: Expected a whole number, and got an object.",
            ),
            (
                r#"{"id":1.5,"color":"x"}"#,
                "id: Expected a whole number, and got a number with a fraction.",
            ),
            (
                r#"{"id":1,"name":[],"color":"x"}"#,
                "name: Expected a text, and got a list.",
            ),
            (
                r#"{"id":1,"list":[{"x":1},{"x":"a"}],"color":"x"}"#,
                "list[1].x: Expected a number, and got a text.",
            ),
            (
                r#"{"id":1,"list":[[]],"color":"x"}"#,
                "list[0]: Expected an object, and got a list.",
            ),
            (r#"{"id":1,"color":7}"#, "color: Expected a text, and got a number."),
            (r#"{"id":1}"#, "color: This is missing."),
            (
                r#"{"color":{},"name":"x","id":1}"#,
                "color: Expected a text, and got an object.",
            ),
            (
                r#"{"id":1,"color":"x","size":true}"#,
                "size: Expected a whole number, and got true or false.",
            ),
            (r#"{"id":1,"id":2,"color":"x"}"#, "id: This is there twice."),
            (r#"{"id":1,"color":"x","size":300}"#, "size: 300 is not possible here."),
            (
                "7",
                "The body is not what this call takes. Expected an object, and got a number.",
            ),
            (
                r#"{"id":"a, expected b at line c","color":"x"}"#,
                "id: Expected a whole number, and got a text.",
            ),
            (
                r#"[1,"x",[],{},"x",7]"#,
                "The body is not what this call takes. Expected an object, and got a list.",
            ),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn of_words_that_are_no_choice_only_the_choices_are_told() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Choice {
            Deliver,
            Discard,
        }

        for choice in [
            "deliver".to_owned(),
            "discard".to_owned(),
            "`, expected x".repeat(1_000),
        ] {
            let raw = serde_json::to_string(&serde_json::json!({ "action": choice })).expect("JSON");
            let raw: Box<RawValue> = serde_json::from_str(&raw).expect("JSON");
            match parse::<BTreeMap<String, Choice>>(&raw) {
                Ok(read) => assert!(matches!(read["action"], Choice::Deliver | Choice::Discard)),
                Err(ApiError::App(AppError::Invalid(fields))) => {
                    assert_eq!(fields[0].message, "Expected `deliver` or `discard`.");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_wrong_within_a_list_of_bodies_has_its_place_as_a_name() {
        for (text, expected) in [
            (r#"[{"x":1.5},[2.5]]"#, "[1]: Expected an object, and got a list."),
            (r#"[7]"#, "[0]: Expected an object, and got a number."),
            (r#"[{"x":1.5},{"x":"a"}]"#, "[1].x: Expected a number, and got a text."),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(text).expect("JSON");
            let told = match parse_all::<Part>(&raw) {
                Err(ApiError::App(AppError::Invalid(fields))) => format!("{}: {}", fields[0].name, fields[0].message),
                other => panic!("{other:?}"),
            };
            assert_eq!(told, expected, "{text}");
        }
    }

    #[test]
    fn the_name_of_a_field_that_nobody_has_is_told_in_short() {
        let name = "k".repeat(10_000);
        let raw: Box<RawValue> = serde_json::from_str(&format!(r#"{{"{name}":7}}"#)).expect("JSON");

        let told = match parse::<BTreeMap<String, bool>>(&raw) {
            Err(ApiError::App(AppError::Invalid(fields))) => fields[0].clone(),
            other => panic!("{other:?}"),
        };

        assert!(
            told.name.starts_with("kkk") && told.name.chars().count() <= 60,
            "{}",
            told.name
        );
        assert_eq!(told.message, "Expected true or false, and got a number.");
    }

    #[test]
    fn who_sends_thousands_of_fields_is_refused_without_trying_each() {
        let many: Vec<String> = (0..20_000).map(|number| format!("\"k{number}\":0")).collect();

        let sentence = told(&format!("{{{},\"id\":1,\"color\":7}}", many.join(",")));

        assert_eq!(
            sentence,
            "The body is not what this call takes. Expected a text, and got a number."
        );
    }
}
