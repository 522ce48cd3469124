//! A walk through every call of the API's description: what each answers when all is well, validated against its schema and kept
//! as the example that the description shows; and how each refuses what is malformed, unsigned, foreign or too large, as a
//! snapshot. A call that the walk leaves out fails it.
//!
//! `UPDATE_EXAMPLES=1 scripts/test sqlite -- api_walk` writes the examples anew, `INSTA_UPDATE=always` the snapshots.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};
use taskview_webhooks::domain::event::EventKind;
use taskview_webhooks::web::api::openapi;

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given::{self, PASSWORD};
use crate::support::receiver::{Answer, Receiver};
use crate::support::wait;

const EXAMPLES: &str = "src/web/api/examples.json";
/// What a member may not do, though it belongs to the project.
const MANAGERS: [&str; 18] = [
    "addMember",
    "createWebhook",
    "deleteProject",
    "deleteWebhook",
    "editProject",
    "editWebhook",
    "handOver",
    "handleHeld",
    "makeInvitationLink",
    "publishEvents",
    "removeMember",
    "retryDelivery",
    "retryFailed",
    "rotateSecret",
    "setRoles",
    "testWebhook",
    // Signed in they answer everybody; with an API token nobody.
    "listApiTokens",
    "listPermissions",
];

#[tokio::test]
async fn every_call_answers_as_its_description_says_and_refuses_in_sentences() {
    let mut walk = Walk::begin().await;

    walk.call("signIn", |_| ()).await;
    let refresh = walk.fresh_refresh_token().await;
    walk.call("refreshTokens", |body| body["refreshToken"] = json!(refresh))
        .await;
    walk.call("createProject", |_| ()).await;
    walk.call("addMember", |_| ()).await;
    walk.call("setRoles", |_| ()).await;
    walk.call("listMembers", |_| ()).await;
    walk.call("listMembersOfOwnProjects", |_| ()).await;
    walk.call("listRoles", |_| ()).await;
    walk.call("handOver", |_| ()).await;
    walk.hand_back().await;
    walk.demote_bob().await;
    walk.invite("cleo@example.com").await;
    walk.call("makeInvitationLink", |body| body["id"] = json!(3)).await;
    walk.call("editProject", |_| ()).await;
    walk.call("listProjects", |_| ()).await;
    walk.call("createApiToken", |_| ()).await;
    walk.call("listApiTokens", |_| ()).await;
    walk.call("listPermissions", |_| ()).await;

    walk.call("createTag", |_| ()).await;
    walk.call("editTag", |_| ()).await;
    walk.call("listTags", |_| ()).await;
    let url = walk.receiver.url("/hooks/9f27c1");
    walk.call("createWebhook", |body| body["url"] = json!(url)).await;
    walk.call("editWebhook", |body| {
        body["url"] = json!(url);
        body["events"] = json!(["task.created", "task.updated", "invoice.paid"]);
    })
    .await;
    walk.call("createTask", |_| ()).await;
    walk.call("assignTask", |_| ()).await;
    walk.call("toggleTag", |_| ()).await;
    walk.call("getTask", |_| ()).await;
    walk.settled().await;
    walk.call("listTasks", |_| ()).await;
    walk.call("editTask", |body| body["priorityId"] = json!(3)).await;
    walk.settled().await;
    walk.call("listWebhooks", |_| ()).await;
    walk.call("testWebhook", |_| ()).await;

    walk.receiver.answer_with(Answer::status(500));
    walk.call("publishEvents", |_| ()).await;
    let failed = walk.fails().await;
    walk.receiver.answer_with(Answer::status(200));
    walk.call("listDeliveries", |_| ()).await;
    walk.call("listAttempts", |_| ()).await;
    walk.call("retryFailed", |body| body["since"] = json!("2020-01-01T00:00:00.000Z"))
        .await;
    walk.call("retryDelivery", |body| body["id"] = json!(failed)).await;
    walk.call("handleHeld", |_| ()).await;
    walk.call("rotateSecret", |_| ()).await;

    walk.call("deleteTag", |_| ()).await;
    walk.call("deleteTask", |_| ()).await;
    walk.call("deleteWebhook", |_| ()).await;
    walk.call("removeMember", |body| body["id"] = json!(3)).await;
    // The first one is the stranger's.
    walk.call("revokeApiToken", |body| body["id"] = json!(2)).await;
    walk.call("deleteProject", |_| ()).await;
    walk.call("signOut", |_| ()).await;

    walk.end();
}

