//! What somebody found who attacked the running program with nothing but its documents: each stays closed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::given;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, JSON, PlainClient, form, raw, status_of};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;

/// Unpacked it would be a thousand times as large, and in memory before anybody asked for a limit.
#[tokio::test]
async fn a_body_that_is_packed_is_refused_before_it_is_unpacked() {
    let app = App::start().await;
    let client = PlainClient::new(&app.base);

    for (path, kind) in [
        ("/sign-in", FORM),
        ("/module/auth/login", JSON),
        ("/module/events", JSON),
    ] {
        for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "GZIP"] {
            let headers = [FROM_OUR_PAGE, kind, ("content-encoding", encoding)];
            let page = client.send("POST", path, &headers, "login=lead").await;

            assert_eq!(page.status, 415, "{path} {encoding}: {}", page.html);
            page.assert_says("Content-Encoding");
        }
    }
    let plain = [FROM_OUR_PAGE, JSON, ("content-encoding", "identity")];
    let page = client.send("POST", "/module/auth/login", &plain, "{}").await;
    assert_eq!(page.status, 400, "{}", page.html);
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_the_request_and_the_connection() {
    let app = App::configured(|config| config.timing.request_body = Duration::from_millis(300)).await;

    for (path, kind) in [("/sign-in", FORM.1), ("/module/auth/login", JSON.1)] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Type: {kind}\r\n\
             Content-Length: 1000\r\n\r\n{{"
        );
        // It ends, or this would never return.
        let answer = raw(&app.base, &request).await;

        assert_eq!(status_of(&answer), 400, "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_values_of_headers_do_not_follow_a_url_to_another_host() {
    let story = Story::begin().await;
    let other = Receiver::start();
    let change = |changes: Value| {
        let mut changes = changes;
        changes["id"] = story.webhook.clone();
        changes
    };
    let headers = json!({ "Authorization": "Bearer of-the-first-host" });
    story.change_webhook(json!({ "headers": headers })).await;

    for carried in [
        json!({ "url": other.url("/") }),
        json!({ "url": other.url("/"), "headers": { "Authorization": null } }),
        json!({ "url": other.url("/"), "headers": { "Authorization": "••••" } }),
    ] {
        let refused = story.api.patch("/module/webhooks", change(carried)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.body["error"]["fields"][0]["name"], "headers", "{refused:?}");
    }
    let lead = given::sign_in(&story.app, "lead").await;
    let path = format!("/projects/{}/webhooks/{}/edit", story.goal, story.webhook);
    let on_the_page = lead.submit(&path, "/edit", &[("url", &other.url("/"))]).await;
    let same_host = json!({ "url": story.receiver.url("/elsewhere") });
    story.api.patch("/module/webhooks", change(same_host)).await.response();
    let entered = json!({ "url": other.url("/"), "headers": { "Authorization": "Bearer of-the-second" } });
    story.api.patch("/module/webhooks", change(entered)).await.response();
    story.task("Send it").await;
    let received = other.wait_for(1).await;

    on_the_page.assert_status(422).assert_says("another host now");
    assert_eq!(received[0].header("authorization"), Some("Bearer of-the-second"));
}

#[tokio::test]
async fn a_field_of_headers_that_was_emptied_takes_them_away() {
    let story = Story::begin().await;
    story
        .change_webhook(json!({ "headers": { "X-Tenant": "secret-tenant" } }))
        .await;
    let lead = given::sign_in(&story.app, "lead").await;
    let path = format!("/projects/{}/webhooks/{}/edit", story.goal, story.webhook);

    lead.submit(&path, "/edit", &[("headers", "")]).await.assert_status(200);
    story.task("Send it").await;
    let received = story.receiver.wait_for(1).await;

    assert_eq!(received[0].header("x-tenant"), None);
}

#[tokio::test]
async fn what_a_receiver_repeats_of_the_secrets_is_not_kept() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let story = Story::begin().await;
    let echo = vec![("X-Echo", "Bearer 0123456789".to_owned())];
    let body = format!("you sent {secret} and Bearer 0123456789").into_bytes();
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Respond(500, echo, body));
    let new = json!({
        "goalId": story.goal, "url": receiver.url("/"), "events": ["task.created"],
        "secret": secret, "headers": { "Authorization": "Bearer 0123456789" },
    });
    let made = story.api.post("/module/webhooks", new).await;
    let id = made.response()["webhook"]["id"].clone();

    story
        .api
        .post("/module/webhooks/test", json!({ "id": id }))
        .await
        .response();
    let sent = story
        .api
        .get(&format!("/module/webhooks/deliveries/{id}?limit=1"))
        .await;
    let attempts = format!("/module/webhooks/attempts/{}", sent.response()[0]["id"]);
    let attempts = story.api.get(&attempts).await.body.to_string();

    assert!(attempts.contains("you sent whsec_•••• and ••••"), "{attempts}");
    assert!(
        !attempts.contains("MfKQ9r8GKY") && !attempts.contains("0123456789"),
        "{attempts}"
    );
}

#[tokio::test]
async fn a_login_has_nothing_that_cannot_be_seen() {
    let app = App::start().await;
    let client = PlainClient::new(&app.base);

    for login in ["lead\u{200b}", "\u{202e}dael", "le ad", "lead\u{7}"] {
        let typed = [
            ("login", login),
            ("email", "lead@example.com"),
            ("name", "Lead"),
            ("password", given::PASSWORD),
            ("password_again", given::PASSWORD),
        ];
        let page = client
            .send("POST", "/setup", &[FROM_OUR_PAGE, FORM], &form(&typed))
            .await;
        assert_eq!(page.status, 422, "{login:?}: {}", page.text());
        page.assert_says("A login has 1 to 100 letters");
    }
}
