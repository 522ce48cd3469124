//! Publishing: what host applications hand in arrives as they wrote it, many at once or none, and a request that is repeated
//! under its `Idempotency-Key` is answered as it was the first time.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future;
use serde_json::{Value, json};

use crate::support::api_client::{Answer, ApiClient};
use crate::support::app::App;
use crate::support::given;
use crate::support::receiver::Receiver;
use crate::support::story::Story;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn task(goal: &Value, id: i64) -> Value {
    json!({ "goalId": goal, "event": "task.created", "task": { "id": id } })
}

async fn publish_as(api: &ApiClient, key: &str, body: &Value) -> Answer {
    api.post_with(("Idempotency-Key", key), "/module/events", body.clone())
        .await
}

#[tokio::test]
async fn many_events_go_in_one_request_and_are_answered_in_their_order() {
    let story = Story::begin().await;
    let events: Vec<Value> = (1..=100).map(|id| task(&story.goal, id)).collect();

    let answer = story.api.post("/module/events", json!(events)).await;
    let ids: Vec<i64> = answer
        .response()
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["eventId"].as_i64().expect("an id"))
        .collect();
    let received = story.receiver.wait_for(100).await;

    assert!(ids.is_sorted() && ids.len() == 100, "{ids:?}");
    let tasks: BTreeSet<i64> = received
        .iter()
        .map(|request| request.json()["task"]["id"].as_i64().expect("an id"))
        .collect();
    assert_eq!(tasks, (1..=100).collect());
    let one = story.api.post("/module/events", json!([task(&story.goal, 1)])).await;
    assert_eq!(one.response().as_array().map(Vec::len), Some(1), "a list stays a list");
}