struct Walk {
    app: App,
    receiver: Receiver,
    client: Client,
    document: Value,
    /// Of the owner.
    token: String,
    expired: String,
    stranger: String,
    /// Of an account that is a member from `addMember` on.
    member: String,
    /// With an API token nothing of one's account can be reached.
    program: String,
    examples: BTreeMap<String, Value>,
    refusals: String,
}

/// One call, ready to be made.
struct Call {
    operation: Value,
    id: String,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Walk {
    async fn begin() -> Walk {
        let app = App::start().await;
        let receiver = Receiver::start();
        given::lead(&app).await;
        given::person(&app, "bob").await;
        given::person(&app, "stranger").await;
        let expired = access(&app, "lead").await;
        app.advance(Duration::from_secs(15 * 60));
        let stranger = access(&app, "stranger").await;
        let member = access(&app, "bob").await;
        let token = access(&app, "lead").await;
        let stranger_api = ApiClient::with_token(&app.base, &stranger);
        let made = stranger_api
            .post("/module/api-tokens", json!({ "name": "ci" }))
            .await
            .response()["token"]
            .clone();
        Walk {
            client: Client::builder().no_proxy().build().expect("a client"),
            document: openapi::document(),
            program: made.as_str().expect("a token").to_owned(),
            token,
            expired,
            stranger,
            member,
            examples: BTreeMap::new(),
            refusals: String::new(),
            app,
            receiver,
        }
    }

    /// First all that is to be refused, then the call itself, with the body of its example and what `adjust` changes in it.
    async fn call(&mut self, id: &str, adjust: impl FnOnce(&mut Value)) {
        let call = self.prepare(id, adjust);
        self.refuse(&call).await;
        let (status, answer) = self.send(&call, Some(&self.token), call.body.clone()).await;
        assert!((200..300).contains(&status), "{id}: {status} {answer}");
        self.validate(&call, status, &answer);
        self.examples.insert(id.to_owned(), tidy(&answer));
    }

    fn prepare(&self, id: &str, adjust: impl FnOnce(&mut Value)) -> Call {
        let paths = self.document["paths"].as_object().expect("paths");
        let mut all = paths.iter().flat_map(|(path, item)| {
            let operations = item.as_object().expect("operations");
            operations
                .iter()
                .map(move |(method, operation)| (path, method, operation))
        });
        let (path, method, operation) = all
            .find(|(.., operation)| operation["operationId"] == id)
            .unwrap_or_else(|| panic!("there is no {id}"));
        let mut path = path.clone();
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), "1"),
                Some("query") if parameter["required"] == true => query.push(format!("{name}=1")),
                _ => {}
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let mut body = operation
            .pointer("/requestBody/content/application~1json/example")
            .cloned();
        if let Some(body) = &mut body {
            adjust(body);
        }
        Call {
            operation: operation.clone(),
            id: id.to_owned(),
            method: method.to_uppercase().parse().expect("a method"),
            path,
            body,
        }
    }

    async fn refuse(&mut self, call: &Call) {
        let is_open = call.operation["security"] == json!([{}]);
        writeln!(self.refusals, "{} {} {}", call.id, call.method, call.path).expect("a string");
        if !is_open {
            for (case, token) in [
                ("no token", None),
                ("a wrong token", Some("nonsense")),
                ("an expired token", Some(self.expired.clone().as_str())),
            ] {
                self.refused(call, case, token, call.body.clone(), 401).await;
            }
        }
        let foreign = call.body.as_ref().is_some_and(names_something) || call.path.contains('1');
        let own_account = call.id.ends_with("ApiToken") || call.id.ends_with("ApiTokens");
        if foreign && !own_account && !is_open {
            let stranger = self.stranger.clone();
            self.refused(call, "a stranger", Some(&stranger), call.body.clone(), 403)
                .await;
        }
        if own_account || call.id == "listPermissions" || call.id == "signOut" {
            let program = self.program.clone();
            self.refused(call, "an API token", Some(&program), call.body.clone(), 403)
                .await;
        } else if MANAGERS.contains(&call.id.as_str()) && call.id != "addMember" {
            let member = self.member.clone();
            self.refused(call, "a member", Some(&member), call.body.clone(), 403)
                .await;
        }
        if let Some(body) = &call.body {
            self.refuse_bodies(call, body).await;
        }
        self.refuse_parameters(call).await;
    }

    async fn refuse_bodies(&mut self, call: &Call, body: &Value) {
        let schema = call.operation.pointer("/requestBody/content/application~1json/schema");
        let mut fields = Map::new();
        let mut required = Vec::new();
        self.fields_of(schema.expect("a schema"), &mut fields, &mut required);
        for name in required {
            let mut without = body.clone();
            without.as_object_mut().expect("an object").remove(&name);
            self.refused(
                call,
                &format!("without {name}"),
                Some(&self.token.clone()),
                Some(without),
                400,
            )
            .await;
        }
        for (name, field) in &fields {
            let any = ["type", "$ref", "oneOf", "allOf"]
                .iter()
                .all(|word| field.get(word).is_none());
            if any {
                continue;
            }
            let mut wrong = body.clone();
            // An object is what `data` and its like are.
            wrong[name] = if accepts(field, "object") {
                json!([[]])
            } else {
                json!({ "a": 1 })
            };
            self.refused(
                call,
                &format!("{name} of a wrong type"),
                Some(&self.token.clone()),
                Some(wrong),
                400,
            )
            .await;
        }
        let token = self.token.clone();
        let large = format!("{{\"padding\":\"{}\"}}", "x".repeat(1024 * 1024));
        for (case, kind, text, expected) in [
            ("a body that is no JSON", "application/json", "{\"a\":".to_owned(), 400),
            ("a body that is a number", "application/json", "7".to_owned(), 400),
            ("an empty body", "application/json", String::new(), 400),
            ("another content type", "text/plain", body.to_string(), 415),
            ("a body of more than 1 MiB", "application/json", large, 413),
        ] {
            let answer = self.send_text(call, Some(&token), kind, text).await;
            self.note(call, case, answer, expected);
        }
    }

    async fn refuse_parameters(&mut self, call: &Call) {
        let token = self.token.clone();
        if let Some((before, _)) = call.path.split_once("/1") {
            let path = format!("{before}/one");
            let answer = self.send_to(&call.method, &path, Some(&token)).await;
            self.note(call, "a path with a word", answer, 400);
        }
        if let Some((before, query)) = call.path.split_once('?') {
            let answer = self.send_to(&call.method, before, Some(&token)).await;
            self.note(call, "without the query", answer, 400);
            let path = format!("{before}?{}", query.replace("=1", "=one"));
            let answer = self.send_to(&call.method, &path, Some(&token)).await;
            self.note(call, "a query with a word", answer, 400);
        }
    }

    async fn refused(&mut self, call: &Call, case: &str, token: Option<&str>, body: Option<Value>, expected: u16) {
        let answer = self.send(call, token, body).await;
        self.note(call, case, answer, expected);
    }

    fn note(&mut self, call: &Call, case: &str, (status, answer): (u16, Value), expected: u16) {
        assert_eq!(status, expected, "{} with {case}: {answer}", call.id);
        self.validate(call, status, &answer);
        let error = &answer["error"];
        let message = error["message"].as_str().expect("a sentence");
        assert!(message.ends_with('.'), "{} with {case}: {message}", call.id);
        write!(
            self.refusals,
            "  {case}: {status} {} {message}",
            error["code"].as_str().expect("a code")
        )
        .expect("a string");
        for field in error["fields"].as_array().expect("a list") {
            write!(self.refusals, " [{}: {}]", field["name"], field["message"]).expect("a string");
        }
        self.refusals.push('\n');
    }

    /// The status is documented, and the body is what the description says of it.
    fn validate(&self, call: &Call, status: u16, answer: &Value) {
        let mut response = &call.operation["responses"][status.to_string()];
        assert!(
            response.is_object(),
            "{}: {status} is not documented: {answer}",
            call.id
        );
        if let Some(shared) = response["$ref"].as_str() {
            response = self
                .document
                .pointer(shared.trim_start_matches('#'))
                .expect("a shared answer");
        }
        let Some(schema) = response.pointer("/content/application~1json/schema") else {
            assert_eq!(*answer, Value::Null, "{}: a body that is not documented", call.id);
            return;
        };
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.document["components"],
        });
        let validator = jsonschema::validator_for(&whole).expect("a schema");
        let wrong: Vec<String> = validator
            .iter_errors(answer)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{} {status} {answer}\n{}", call.id, wrong.join("\n"));
    }

    /// The fields of an object, and those it must have, through references and what it is put together from.
    fn fields_of(&self, schema: &Value, fields: &mut Map<String, Value>, required: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.document.pointer(name.trim_start_matches('#')).expect("a schema");
            return self.fields_of(target, fields, required);
        }
        // Of one or many, the one.
        let one = schema["oneOf"].as_array().and_then(|all| all.first());
        for part in schema["allOf"].as_array().into_iter().flatten().chain(one) {
            self.fields_of(part, fields, required);
        }
        fields.extend(schema["properties"].as_object().cloned().unwrap_or_default());
        let names = schema["required"].as_array().into_iter().flatten();
        required.extend(names.filter_map(|name| name.as_str().map(str::to_owned)));
    }

    async fn send(&self, call: &Call, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        match body {
            Some(body) => self.send_text(call, token, "application/json", body.to_string()).await,
            None => self.send_to(&call.method, &call.path, token).await,
        }
    }

    async fn send_to(&self, method: &Method, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.app.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer_of(request).await
    }

    async fn send_text(&self, call: &Call, token: Option<&str>, kind: &str, text: String) -> (u16, Value) {
        let url = format!("{}{}", self.app.base, call.path);
        let mut request = self
            .client
            .request(call.method.clone(), url)
            .header("Content-Type", kind);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer_of(request.body(text)).await
    }

    async fn fresh_refresh_token(&self) -> String {
        let visitor = ApiClient::new(&self.app.base);
        let body = json!({ "login": "lead", "password": PASSWORD });
        let answer = visitor.post("/module/auth/login", body).await;
        answer.body["refresh"].as_str().expect("a token").to_owned()
    }

    async fn hand_back(&self) {
        let body = json!({ "goalId": 1, "id": 1 });
        let bob = ApiClient::with_token(&self.app.base, &self.member);
        bob.post("/module/collaboration/owner", body).await.response();
    }

    async fn invite(&self, email: &str) {
        let body = json!({ "goalId": 1, "email": email });
        let owner = ApiClient::with_token(&self.app.base, &self.token);
        owner.post("/module/collaboration", body).await.response();
    }

    /// From here on he is a member who manages nothing.
    async fn demote_bob(&self) {
        let body = json!({ "goalId": 1, "userId": 2, "roles": [] });
        let owner = ApiClient::with_token(&self.app.base, &self.token);
        owner.patch("/module/collaboration", body).await.response();
    }

    async fn deliveries(&self) -> Vec<Value> {
        let owner = ApiClient::with_token(&self.app.base, &self.token);
        let answer = owner.get("/module/webhooks/deliveries/1").await;
        answer.response().as_array().expect("a list").clone()
    }

    /// Waits until every delivery has ended.
    async fn settled(&self) {
        wait::until(Duration::from_secs(15), "the deliveries have ended", async || {
            let all = self.deliveries().await;
            all.iter().all(|one| one["status"] != "pending").then_some(())
        })
        .await;
    }

    /// Lets the newest delivery fail for good, and says which it is.
    async fn fails(&self) -> Value {
        for attempts in 1..=3 {
            let id = wait::until(Duration::from_secs(15), "an attempt is recorded", async || {
                let newest = self.deliveries().await.into_iter().next()?;
                (newest["attempts"] == attempts).then(|| newest["id"].clone())
            })
            .await;
            if attempts == 3 {
                return id;
            }
            self.app.advance(Duration::from_secs(20));
        }
        unreachable!("the third attempt returns")
    }

    fn end(self) {
        let operations = self.document["paths"].as_object().expect("paths");
        for operation in operations
            .values()
            .flat_map(|item| item.as_object().expect("operations").values())
        {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(self.examples.contains_key(id), "the walk leaves {id} out");
        }
        let mut examples = serde_json::to_string_pretty(&self.examples).expect("JSON");
        examples.push('\n');
        if std::env::var_os("UPDATE_EXAMPLES").is_some() {
            std::fs::write(EXAMPLES, &examples).expect("a file");
        }
        let kept = std::fs::read_to_string(EXAMPLES).unwrap_or_default();
        assert!(
            kept == examples,
            "{EXAMPLES} is not what the program answers; UPDATE_EXAMPLES=1 writes it anew"
        );
        insta::assert_snapshot!("refusals", self.refusals);
    }
}

