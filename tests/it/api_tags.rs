//! Tags over the API: made, changed, put on tasks and taken off again, with an event wherever a task changed.

use serde_json::{Value, json};

use crate::support::given;
use crate::support::received::Received;
use crate::support::story::Story;

const TAGS: &str = "/module/tags";

#[tokio::test]
async fn a_tag_is_made_changed_listed_and_deleted() {
    let story = Story::begin().await;
    let api = &story.api;

    let made = api
        .post(
            TAGS,
            json!({ "name": " urgent ", "color": "#FF0000", "goalId": story.goal }),
        )
        .await;
    let tag = made.response().clone();
    let changed = api
        .patch(
            TAGS,
            json!({ "id": tag["id"], "name": "later", "color": "#00ff00", "goalId": story.goal }),
        )
        .await;
    let listed = api.get(TAGS).await;
    let deleted = api.delete(TAGS, json!({ "tagId": tag["id"] })).await;
    let gone = api.delete(TAGS, json!({ "tagId": tag["id"] })).await;

    let keys: Vec<&str> = tag.as_object().expect("a tag").keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "name", "color", "owner", "goalId"]);
    assert_eq!((&tag["name"], &tag["color"]), (&json!("urgent"), &json!("#ff0000")));
    assert_eq!(tag["goalId"], story.goal);
    assert_eq!(changed.response()["name"], "later");
    let listed = listed.response().as_array().expect("a list").clone();
    assert_eq!(
        listed.last(),
        Some(changed.response()),
        "after those the project began with"
    );
    assert_eq!(deleted.response(), &json!(true));
    assert_eq!(gone.status, 403);
}

#[tokio::test]
async fn a_tag_that_is_toggled_or_deleted_changes_its_tasks_with_an_event_for_each() {
    let story = Story::begin().await;
    let tag = story.api.get(TAGS).await.response()[0]["id"].clone();
    let (one, two) = (story.task("One").await, story.task("Two").await);
    story.receiver.wait_for(2).await;
    let toggle = async |task: &Value| {
        let body = json!({ "tagId": tag, "taskId": task["id"] });
        let answer = story.api.patch("/module/tags/toggle", body).await;
        answer.response()["action"].clone()
    };

    let actions = [
        toggle(&one).await,
        toggle(&one).await,
        toggle(&one).await,
        toggle(&two).await,
    ];
    story.receiver.wait_for(6).await;
    let deleted = story.api.delete(TAGS, json!({ "tagId": tag })).await;
    let received = story.receiver.wait_for(8).await;

    assert_eq!(actions, ["add", "delete", "add", "add"]);
    assert_eq!(deleted.response(), &json!(true));
    let mut told: Vec<(i64, Value)> = received[2..]
        .iter()
        .map(Received::json)
        .map(|body| (body["task"]["id"].as_i64().expect("an id"), body["changes"].clone()))
        .collect();
    told.sort_by_key(|(task, changes)| (*task, changes.to_string()));
    let (with, without) = (json!({ "tags": [tag] }), json!({ "tags": [] }));
    let id = |task: &Value| task["id"].as_i64().expect("an id");
    assert_eq!(
        told,
        [
            (id(&one), with.clone()),
            (id(&one), with.clone()),
            (id(&one), without.clone()),
            (id(&one), without.clone()),
            (id(&two), with),
            (id(&two), without),
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_and_what_is_foreign_is_403() {
    let story = Story::begin().await;
    let api = &story.api;
    given::person(&story.app, "eve").await;
    let eve = given::api(&story.app, "eve").await;
    let her_goal = eve.post("/module/goals", json!({ "name": "Hers" })).await.response()["id"].clone();
    let her_task = eve
        .post("/module/tasks", json!({ "goalId": her_goal, "description": "Hers" }))
        .await
        .response()["id"]
        .clone();
    let tag = api.get(TAGS).await.response()[0].clone();

    let wrong = api
        .post(TAGS, json!({ "name": "", "color": "red", "goalId": story.goal }))
        .await;
    let taken = api
        .post(
            TAGS,
            json!({ "name": tag["name"], "color": "#000000", "goalId": story.goal }),
        )
        .await;
    let missing = api.post(TAGS, json!({ "name": "x", "goalId": story.goal })).await;

    let fields: Vec<&Value> = wrong.body["error"]["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| &field["name"])
        .collect();
    assert_eq!((wrong.status, fields), (400, vec![&json!("name"), &json!("color")]));
    assert_eq!(
        (taken.status, &taken.body["error"]["fields"][0]["name"]),
        (400, &json!("name"))
    );
    assert_eq!(missing.status, 400);
    for foreign in [
        eve.post(TAGS, json!({ "name": "x", "color": "#000000", "goalId": story.goal }))
            .await,
        eve.patch(TAGS, json!({ "id": tag["id"], "name": "x", "color": "#000000" }))
            .await,
        eve.delete(TAGS, json!({ "tagId": tag["id"] })).await,
        eve.patch("/module/tags/toggle", json!({ "tagId": tag["id"], "taskId": her_task }))
            .await,
        api.patch("/module/tags/toggle", json!({ "tagId": tag["id"], "taskId": her_task }))
            .await,
    ] {
        assert_eq!(foreign.status, 403, "{}", foreign.body);
    }
}