#[tokio::test]
async fn of_many_events_none_is_taken_when_one_is_refused() {
    let story = Story::begin().await;
    let good = || task(&story.goal, 1);
    let with = |key: &str, value: Value| {
        let mut event = good();
        event[key] = value;
        event
    };
    let large = json!({ "id": 1, "text": "x".repeat(256 * 1024) });
    let mut foreign = good();
    foreign["goalId"] = json!(999);

    for (bad, status, field) in [
        (with("data", json!(1)), 400, "[1].data"),
        (with("task", large), 400, "[1].task"),
        (foreign, 403, ""),
    ] {
        let answer = story.api.post("/module/events", json!([good(), bad, good()])).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(
            answer.body["error"]["fields"][0]["name"].as_str().unwrap_or_default(),
            field
        );
    }
    let too_many: Vec<Value> = (0..101).map(|_| good()).collect();
    for list in [json!([]), json!(too_many)] {
        assert_eq!(story.api.post("/module/events", list).await.status, 400);
    }
    let path = format!("/module/webhooks/deliveries/{}", story.webhook);
    assert_eq!(story.api.get(&path).await.response(), &json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_posts_with_one_key_make_one_event_and_get_one_answer() {
    let story = Story::begin().await;
    let body = task(&story.goal, 7);

    let all = future::join_all((0..100).map(|_| publish_as(&story.api, "order-7", &body))).await;
    let answers: BTreeSet<String> = all.iter().map(|answer| answer.response().to_string()).collect();
    let other_body = publish_as(&story.api, "order-7", &task(&story.goal, 8)).await;
    let other_key = publish_as(&story.api, "order-8", &body).await;
    let story = story.restarted().await;
    let later = publish_as(&story.api, "order-7", &body).await;
    story.receiver.wait_for(2).await;
    story.app.advance(DAY + Duration::from_secs(1));
    let api = given::api(&story.app, "lead").await;
    let next_day = publish_as(&api, "order-7", &body).await;

    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(other_body.status, 409, "{}", other_body.body);
    assert_ne!(other_key.response().to_string(), *answers.first().expect("an answer"));
    assert_eq!(later.response().to_string(), *answers.first().expect("an answer"));
    assert_ne!(next_day.response().to_string(), *answers.first().expect("an answer"));
    assert_eq!(
        story.receiver.wait_for(3).await.len(),
        3,
        "two events, and the one of the next day"
    );
}

#[tokio::test]
async fn a_key_belongs_to_its_account_and_stands_for_success_only() {
    let story = Story::begin().await;
    given::person(&story.app, "bob").await;
    let bob = given::api(&story.app, "bob").await;
    let his = bob.post("/module/goals", json!({ "name": "His" })).await.response()["id"].clone();

    let first = publish_as(&story.api, "same", &task(&story.goal, 1)).await;
    let foreign = publish_as(&bob, "same", &task(&story.goal, 1)).await;
    let own = publish_as(&bob, "same", &task(&his, 1)).await;
    let list = publish_as(&bob, "list", &json!([task(&his, 1), task(&his, 2)])).await;
    let again = publish_as(&bob, "list", &json!([task(&his, 1), task(&his, 2)])).await;

    assert_eq!((first.status, foreign.status, own.status), (200, 403, 200));
    assert_ne!(first.response()["eventId"], own.response()["eventId"]);
    assert_eq!(list.response(), again.response());
    for bad in [" ".to_owned(), "x".repeat(256)] {
        let answer = publish_as(&bob, &bad, &task(&his, 1)).await;
        assert_eq!(
            answer.body["error"]["fields"][0]["name"], "Idempotency-Key",
            "{}",
            answer.body
        );
    }
    assert_eq!(publish_as(&bob, &"x".repeat(255), &task(&his, 1)).await.status, 200);
}

#[tokio::test]
async fn a_published_event_arrives_byte_for_byte() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let receiver = Receiver::start();
    let webhook = given::webhook(&lead, &project, &receiver.url("/hook")).await;
    let api = given::api(&app, "lead").await;

    let event = json!({ "goalId": project.id, "event": "task.updated", "task": { "z": 1, "id": 7 }, "changes": { "b": 2, "a": 1 },
                        "initiatorId": 42 });
    let answer = api.post("/module/events", event).await;

    assert_eq!(answer.response()["deliveries"], json!(1));
    let request = receiver.wait_for(1).await.remove(0);
    assert!(request.is_signed_with(&webhook.secret));
    let body = String::from_utf8(request.body.clone()).expect("text");
    let rest = r#""task":{"z":1,"id":7},"changes":{"b":2,"a":1},"initiatorId":42}"#;
    assert!(
        body.starts_with(r#"{"event":"task.updated","timestamp":""#) && body.ends_with(rest),
        "{body}"
    );
}

#[tokio::test]
async fn publishing_is_for_managers_and_for_events_that_are_complete() {
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;
    let lead = given::sign_in(&app, "lead").await;
    given::person(&app, "bob").await;
    given::member(&lead, &project, "bob").await;
    let bob = given::api(&app, "bob").await;
    let good = json!({ "goalId": project.id, "event": "invoice.paid", "data": { "n": 1 } });
    let with = |key: &str, value: Value| {
        let mut event = good.clone();
        event[key] = value;
        event
    };

    assert_eq!(
        api.post("/module/events", good.clone()).await.response()["deliveries"],
        json!(0)
    );
    assert_eq!(bob.post("/module/events", good.clone()).await.status, 403);
    assert_eq!(api.post("/module/events", with("goalId", json!(999))).await.status, 403);
    assert_eq!(
        api.post("/module/events", with("event", json!("task.archived")))
            .await
            .status,
        400
    );
    assert_eq!(
        api.post("/module/events", with("task", json!({ "id": 1 })))
            .await
            .status,
        400
    );
    let large = api
        .post("/module/events", with("data", json!("x".repeat(256 * 1024))))
        .await;
    assert_eq!(large.status, 400);
    assert_eq!(large.body["error"]["fields"][0]["name"], "data");
}
