//! How deliveries end: each way to fail is told in the history in its own words, a success is one whatever its body does, and
//! a receiver that hangs delays nobody else.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::certificates::Authority;
use crate::support::given::ALL_EVENTS;
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(15);

#[actix_rt::test]
async fn every_way_to_fail_is_told_in_its_own_words() {
    let story = Story::configured(|config| config.timing.deadline = Duration::from_millis(500)).await;
    let (error, moved, elsewhere) = (Receiver::start(), Receiver::start(), Receiver::start());
    let (silent, closed, garbled) = (Receiver::start(), Receiver::start(), Receiver::start());
    let strange = Receiver::start_tls(Authority::new().good_for("localhost"));
    error.answer_with(Answer::status(500));
    moved.answer_with(Answer::redirect(301, &elsewhere.url("/new")));
    silent.answer_with(Answer::Hang);
    closed.answer_with(Answer::Close);
    garbled.answer_with(Answer::Raw(b"220 ready\r\n\r\n".to_vec()));
    let refused = format!("http://localhost:{}/", port_without_a_listener());
    let cases = [
        (
            error.url("/"),
            "answered",
            Some(500),
            "The receiver answered 500 Internal Server Error",
        ),
        (moved.url("/"), "answered", Some(301), "Redirects are not followed"),
        (silent.url("/"), "timeout", None, "did not answer within 0.5 seconds"),
        (
            closed.url("/"),
            "protocol",
            None,
            "closed the connection without an answer",
        ),
        (garbled.url("/"), "protocol", None, "is not HTTP"),
        (refused, "connect", None, "was refused"),
        (
            strange.url_of("localhost", "/"),
            "tls",
            None,
            "an authority that is not trusted here",
        ),
        (
            "http://nowhere.invalid/".to_owned(),
            "dns",
            None,
            "The name nowhere.invalid",
        ),
    ];
    let mut webhooks = Vec::new();
    for (url, ..) in &cases {
        webhooks.push(webhook(&story, url).await);
    }

    story.task("Fails everywhere").await;

    for ((url, outcome, code, sentence), webhook) in cases.iter().zip(&webhooks) {
        let delivery = attempted(&story, webhook).await;
        let attempts = attempts(&story, &delivery).await;
        let [attempt] = &attempts[..] else {
            panic!("{url}: {attempts:?}")
        };
        assert_eq!(attempt["outcome"], *outcome, "{url}: {attempt}");
        assert_eq!(attempt["responseCode"].as_u64(), *code, "{url}: {attempt}");
        assert!(
            attempt["message"].as_str().unwrap().contains(sentence),
            "{url}: {attempt}"
        );
        assert_eq!(delivery["status"], "pending", "{url} is tried again");
        assert_eq!(delivery["outcome"], *outcome, "{url}");
    }
    assert_eq!(elsewhere.connections(), 0, "the target of a redirect is never asked");
}

#[actix_rt::test]
async fn the_history_keeps_what_went_and_what_came() {
    let story = Story::begin().await;
    let body = b"<b>short and stout</b>".to_vec();
    story
        .receiver
        .answer_with(Answer::Respond(418, vec![("X-Kettle", "on".into())], body));

    story.task("Make tea").await;
    let delivery = attempted(&story, &story.webhook).await;

    let attempts = attempts(&story, &delivery).await;
    let [attempt] = &attempts[..] else {
        panic!("{attempts:?}")
    };
    assert_eq!(attempt["number"], 1);
    assert_eq!(attempt["request"]["url"], story.receiver.url("/hook"));
    assert_eq!(attempt["remoteAddress"], format!("127.0.0.1:{}", story.receiver.port()));
    assert_eq!(attempt["reused"], false);
    assert_eq!(attempt["response"]["body"], "<b>short and stout</b>");
    assert_eq!(attempt["response"]["cut"], false);
    assert!(
        attempt["response"]["headers"].to_string().contains("x-kettle"),
        "{attempt}"
    );
    let signature = story.receiver.requests()[0]
        .header("x-webhook-signature")
        .unwrap()
        .to_owned();
    assert!(
        attempt["request"]["headers"].to_string().contains(&signature),
        "{attempt}"
    );
    assert!(!attempt.to_string().contains(&story.secret));
}

#[actix_rt::test]
async fn a_body_that_never_ends_is_a_success_within_two_seconds() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::Drip);

    story.task("Endless").await;
    let delivery = attempted(&story, &story.webhook).await;

    assert_eq!(delivery["status"], "success");
    let attempt = &attempts(&story, &delivery).await[0];
    assert_eq!(attempt["response"]["cut"], true);
    assert!(attempt["durationMs"].as_f64().unwrap() < 2000.0, "{attempt}");
}

#[actix_rt::test]
async fn a_receiver_that_hangs_does_not_delay_another_webhook() {
    let story = Story::begin().await;
    let hanging = Receiver::start();
    hanging.answer_with(Answer::Hang);
    webhook(&story, &hanging.url("/")).await;

    for number in 0..50 {
        story.task(&format!("Task {number}")).await;
    }

    // The hanging one takes 10 s for each of its first attempts.
    let within = Duration::from_secs(5);
    let arrived = tokio::time::timeout(within, story.receiver.wait_for(50)).await;
    arrived.expect("the healthy webhook gets its deliveries at once");
    assert!(!hanging.requests().is_empty());
}

#[actix_rt::test]
async fn a_held_delivery_goes_on_with_the_attempt_at_which_it_stopped() {
    let story = Story::begin().await;
    story
        .receiver
        .answer_in_turn([Answer::status(500), Answer::status(500)]);
    story.task("Two attempts").await;
    story.newest("pending", 1).await;
    story.app.advance(Duration::from_secs(10));
    story.newest("pending", 2).await;

    story.change_webhook(json!({ "isActive": false })).await;
    story.app.advance(Duration::from_secs(60));
    wait::a_while(Duration::from_millis(300)).await;
    assert_eq!(story.receiver.requests().len(), 2, "nothing is sent while it is off");
    story.change_webhook(json!({ "isActive": true })).await;
    story.newest("success", 3).await;

    assert_eq!(story.receiver.requests()[2].header("x-webhook-attempt"), Some("3"));
}

/// One more webhook in the story's project; its id.
async fn webhook(story: &Story, url: &str) -> Value {
    let made = story
        .api
        .post(
            "/module/webhooks",
            json!({ "goalId": story.goal, "url": url, "events": ALL_EVENTS }),
        )
        .await;
    made.response()["webhook"]["id"].clone()
}

/// The webhook's only delivery, once its first attempt is recorded.
async fn attempted(story: &Story, webhook: &Value) -> Value {
    wait::until(PATIENCE, "a recorded attempt", async || {
        let page = story.api.get(&format!("/module/webhooks/deliveries/{webhook}")).await;
        let newest = page.response()[0].clone();
        (newest["attempts"].as_i64() > Some(0)).then_some(newest)
    })
    .await
}

/// Oldest first.
async fn attempts(story: &Story, delivery: &Value) -> Vec<Value> {
    let page = story
        .api
        .get(&format!("/module/webhooks/attempts/{}", delivery["id"]))
        .await;
    page.response().as_array().expect("an array").clone()
}

fn port_without_a_listener() -> u16 {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    gone.local_addr().unwrap().port()
}
