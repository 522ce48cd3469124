//! What an API token leaves out holds on every route: each call of the table is made with a token that lacks just the right
//! that the call needs, with one that has nothing else, and with one for another project.

use serde_json::{Value, json};

use crate::routes_table::{Town, calls, town};
use crate::support::api_client::{Answer, ApiClient};
use crate::support::given;

const TOKENS: &str = "/module/api-tokens";

pub(crate) const ALL: [&str; 15] = [
    "goal_can_edit",
    "goal_can_delete",
    "goal_can_manage_users",
    "component_can_add_tasks",
    "component_can_watch_content",
    "task_can_edit_description",
    "task_can_edit_status",
    "task_can_edit_deadline",
    "task_can_edit_priority",
    "task_can_edit_tags",
    "task_can_assign_users",
    "task_can_delete",
    "integrations_can_view",
    "integrations_can_manage",
    "events_can_publish",
];

/// The right that a call needs. A new call without a line here fails.
pub(crate) fn needs(method: &str, path: &str) -> &'static str {
    let noun = path
        .trim_start_matches('/')
        .split(['/', '?'])
        .next()
        .unwrap_or_default();
    match (method, noun, path) {
        ("PATCH", "goals", _) => "goal_can_edit",
        ("DELETE", "goals", _) => "goal_can_delete",
        ("POST", "tasks", _) => "component_can_add_tasks",
        ("GET", "tasks", _) => "component_can_watch_content",
        ("PATCH", _, "/tasks") => "task_can_edit_description",
        ("PATCH", _, "/tasks/task-users") => "task_can_assign_users",
        ("DELETE", "tasks", _) => "task_can_delete",
        ("POST" | "PATCH" | "DELETE", "tags", _) => "task_can_edit_tags",
        ("GET", "collaboration" | "collaborationroles", _) => "component_can_watch_content",
        (_, _, "/collaboration/owner") => "goal_can_delete",
        (_, "collaboration", _) => "goal_can_manage_users",
        ("GET", "webhooks", _) => "integrations_can_view",
        (_, "webhooks", _) => "integrations_can_manage",
        ("POST", "events", _) => "events_can_publish",
        _ => panic!("{method} {path} has no line in this table"),
    }
}

#[tokio::test]
async fn every_call_is_refused_without_its_right_and_understood_with_it_alone() {
    let town = town().await;
    let owner = given::api(&town.app, "lead").await;
    let mut calls = calls(&town.ids);
    // What is deleted is needed by the others.
    calls.sort_by_key(|(method, path, _)| (*method == "DELETE", path == "/goals"));
    let before = picture(&town, &owner).await;

    for (method, path, body) in &calls {
        let right = needs(method, path);
        // Who may change webhooks may see them.
        let without =
            |one: &&str| *one != right && (right, *one) != ("integrations_can_view", "integrations_can_manage");
        let others: Vec<&str> = ALL.into_iter().filter(without).collect();
        let refused = call(
            &token(&town, &owner, json!(others), json!([])).await,
            method,
            path,
            body,
        )
        .await;

        assert_eq!(refused.status, 403, "{method} {path}: {}", refused.body);
        let message = refused.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(right), "{method} {path}: {message}");
    }
    assert_eq!(picture(&town, &owner).await, before, "a refused call changed something");

    for (method, path, body) in &calls {
        let right = needs(method, path);
        let answer = call(
            &token(&town, &owner, json!([right]), json!([])).await,
            method,
            path,
            body,
        )
        .await;

        // Tests and retries may find nothing to do; what matters is that they were let in.
        assert!(
            answer.status == 200 || answer.status == 409,
            "{method} {path} with {right} alone: {} {}",
            answer.status,
            answer.body
        );
    }
}

