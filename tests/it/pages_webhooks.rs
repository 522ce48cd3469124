//! Webhooks in a browser: added, tested, edited, turned off and on, rotated and deleted, and who may do so.

use std::time::Duration;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, Project};
use crate::support::receiver::{Answer, Receiver};

#[tokio::test]
async fn the_secret_is_shown_once_and_sending_the_form_again_changes_nothing() {
    let (app, lead, project) = begin().await;
    let form = lead
        .get(&format!("{}/webhooks/new", project.path))
        .await
        .form("/webhooks/new");
    let form = form.filled(&[
        ("url", "http://localhost:4545"),
        ("events", "task.created"),
        ("name", "Laptop"),
    ]);

    let first = lead.send(&form).await;
    let again = lead.send(&form).await;
    let list = lead.get(&format!("{}/webhooks", project.path)).await;

    let secret = given::secret_on(&first);
    assert!(secret.starts_with("whsec_"));
    assert_eq!(first.headers["cache-control"], "no-store");
    first
        .assert_says("it will not be shown again")
        .assert_says("createHmac");
    again
        .assert_status(409)
        .assert_says("This was already done at")
        .assert_says("Lost it? Rotate secret");
    assert!(!again.html.contains(&secret));
    assert!(again.html.contains(&secret[secret.len() - 4..]));
    assert_eq!(list.texts(".hook h2 a"), ["Laptop"]);
    list.assert_says("Never used").assert_says("1 of 50");
    drop(app);
}

#[tokio::test]
async fn a_form_that_stood_open_for_an_hour_comes_back_with_what_was_typed() {
    let (app, lead, project) = begin().await;
    let form = lead
        .get(&format!("{}/webhooks/new", project.path))
        .await
        .form("/webhooks/new");
    app.advance(Duration::from_secs(3_601));

    let typed = [
        ("url", "http://localhost:4545"),
        ("events", "task.deleted"),
        ("name", "Laptop"),
    ];
    let back = lead.send(&form.filled(&typed)).await;
    let sent = lead.send(&back.form("/webhooks/new")).await;

    back.assert_status(422).assert_says("open for more than an hour");
    assert_eq!(back.attributes("#url", "value"), ["http://localhost:4545"]);
    assert_eq!(
        back.attributes("input[name=events][checked]", "value"),
        ["task.deleted"]
    );
    given::secret_on(&sent);
}

#[tokio::test]
async fn every_mistake_stands_beside_its_field() {
    let (_app, lead, project) = begin().await;
    let new = format!("{}/webhooks/new", project.path);
    let long = "n".repeat(81);

    let page = lead
        .submit(
            &new,
            "/webhooks/new",
            &[("url", "http://10.0.0.5:8080/hook"), ("name", &long)],
        )
        .await;

    page.assert_status(422)
        .assert_says("3 things to correct")
        .assert_says("10.0.0.5")
        .assert_says("Choose at least one event.");
    assert_eq!(page.attributes("#url", "aria-invalid"), ["true"]);
    assert_eq!(page.attributes("#name", "value"), [long]);
    assert_eq!(page.texts("#events-err").len(), 1);
}

#[tokio::test]
async fn a_test_says_what_came_back_where_it_was_pressed() {
    let (_app, lead, project) = begin().await;
    let receiver = Receiver::start();
    receiver.answer_in_turn([Answer::Respond(200, vec![], b"thank you".to_vec()), Answer::status(500)]);
    let hook = given::webhook(&lead, &project, &receiver.url("/")).await;
    let gone = given::webhook(&lead, &project, "http://127.0.0.1:1/").await;
    let list = format!("{}/webhooks", project.path);
    let press = async |id: i64| lead.submit(&list, &format!("/{id}/test"), &[]).await;

    let good = press(hook.id).await;
    let bad = press(hook.id).await;
    let refused = press(gone.id).await;
    let from_history = lead.submit(&format!("{}/deliveries", hook.path), "/test", &[]).await;

    assert!(
        good.texts(&format!("#w-{} [role=status]", hook.id))[0].contains("200 OK"),
        "{}",
        good.text()
    );
    good.assert_says("9 bytes came back");
    assert!(bad.texts(&format!("#w-{} [role=status]", hook.id))[0].contains("500 Internal Server Error"));
    assert!(refused.texts(&format!("#w-{} [role=status]", gone.id))[0].contains("The test failed."));
    assert!(from_history.path.contains("/deliveries"), "{}", from_history.path);
    from_history.assert_says("200 OK in");
    let requests = receiver.requests();
    assert!(requests[0].is_signed_with(&hook.secret));
    assert_eq!(requests[0].json()["event"], "webhook.test");
    assert_eq!(requests[0].json()["data"]["message"], "This is a test webhook delivery");
    assert_eq!(bad.texts(".hook .pill")[0], "Active", "a failed test is never counted");
}

