//! A webhook's own headers: sent with every request, shown to nobody again, kept by a mask, gone with the webhook.

use serde_json::{Value, json};

use crate::support::given;
use crate::support::story::Story;

#[tokio::test]
async fn own_headers_are_sent_from_the_next_attempt_on_and_shown_masked() {
    let story = Story::begin().await;
    let names = async || story.webhook().await["headerNames"].clone();
    assert_eq!(names().await, json!([]));

    let headers = json!({ "Authorization": "Bearer sesame", "X-Tenant": "7" });
    let changed = story.change_webhook(json!({ "headers": headers })).await;
    assert_eq!(changed["headerNames"], json!(["Authorization", "X-Tenant"]));
    story.task("First").await;
    let first = story.receiver.wait_for(1).await.remove(0);
    assert_eq!(first.header("authorization"), Some("Bearer sesame"));
    assert_eq!(first.header("x-tenant"), Some("7"));
    assert!(first.is_signed_with(&story.secret));

    // A test goes by the claim, a task's event by the hand-over.
    story
        .api
        .post("/module/webhooks/test", json!({ "id": story.webhook }))
        .await
        .response();
    let second = story.receiver.wait_for(2).await.remove(1);
    assert_eq!(second.header("authorization"), Some("Bearer sesame"));

    let newest = story.newest("success", 1).await;
    let attempts = format!("/module/webhooks/attempts/{}", newest["id"]);
    let shown = story.api.get(&attempts).await.response()[0]["request"]["headers"].clone();
    let shown = shown.as_array().expect("headers").clone();
    assert!(shown.contains(&json!(["Authorization", "••••"])), "{shown:?}");

    story
        .change_webhook(json!({ "headers": { "authorization": null, "X-New": "8" } }))
        .await;
    story.task("Second").await;
    let third = story.receiver.wait_for(3).await.remove(2);
    assert_eq!(third.header("authorization"), Some("Bearer sesame"));
    assert_eq!((third.header("x-tenant"), third.header("x-new")), (None, Some("8")));

    story.change_webhook(json!({ "name": "CI" })).await;
    assert_eq!(names().await, json!(["authorization", "X-New"]));
    story.change_webhook(json!({ "headers": {} })).await;
    assert_eq!(names().await, json!([]));
    story.task("Third").await;
    assert_eq!(story.receiver.wait_for(4).await[3].header("authorization"), None);
}

#[tokio::test]
async fn what_is_no_header_is_refused_and_members_do_not_see_the_names() {
    let story = Story::begin().await;
    for (headers, part) in [
        (json!({ "Host": "example.com" }), "set by the program"),
        (json!({ "X-A": "1\r\nX-B: 2" }), "one line"),
        (json!({ "X-A": 7 }), "Each value is a text"),
        (json!({ "X-A": null }), "no value to keep"),
    ] {
        let body = json!({ "id": story.webhook, "headers": headers });
        let refused = story.api.patch("/module/webhooks", body).await;

        assert_eq!(refused.status, 400, "{}", refused.body);
        let field = &refused.body["error"]["fields"][0];
        assert_eq!(field["name"], "headers");
        assert!(field["message"].as_str().expect("a sentence").contains(part), "{field}");
    }
    story.change_webhook(json!({ "headers": { "X-Tenant": "7" } })).await;
    given::person(&story.app, "bob").await;
    let body = json!({ "goalId": story.goal, "email": "bob@example.com" });
    story.api.post("/module/collaboration", body).await.response();
    let bob = given::api(&story.app, "bob").await;
    let seen = bob.get(&format!("/module/webhooks?goalId={}", story.goal)).await;
    assert_eq!(seen.response()[0]["headerNames"], json!([]));
}

#[tokio::test]
async fn the_form_takes_them_a_line_each_and_keeps_what_is_masked() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let edit = format!("/projects/{}/webhooks/{}/edit", story.goal, story.webhook);

    let wrong = lead.submit(&edit, "/edit", &[("headers", "Host: a\nno header")]).await;
    wrong.assert_status(422).assert_says("set by the program");
    lead.submit(
        &edit,
        "/edit",
        &[("headers", "Authorization: Bearer sesame\nX-Tenant: 7")],
    )
    .await
    .assert_says("Saved.");
    let page = lead.get(&edit).await;
    assert!(page.html.contains("Authorization: ••••") && !page.html.contains("sesame"));
    lead.submit(&edit, "/edit", &[("headers", "Authorization: ••••")])
        .await
        .assert_says("Saved.");

    story.task("First").await;
    let first = story.receiver.wait_for(1).await.remove(0);
    assert_eq!(first.header("authorization"), Some("Bearer sesame"));
    assert_eq!(first.header("x-tenant"), None);
    assert_eq!(story.webhook().await["headerNames"], json!(["Authorization"]));
    assert_ne!(story.webhook().await["id"], Value::Null);
}
