//! Webhooks and deliveries over the JSON API.

use serde_json::{Value, json};

use crate::support::given;
use crate::support::receiver::Answer;
use crate::support::story::Story;

#[tokio::test]
async fn a_webhook_is_made_changed_rotated_and_deleted() {
    let story = Story::begin().await;
    let api = &story.api;

    let body = json!({ "goalId": story.goal, "url": "http://localhost:4545/h", "events": ["task.deleted", "task.created"], "name": "CI", "retrySchedule": "patient", "unknown": 1 });
    let made = api.post("/module/webhooks", body).await;
    let (webhook, secret) = (made.response()["webhook"].clone(), made.response()["secret"].clone());
    let id = webhook["id"].clone();
    let changed = api
        .patch("/module/webhooks", json!({ "id": id, "isActive": false, "url": "http://localhost:4646", "events": ["task.updated"], "name": "" }))
        .await;
    let rotated = api
        .post("/module/webhooks/rotate-secret", json!({ "id": id.to_string() }))
        .await;
    let listed = api.get(&format!("/module/webhooks?goalId={}", story.goal)).await;
    let deleted = api.delete("/module/webhooks", json!({ "id": id })).await;
    let after = api.get(&format!("/module/webhooks/deliveries/{id}")).await;

    assert_eq!(
        webhook["events"],
        json!(["task.deleted", "task.created"]),
        "in the order sent"
    );
    assert_eq!(
        (&webhook["isActive"], &webhook["consecutiveFailures"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        (&webhook["retrySchedule"], &webhook["name"]),
        (&json!("patient"), &json!("CI"))
    );
    assert_eq!(webhook["goalId"], story.goal);
    assert!(webhook["deactivatedReason"].is_null() && webhook["heldCount"] == 0 && webhook["headerNames"] == json!([]));
    assert!(secret.as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    assert!(webhook.get("secret").is_none());
    let changed = changed.response();
    assert_eq!(
        (&changed["isActive"], &changed["deactivatedReason"]),
        (&json!(false), &json!("manual"))
    );
    assert_eq!(
        (&changed["url"], &changed["name"]),
        (&json!("http://localhost:4646"), &Value::Null)
    );
    assert_eq!(changed["events"], json!(["task.updated"]));
    assert_ne!(rotated.response()["secret"], secret);
    assert_eq!(listed.response().as_array().map(Vec::len), Some(2));
    assert_eq!(deleted.response(), &json!(true));
    assert_eq!(after.status, 403);
}

#[tokio::test]
async fn what_is_wrong_is_named_by_field_before_anything_is_looked_up() {
    let story = Story::begin().await;
    let api = &story.api;
    let wrong = json!({ "goalId": 999_999, "url": "ftp://x", "events": ["task.archived"], "retrySchedule": "often" });

    let made = api.post("/module/webhooks", wrong).await;
    let no_events = api
        .post(
            "/module/webhooks",
            json!({ "goalId": story.goal, "url": "http://10.0.0.5/", "events": [] }),
        )
        .await;
    let elsewhere = api
        .post(
            "/module/webhooks",
            json!({ "goalId": 999_999, "url": "http://localhost:1", "events": ["task.created"] }),
        )
        .await;
    let changed = api
        .patch("/module/webhooks", json!({ "id": story.webhook, "events": [] }))
        .await;
    let malformed = api.patch("/module/webhooks", json!({ "id": {} })).await;
    let no_query = api.get("/module/webhooks").await;
    let no_number = api.get("/module/webhooks/deliveries/abc").await;

    let fields = |body: &Value| -> Vec<String> {
        let fields = body["error"]["fields"].as_array().cloned().unwrap_or_default();
        fields
            .iter()
            .filter_map(|field| field["name"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(
        (made.status, fields(&made.body)),
        (400, vec!["retrySchedule".to_owned()])
    );
    assert_eq!(
        (no_events.status, fields(&no_events.body)),
        (400, vec!["url".to_owned(), "events".to_owned()])
    );
    assert_eq!(elsewhere.status, 403);
    assert_eq!(
        (changed.status, fields(&changed.body)),
        (400, vec!["events".to_owned()])
    );
    for answer in [&malformed, &no_query, &no_number] {
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body["error"]["message"].is_string(), "{}", answer.body);
    }
}

#[tokio::test]
async fn members_read_and_strangers_are_told_nothing() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    given::person(&story.app, "bob").await;
    given::person(&story.app, "eve").await;
    let project = given::Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("an id"),
    };
    given::member(&lead, &project, "bob").await;
    let (bob, eve) = (given::api(&story.app, "bob").await, given::api(&story.app, "eve").await);
    story
        .receiver
        .answer_with(Answer::Respond(200, vec![], b"theirs".to_vec()));
    story.task("Fix login bug").await;
    let delivery = story.newest("success", 1).await;
    let list = format!("/module/webhooks?goalId={}", story.goal);
    let attempts = format!("/module/webhooks/attempts/{}", delivery["id"]);

    let seen = bob.get(&list).await;
    let answers = bob.get(&attempts).await;

    assert_eq!(
        (&seen.response()[0]["url"], &seen.response()[0]["secretHint"]),
        (&json!(story.receiver.url("/…")), &json!(""))
    );
    assert_eq!(
        answers.response()[0]["response"],
        json!({ "headers": [], "body": "", "cut": false })
    );
    assert_eq!(answers.response()[0]["request"]["headers"], json!([]));
    for api in [&bob, &eve] {
        let id = &story.webhook;
        assert_eq!(
            api.patch("/module/webhooks", json!({ "id": id, "isActive": false }))
                .await
                .status,
            403
        );
        assert_eq!(api.delete("/module/webhooks", json!({ "id": id })).await.status, 403);
        assert_eq!(
            api.post("/module/webhooks/rotate-secret", json!({ "id": id }))
                .await
                .status,
            403
        );
        assert_eq!(api.post("/module/webhooks/test", json!({ "id": id })).await.status, 403);
        assert_eq!(
            api.post("/module/webhooks/retry", json!({ "id": delivery["id"] }))
                .await
                .status,
            403
        );
    }
    let unknown = eve.get("/module/webhooks/deliveries/999999").await;
    let theirs = eve.get(&format!("/module/webhooks/deliveries/{}", story.webhook)).await;
    assert_eq!(
        (unknown.status, &unknown.body),
        (403, &theirs.body),
        "nothing can be probed"
    );
    assert_eq!(eve.get(&list).await.status, 403);
    assert_eq!(eve.get(&attempts).await.status, 403);
}

#[tokio::test]
async fn a_test_and_a_retry_wait_for_their_attempt() {
    let story = Story::begin().await;
    let api = &story.api;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;

    let test = api
        .post("/module/webhooks/test", json!({ "id": story.webhook.to_string() }))
        .await;
    let still_bad = api.post("/module/webhooks/retry", json!({ "id": failed["id"] })).await;
    story.receiver.answer_with(Answer::status(202));
    let good = api
        .post("/module/webhooks/retry", json!({ "id": failed["id"].to_string() }))
        .await;
    let nothing_to_do = api.post("/module/webhooks/retry", json!({ "id": failed["id"] })).await;
    let of_test = api
        .post("/module/webhooks/retry", json!({ "id": test.response()["deliveryId"] }))
        .await;

    assert_eq!(
        (&test.response()["success"], &test.response()["responseCode"]),
        (&json!(false), &json!(500))
    );
    assert!(test.response()["deliveryId"].is_i64());
    assert_eq!(still_bad.response(), &json!({ "success": false, "responseCode": 500 }));
    assert_eq!(good.response(), &json!({ "success": true, "responseCode": 202 }));
    assert_eq!((nothing_to_do.status, of_test.status), (409, 409));
}

#[tokio::test]
async fn deliveries_are_paged_filtered_and_told_in_full() {
    let story = Story::begin().await;
    let api = &story.api;
    for n in 1..=5 {
        story.task(&format!("Task {n}")).await;
    }
    story.receiver.wait_for(5).await;
    api.post("/module/webhooks/test", json!({ "id": story.webhook })).await;
    story.newest("success", 1).await;
    let path = format!("/module/webhooks/deliveries/{}", story.webhook);
    let ids = async |query: &str| -> Vec<Value> {
        let answer = api.get(&format!("{path}?{query}")).await;
        answer
            .response()
            .as_array()
            .expect("a list")
            .iter()
            .map(|d| d["id"].clone())
            .collect()
    };

    let all = ids("").await;
    assert_eq!(all.len(), 6);
    assert_eq!(ids("limit=2").await, all[..2]);
    assert_eq!(ids(&format!("limit=2&cursor={}", all[1])).await, all[2..4]);
    assert_eq!(ids("event=webhook.test").await, all[..1]);
    assert_eq!(ids("status=success&event=task.created").await, all[1..]);
    assert!(ids("status=failed").await.is_empty() && ids("status=pending").await.is_empty());
    for wrong in ["limit=0", "limit=101", "status=held", "event=nope", "cursor=x"] {
        assert_eq!(api.get(&format!("{path}?{wrong}")).await.status, 400, "{wrong}");
    }

    story.change_webhook(json!({ "isActive": false })).await;
    story.task("Held").await;
    assert_eq!(story.webhook().await["heldCount"], 1);
    assert_eq!(ids("held=1").await.len(), 1);
    let deliveries = story.deliveries().await;
    let (held, sent) = (&deliveries[0], &deliveries[2]);
    assert_eq!(
        (&held["held"], &held["nextAttemptAt"], &held["status"]),
        (&json!(true), &Value::Null, &json!("pending"))
    );
    assert_eq!(
        (&sent["event"], &sent["status"], &sent["responseCode"]),
        (&json!("task.created"), &json!("success"), &json!(200))
    );
    assert_eq!(
        (&sent["attempts"], &sent["outcome"], &sent["test"]),
        (&json!(1), &json!("answered"), &json!(false))
    );
    assert_eq!(sent["payload"]["task"]["description"], "Task 5");
    assert!(sent["messageId"].as_str().is_some_and(|id| id.starts_with("msg_")));
    assert!(sent["message"].is_string() && sent["lastAttemptAt"].is_string() && sent["durationMs"].is_i64());

    let attempts = api.get(&format!("/module/webhooks/attempts/{}", sent["id"])).await;
    let attempt = &attempts.response()[0];
    assert_eq!((&attempt["number"], &attempt["responseCode"]), (&json!(1), &json!(200)));
    assert!(
        attempt["request"]["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("/hook"))
    );
    let headers = attempt["request"]["headers"].as_array().expect("headers");
    assert!(
        headers
            .iter()
            .any(|header| header[0] == "webhook-id" && header[1] == sent["messageId"])
    );
}

#[tokio::test]
async fn a_secret_that_is_brought_along_signs_and_a_wrong_one_is_refused_without_being_repeated() {
    let story = Story::begin().await;
    let add = async |secret: Value, path: &str| {
        let url = story.receiver.url(path);
        let body = json!({ "goalId": story.goal, "url": url, "events": ["task.created"], "secret": secret });
        story.api.post("/module/webhooks", body).await
    };
    let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF";
    let standard = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    let (from_taskview, from_elsewhere) = (add(json!(hex), "/hex").await, add(json!(standard), "/standard").await);
    let (made, wrong, number) = (
        add(json!(""), "/made").await,
        add(json!("geheim"), "/").await,
        add(json!(7), "/").await,
    );
    story.task("Sign").await;
    let received = story.receiver.wait_for(4).await;

    assert_eq!(from_taskview.response()["secret"], hex);
    assert_eq!(from_elsewhere.response()["secret"], standard);
    assert_eq!(from_elsewhere.response()["webhook"]["secretHint"], "LaSw");
    assert!(made.response()["secret"].as_str().is_some_and(|made| made.len() == 50));
    for secret in [hex, standard] {
        let signed = received.iter().filter(|request| request.is_signed_with(secret)).count();
        assert_eq!(signed, 1);
    }
    assert_eq!(
        (wrong.status, &wrong.body["error"]["fields"][0]["name"]),
        (400, &json!("secret"))
    );
    assert!(!wrong.body.to_string().contains("geheim"));
    assert_eq!(number.status, 400);
}
