//! Each limit, lowered by its setting until somebody reaches it: the page and the API say which limit it is and what to do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given;
use crate::support::page::Page;
use crate::support::receiver::Receiver;
use crate::support::story::Story;
use crate::support::wait;

/// Both ways in say the same.
fn assert_told(page: &Page, call: &crate::support::api_client::Answer, status: u16, sentences: &[&str]) {
    page.assert_status(status);
    assert_eq!(call.status, status, "{}", call.body);
    let message = call.body["error"]["message"].as_str().unwrap_or_default();
    for sentence in sentences {
        page.assert_says(sentence);
        assert!(message.contains(sentence), "{message}");
    }
}

async fn people(app: &App) -> (Browser, ApiClient) {
    let lead = given::lead(app).await;
    (lead, given::api(app, "lead").await)
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_on_pages_and_in_the_api() {
    let app = App::configured(|config| config.limits.body = 64 * 1024).await;
    let (lead, api) = people(&app).await;
    let large = "x".repeat(70_000);
    let fits = "x".repeat(60_000);

    let told = ["larger than 64 KiB", "nothing was saved", "TASKVIEW_MAX_BODY_KIB"];
    for (path, field) in [("/projects/new", "name"), ("/account/password", "old_password")] {
        let page = lead.post(path, &[(field, &large)]).await;
        let call = api.post("/module/goals", json!({ "name": large })).await;
        assert_told(&page, &call, 413, &told);
    }
    let events = api.post("/module/events", json!({ "goalId": 1, "data": large })).await;
    assert_eq!(events.status, 413, "{}", events.body);

    // What fits is read, and judged for what it says.
    assert_eq!(api.post("/module/goals", json!({ "name": fits })).await.status, 400);
    lead.post("/projects/new", &[("name", &fits)]).await.assert_status(422);
}

#[tokio::test]
async fn a_project_has_as_many_webhooks_as_are_set() {
    let app = App::configured(|config| config.limits.webhooks = 1).await;
    let (lead, api) = people(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let receiver = Receiver::start();
    given::webhook(&lead, &project, &receiver.url("/")).await;

    let list = lead.get(&format!("{}/webhooks", project.path)).await;
    let typed = [("url", receiver.url("/2")), ("events", "task.created".to_owned())];
    let typed = typed.each_ref().map(|(name, value)| (*name, value.as_str()));
    let page = lead
        .submit(&format!("{}/webhooks/new", project.path), "/webhooks/new", &typed)
        .await;
    let body = json!({ "goalId": project.id, "url": receiver.url("/2"), "events": ["task.created"] });
    let call = api.post("/module/webhooks", body).await;

    list.assert_says("1 of 1");
    let told = [
        "This project has 1 webhook, which is the limit",
        "Delete one first",
        "TASKVIEW_MAX_WEBHOOKS",
    ];
    assert_told(&page, &call, 409, &told);
}

#[tokio::test]
async fn an_account_owns_as_many_projects_as_are_set_and_is_handed_no_more() {
    let app = App::configured(|config| config.limits.projects = 1).await;
    let (lead, api) = people(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let mia = given::person(&app, "mia").await;
    given::project(&mia, "Own").await;
    let member = json!({ "goalId": project.id, "email": "mia@example.com" });
    let member = api.post("/module/collaboration", member).await.response()["id"].clone();
    let role = json!({ "goalId": project.id, "userId": member, "roles": [1] });
    api.patch("/module/collaboration", role).await.response();

    let page = lead
        .submit("/projects/new", "/projects/new", &[("name", "Second")])
        .await;
    let call = api.post("/module/goals", json!({ "name": "Second" })).await;
    let hand_over = format!("{}/members/{member}/hand-over", project.path);
    let handed_page = lead.submit(&hand_over, "/hand-over", &[]).await;
    let handed = json!({ "goalId": project.id, "id": member });
    let handed = api.post("/module/collaboration/owner", handed).await;
    // A project that is deleted makes room.
    let deleted = api.delete("/module/goals", json!({ "goalId": project.id })).await;
    let again = api.post("/module/goals", json!({ "name": "Second" })).await;

    let told = [
        "You own 1 project, which is the limit",
        "Delete one or hand one over first",
        "TASKVIEW_MAX_PROJECTS",
    ];
    assert_told(&page, &call, 409, &told);
    assert_told(
        &handed_page,
        &handed,
        409,
        &["mia owns 1 project", "Choose somebody else"],
    );
    assert_eq!((deleted.status, again.status), (200, 200), "{}", again.body);
}

#[tokio::test]
async fn a_project_has_as_many_members_as_are_set() {
    let app = App::configured(|config| config.limits.members = 2).await;
    let (lead, api) = people(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let add = async |email: &str| {
        let body = json!({ "goalId": project.id, "email": email });
        api.post("/module/collaboration", body).await
    };
    assert_eq!(add("one@example.com").await.status, 200);

    let members = format!("{}/members", project.path);
    let page = lead.submit(&members, "/members", &[("email", "two@example.com")]).await;
    let call = add("two@example.com").await;

    let told = [
        "This project has 2 members",
        "Remove somebody first",
        "TASKVIEW_MAX_MEMBERS",
    ];
    assert_told(&page, &call, 409, &told);
    assert_eq!(
        add("one@example.com").await.status,
        200,
        "who is there already is no more"
    );
}

#[tokio::test]
async fn an_account_has_as_many_api_tokens_as_are_set() {
    let app = App::configured(|config| config.limits.api_tokens = 1).await;
    let (lead, api) = people(&app).await;
    api.post("/module/api-tokens", json!({ "name": "One" }))
        .await
        .response();

    let new = "/account/api-tokens/new";
    let page = lead.submit(new, new, &[("name", "Two")]).await;
    let call = api.post("/module/api-tokens", json!({ "name": "Two" })).await;

    let told = [
        "You have 1 API token, which is the limit",
        "Revoke one first",
        "TASKVIEW_MAX_API_TOKENS",
    ];
    assert_told(&page, &call, 409, &told);
}

#[tokio::test]
async fn as_many_pages_watch_as_are_set_of_a_session_and_in_all() {
    let story = Story::configured(|config| {
        config.limits.streams_per_session = 1;
        config.limits.streams = 2;
    })
    .await;
    let address = format!(
        "/projects/{}/webhooks/{}/deliveries/live?rows=&newest=0",
        story.goal, story.webhook
    );
    let (one, two, three) = (
        given::sign_in(&story.app, "lead").await,
        given::sign_in(&story.app, "lead").await,
        given::sign_in(&story.app, "lead").await,
    );
    let _first = one.stream(&address).await;

    let own = one.get(&address).await;
    let _second = two.stream(&address).await;
    let third = three.get(&address).await;

    own.assert_status(429)
        .assert_says("Pages of yours that watch already: 1, which is the limit")
        .assert_says("TASKVIEW_MAX_STREAMS_PER_SESSION");
    third
        .assert_status(429)
        .assert_says("Pages that watch already: 2, which is the limit")
        .assert_says("raise TASKVIEW_MAX_STREAMS.");
}

#[tokio::test]
async fn of_a_webhook_that_is_off_as_much_is_held_as_is_set_and_for_as_long() {
    let story = Story::configured(|config| {
        config.limits.held = 2;
        config.limits.held_for = Duration::from_secs(24 * 3600);
    })
    .await;
    let off = json!({ "id": story.webhook, "isActive": false });
    story.api.patch("/module/webhooks", off).await.response();
    for number in 0..3 {
        story.task(&format!("Task {number}")).await;
        story.app.advance(Duration::from_secs(1));
    }

    let too_many = failed(&story, 1).await;
    story.app.advance(Duration::from_secs(25 * 3600));
    let too_long = failed(&story, 3).await;

    assert_eq!(too_many, ["expired"]);
    assert_eq!(too_long, ["expired"; 3]);
}

/// The outcomes of the deliveries that ended as failed, once there are so many.
async fn failed(story: &Story, count: usize) -> Vec<String> {
    let path = format!("/module/webhooks/deliveries/{}?status=failed", story.webhook);
    // Time has passed since the last sign-in.
    let api = given::api(&story.app, "lead").await;
    wait::until(Duration::from_secs(40), "deliveries to end", async || {
        let rows = api.get(&path).await.response().as_array().cloned().unwrap_or_default();
        let outcomes = rows
            .iter()
            .map(|row: &Value| row["outcome"].as_str().unwrap_or_default().to_owned());
        let outcomes: Vec<String> = outcomes.collect();
        (outcomes.len() == count).then_some(outcomes)
    })
    .await
}