#[tokio::test]
async fn the_eleventh_test_in_a_minute_has_to_wait() {
    let (_app, lead, project) = begin().await;
    let receiver = Receiver::start();
    let hook = given::webhook(&lead, &project, &receiver.url("/")).await;
    for _ in 0..10 {
        lead.post(&format!("{}/test", hook.path), &[]).await.assert_status(200);
    }

    let eleventh = lead.post(&format!("{}/test", hook.path), &[]).await;

    eleventh.assert_says("limited to 10 a minute");
    assert_eq!(receiver.requests().len(), 10);
}

#[tokio::test]
async fn an_edit_is_used_by_what_is_sent_next() {
    let (_app, lead, project) = begin().await;
    let (old, new) = (Receiver::start(), Receiver::start());
    let hook = given::webhook(&lead, &project, &old.url("/")).await;
    let edit = format!("{}/edit", hook.path);

    let typed = [
        ("url", new.url("/new")),
        ("events", "task.deleted".into()),
        ("name", "Moved".into()),
    ];
    let typed: Vec<_> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    lead.submit(&edit, "/edit", &typed).await.assert_says("Saved.");
    let task = given::task(&lead, &project, "Fix login bug").await;
    lead.submit(&format!("{}/delete", task.path), "/delete", &[]).await;
    let received = new.wait_for(1).await;
    let form = lead.get(&edit).await;

    assert_eq!(received[0].json()["event"], "task.deleted");
    assert!(old.requests().is_empty());
    assert_eq!(
        form.attributes("input[name=events][checked]", "value"),
        ["task.deleted"]
    );
    assert_eq!(form.attributes("#name", "value"), ["Moved"]);
    form.assert_says(&format!("whsec_…{}", &hook.secret[hook.secret.len() - 4..]));
}

#[tokio::test]
async fn what_was_held_is_sent_or_discarded_as_asked() {
    let (_app, lead, project) = begin().await;
    let receiver = Receiver::start();
    let hook = given::webhook(&lead, &project, &receiver.url("/")).await;
    let toggle = format!("{}/toggle", hook.path);
    let turn_on = format!("{}/turn-on", hook.path);

    let off = lead.post(&toggle, &[("active", "false")]).await;
    given::task(&lead, &project, "While it is off").await;
    let list = lead.get(&format!("{}/webhooks", project.path)).await;
    let question = lead.post(&toggle, &[("active", "true")]).await;
    let sent = lead.send(&question.form("/turn-on")).await;
    let received = receiver.wait_for(1).await;
    lead.post(&toggle, &[("active", "false")]).await;
    given::task(&lead, &project, "Discard me").await;
    let discarded = lead.submit(&turn_on, "/turn-on", &[("held", "discard")]).await;
    given::task(&lead, &project, "After that").await;
    let after = receiver.wait_for(2).await;

    off.assert_says("is off.").assert_says("Turned off by Lead");
    list.assert_says("1 delivery is held");
    assert!(question.path.ends_with("/turn-on"), "{}", question.path);
    question.assert_says("Send 1 held delivery").assert_says("Discard them");
    sent.assert_says("is on.");
    assert_eq!(received[0].json()["task"]["description"], "While it is off");
    discarded.assert_says("discarded");
    assert_eq!(after[1].json()["task"]["description"], "After that");
}

