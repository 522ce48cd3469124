//! What an event changed, field by field, beside what was there before: read back from the bodies of the event and of the one
//! before it, because a payload itself tells only what is new.

use serde_json::{Map, Value};

/// Texts are cut here: a table is no place for a note of twenty thousand characters.
const LONGEST: usize = 200;

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub field: String,
    /// `None` when it is not known.
    pub before: Option<Value>,
    pub after: Value,
}

/// Nothing for an event that tells of no change. `before` is the body of the task's event before this one.
pub fn what_changed(body: &[u8], before: Option<&[u8]>) -> Vec<Change> {
    let Some(event) = object(body) else {
        return Vec::new();
    };
    let before = before.and_then(object);
    let before = before
        .as_ref()
        .and_then(|body| body.get("task"))
        .and_then(Value::as_object);
    let earlier = |field: &str| before.and_then(|task| task.get(field)).cloned();
    if let Some(changes) = event.get("changes").and_then(Value::as_object) {
        let change = |(field, after): (&String, &Value)| Change {
            field: field.clone(),
            before: earlier(field),
            after: after.clone(),
        };
        return changes.iter().map(change).collect();
    }
    let assigned = event.get("event").and_then(Value::as_str) == Some("task.assigneesChanged");
    match event.get("userIds").filter(|_| assigned) {
        Some(after) => vec![Change {
            field: "assignedUsers".to_owned(),
            before: earlier("assignedUsers"),
            after: after.clone(),
        }],
        None => Vec::new(),
    }
}

/// A value as a cell shows it: texts as they are, the rest as JSON.
pub fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return "none".to_owned(),
        Value::String(text) if text.is_empty() => return "empty".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    #[test]
    fn each_change_stands_beside_the_value_of_the_event_before() {
        let before = body(&json!({ "event": "task.created", "task": { "statusId": 3, "note": "" } }));
        let after = body(
            &json!({ "event": "task.updated", "task": { "statusId": 5 }, "changes": { "statusId": 5, "note": "Soon" } }),
        );

        let changes = what_changed(&after, Some(&before));
        let unknown = what_changed(&after, None);

        assert_eq!(changes[0].field, "statusId");
        assert_eq!(
            (changes[0].before.clone(), changes[0].after.clone()),
            (Some(json!(3)), json!(5))
        );
        assert_eq!(changes[1].before.as_ref().map(cell).as_deref(), Some("empty"));
        assert!(unknown.iter().all(|change| change.before.is_none()));
    }

    #[test]
    fn assignees_are_a_change_and_other_events_are_none() {
        let before = body(&json!({ "task": { "assignedUsers": [1] } }));
        let assigned = body(&json!({ "event": "task.assigneesChanged", "task": {}, "userIds": [1, 2] }));

        let changes = what_changed(&assigned, Some(&before));

        assert_eq!(
            (changes[0].before.clone(), changes[0].after.clone()),
            (Some(json!([1])), json!([1, 2]))
        );
        assert!(what_changed(br#"{"event":"task.created","task":{}}"#, None).is_empty());
        assert!(what_changed(b"<html>", None).is_empty());
        assert!(what_changed(br#"{"event":"invoice.paid","userIds":[1]}"#, None).is_empty());
    }

    #[test]
    fn a_cell_is_short_and_cut_between_characters() {
        let long = Value::from("é".repeat(LONGEST + 1));

        assert_eq!(cell(&long).chars().count(), LONGEST + 1);
        assert_eq!(cell(&json!([1, 3])), "[1,3]");
        assert_eq!(cell(&Value::Null), "none");
    }
}
