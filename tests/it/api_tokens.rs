//! API tokens: made once, shown once, good until they run out or are revoked.

use std::time::Duration;

use serde_json::{Value, json};
use taskview_webhooks::domain::moment::Moment;

use crate::support::api_client::ApiClient;
use crate::support::given;
use crate::support::process;
use crate::support::story::Story;

const TOKENS: &str = "/module/api-tokens";

#[tokio::test]
async fn a_token_is_shown_once_works_until_it_is_revoked_and_says_when_it_was_used() {
    let story = Story::begin().await;
    let made = story
        .api
        .post(TOKENS, json!({ "name": " ci " }))
        .await
        .response()
        .clone();
    let token = made["token"].as_str().expect("a token").to_owned();
    let program = ApiClient::with_token(&story.app.base, &token);

    let listed = story.api.get(TOKENS).await.response().clone();
    assert!(token.strip_prefix("tvk_").is_some_and(|hex| hex.len() == 64), "{token}");
    assert_eq!(listed, json!([made["item"]]));
    let item = &listed[0];
    assert_eq!(
        (&item["name"], &item["allowedPermissions"], &item["allowedGoalIds"]),
        (&json!("ci"), &json!([]), &json!([]))
    );
    assert_eq!((&item["lastUsedAt"], &item["expiresAt"]), (&Value::Null, &Value::Null));
    assert!(!listed.to_string().contains(&token[4..]));

    program.get("/module/goals").await.response();
    let used = story.api.get(TOKENS).await.response()[0]["lastUsedAt"].clone();
    assert!(used.is_string());
    story.app.advance(Duration::from_secs(61));
    let event = json!({ "goalId": story.goal, "event": "build.finished", "data": {} });
    program.post("/module/events", event).await.response();
    assert_ne!(
        story.api.get(TOKENS).await.response()[0]["lastUsedAt"],
        used,
        "publishing is use too"
    );

    assert_eq!(
        story.api.delete(TOKENS, json!({ "id": item["id"] })).await.response(),
        &json!(true)
    );
    assert_eq!(program.get("/module/goals").await.status, 401);
    assert_eq!(story.api.delete(TOKENS, json!({ "id": item["id"] })).await.status, 403);
}

#[tokio::test]
async fn a_token_runs_out_and_ends_with_its_account() {
    let story = Story::begin().await;
    let project = story.api.get("/module/goals").await.response()[0].clone();
    let began = project["dateCreation"]
        .as_str()
        .and_then(Moment::parse)
        .expect("an instant");
    let short = json!({ "name": "short", "expiresAt": (began + Duration::from_secs(60)).iso() });
    let short = token(&story, short).await;
    let long = token(&story, json!({ "name": "long" })).await;
    let event = json!({ "goalId": story.goal, "event": "build.finished", "data": {} });

    assert_eq!(short.get("/module/goals").await.status, 200);
    story.app.advance(Duration::from_secs(60));
    assert_eq!(short.get("/module/goals").await.status, 401);
    assert_eq!(short.post("/module/events", event.clone()).await.status, 401);
    assert_eq!(long.post("/module/events", event).await.status, 200);
    process::disable_user(&story.app.database, "lead");
    assert_eq!(long.get("/module/goals").await.status, 401);
}

#[tokio::test]
async fn an_api_token_makes_no_tokens_and_signs_nobody_out() {
    let story = Story::begin().await;
    let program = token(&story, json!({ "name": "ci" })).await;

    for refused in [
        program.get(TOKENS).await,
        program.post(TOKENS, json!({ "name": "more" })).await,
        program.delete(TOKENS, json!({ "id": 1 })).await,
        program.get("/module/api-tokens/permissions").await,
        program.post("/module/auth/logout", json!({})).await,
    ] {
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    assert_eq!(story.api.get(TOKENS).await.response().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said_beside_the_field() {
    let story = Story::begin().await;
    for (body, status, field) in [
        (json!({ "name": " " }), 400, json!("name")),
        (json!({ "name": "x".repeat(101) }), 400, json!("name")),
        (json!({ "name": "a\nb" }), 400, json!("name")),
        (
            json!({ "name": "ci", "allowedPermissions": ["goal_can_fly"] }),
            400,
            json!("allowedPermissions"),
        ),
        (
            json!({ "name": "ci", "expiresAt": "2020-01-01T00:00:00Z" }),
            400,
            json!("expiresAt"),
        ),
        (json!({ "name": "ci", "expiresAt": "soon" }), 400, json!("expiresAt")),
        (
            json!({ "name": "ci", "allowedGoalIds": ["a"] }),
            400,
            json!("allowedGoalIds[0]"),
        ),
        (json!({}), 400, json!("name")),
        (json!({ "name": "ci", "allowedGoalIds": [999_999] }), 403, Value::Null),
    ] {
        let refused = story.api.post(TOKENS, body.clone()).await;

        assert_eq!(refused.status, status, "{body}: {}", refused.body);
        assert_eq!(refused.body["error"]["fields"][0]["name"], field, "{body}");
    }
    let rights = story.api.get("/module/api-tokens/permissions").await.response().clone();
    assert_eq!(rights.as_array().map(Vec::len), Some(15));
    assert_eq!(
        (&rights[14]["id"], &rights[14]["name"], &rights[14]["permissionGroup"]),
        (&json!(15), &json!("events_can_publish"), &json!("Webhooks"))
    );
    assert_eq!(story.api.get(TOKENS).await.response(), &json!([]));
}

#[tokio::test]
async fn a_role_that_is_lost_is_lost_to_the_token_too() {
    let story = Story::begin().await;
    given::person(&story.app, "bob").await;
    let goal = &story.goal;
    let member = story
        .api
        .post(
            "/module/collaboration",
            json!({ "goalId": goal, "email": "bob@example.com" }),
        )
        .await
        .response()["id"]
        .clone();
    let roles = async |roles: Value| {
        let body = json!({ "goalId": goal, "userId": member, "roles": roles });
        story.api.patch("/module/collaboration", body).await.response();
    };
    let bob = given::api(&story.app, "bob").await;
    let made = bob
        .post(TOKENS, json!({ "name": "ci", "allowedGoalIds": [goal] }))
        .await
        .response()
        .clone();
    let program = ApiClient::with_token(&story.app.base, made["token"].as_str().expect("a token"));
    let event = json!({ "goalId": goal, "event": "build.finished", "data": {} });

    assert_eq!(program.post("/module/events", event.clone()).await.status, 403);
    roles(json!([1])).await;
    assert_eq!(program.post("/module/events", event.clone()).await.status, 200);
    roles(json!([])).await;
    assert_eq!(program.post("/module/events", event).await.status, 403);
}

async fn token(story: &Story, body: Value) -> ApiClient {
    let made = story.api.post(TOKENS, body).await.response().clone();
    ApiClient::with_token(&story.app.base, made["token"].as_str().expect("a token"))
}