async fn access(app: &App, login: &str) -> String {
    let visitor = ApiClient::new(&app.base);
    let body = json!({ "login": login, "password": PASSWORD });
    let answer = visitor.post("/module/auth/login", body).await;
    answer.body["access"].as_str().expect("a token").to_owned()
}

async fn answer_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).expect("JSON")
    };
    (status, body)
}

/// Whether a body is about something that exists.
fn names_something(body: &Value) -> bool {
    let ids = ["id", "goalId", "taskId", "tagId"];
    ids.iter().any(|name| body[name].is_number())
}

fn accepts(field: &Value, kind: &str) -> bool {
    field["type"] == kind
        || field["type"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == kind))
}

/// The answer with what differs from run to run replaced.
fn tidy(answer: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let tidied = fields.iter().map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    ("access", Value::String(_)) => json!("b1f3…"),
                    ("refresh", Value::String(_)) => json!("5d0c…"),
                    ("token", Value::String(_)) => json!("tvk_4445c3a2…"),
                    ("secret", Value::String(_)) => json!("whsec_…"),
                    ("secretHint", Value::String(_)) => json!("Xc9k"),
                    ("messageId", Value::String(_)) => json!("msg_0193…"),
                    ("durationMs", Value::Number(_)) => json!(84),
                    ("remoteAddress", Value::String(_)) => json!("203.0.113.7:443"),
                    ("reused", Value::Bool(_)) => json!(false),
                    ("url", Value::String(url)) if url.contains("/invitations/") => {
                        json!("https://hooks.example.com/invitations/3f0c…")
                    }
                    ("url", Value::String(_)) => json!("https://ci.example.com/hooks/9f27c1"),
                    ("headers", Value::Array(pairs)) => pairs.iter().map(tidy_header).collect(),
                    (_, value) => tidy(value),
                };
                (name.clone(), value)
            });
            Value::Object(tidied.collect())
        }
        Value::Array(items) => items.iter().map(tidy).collect(),
        Value::String(text) if is_instant(text) => json!("2026-11-23T14:46:44.651Z"),
        other => other.clone(),
    }
}