#[tokio::test]
async fn what_was_done_to_a_webhook_is_said_at_its_row_and_nowhere_else() {
    let (_app, lead, project) = begin().await;
    let receiver = Receiver::start();
    let first = given::webhook(&lead, &project, &receiver.url("/one")).await;
    let second = given::webhook(&lead, &project, &receiver.url("/two")).await;
    let list = format!("{}/webhooks", project.path);
    let said = |page: &crate::support::page::Page, id: i64| page.texts(&format!("#w-{id} [role=status]")).concat();

    let off = lead
        .post(&format!("{}/toggle", second.path), &[("active", "false")])
        .await;
    let later = lead.get(&list).await;
    let on = lead
        .post(&format!("{}/toggle", second.path), &[("active", "true")])
        .await;
    let back = lead
        .post_only(&format!("{}/toggle", second.path), &[("active", "true")])
        .await;
    lead.get(&list).await;
    let edited = lead
        .submit(&format!("{}/edit", first.path), "/edit", &[("name", "CI")])
        .await;
    lead.post(&format!("{}/toggle", first.path), &[("active", "false")])
        .await;
    given::task(&lead, &project, "Held").await;
    let question = lead.get(&format!("{}/turn-on", first.path)).await;
    let sent = lead.send(&question.form("/turn-on")).await;

    assert!(
        said(&off, second.id).contains("is off. What happens from now on is held, not lost."),
        "{}",
        off.text()
    );
    assert_eq!(off.texts("[role=status].flash").len(), 1);
    assert_eq!(said(&off, first.id), "");
    assert_eq!(off.texts(".hook .pill"), ["Never used", "Off · by Lead"]);
    assert_eq!(back.headers["location"], format!("{list}#w-{}", second.id));
    assert_eq!(said(&later, second.id), "", "it is said once");
    assert!(said(&on, second.id).contains("is on."));
    assert!(said(&edited, first.id).contains("Saved."));
    assert!(said(&sent, first.id).contains("What was held is being sent"));
}

#[tokio::test]
async fn a_long_url_is_cut_on_the_screen_only() {
    let (_app, lead, project) = begin().await;
    let url = "http://localhost:4545/services/T0001234/B0005678/aVeryLongToken/x9fKq2";
    given::webhook(&lead, &project, url).await;

    let page = lead.get(&format!("{}/webhooks", project.path)).await;

    assert_eq!(page.attributes(".hook h2 .url", "title"), [url]);
    let shown = page.texts(".hook h2 .url > span");
    assert_eq!(shown.concat(), url);
    assert_eq!(shown[1].len(), 14);
}

#[tokio::test]
async fn a_project_without_webhooks_says_how_to_begin() {
    let (app, lead, project) = begin().await;
    let member = given::person(&app, "bob").await;
    given::member(&lead, &project, "bob").await;
    let list = format!("{}/webhooks", project.path);

    let to_manager = lead.get(&list).await;
    let to_member = member.get(&list).await;

    to_manager
        .assert_says("Store its secret.")
        .assert_says("Press Test.")
        .assert_says("taskview-webhooks listen")
        .assert_says("What will be sent");
    assert!(to_manager.links().contains(&"/docs/verify".to_owned()));
    to_member
        .assert_says("The owner and managers of this project can add one.")
        .assert_says("What will be sent");
    assert!(!to_member.says("Press Test."));
}

#[tokio::test]
async fn rotating_asks_first_and_the_old_secret_signs_nothing_any_more() {
    let (_app, lead, project) = begin().await;
    let receiver = Receiver::start();
    let hook = given::webhook(&lead, &project, &receiver.url("/")).await;
    let rotate = format!("{}/rotate", hook.path);

    let question = lead.get(&rotate).await;
    let form = question.form("/rotate");
    let rotated = lead.send(&form).await;
    let again = lead.send(&form).await;
    given::task(&lead, &project, "Fix login bug").await;
    let received = receiver.wait_for(1).await;

    question.assert_says("The old secret stops working immediately");
    let secret = given::secret_on(&rotated);
    rotated.assert_says("has a new secret");
    again.assert_status(409).assert_says("This was already done at");
    assert!(received[0].is_signed_with(&secret) && !received[0].is_signed_with(&hook.secret));
}

