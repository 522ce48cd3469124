//! A JSON body as a tree that folds, made on the server and escaped by the template engine. What is not JSON stays text.
//! Parsing keeps the order of keys, so that the tree reads like the bytes that were sent.

use askama::Template;
use serde_json::Value;

/// Deeper than this stays one line: a hostile body must not exhaust the stack.
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
        serde_json::from_slice(body)
            .ok()
            .map(|value| tree(String::new(), &value, false, 0))
    }
}

fn tree(key: String, value: &Value, comma: bool, depth: usize) -> JsonTree {
    let kind = match value {
        Value::Object(map) if !map.is_empty() && depth < DEEPEST => {
            let last = map.len() - 1;
            let children = map
                .iter()
                .enumerate()
                .map(|(place, (name, child))| tree(quoted(name), child, place < last, depth + 1))
                .collect();
            Kind::Group('{', '}', children, counted(map.len(), "key", "keys"))
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) && depth < DEEPEST => {
            let last = items.len() - 1;
            let children = items
                .iter()
                .enumerate()
                .map(|(place, child)| tree(String::new(), child, place < last, depth + 1))
                .collect();
            Kind::Group('[', ']', children, counted(items.len(), "item", "items"))
        }
        Value::String(text) => Kind::Text(quoted(text)),
        // Numbers, words and short lists of them stay on one line.
        other => Kind::Literal(one_line(other)),
    };
    JsonTree {
        key,
        kind,
        comma,
        open: depth < 3,
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {many}")
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
            )
        }
        other => other.to_string(),
    }
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
