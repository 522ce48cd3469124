//! The pages for those who write receivers: open to everybody, and true. Schemas and examples are read from the page and held
//! against what is really sent.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::given;
use crate::support::page::Page;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn every_event_has_a_schema_that_its_example_follows() {
    let app = App::start().await;

    let page = app.visitor().get_only("/docs/events").await;

    page.assert_status(200)
        .assert_says("Events of your own")
        .assert_says("invoice.paid");
    for name in given::ALL_EVENTS.into_iter().chain(["webhook.test"]) {
        let example: Value = serde_json::from_str(&exact(&page, &format!("raw-{name}"))).expect("an example in JSON");
        assert_eq!(example["event"], name);
        assert_follows(&page, &example);
    }
}

#[tokio::test]
async fn what_is_really_sent_follows_the_schemas_and_has_no_key_that_they_lack() {
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;
    let lead = given::sign_in(&app, "lead").await;
    let receiver = Receiver::start();
    let hook = given::webhook(&lead, &project, &receiver.url("/")).await;
    let id = project.id;
    let members = api.get(&format!("/module/collaboration/{id}")).await;
    let member = members.response()[0]["id"].clone();
    let tag = api
        .post(
            "/module/tags",
            json!({ "name": "Urgent", "color": "#aa0000", "goalId": id }),
        )
        .await;
    let tag = tag.response()["id"].clone();

    let task = api
        .post(
            "/module/tasks",
            json!({ "goalId": id, "description": "Fix login bug", "note": "Since Monday", "priorityId": 3,
                "startDate": "2026-03-22", "endDate": "2026-03-24", "endTime": "17:30:00" }),
        )
        .await;
    let task = task.response()["id"].clone();
    api.post(
        "/module/tasks",
        json!({ "goalId": id, "description": "Find out why", "parentId": task }),
    )
    .await;
    api.patch(
        "/module/tasks",
        json!({ "id": task, "description": "Fix the login bug", "complete": true, "note": null, "endTime": "18:00",
            "startDate": null, "priorityId": 1 }),
    )
    .await;
    api.patch("/module/tags/toggle", json!({ "tagId": tag, "taskId": task }))
        .await;
    api.patch(
        "/module/tasks/task-users",
        json!({ "taskId": task, "userIds": [member] }),
    )
    .await;
    api.delete("/module/tasks", json!({ "taskId": task })).await;
    lead.post(&format!("{}/test", hook.path), &[]).await.assert_status(200);
    let received = receiver.wait_for(8).await;
    let page = app.visitor().get_only("/docs/events").await;

    let mut kinds: Vec<String> = Vec::new();
    for request in &received {
        let body = request.json();
        assert_follows(&page, &body);
        kinds.push(body["event"].as_str().unwrap_or_default().to_owned());
    }
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            "task.assigneesChanged",
            "task.created",
            "task.created",
            "task.deleted",
            "task.deleted",
            "task.updated",
            "task.updated",
            "webhook.test"
        ]
    );
}

#[tokio::test]
async fn a_schema_refuses_what_is_not_sent() {
    let app = App::start().await;
    let page = app.visitor().get_only("/docs/events").await;
    let example: Value = serde_json::from_str(&exact(&page, "raw-task.updated")).expect("an example in JSON");
    let spoiled = |change: fn(&mut Value)| {
        let mut body = example.clone();
        change(&mut body);
        body
    };

    for wrong in [
        spoiled(|body| body["event"] = json!("task.created")),
        spoiled(|body| body["timestamp"] = json!("yesterday")),
        spoiled(|body| body["task"]["id"] = json!("123")),
        spoiled(|body| body["task"]["endTime"] = json!("5 pm")),
        spoiled(|body| body["changes"] = json!({})),
        spoiled(|body| body["changes"]["complete"] = json!("yes")),
        spoiled(|body| drop(body["task"].as_object_mut().unwrap().remove("note"))),
        spoiled(|body| drop(body.as_object_mut().unwrap().remove("initiatorId"))),
    ] {
        assert!(!validator(&schema(&page, "task.updated")).is_valid(&wrong), "{wrong}");
    }
}