fn tidy_header(pair: &Value) -> Value {
    let name = pair[0].as_str().unwrap_or_default().to_ascii_lowercase();
    let value = match name.as_str() {
        "webhook-id" | "x-webhook-delivery" => json!("msg_0193…"),
        "webhook-timestamp" => json!("1795445204"),
        "webhook-signature" => json!("v1,…"),
        "x-webhook-signature" => json!("sha256=…"),
        "host" => json!("ci.example.com"),
        "user-agent" => json!("TaskView-Webhooks/1.0"),
        _ => pair[1].clone(),
    };
    json!([pair[0], value])
}

fn is_instant(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T' && !text.starts_with("2099")
}

#[test]
fn the_committed_description_is_the_one_of_the_code() {
    let kept = std::fs::read_to_string("docs/openapi.json").unwrap_or_default();

    assert!(
        kept == openapi::text(),
        "docs/openapi.json is old; `taskview-webhooks openapi > docs/openapi.json` writes it anew"
    );
    assert!(
        EventKind::parse("invoice.paid").is_some(),
        "the example of the description is an event"
    );
}

#[test]
fn every_call_of_the_route_table_is_described_and_no_other() {
    let source = std::fs::read_to_string("src/web/routes.rs").expect("the route table of the program");
    let (_, api) = source.split_once("pub fn api(").expect("pages first, then the API");
    let mut routes = Vec::new();
    for service in api.split("resource(\"").skip(1) {
        let (path, rest) = service.split_once('"').expect("a path");
        let shape: Vec<&str> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "{}" } else { part })
            .collect();
        for method in ["get", "post", "patch", "delete"] {
            if rest.contains(&format!("route({method}().to")) {
                routes.push(format!("{method} /module{}", shape.join("/")));
            }
        }
    }
    let document = openapi::document();
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let shape: Vec<&str> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "{}" } else { part })
            .collect();
        for method in item.as_object().expect("operations").keys() {
            described.push(format!("{method} {}", shape.join("/")));
        }
    }
    routes.sort();
    described.sort();

    assert_eq!(described, routes);
}