#[tokio::test]
async fn a_token_for_one_project_sees_nothing_of_another_and_makes_none() {
    let town = town().await;
    let owner = given::api(&town.app, "lead").await;
    let other = owner.post("/module/goals", json!({ "name": "Other" })).await.response()["id"].clone();
    let limited = token(&town, &owner, json!([]), json!([other])).await;

    for (method, path, body) in calls(&town.ids) {
        let answer = call(&limited, method, &path, &body).await;

        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
    let ids = async |path: &str, field: &str| -> Vec<Value> {
        let all = limited.get(path).await.response().clone();
        all.as_array()
            .expect("a list")
            .iter()
            .map(|one| one[field].clone())
            .collect()
    };
    assert_eq!(ids("/module/goals", "id").await, vec![other.clone()]);
    assert_eq!(ids("/module/collaboration", "goalId").await, vec![other.clone()]);
    assert!(ids("/module/tags", "goalId").await.iter().all(|of| *of == other));
    assert_eq!(
        limited.post("/module/goals", json!({ "name": "Third" })).await.status,
        403
    );
    assert_eq!(
        limited.delete("/module/goals", json!({ "goalId": other })).await.status,
        200
    );
    assert_eq!(
        limited.get("/module/goals").await.response(),
        &json!([]),
        "its list ran empty"
    );
    assert_eq!(
        limited.post("/module/goals", json!({ "name": "Third" })).await.status,
        403
    );
}

#[tokio::test]
async fn lists_over_all_projects_and_new_projects_need_their_rights_too() {
    let town = town().await;
    let owner = given::api(&town.app, "lead").await;
    let publisher = token(&town, &owner, json!(["events_can_publish"]), json!([])).await;

    assert_eq!(publisher.get("/module/tags").await.status, 403);
    assert_eq!(publisher.get("/module/collaboration").await.status, 403);
    assert_eq!(
        publisher.post("/module/goals", json!({ "name": "Mine" })).await.status,
        403
    );
    let goals = publisher.get("/module/goals").await.response().clone();
    assert_eq!(goals[0]["permissions"], json!({ "events_can_publish": true }));
}

#[tokio::test]
async fn an_edit_of_a_task_needs_the_right_for_each_field_that_it_names() {
    let town = town().await;
    let owner = given::api(&town.app, "lead").await;
    let task = town.ids.task;
    for (field, right) in [
        (json!({ "description": "x" }), "task_can_edit_description"),
        (json!({ "note": "x" }), "task_can_edit_description"),
        (json!({ "complete": true }), "task_can_edit_status"),
        (json!({ "statusId": null }), "task_can_edit_status"),
        (json!({ "startDate": "2026-01-01" }), "task_can_edit_deadline"),
        (json!({ "endTime": null }), "task_can_edit_deadline"),
        (json!({ "priorityId": 3 }), "task_can_edit_priority"),
        (json!({ "tags": [] }), "task_can_edit_tags"),
    ] {
        let mut body = field.clone();
        body["id"] = json!(task);
        let with = token(&town, &owner, json!([right]), json!([])).await;
        let others: Vec<&str> = ALL.into_iter().filter(|one| *one != right).collect();
        let without = token(&town, &owner, json!(others), json!([])).await;

        assert_eq!(
            without.patch("/module/tasks", body.clone()).await.status,
            403,
            "{field} without {right}"
        );
        assert_eq!(
            with.patch("/module/tasks", body).await.status,
            200,
            "{field} with {right}"
        );
    }
}

#[tokio::test]
async fn who_may_only_see_webhooks_sees_them_as_a_member_does() {
    let town = town().await;
    let owner = given::api(&town.app, "lead").await;
    let viewer = token(&town, &owner, json!(["integrations_can_view"]), json!([])).await;
    let path = format!("/module/webhooks?goalId={}", town.ids.project);

    let own = owner.get(&path).await.response()[0].clone();
    let seen = viewer.get(&path).await.response()[0].clone();
    let attempts = viewer
        .get(&format!("/module/webhooks/attempts/{}", town.ids.delivery))
        .await
        .response()
        .clone();

    assert_ne!(own["secretHint"], json!(""));
    assert_eq!(seen["secretHint"], json!(""));
    assert_eq!(seen["url"], json!(format!("{}…", own["url"].as_str().expect("a URL"))));
    assert_eq!(attempts[0]["request"]["headers"], json!([]));
}

async fn call(client: &ApiClient, method: &str, path: &str, body: &Value) -> Answer {
    let body = Some(body.clone()).filter(|body| !body.is_null());
    let method = method.parse().expect("a method");
    client.call(method, &format!("/module{path}"), body).await
}

/// A token of `maker`; revoked at once would be nicer, but an account has room for a hundred.
async fn token(town: &Town, maker: &ApiClient, permissions: Value, goals: Value) -> ApiClient {
    let body = json!({ "name": "t", "allowedPermissions": permissions, "allowedGoalIds": goals });
    let made = maker.post(TOKENS, body).await.response().clone();
    ApiClient::with_token(&town.app.base, made["token"].as_str().expect("a token"))
}

/// All that the calls of the table could change.
async fn picture(town: &Town, owner: &ApiClient) -> Vec<Value> {
    let project = town.ids.project;
    let mut picture = Vec::new();
    for path in [
        "/goals".to_owned(),
        "/tags".to_owned(),
        format!("/collaboration/{project}"),
        format!("/tasks?goalId={project}"),
        format!("/webhooks?goalId={project}"),
        format!("/webhooks/deliveries/{}", town.ids.webhook),
    ] {
        picture.push(owner.get(&format!("/module{path}")).await.response().clone());
    }
    picture
}