#[tokio::test]
async fn the_headers_of_a_delivery_are_the_documented_ones() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let receiver = Receiver::start();
    given::webhook(&lead, &project, &receiver.url("/")).await;
    given::task(&lead, &project, "Fix login bug").await;

    let sent = receiver.wait_for(1).await.remove(0);
    let page = app.visitor().get_only("/docs/events").await;

    // What every request of HTTP has is not worth a line.
    let plumbing = ["accept-encoding", "content-length", "date", "host"];
    let mut sent: Vec<String> = sent.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    sent.retain(|name| !plumbing.contains(&name.as_str()));
    let mut documented: Vec<String> = page
        .texts("#headers dt")
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    sent.sort_unstable();
    documented.sort_unstable();
    assert_eq!(sent, documented);
}

#[tokio::test]
async fn the_code_stands_on_the_page_and_beside_the_secret_word_for_word() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let new = format!("{}/webhooks/new", project.path);
    let typed = [("url", "http://localhost:4545"), ("events", "task.created")];

    let beside_the_secret = lead.submit(&new, "/webhooks/new", &typed).await;
    let open_to_all = app.visitor().get_only("/docs/verify").await;

    given::secret_on(&beside_the_secret);
    let files: Vec<_> = std::fs::read_dir("snippets").expect("the folder").collect();
    assert_eq!(files.len(), 6);
    for file in files.into_iter().map(|file| file.expect("a file")) {
        let name = file.file_name().into_string().expect("a name");
        let text = std::fs::read_to_string(file.path()).expect("a text");
        for page in [&beside_the_secret, &open_to_all] {
            assert_eq!(exact(page, &format!("snippet-{name}")), text);
        }
    }
}

#[tokio::test]
async fn the_form_shows_an_example_of_each_event_and_leads_to_the_pages() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;

    let form = lead.get(&format!("{}/webhooks/new", project.path)).await;
    let events = lead.get("/docs/events").await;
    let verify = lead.get("/docs/verify").await;

    for name in given::ALL_EVENTS {
        let shown = form.texts(&format!("[aria-label='Example of {name}']")).concat();
        assert!(shown.contains(&format!("\"{name}\"")), "{shown}");
    }
    assert!(form.links().contains(&"/docs/events".to_owned()));
    for page in [events, verify] {
        page.assert_status(200);
        for link in page.links().iter().filter(|link| link.starts_with("/docs/")) {
            app.visitor().get_only(link).await.assert_status(200);
        }
        assert!(page.links().contains(&"/docs/events".to_owned()) && page.links().contains(&"/docs/verify".to_owned()));
    }
}

/// The body follows the schema of its type, and even one that allows no further key.
#[track_caller]
fn assert_follows(page: &Page, body: &Value) {
    let name = body["event"].as_str().expect("a type");
    let mut schema = schema(page, name);
    let open = validator(&schema);
    close(&mut schema);
    for validator in [open, validator(&schema)] {
        let wrong: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{body}\n{}", wrong.join("\n"));
    }
}

fn schema(page: &Page, name: &str) -> Value {
    serde_json::from_str(&exact(page, &format!("schema-{name}"))).expect("a schema in JSON")
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::meta::validate(schema).expect("a schema that is one");
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .expect("a schema that can be used")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("properties").is_some_and(Value::is_object) && map.get("type") == Some(&json!("object")) {
                map.insert("additionalProperties".into(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// To the letter, as the copy button takes it.
#[track_caller]
fn exact(page: &Page, id: &str) -> String {
    let selector = scraper::Selector::parse(&format!("[id='{id}']")).expect("a selector");
    let html = scraper::Html::parse_document(&page.html);
    let found: Vec<_> = html.select(&selector).collect();
    assert_eq!(found.len(), 1, "{id} on {}", page.path);
    found[0].text().collect()
}
