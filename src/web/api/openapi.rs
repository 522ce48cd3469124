//! The description of the API (OpenAPI 3.1), made from the handlers and types themselves. What holds for every call is added
//! here: how one shows a token, how errors look, and examples. Those of requests are put together from the fields'; those of answers
//! are what the program really answered on a walk (`tests/it/api_walk.rs` sees to it).

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{api_tokens, attempts, auth, collaboration, deliveries, events, goals, tags, tasks, webhooks};
use crate::web::api_error;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "TaskView Webhooks",
        description = "Projects, tasks, members, webhooks and their deliveries, and publishing events of another application. \
            Success is `200 {\"response\": …}` but for the sign-in. Errors have a JSON body with a sentence for people. Fields that \
            a call does not know are ignored.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Sign-in", description = "Two opaque tokens for a login and a password, as TaskView's own client gets them."),
        (name = "Projects", description = "A project has tasks, tags, members and webhooks. TaskView calls it a goal."),
        (name = "Members", description = "Who belongs to a project. The id of a member is what tasks list as assigned; it is not the id of the account."),
        (name = "Tasks", description = "Each change of a task is an event, unless its project is archived."),
        (name = "Tags", description = "Tags of a project; every member makes, changes and removes them."),
        (name = "Webhooks", description = "Changed by the owner and the managers of the project; members see them."),
        (name = "Deliveries", description = "What was sent, what came back, and sending again."),
        (name = "Publish", description = "Another application hands in its events. Owner and managers; an API token needs `events_can_publish`."),
        (name = "API tokens", description = "For programs: with some of one's rights, in some projects, until a day. Seen, made and revoked by somebody who signed in; with an API token these calls answer 403."),
    ),
    paths(
        auth::login, auth::refresh, auth::logout,
        api_tokens::create, api_tokens::list, api_tokens::permissions, api_tokens::revoke,
        goals::create, goals::list, goals::edit, goals::delete,
        collaboration::add, collaboration::list, collaboration::list_own, collaboration::set_roles, collaboration::roles,
        collaboration::remove, collaboration::make_link, collaboration::hand_over,
        tags::create, tags::list, tags::edit, tags::toggle, tags::delete,
        tasks::create, tasks::list, tasks::find, tasks::edit, tasks::assign, tasks::delete,
        webhooks::create, webhooks::list, webhooks::change, webhooks::rotate_secret, webhooks::delete,
        deliveries::test, deliveries::list, attempts::list, deliveries::retry, deliveries::retry_failed, deliveries::held,
        events::publish,
    ),
    components(schemas(api_error::Answer)),
    security(("token" = [])),
)]
struct Description;

/// By the names of the operations.
const ANSWERS: &str = include_str!("examples.json");

/// What each error means, in the order of their numbers.
pub const ERRORS: [(&str, &str); 9] = [
    (
        "400",
        "The request is malformed, or some of the input is not valid; `fields` says which.",
    ),
    ("401", "The token is missing, wrong, expired or revoked."),
    (
        "403",
        "You may not do this with this id, and whether it exists is not said; or the sign-in is too old for it.",
    ),
    (
        "409",
        "It does not go together with the state that things are in; the message says why.",
    ),
    (
        "413",
        "The body is larger than the server takes: 1 MiB, unless TASKVIEW_MAX_BODY_KIB says otherwise.",
    ),
    ("415", "The body is not announced as application/json."),
    ("429", "Too many tries; `Retry-After` says for how many seconds."),
    (
        "500",
        "Something went wrong on the server's side; the log knows `requestId`.",
    ),
    (
        "503",
        "The database cannot be reached right now; nothing was changed. `Retry-After` says for how many seconds.",
    ),
];

/// The whole document, complete.
pub fn document() -> Value {
    let mut description = Description::openapi();
    description.components.get_or_insert_default().add_security_scheme(
        "token",
        SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The `access` of a sign-in, or an API token (`tvk_…`)."))
                .build(),
        ),
    );
    let mut document = serde_json::to_value(description).unwrap_or_default();
    let schemas = document["components"]["schemas"].clone();
    let answers: Value = serde_json::from_str(ANSWERS).unwrap_or_default();
    document["components"]["responses"] = errors();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, item) in paths {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            add_errors(operation);
            add_examples(operation, &schemas, &answers);
        }
    }
    document
}

/// As it is served and committed.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

pub async fn show() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(text())
}

fn errors() -> Value {
    let content = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
    let one = |(status, about): (&str, &str)| (status.to_owned(), json!({ "description": about, "content": content }));
    ERRORS.into_iter().map(one).collect::<Map<_, _>>().into()
}

fn add_errors(operation: &mut Value) {
    let takes_body = operation.get("requestBody").is_some();
    let takes_input = takes_body || operation.get("parameters").is_some();
    let is_open = operation["security"] == json!([{}]);
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, _) in ERRORS {
        let possible = match status {
            "400" => takes_input,
            "401" => !is_open || takes_body,
            "409" | "413" | "415" => takes_body,
            _ => true,
        };
        if possible {
            responses.insert(
                status.to_owned(),
                json!({ "$ref": format!("#/components/responses/{status}") }),
            );
        }
    }
}

fn add_examples(operation: &mut Value, schemas: &Value, answers: &Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    if let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") {
        content["example"] = example(&content["schema"], schemas);
    }
    if let Some(content) = operation.pointer_mut("/responses/200/content/application~1json") {
        content["example"] = answers[id].clone();
    }
}

/// An example of what the schema describes, from the examples of its parts. What need not be there and has none is left out.
fn example(schema: &Value, schemas: &Value) -> Value {
    if let Some(given) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return given.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return example(&schemas[name], schemas);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(fields) = example(part, schemas) {
                whole.extend(fields);
            }
        }
        return whole.into();
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(choice) = choices.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        return example(choice, schemas);
    }
    match kind(schema) {
        "object" => object(schema, schemas).into(),
        "array" => json!([example(&schema["items"], schemas)]),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "string" => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("text")),
        _ => Value::Null,
    }
}

fn object(schema: &Value, schemas: &Value) -> Map<String, Value> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let fields = schema["properties"].as_object().into_iter().flatten();
    let shown = fields.filter(|(name, field)| is_required(name) || field.get("example").is_some());
    shown
        .map(|(name, field)| (name.clone(), example(field, schemas)))
        .collect()
}

/// `"string"` of `"string"` and of `["string", "null"]`.
fn kind(schema: &Value) -> &str {
    let types = schema["type"].as_array();
    let first = types.and_then(|all| all.iter().find(|one| *one != "null"));
    first.unwrap_or(&schema["type"]).as_str().unwrap_or_default()
}
