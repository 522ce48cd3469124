//! What receivers are told of each type of event: the JSON Schema of its payload, and an example. The example is made by the
//! payload's own code and the schema from the types that it serialises, so neither can say what is not sent.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::event::{EventKind, Extra, KNOWN, KnownEvent};
use crate::domain::ids::{MemberId, ProjectId, StatusId, TagId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::domain::payload;
use crate::domain::task::{self, Priority, Task};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// 2026-03-22T12:00:00.000Z, the moment of every example.
const NOON: Moment = Moment(1_774_180_800_000_000);

/// A type of event as its documentation shows it.
#[derive(Debug)]
pub struct Described {
    pub name: String,
    pub fires: &'static str,
    /// JSON Schema 2020-12. It leaves room for keys that are added later.
    pub schema: Value,
    /// The bytes of a payload.
    pub example: Vec<u8>,
}

/// Every type that is sent without a host application's doing: those of the table, and the test.
pub fn all() -> Vec<Described> {
    KNOWN.iter().map(of_task).chain([of_test()]).collect()
}

/// The payload that an event of this type would have.
pub fn example(known: &KnownEvent) -> Vec<u8> {
    let after = example_task();
    let before = Task {
        status_id: None,
        ..after.clone()
    };
    let changes = task::diff(&before, &after);
    // One short task is far below the bound.
    payload::of_task((known.happened)(&changes), NOON, &after, UserId(1)).unwrap_or_default()
}

/// The task of the documentation.
pub fn example_task() -> Task {
    Task {
        id: TaskId(123),
        project_id: ProjectId(774),
        description: "Fix login bug".into(),
        complete: false,
        status_id: Some(StatusId(5)),
        priority: Priority::Medium,
        tags: vec![TagId(1), TagId(3)],
        assignees: vec![MemberId(10), MemberId(22)],
        subtasks: Vec::new(),
        parent_id: None,
        note: None,
        start_date: None,
        start_time: None,
        end_date: None,
        end_time: None,
        creator_id: UserId(1),
        created_at: NOON,
        edited_at: NOON,
        completed_at: None,
    }
}

fn of_task(known: &KnownEvent) -> Described {
    let mut definitions = Definitions::default();
    let mut properties = start(&known.kind);
    properties.insert("task".into(), definitions.refer::<Task>());
    for extra in known.extras {
        let (key, value) = match extra {
            Extra::TaskId => ("taskId", definitions.inline::<TaskId>()),
            Extra::GoalId => ("goalId", definitions.inline::<ProjectId>()),
            Extra::UserIds => (
                "userIds",
                json!({ "type": "array", "items": definitions.inline::<MemberId>() }),
            ),
            Extra::Changes => ("changes", changes(&definitions)),
        };
        properties.insert(key.into(), value);
    }
    properties.insert("initiatorId".into(), definitions.inline::<UserId>());
    let mut schema = object(&known.kind, known.fires, properties);
    schema["$defs"] = definitions.0.into();
    Described {
        name: known.name().to_owned(),
        fires: known.fires,
        schema,
        example: example(known),
    }
}

fn of_test() -> Described {
    let fires = "Somebody presses Test beside a webhook; nobody subscribes to it";
    let mut properties = start(&EventKind::WEBHOOK_TEST);
    let data = json!({
        "type": "object",
        "properties": { "message": { "type": "string" } },
        "required": ["message"],
    });
    properties.insert("data".into(), data);
    Described {
        name: EventKind::WEBHOOK_TEST.to_string(),
        fires,
        schema: object(&EventKind::WEBHOOK_TEST, fires, properties),
        example: payload::of_test(NOON),
    }
}

/// What every payload begins with.
fn start(kind: &EventKind) -> Map<String, Value> {
    let timestamp = json!({ "type": "string", "format": "date-time" });
    Map::from_iter([
        ("event".into(), json!({ "const": kind })),
        ("timestamp".into(), timestamp),
    ])
}

fn object(kind: &EventKind, fires: &str, properties: Map<String, Value>) -> Value {
    json!({
        "$schema": DIALECT,
        "title": kind,
        "description": fires,
        "type": "object",
        "required": properties.keys().collect::<Vec<_>>(),
        "properties": properties,
    })
}

/// Those keys of a task that an edit can change, none of them required.
fn changes(definitions: &Definitions) -> Value {
    let task = &definitions.0["Task"]["properties"];
    let properties: Map<_, _> = task::COMPARED
        .iter()
        .map(|&name| (name.to_owned(), task[name].clone()))
        .collect();
    json!({ "type": "object", "minProperties": 1, "properties": properties })
}

/// The schemas that others refer to, by their names.
#[derive(Default)]
struct Definitions(Map<String, Value>);

impl Definitions {
    /// Takes `T` and all that it refers to.
    fn refer<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.0.insert(name, as_json_schema(&schema));
        }
        json!({ "$ref": format!("#/$defs/{}", T::name()) })
    }

    fn inline<T: PartialSchema>(&self) -> Value {
        as_json_schema(&T::schema())
    }
}

/// OpenAPI 3.1 is JSON Schema 2020-12 but for the place of definitions, examples, and one format.
fn as_json_schema(schema: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    translate(&mut value);
    value
}

fn translate(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // Unknown to JSON Schema.
            if map.get("format").and_then(Value::as_str) == Some("int64") {
                map.shift_remove("format");
            }
            map.shift_remove("examples");
            map.shift_remove("example");
            if let Some(Value::String(to)) = map.get_mut("$ref") {
                *to = to.replace("#/components/schemas/", "#/$defs/");
            }
            map.values_mut().for_each(translate);
        }
        Value::Array(items) => items.iter_mut().for_each(translate),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_exactly_the_keys_of_its_schema_in_their_order() {
        for described in all() {
            let example: Map<String, Value> = serde_json::from_slice(&described.example).unwrap();
            let documented = described.schema["properties"].as_object().unwrap();

            assert!(example.keys().eq(documented.keys()), "{}", described.name);
            if let Some(task) = described.schema["$defs"]["Task"]["properties"].as_object() {
                let sent = example["task"].as_object().unwrap();
                assert!(sent.keys().eq(task.keys()), "{}", described.name);
            }
        }
    }

    #[test]
    fn a_schema_refers_to_what_it_defines_itself() {
        for described in all() {
            let text = described.schema.to_string();
            for reference in text.split("\"$ref\":\"").skip(1) {
                let name = reference.split('"').next().unwrap().strip_prefix("#/$defs/");
                let name = name.unwrap_or_else(|| panic!("{}: {reference}", described.name));

                assert!(
                    described.schema["$defs"][name].is_object(),
                    "{}: {name}",
                    described.name
                );
            }
        }
    }
}
