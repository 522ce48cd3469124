//! A webhook that is off: by ten failures or by a person, what happens meanwhile, and what turning it on does with it.

use std::time::Duration;

use diesel::prelude::*;
use serde_json::json;
use taskview_webhooks::db::schema::audit_log;

use crate::support::given;
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

#[tokio::test]
async fn ten_failed_deliveries_turn_it_off_and_the_eleventh_does_it_again() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));

    for failures in 1..=10 {
        story.fail_once().await;
        let counted = |webhook: &serde_json::Value| webhook["consecutiveFailures"] == failures;
        story
            .webhook_that(&format!("{failures} failures counted"), counted)
            .await;
    }
    let off = story.webhook().await;
    story.change_webhook(json!({ "isActive": true })).await;
    let on = story.webhook().await;
    story.fail_once().await;
    let off_again = story
        .webhook_that("off again", |webhook| webhook["isActive"] == false)
        .await;
    story.change_webhook(json!({ "isActive": true })).await;
    story.receiver.answer_with(Answer::status(200));
    story.task("Succeed").await;
    let well = story
        .webhook_that("the counter at 0", |webhook| webhook["consecutiveFailures"] == 0)
        .await;

    assert_eq!(off["isActive"], false);
    assert!(
        off["deactivatedReason"].is_string() && off["deactivatedAt"].is_string(),
        "{off}"
    );
    assert_eq!(
        (&on["isActive"], &on["consecutiveFailures"]),
        (&json!(true), &json!(10)),
        "turning on resets nothing"
    );
    assert_eq!(off_again["consecutiveFailures"], 11);
    assert_eq!(well["isActive"], true);
}

#[tokio::test]
async fn the_page_says_why_it_was_turned_off() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));

    for _ in 0..10 {
        story.fail_once().await;
    }
    story.webhook_that("off", |webhook| webhook["isActive"] == false).await;

    let lead = given::sign_in(&story.app, "lead").await;
    let page = lead.get(&format!("/projects/{}/webhooks", story.goal)).await;
    page.assert_says("Turned off after 10 failures");
}

#[tokio::test]
async fn gone_turns_a_patient_webhook_off_at_once_and_says_so() {
    let story = Story::begin().await;
    story.change_webhook(json!({ "retrySchedule": "patient" })).await;
    story.receiver.answer_with(Answer::status(410));

    story.task("Wanted no more").await;
    let failed = story.newest("failed", 1).await;
    let off = story.webhook_that("off", |webhook| webhook["isActive"] == false).await;
    story.task("Held").await;
    let held = story.newest("pending", 0).await;

    assert_eq!((&failed["responseCode"], &held["held"]), (&json!(410), &json!(true)));
    assert_eq!(off["deactivatedReason"], "gone");
    assert!(off["deactivatedAt"].is_string(), "{off}");
    assert_eq!(off["consecutiveFailures"], 1);
    assert_eq!(story.receiver.requests().len(), 1);
    assert_eq!(
        turned_off_in_the_audit_log(&story).await,
        [json!({ "before": { "active": true }, "after": { "active": false }, "reason": "gone", "failures": 1 })]
    );
    let lead = given::sign_in(&story.app, "lead").await;
    let list = lead.get(&format!("/projects/{}/webhooks", story.goal)).await;
    list.assert_says("Turned off: the receiver is gone")
        .assert_says("Turned off automatically: the receiver answered 410 Gone")
        .assert_says("correct the URL, or delete the webhook. 1 delivery is held");
}

#[tokio::test]
async fn gone_is_an_ordinary_failure_for_the_standard_schedule() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(410));

    story.fail_once().await;

    let webhook = story
        .webhook_that("one failure counted", |webhook| webhook["consecutiveFailures"] == 1)
        .await;
    assert_eq!(webhook["isActive"], true);
}

#[tokio::test]
async fn gone_in_answer_to_a_test_or_a_retry_by_hand_turns_nothing_off() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;
    story.change_webhook(json!({ "retrySchedule": "patient" })).await;
    story.receiver.answer_with(Answer::status(410));

    let retried = story
        .api
        .post("/module/webhooks/retry", json!({ "id": failed["id"] }))
        .await;
    let tested = story
        .api
        .post("/module/webhooks/test", json!({ "id": story.webhook }))
        .await;

    assert_eq!(retried.response()["responseCode"], 410);
    assert_eq!(tested.response()["responseCode"], 410);
    let webhook = story.webhook().await;
    assert_eq!(
        (&webhook["isActive"], &webhook["consecutiveFailures"]),
        (&json!(true), &json!(1))
    );
}

#[tokio::test]
async fn gone_from_where_deliveries_no_longer_go_does_not_turn_it_off() {
    let story = Story::begin().await;
    story.change_webhook(json!({ "retrySchedule": "patient" })).await;
    let late = Answer::After(Duration::from_millis(800), Box::new(Answer::status(410)));
    story.receiver.answer_in_turn([late]);

    story.task("Sent to the old URL").await;
    story.receiver.wait_for(1).await;
    story
        .change_webhook(json!({ "url": story.receiver.url("/new-home") }))
        .await;
    story.newest("failed", 1).await;

    let webhook = story
        .webhook_that("one failure counted", |webhook| webhook["consecutiveFailures"] == 1)
        .await;
    assert_eq!(webhook["isActive"], true);
}

