//! `/docs/api`: the description of the API as a page for people, with a command for each call. It is made from the same document that
//! programs read at `/openapi.json`, so it cannot say anything else.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::{Map, Value};

use super::DocsFrame;
use crate::web::api::openapi;
use crate::web::origin;
use crate::web::page::html;
use crate::web::page_error::PageError;

#[derive(Template)]
#[template(path = "docs/api.html")]
struct ApiPage {
    docs: DocsFrame,
    origin: String,
    begin: String,
    sections: Vec<Section>,
    errors: &'static [(&'static str, &'static str)],
    error_body: &'static str,
}

struct Section {
    id: String,
    name: String,
    about: String,
    calls: Vec<Call>,
}

struct Call {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: String,
    inputs: Vec<Input>,
    curl: String,
    answer: String,
    /// `400, 401, 403`
    errors: String,
}

struct Input {
    name: String,
    /// `path`, `query` or `body`
    place: String,
    kind: String,
    required: bool,
    about: String,
}

const ERROR_BODY: &str = r#"{"error":{"code":"invalid","message":"Some of the input is not valid.","fields":[{"name":"url","message":"…"}]}}"#;

pub async fn show(request: HttpRequest) -> Result<HttpResponse, PageError> {
    let document = openapi::document();
    let origin = origin::of(&request);
    html(&ApiPage {
        docs: DocsFrame::new("API", &request),
        begin: begin(&document, &origin),
        sections: sections(&document, &origin),
        errors: &openapi::ERRORS,
        error_body: ERROR_BODY,
        origin,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The sign-in, as a command that keeps its token.
fn begin(document: &Value, origin: &str) -> String {
    let login = document.pointer("/paths/~1module~1auth~1login/post");
    let command = login.map_or_else(String::new, |login| curl(login, "post", "/module/auth/login", origin));
    format!("TOKEN=$({command} \\\n  | sed 's/.*\"access\":\"\\([^\"]*\\)\".*/\\1/')")
}

fn sections(document: &Value, origin: &str) -> Vec<Section> {
    let tags = document["tags"].as_array().into_iter().flatten();
    tags.map(|tag| Section {
        id: text(&tag["name"]).to_lowercase().replace(' ', "-"),
        name: text(&tag["name"]),
        about: text(&tag["description"]),
        calls: calls(document, &tag["name"], origin),
    })
    .collect()
}

fn calls(document: &Value, tag: &Value, origin: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if operation["tags"][0] == *tag {
                calls.push(call(document, path, method, operation, origin));
            }
        }
    }
    calls
}

fn call(document: &Value, path: &str, method: &str, operation: &Value, origin: &str) -> Call {
    let answer = operation.pointer("/responses/200/content/application~1json/example");
    let codes = operation["responses"].as_object().into_iter().flatten();
    let errors: Vec<&str> = codes
        .map(|(code, _)| code.as_str())
        .filter(|code| *code >= "400")
        .collect();
    Call {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        about: text(&operation["description"]),
        inputs: inputs(document, operation),
        curl: curl(operation, method, path, origin),
        answer: answer.map_or_else(String::new, |answer| {
            serde_json::to_string_pretty(answer).unwrap_or_default()
        }),
        errors: errors.join(", "),
    }
}

/// What goes in: parameters first, then the fields of the body.
fn inputs(document: &Value, operation: &Value) -> Vec<Input> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut inputs: Vec<Input> = parameters
        .map(|parameter| Input {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            kind: kind(document, &parameter["schema"]),
            required: parameter["required"] == true,
            about: text(&parameter["description"]),
        })
        .collect();
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        let mut fields = Map::new();
        let mut required = Vec::new();
        collect(document, schema, &mut fields, &mut required);
        inputs.extend(fields.iter().map(|(name, field)| Input {
            name: name.clone(),
            place: "body".to_owned(),
            kind: kind(document, field),
            required: required.contains(name),
            about: text(&field["description"]),
        }));
    }
    inputs
}

/// The fields of an object, through references, what it is put together from, and of one or many the one.
fn collect(document: &Value, schema: &Value, fields: &mut Map<String, Value>, required: &mut Vec<String>) {
    let schema = resolve(document, schema);
    let one = schema["oneOf"].as_array().and_then(|all| all.first());
    for part in schema["allOf"].as_array().into_iter().flatten().chain(one) {
        collect(document, part, fields, required);
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    fields.extend(own.map(|(name, field)| (name.clone(), field.clone())));
    let names = schema["required"].as_array().into_iter().flatten();
    required.extend(names.map(text));
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|to| document.pointer(to.trim_start_matches('#')));
    target.unwrap_or(schema)
}

/// `number`, `text or null`, `list of text`, `"standard" or "patient"`.
fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let kinds: Vec<String> = choices.iter().map(|one| kind(document, one)).collect();
        return kinds.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        return words.join(" or ");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", kind(document, &schema["items"])),
        "string" if schema["format"] == "date-time" => "instant".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "number".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => {
            let kinds: Vec<String> = names.iter().filter_map(Value::as_str).map(one).collect();
            kinds.join(" or ")
        }
        _ => "any JSON".to_owned(),
    }
}

/// A command for a shell: with what must be given, and the example of the body.
fn curl(operation: &Value, method: &str, path: &str, origin: &str) -> String {
    let mut path = path.to_owned();
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = text(&parameter["name"]);
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), "1");
        } else if parameter["in"] == "query" && parameter["required"] == true {
            query.push(format!("{name}=1"));
        }
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let body = operation.pointer("/requestBody/content/application~1json/example");
    // What curl does by itself is left out.
    let verb = match (method, body.is_some()) {
        ("get", false) | ("post", true) => String::new(),
        _ => format!("-X {} ", method.to_uppercase()),
    };
    let mut command = format!("curl -s {verb}{}", quoted(&format!("{origin}{path}")));
    if operation["security"] != serde_json::json!([{}]) {
        command.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
    }
    if let Some(body) = body {
        command.push_str(" \\\n  -H 'Content-Type: application/json' \\\n  -d ");
        command.push_str(&quoted(&body.to_string()));
    }
    command
}

/// One word to a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_that_a_shell_understands_whatever_it_holds() {
        assert_eq!(quoted("a'b $(c)"), "'a'\\''b $(c)'");
    }

    #[test]
    fn every_call_is_in_a_section_and_every_input_has_a_kind() {
        let document = openapi::document();
        let sections = sections(&document, "http://localhost");

        let calls: Vec<&Call> = sections.iter().flat_map(|section| &section.calls).collect();
        let described = document["paths"].as_object().expect("paths").values();
        let described: usize = described.map(|item| item.as_object().expect("operations").len()).sum();
        assert_eq!(calls.len(), described);
        for input in calls.iter().flat_map(|call| &call.inputs) {
            assert!(!input.kind.is_empty(), "{}", input.name);
        }
    }
}