#[tokio::test]
async fn deleting_asks_with_numbers_and_then_it_is_gone() {
    let (_app, lead, project) = begin().await;
    let receiver = Receiver::start();
    let hook = given::webhook(&lead, &project, &receiver.url("/")).await;
    given::task(&lead, &project, "One").await;
    receiver.wait_for(1).await;
    let delete = format!("{}/delete", hook.path);

    let question = lead.get(&delete).await;
    let gone = lead.send(&question.form("/delete")).await;
    given::task(&lead, &project, "Two").await;

    question.assert_says("1 delivery").assert_says("cannot be undone");
    gone.assert_says("is deleted.").assert_says("No webhooks yet");
    for page in ["edit", "deliveries", "rotate", "delete", "turn-on"] {
        lead.get(&format!("{}/{page}", hook.path)).await.assert_status(404);
    }
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_member_sees_webhooks_without_what_urls_give_away_and_a_stranger_nothing() {
    let (app, lead, project) = begin().await;
    let member = given::person(&app, "bob").await;
    let stranger = given::person(&app, "eve").await;
    given::member(&lead, &project, "bob").await;
    let hook = given::webhook(&lead, &project, "http://localhost:4545/chat/s3cr3t-path").await;
    let list = format!("{}/webhooks", project.path);

    let seen = member.get(&list).await;

    seen.assert_status(200).assert_says("http://localhost:4545/…");
    assert!(!seen.html.contains("s3cr3t-path"));
    assert!(seen.forms().iter().all(|form| !form.action.contains("/webhooks/")));
    for page in ["edit", "rotate", "delete", "turn-on"] {
        member.get(&format!("{}/{page}", hook.path)).await.assert_status(403);
    }
    for action in ["toggle", "test", "delete"] {
        let fields = [("active", "false")];
        member
            .post(&format!("{}/{action}", hook.path), &fields)
            .await
            .assert_status(403);
        stranger
            .post(&format!("{}/{action}", hook.path), &fields)
            .await
            .assert_status(404);
    }
    stranger.get(&list).await.assert_status(404);
    stranger.get(&format!("{}/edit", hook.path)).await.assert_status(404);
    let visitor = app.visitor().get(&list).await;
    assert!(visitor.path.starts_with("/sign-in?next="), "{}", visitor.path);
}

async fn begin() -> (App, Browser, Project) {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    (app, lead, project)
}

#[tokio::test]
async fn types_of_another_application_and_a_secret_brought_along_are_typed_into_the_form() {
    let (app, lead, project) = begin().await;
    let receiver = Receiver::start();
    let (new, url) = (format!("{}/webhooks/new", project.path), receiver.url("/"));
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let typed = |custom: &'static str, secret: &'static str| {
        [
            ("url", url.clone()),
            ("custom", custom.into()),
            ("secret", secret.into()),
        ]
    };
    let submit = async |typed: [(&str, String); 3]| {
        let typed: Vec<_> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        lead.submit(&new, "/webhooks/new", &typed).await
    };

    let refused = submit(typed("Paid!", "geheim")).await;
    let added = submit(typed("invoice.paid, order.shipped invoice.paid", secret)).await;
    let api = given::api(&app, "lead").await;
    let webhook = api
        .get(&format!("/module/webhooks?goalId={}", project.id))
        .await
        .response()[0]
        .clone();
    let publish = serde_json::json!({ "goalId": project.id, "event": "invoice.paid", "data": { "n": 1 } });
    api.post("/module/events", publish).await;
    let received = receiver.wait_for(1).await;
    let edit = format!("{}/webhooks/{}/edit", project.path, webhook["id"]);
    let shown = lead.get(&edit).await;
    lead.submit(
        &edit,
        "/edit",
        &[("custom", "order.shipped"), ("events", "task.created")],
    )
    .await;
    let after = api
        .get(&format!("/module/webhooks?goalId={}", project.id))
        .await
        .response()[0]
        .clone();

    refused
        .assert_status(422)
        .assert_says("There is no event “Paid!”")
        .assert_says("A secret is whsec_ followed by");
    assert!(!refused.html.contains("geheim") && refused.html.contains("value=\"Paid!\""));
    assert_eq!(given::secret_on(&added), secret);
    assert_eq!(webhook["events"], serde_json::json!(["invoice.paid", "order.shipped"]));
    assert!(received[0].is_signed_with(secret));
    assert!(shown.html.contains("value=\"invoice.paid order.shipped\""));
    assert!(!shown.html.contains("Existing secret"));
    assert_eq!(after["events"], serde_json::json!(["task.created", "order.shipped"]));
}
