//! Re-sending all that has failed since some instant: counted first, each once, with its id and bytes, while the webhook is on
//! or off, across a restart; and who may start it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api_client::Answer as ApiAnswer;
use crate::support::given;
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

const CALL: &str = "/module/webhooks/retry-failed";
const LONG_AGO: &str = "2000-01-01T00:00:00Z";
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn all_failed_are_counted_first_and_then_sent_again_with_their_ids_and_bytes_to_where_they_go_now() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;
    story.receiver.answer_with(Answer::status(200));
    discard(&story, 9).await;
    let elsewhere = Receiver::start();
    story
        .change_webhook(json!({ "url": elsewhere.url("/moved"), "isActive": false }))
        .await;

    let counted = resend(&story, LONG_AGO, true).await;
    let after_counting = story.deliveries().await;
    let started = resend(&story, LONG_AGO, false).await;
    let requests = elsewhere.wait_for(10).await;
    wait_for_all(&story, "success").await;

    assert_eq!(counted.response(), &json!({ "count": 10 }));
    assert!(after_counting.iter().all(|delivery| delivery["status"] == "failed"));
    assert_eq!(started.response(), &json!({ "count": 10 }));
    assert_eq!(elsewhere.requests().len(), 10, "each once");
    let sent: BTreeSet<_> = requests
        .iter()
        .map(|request| request.header("webhook-id").map(str::to_owned))
        .collect();
    let known: BTreeSet<_> = after_counting
        .iter()
        .map(|delivery| delivery["messageId"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(sent, known);
    let first = story.receiver.requests();
    let again = requests
        .iter()
        .find(|request| request.header("webhook-id") == failed["messageId"].as_str())
        .expect("the one that had been sent");
    assert_eq!(again.body, first[0].body);
    assert!(again.is_signed_with(&story.secret));
    let webhook = story.webhook().await;
    assert_eq!(
        (&webhook["isActive"], &webhook["consecutiveFailures"]),
        (&json!(false), &json!(0)),
        "a success sets the counter to 0 and turns nothing on"
    );
}

#[tokio::test]
async fn what_fails_again_is_tried_once_counts_no_failure_and_can_be_sent_again_later() {
    let story = Story::begin().await;
    discard(&story, 6).await;
    story.receiver.answer_with(Answer::status(500));

    resend(&story, LONG_AGO, false).await.response();
    wait_for_attempts(&story, 1).await;
    let again = wait::until(PATIENCE, "the end of the first run", async || {
        let answer = resend(&story, LONG_AGO, false).await;
        (answer.status != 409).then_some(answer)
    })
    .await;
    wait_for_attempts(&story, 2).await;

    assert_eq!(again.response()["count"], 6);
    let webhook = story.webhook().await;
    assert_eq!(
        (&webhook["isActive"], &webhook["consecutiveFailures"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(story.receiver.requests().len(), 12);
}

#[tokio::test]
async fn a_second_press_while_it_is_under_way_is_told_so_and_a_test_does_not_wait_for_its_end() {
    let story = Story::begin().await;
    discard(&story, 30).await;
    let slow = Answer::After(Duration::from_millis(400), Box::new(Answer::status(200)));
    story.receiver.answer_with(slow);

    resend(&story, LONG_AGO, false).await.response();
    let second = resend(&story, LONG_AGO, false).await;
    story.receiver.wait_for(1).await;
    let tested = story
        .api
        .post("/module/webhooks/test", json!({ "id": story.webhook }))
        .await;
    let left = story.deliveries().await;

    assert_eq!(second.status, 409, "{}", second.body);
    let message = second.body["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("re-sent already"), "{message}");
    assert_eq!(tested.response()["success"], true);
    let left = left.iter().filter(|delivery| delivery["status"] == "failed").count();
    assert!(left > 15, "the test was sent among the first, not after them: {left}");
}

#[tokio::test]
async fn it_goes_on_after_a_restart() {
    let story = Story::begin().await;
    discard(&story, 12).await;
    let slow = Answer::After(Duration::from_millis(200), Box::new(Answer::status(200)));
    story.receiver.answer_with(slow);

    resend(&story, LONG_AGO, false).await.response();
    story.receiver.wait_for(2).await;
    let story = story.restarted().await;

    let left = story.deliveries().await;
    assert!(
        left.iter().any(|delivery| delivery["status"] == "failed"),
        "it is over already"
    );
    wait_for_all(&story, "success").await;
}

#[tokio::test]
async fn only_what_happened_since_is_counted_and_a_strange_instant_is_refused() {
    let story = Story::begin().await;
    discard(&story, 2).await;
    story.app.advance(Duration::from_secs(120));
    let task = story.task("Later").await;
    assert!(task["id"].is_i64());
    story.newest("success", 1).await;
    discard(&story, 1).await;
    let newest = story.newest("failed", 0).await;
    let since = newest["createdAt"].as_str().expect("an instant");

    let counted = resend(&story, since, true).await;
    let none = resend(&story, "2999-01-01", false).await;
    let strange = resend(&story, "yesterday", true).await;
    let missing = story.api.post(CALL, json!({ "id": story.webhook })).await;

    assert_eq!(counted.response()["count"], 1);
    assert_eq!(none.response()["count"], 0);
    assert_eq!(strange.status, 400, "{}", strange.body);
    assert_eq!(strange.body["error"]["fields"][0]["name"], "since");
    assert_eq!(missing.status, 400, "{}", missing.body);
}

#[tokio::test]
async fn a_member_may_not_start_it() {
    let story = Story::begin().await;
    discard(&story, 1).await;
    let lead = given::sign_in(&story.app, "lead").await;
    given::person(&story.app, "bob").await;
    let project = given::Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("an id"),
    };
    given::member(&lead, &project, "bob").await;
    let bob = given::api(&story.app, "bob").await;

    for dry_run in [true, false] {
        let body = json!({ "id": story.webhook, "since": LONG_AGO, "dryRun": dry_run });
        assert_eq!(bob.post(CALL, body).await.status, 403);
    }
}

async fn resend(story: &Story, since: &str, dry_run: bool) -> ApiAnswer {
    let body = json!({ "id": story.webhook, "since": since, "dryRun": dry_run });
    story.api.post(CALL, body).await
}

/// Makes so many deliveries that end as failed at once: held while the webhook is off, and discarded.
async fn discard(story: &Story, count: usize) {
    let before = story.deliveries().await.len();
    story.change_webhook(json!({ "isActive": false })).await;
    for n in 0..count {
        story.task(&format!("Held {n}")).await;
    }
    let lead = given::sign_in(&story.app, "lead").await;
    let turn_on = format!("/projects/{}/webhooks/{}/turn-on", story.goal, story.webhook);
    lead.post(&turn_on, &[("held", "discard")]).await.assert_status(200);
    wait::until(PATIENCE, "the discarded ones to end", async || {
        let all = story.deliveries().await;
        let ended = |delivery: &&Value| delivery["status"] != "pending";
        (all.iter().filter(ended).count() == before + count).then_some(())
    })
    .await;
}

async fn wait_for_all(story: &Story, status: &str) {
    wait::until(PATIENCE, &format!("every delivery to be {status}"), async || {
        let all = story.deliveries().await;
        all.iter().all(|delivery| delivery["status"] == status).then_some(())
    })
    .await;
}

async fn wait_for_attempts(story: &Story, attempts: u32) {
    wait::until(PATIENCE, &format!("{attempts} attempts of each"), async || {
        let all = story.deliveries().await;
        let ended = |delivery: &Value| delivery["status"] == "failed" && delivery["attempts"] == attempts;
        all.iter().all(ended).then_some(())
    })
    .await;
}
