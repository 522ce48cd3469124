//! A JSON body as a tree that folds, made on the server and escaped by the template engine. What is not JSON stays text.
//! It says what was sent: keys in their order and also twice, numbers digit by digit, however large they are.

use std::fmt;

use askama::Template;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::words::counted;

/// Deeper than this stays as it was written: a hostile body must not exhaust the stack.
const DEEPEST: usize = 12;

/// One value; a template of its own, because it contains itself.
#[derive(Debug, Template)]
#[template(path = "parts/json_tree.html")]
pub struct JsonTree {
    /// `"goalId": ` in front of the value, empty at the top and in arrays.
    key: String,
    kind: Kind,
    /// Between this and the next value.
    comma: bool,
    open: bool,
}

#[derive(Debug)]
enum Kind {
    Text(String),
    Literal(String),
    /// Opening and closing bracket, the children, and what is shown when it is folded.
    Group(char, char, Vec<JsonTree>, String),
}

/// It escapes what it prints, so the template around it must not do that again.
impl askama::filters::HtmlSafe for JsonTree {}

impl JsonTree {
    /// `None` when the bytes are not JSON.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let whole: &RawValue = serde_json::from_slice(body).ok()?;
        Some(tree(String::new(), whole.get(), false, 0))
    }
}

fn tree(key: String, text: &str, comma: bool, depth: usize) -> JsonTree {
    JsonTree {
        key,
        kind: kind(text, depth),
        comma,
        open: depth < 3,
    }
}

fn kind(text: &str, depth: usize) -> Kind {
    if let Ok(string) = serde_json::from_str::<String>(text) {
        return Kind::Text(quoted(&string));
    }
    if depth < DEEPEST
        && let Ok(Members(members)) = serde_json::from_str(text)
        && !members.is_empty()
    {
        let folded = counted(members.len() as i64, "key", "keys");
        let children = members
            .iter()
            .map(|(name, child)| (quoted(name), child.get()))
            .collect();
        return Kind::Group('{', '}', group(children, depth), folded);
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) else {
        return Kind::Literal(text.to_owned());
    };
    let items: Vec<&str> = items.into_iter().map(RawValue::get).collect();
    if depth < DEEPEST && items.iter().any(|item| item.starts_with(['{', '['])) {
        let folded = counted(items.len() as i64, "item", "items");
        let children = items.into_iter().map(|item| (String::new(), item)).collect();
        return Kind::Group('[', ']', group(children, depth), folded);
    }
    // Short lists of numbers and words stay on one line.
    Kind::Literal(format!("[{}]", items.join(", ")))
}

fn group(children: Vec<(String, &str)>, depth: usize) -> Vec<JsonTree> {
    let last = children.len().saturating_sub(1);
    let child = |(place, (key, text))| tree(key, text, place < last, depth + 1);
    children.into_iter().enumerate().map(child).collect()
}

/// What stands in an object, in its order, each value as it is written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_is_text_and_never_markup() {
        let tree =
            JsonTree::parse(br#"{"<b>":"<script>alert(1)</script>","n":[1,2],"deep":{"a":null}}"#).expect("JSON");

        let html = tree.render().expect("rendered");

        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("[1, 2]") && html.contains("<details"), "{html}");
    }

    #[test]
    fn it_says_what_was_sent_and_not_what_a_parser_made_of_it() {
        let body =
            br#"{"b":12345678901234567890123,"a":-0.10,"a":1e400,"n":[ 1.50 , 2 ],"s":"\u00e9","lone":"\ud800"}"#;

        let html = JsonTree::parse(body).expect("JSON").render().expect("rendered");

        for sent in ["12345678901234567890123", "-0.10", "1e400", "[1.50, 2]", "é", r"\ud800"] {
            assert!(html.contains(sent), "{sent}: {html}");
        }
        assert_eq!(html.matches("a&#34;").count(), 2, "{html}");
    }

    #[test]
    fn a_body_that_is_not_json_has_no_tree() {
        assert!(JsonTree::parse(b"<html>").is_none());
    }

    #[test]
    fn a_very_deep_body_is_cut_to_lines() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));

        let html = JsonTree::parse(deep.as_bytes())
            .expect("JSON")
            .render()
            .expect("rendered");

        assert!(html.matches("<details").count() <= DEEPEST, "{html}");
    }
}