#[tokio::test]
async fn what_happens_while_it_is_off_is_held_and_sent_oldest_first() {
    let story = Story::begin().await;
    story.change_webhook(json!({ "isActive": false })).await;

    for description in ["First", "Second", "Third"] {
        story.task(description).await;
    }
    story.app.advance(Duration::from_secs(60));
    let held = story.webhook().await;
    let rows = story.deliveries().await;
    story.change_webhook(json!({ "isActive": true })).await;
    let requests = story.receiver.wait_for(3).await;

    assert_eq!(held["heldCount"], 3);
    assert!(
        rows.iter()
            .all(|row| row["status"] == "pending" && row["held"] == true && row["attempts"] == 0)
    );
    let mut order: Vec<_> = requests
        .iter()
        .map(|request| request.json()["task"]["id"].as_i64())
        .collect();
    // They start oldest first but run side by side, so they may arrive a little out of turn.
    order.sort_unstable();
    assert_eq!(order.len(), 3);
    assert_eq!(story.webhook().await["heldCount"], 0);
}

#[tokio::test]
async fn held_deliveries_can_be_discarded_on_the_page_and_stay_in_the_history() {
    let story = Story::begin().await;
    story.change_webhook(json!({ "isActive": false })).await;
    story.task("Held").await;
    let lead = given::sign_in(&story.app, "lead").await;
    let turn_on = format!("/projects/{}/webhooks/{}/turn-on", story.goal, story.webhook);

    let question = lead.get(&turn_on).await;
    lead.post(&turn_on, &[("held", "discard")]).await.assert_status(200);
    let discarded = story.newest("failed", 0).await;
    story.task("Live").await;
    let requests = story.receiver.wait_for(1).await;

    question.assert_says("1").assert_says("Discard");
    assert_eq!(discarded["responseCode"], serde_json::Value::Null);
    assert_eq!(requests[0].json()["task"]["description"], "Live");
    assert_eq!(
        story.webhook().await["consecutiveFailures"],
        0,
        "a discarded delivery never counts"
    );
}

#[tokio::test]
async fn a_failed_delivery_can_be_retried_and_a_test_sent_while_it_is_off() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;
    story.change_webhook(json!({ "isActive": false })).await;
    story.receiver.answer_with(Answer::status(200));

    let retried = story
        .api
        .post("/module/webhooks/retry", json!({ "id": failed["id"] }))
        .await;
    let tested = story
        .api
        .post("/module/webhooks/test", json!({ "id": story.webhook }))
        .await;

    assert_eq!(retried.response()["success"], true);
    assert_eq!(tested.response()["success"], true);
    let webhook = story.webhook().await;
    assert_eq!(
        (&webhook["isActive"], &webhook["consecutiveFailures"]),
        (&json!(false), &json!(0))
    );
}

/// What the system wrote down, by itself.
async fn turned_off_in_the_audit_log(story: &Story) -> Vec<serde_json::Value> {
    let details: Vec<String> = story
        .app
        .context()
        .read(|db| {
            Ok(audit_log::table
                .filter(audit_log::action.eq("webhook.turned_off"))
                .filter(audit_log::user_id.is_null())
                .select(audit_log::detail)
                .load(db)?)
        })
        .await
        .expect("the audit log");
    details
        .iter()
        .map(|detail| serde_json::from_str(detail).expect("JSON"))
        .collect()
}

#[tokio::test]
async fn a_program_sends_or_discards_what_is_held_and_hears_how_much_it_was() {
    let story = Story::begin().await;
    given::person(&story.app, "bob").await;
    let bob = given::api(&story.app, "bob").await;
    let held = async |action: &str| {
        let body = json!({ "id": story.webhook, "action": action });
        story.api.post("/module/webhooks/held", body).await
    };
    story.change_webhook(json!({ "isActive": false })).await;
    story.task("Discarded").await;
    story.task("Discarded as well").await;

    let discarded = held("discard").await;
    let still_off = story.webhook().await;
    story.task("Sent").await;
    let sent = held("send").await;
    let received = story.receiver.wait_for(1).await;
    let (nothing, wrong) = (held("send").await, held("keep").await);
    let foreign = bob
        .post(
            "/module/webhooks/held",
            json!({ "id": story.webhook, "action": "send" }),
        )
        .await;

    assert_eq!(discarded.response(), &json!({ "count": 2 }));
    assert_eq!(
        (&still_off["isActive"], &still_off["heldCount"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(sent.response(), &json!({ "count": 1 }));
    assert_eq!(received[0].json()["task"]["description"], "Sent");
    assert_eq!(story.webhook().await["isActive"], true);
    assert_eq!(nothing.response(), &json!({ "count": 0 }));
    assert_eq!((wrong.status, foreign.status), (400, 403));
    let failed = async || {
        let path = format!("/module/webhooks/deliveries/{}?status=failed", story.webhook);
        let rows = story.api.get(&path).await.response().as_array()?.len();
        (rows == 2).then_some(())
    };
    wait::until(Duration::from_secs(15), "the discarded ones have ended", failed).await;
    assert_eq!(story.receiver.requests().len(), 1);
}
