//! What every page of a project says while a webhook of it fails or was turned off, and to whom.

use std::time::Duration;

use serde_json::json;

use crate::support::given::{self, Project};
use crate::support::page::Page;
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn from_three_failures_on_every_page_says_so_to_who_manages_the_webhooks() {
    let story = Story::begin().await;
    let (lead, project) = (given::sign_in(&story.app, "lead").await, project(&story));
    let (manager, member) = (
        given::person(&story.app, "mia").await,
        given::person(&story.app, "bob").await,
    );
    let as_manager = [("email", "mia@example.com"), ("role", "manager")];
    let members = format!("{}/members", project.path);
    lead.submit(&members, "/members", &as_manager).await.assert_status(200);
    given::member(&lead, &project, "bob").await;
    story.receiver.answer_with(Answer::status(500));
    for _ in 0..2 {
        story.fail_once().await;
    }
    story
        .webhook_that("two failures", |hook| hook["consecutiveFailures"] == 2)
        .await;
    let after_two = lead.get(&project.path).await;
    story.fail_once().await;
    story
        .webhook_that("three failures", |hook| hook["consecutiveFailures"] == 3)
        .await;

    let hook = format!("{}/webhooks/{}", project.path, story.webhook);
    let deliveries = format!("{hook}/deliveries");
    for path in [&project.path, &members, &deliveries, &format!("{}/edit", project.path)] {
        let said = banner(&lead.get(path).await);
        for words in [
            "is failing: its last 3 deliveries failed, the first",
            "500 Internal Server Error",
            "At 10 in a row it is turned off.",
            "Look at it",
        ] {
            assert!(said.contains(words), "{path}: “{words}” is not in “{said}”");
        }
    }
    let page = manager.get(&project.path).await;
    assert!(banner(&page).contains("is failing"));
    assert_eq!(
        page.attributes(".banner .btn", "href"),
        [format!("{deliveries}?status=failed")]
    );
    assert_eq!(banner(&member.get(&project.path).await), "");
    assert_eq!(banner(&after_two), "", "two failures are usually over soon");
    let list = lead.get(&format!("{}/webhooks", project.path)).await;
    assert_eq!(banner(&list), "", "the row says it");
    list.assert_says("The last 3 deliveries failed.");

    let edit = format!("{}/edit", project.path);
    lead.submit(&edit, "/archive", &[("archived", "1")]).await;
    let archived = lead.get(&project.path).await;
    assert!(banner(&archived).contains("is failing"));
    lead.submit(&edit, "/archive", &[("archived", "0")]).await;

    story.receiver.answer_with(Answer::status(200));
    story.task("Arrives").await;
    story
        .webhook_that("no failure", |hook| hook["consecutiveFailures"] == 0)
        .await;
    assert_eq!(banner(&lead.get(&project.path).await), "", "it has recovered");
}

#[tokio::test]
async fn a_webhook_that_was_turned_off_is_told_with_what_it_holds_and_how_to_go_on() {
    let story = Story::begin().await;
    let (lead, project) = (given::sign_in(&story.app, "lead").await, project(&story));
    story.receiver.answer_with(Answer::status(500));
    for _ in 0..10 {
        story.fail_once().await;
    }
    story.webhook_that("off", |hook| hook["isActive"] == false).await;

    let nothing_held = lead.get(&project.path).await;
    story.task("Held").await;
    let held = lead.get(&project.path).await;
    let turn_on = format!("{}/webhooks/{}/turn-on", project.path, story.webhook);
    let question = lead.get(&turn_on).await;
    story.receiver.answer_with(Answer::Hang);
    lead.send(&question.form("/turn-on")).await;
    let on_again = lead.get(&project.path).await;

    assert!(banner(&nothing_held).contains("was turned off after 10 failed deliveries in a row"));
    assert!(
        !nothing_held.attributes(".banner .btn", "href").contains(&turn_on),
        "there is no question"
    );
    assert!(banner(&held).contains("1 delivery is held."), "{}", banner(&held));
    assert!(held.attributes(".banner .btn", "href").contains(&turn_on));
    assert_eq!(banner(&question), "", "this page says it itself");
    assert!(
        banner(&on_again).contains("The next failed delivery turns it off again."),
        "{}",
        banner(&on_again)
    );
}

#[tokio::test]
async fn several_webhooks_are_named_in_one_list() {
    let story = Story::begin().await;
    let (lead, project) = (given::sign_in(&story.app, "lead").await, project(&story));
    for name in ["CI", "Chat", "Billing"] {
        let body = json!({ "goalId": story.goal, "url": story.receiver.url("/more"), "events": ["task.created"], "name": name });
        story.api.post("/module/webhooks", body).await;
    }
    story.receiver.answer_with(Answer::status(500));
    for count in 1..=3 {
        story.fail_once().await;
        let all_failed = async || {
            let all = story.api.get(&format!("/module/webhooks?goalId={}", story.goal)).await;
            let all = all.response().as_array().expect("a list").clone();
            all.iter()
                .all(|hook| hook["consecutiveFailures"] == count)
                .then_some(())
        };
        wait::until(PATIENCE, "every webhook has failed", all_failed).await;
    }

    let page = lead.get(&project.path).await;

    let lines = page.texts(".banner li");
    assert!(
        banner(&page).starts_with("4 webhooks need a look."),
        "{}",
        banner(&page)
    );
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines[1].contains("CI") && lines[2].contains("Chat") && lines[2].contains("is failing"),
        "{lines:?}"
    );
    assert_eq!(lines[3], "and 1 more");
    assert_eq!(
        page.attributes(".banner .btn", "href"),
        [format!("{}/webhooks", project.path)]
    );
}

fn project(story: &Story) -> Project {
    Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("an id"),
    }
}

/// Empty when there is none.
fn banner(page: &Page) -> String {
    page.assert_status(200);
    page.texts(".banner").concat()
}
