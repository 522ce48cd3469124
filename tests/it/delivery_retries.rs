//! What happens when a receiver fails: when attempts are repeated, how they are signed, and what an edit or a rotation in between
//! changes. The clock is the test's.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::support::received::Received;
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn three_attempts_at_zero_ten_and_thirty_seconds_and_then_it_has_failed() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));

    story.task("Fix login bug").await;
    let first = story.newest("pending", 1).await;
    story.app.advance(9 * SECOND);
    story.app.advance(SECOND);
    let second = story.newest("pending", 2).await;
    story.app.advance(20 * SECOND);
    let third = story.newest("failed", 3).await;
    story.app.advance(600 * SECOND);

    assert_eq!(seconds_to_next(&first), 10);
    assert_eq!(seconds_to_next(&second), 20);
    assert_eq!(third["responseCode"], 500);
    assert_eq!(third["nextAttemptAt"], Value::Null);
    assert_eq!(story.webhook().await["consecutiveFailures"], 1);
    let requests = story.receiver.requests();
    let numbers: Vec<_> = requests
        .iter()
        .map(|request| request.header("X-Webhook-Attempt"))
        .collect();
    assert_eq!(numbers, [Some("1"), Some("2"), Some("3")]);
}

#[tokio::test]
async fn the_patient_schedule_waits_as_long_as_the_receiver_asks_and_the_standard_one_does_not() {
    for (schedule, asked, expected) in [
        ("patient", "3600", 3_600..=3_600),
        ("patient", "999999999", 86_400..=86_400),
        ("patient", "soon", 4..=6),
        ("standard", "3600", 10..=10),
    ] {
        let story = Story::begin().await;
        story.change_webhook(json!({ "retrySchedule": schedule })).await;
        let later = Answer::Respond(503, vec![("Retry-After", asked.to_owned())], Vec::new());
        story.receiver.answer_in_turn([later]);

        story.task("Fix login bug").await;
        let waiting = story.newest("pending", 1).await;

        let seconds = seconds_to_next(&waiting);
        assert!(expected.contains(&seconds), "{schedule} {asked}: {seconds}");
    }
}

#[tokio::test]
async fn every_attempt_is_signed_anew_and_keeps_its_id() {
    let story = Story::begin().await;
    story
        .receiver
        .answer_in_turn([Answer::status(500), Answer::status(503)]);

    story.task("Fix login bug").await;
    story.newest("pending", 1).await;
    story.app.advance(10 * SECOND);
    story.newest("pending", 2).await;
    story.app.advance(20 * SECOND);
    story.newest("success", 3).await;

    let requests = story.receiver.requests();
    let theirs = standardwebhooks::Webhook::new(&story.secret).expect("a secret that its library takes");
    for request in &requests {
        assert!(request.is_signed_with(&story.secret));
        theirs
            .verify(&request.body, &headers(request))
            .expect("its library agrees");
        assert_eq!(request.body, requests[0].body);
    }
    let all = |name: &str| {
        requests
            .iter()
            .map(|request| request.header(name).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let (ids, mut timestamps) = (all("webhook-id"), all("webhook-timestamp"));
    assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]));
    assert_eq!(ids, all("X-Webhook-Delivery"));
    timestamps.dedup();
    assert_eq!(timestamps.len(), 3, "each attempt has its own time");
}

#[tokio::test]
async fn what_waits_for_a_retry_survives_a_restart() {
    let story = Story::begin().await;
    story.receiver.answer_in_turn([Answer::status(500)]);
    story.task("Fix login bug").await;
    story.newest("pending", 1).await;

    let story = story.restarted().await;
    story.app.advance(10 * SECOND);
    let delivery = story.newest("success", 2).await;

    assert_eq!(delivery["responseCode"], 200);
    assert_eq!(story.receiver.requests()[1].header("X-Webhook-Attempt"), Some("2"));
}

#[tokio::test]
async fn after_a_rotation_the_next_attempt_is_signed_with_the_new_secret_only() {
    let story = Story::begin().await;
    story.receiver.answer_in_turn([Answer::status(500)]);
    story.task("Fix login bug").await;
    story.newest("pending", 1).await;

    let rotated = story
        .api
        .post("/module/webhooks/rotate-secret", json!({ "id": story.webhook }))
        .await;
    let rotated = rotated.response()["secret"].as_str().expect("a secret").to_owned();
    story.app.advance(10 * SECOND);
    story.newest("success", 2).await;

    let requests = story.receiver.requests();
    assert!(requests[0].is_signed_with(&story.secret) && !requests[0].is_signed_with(&rotated));
    assert!(requests[1].is_signed_with(&rotated) && !requests[1].is_signed_with(&story.secret));
}

#[tokio::test]
async fn after_an_edit_of_the_url_the_next_attempt_goes_there() {
    let story = Story::begin().await;
    let moved = Receiver::start();
    story.receiver.answer_in_turn([Answer::status(500)]);
    story.task("Fix login bug").await;
    story.newest("pending", 1).await;

    story.change_webhook(json!({ "url": moved.url("/moved") })).await;
    story.app.advance(10 * SECOND);
    story.newest("success", 2).await;

    assert_eq!(story.receiver.requests().len(), 1);
    assert_eq!(moved.requests()[0].path, "/moved");
}

#[tokio::test]
async fn a_failed_delivery_is_sent_again_by_hand_with_the_same_id_and_bytes() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;
    story.receiver.answer_with(Answer::status(200));

    let retried = story
        .api
        .post("/module/webhooks/retry", json!({ "id": failed["id"] }))
        .await;

    assert_eq!(retried.response(), &json!({ "success": true, "responseCode": 200 }));
    let requests = story.receiver.requests();
    assert_eq!(requests[3].body, requests[0].body);
    assert_eq!(requests[3].header("webhook-id"), requests[0].header("webhook-id"));
    assert_eq!(
        story.webhook().await["consecutiveFailures"],
        0,
        "a success sets the counter to 0"
    );
    let again = story
        .api
        .post("/module/webhooks/retry", json!({ "id": failed["id"] }))
        .await;
    assert_eq!(again.status, 409, "it has not failed any more");
}

#[tokio::test]
async fn a_test_is_one_attempt_that_is_never_counted() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));

    let tested = story
        .api
        .post("/module/webhooks/test", json!({ "id": story.webhook }))
        .await;

    assert_eq!(tested.response()["success"], false);
    assert_eq!(tested.response()["responseCode"], 500);
    let body = story.receiver.requests()[0].json();
    assert_eq!(body["event"], "webhook.test");
    assert_eq!(body["data"]["message"], "This is a test webhook delivery");
    let delivery = story.newest("failed", 1).await;
    assert_eq!(delivery["test"], true);
    assert_eq!(story.webhook().await["consecutiveFailures"], 0);
}

fn headers(request: &Received) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        (
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        )
    };
    request.headers.iter().map(pair).collect()
}

/// Between the last attempt and the next one, as the API tells it.
fn seconds_to_next(delivery: &Value) -> i64 {
    let at = |name: &str| {
        let text = delivery[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {delivery}"));
        chrono::DateTime::parse_from_rfc3339(text).expect("an instant")
    };
    (at("nextAttemptAt") - at("lastAttemptAt")).num_seconds()
}
