//! The delivery history in a browser: lines, pages, filters, one delivery with all that is kept of it, and sending it again.

use std::time::Duration;

use crate::support::given;
use crate::support::page::Page;
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

#[tokio::test]
async fn the_history_goes_page_by_page_and_back() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    for n in 1..=45 {
        story.task(&format!("Task {n}")).await;
    }
    wait::until(Duration::from_secs(15), "45 deliveries", async || {
        story
            .deliveries()
            .await
            .iter()
            .all(|d| d["status"] == "success")
            .then_some(())
    })
    .await;

    let first = lead.get(&history(&story)).await;
    let second = lead.get(&link(&first, "Older")).await;
    let third = lead.get(&link(&second, "Older")).await;
    let back = lead.get(&link(&third, "Newer")).await;
    let top = lead.get(&link(&back, "Newer")).await;

    assert_eq!(tasks(&first)[0], "#45 Task 45");
    assert_eq!(
        (tasks(&first).len(), tasks(&second).len(), tasks(&third).len()),
        (20, 20, 5)
    );
    assert_eq!(tasks(&back), tasks(&second));
    assert_eq!(tasks(&top), tasks(&first));
    assert!(!top.texts(".pager a").contains(&"Newer".to_owned()));
    assert!(!third.texts(".pager a").contains(&"Older".to_owned()));
    assert_eq!(first.texts(".dtable tbody .state")[0], "Success");
    assert_eq!(first.texts(".dtable tbody .http")[0], "200");
    assert_eq!(first.texts(".dtable .tries-n")[0], "1 of 3");
}

#[tokio::test]
async fn the_filter_shows_one_state_and_lives_in_the_address() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.receiver.answer_with(Answer::status(500));
    story.fail_once().await;
    story.task("Waits for a retry").await;
    story.newest("pending", 1).await;
    story.receiver.answer_with(Answer::status(200));
    story.task("Arrives").await;
    story.newest("success", 1).await;
    let filtered = async |status: &str| lead.get(&format!("{}?status={status}", history(&story))).await;

    assert_eq!(tasks(&filtered("any").await).len(), 3);
    assert_eq!(tasks(&filtered("success").await), ["#3 Arrives"]);
    assert_eq!(tasks(&filtered("failed").await), ["#1 Fail"]);
    let pending = filtered("pending").await;
    assert_eq!(tasks(&pending), ["#2 Waits for a retry"]);
    pending.assert_says("retry in");
    filtered("held").await.assert_says("No deliveries match");
    assert_eq!(pending.attributes("#status option[selected]", "value"), ["pending"]);

    story.change_webhook(serde_json::json!({ "isActive": false })).await;
    let held = filtered("held").await;
    assert_eq!(tasks(&held), ["#2 Waits for a retry"]);
    assert_eq!(held.texts(".dtable tbody .state"), ["Held"]);
}

#[tokio::test]
async fn a_failed_delivery_says_why_shows_what_came_back_as_text_and_can_be_sent_again() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let hostile = b"<script>alert('hi')</script>".to_vec();
    story
        .receiver
        .answer_with(Answer::Respond(503, vec![("x-trace", "<b>9</b>".to_owned())], hostile));
    let failed = story.fail_once().await;
    let address = format!("{}/{}", history(&story), failed["id"]);

    let page = lead.get(&address).await;
    story.receiver.answer_with(Answer::status(200));
    let retried = lead.send(&page.form("/retry")).await;
    let again = lead.post(&format!("{address}/retry"), &[]).await;

    page.assert_status(200)
        .assert_says("The receiver answered 503 Service Unavailable")
        .assert_says("failed after 3 attempts")
        .assert_says("Attempt 3")
        .assert_says("waited 10")
        .assert_says("<script>alert('hi')</script>")
        .assert_says("X-Webhook-Signature");
    assert!(!page.html.contains("<script>alert") && !page.html.contains("<b>9</b>"));
    let raw = page.texts("#raw").concat();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&raw).expect("JSON"),
        failed["payload"]
    );
    retried
        .assert_says("Retried: it was delivered.")
        .assert_says("Delivered on attempt 4")
        .assert_says("4 attempts");
    again.assert_says("has succeeded; there is nothing to retry");
    let requests = story.receiver.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    assert_eq!(requests[3].header("webhook-id"), requests[0].header("webhook-id"));
}

#[tokio::test]
async fn a_retry_works_while_the_webhook_is_off_and_does_not_turn_it_on() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;
    story.change_webhook(serde_json::json!({ "isActive": false })).await;
    let address = format!("{}/{}", history(&story), failed["id"]);

    let failed_again = lead.submit(&address, "/retry", &[]).await;
    let after_failure = story.webhook().await;
    story.receiver.answer_with(Answer::status(204));
    let done = lead.submit(&address, "/retry", &[]).await;
    let after_success = story.webhook().await;

    failed_again.assert_says("Retried: it failed again.");
    assert_eq!(
        after_failure["consecutiveFailures"], 1,
        "a failed retry does not count again"
    );
    done.assert_says("Retried: it was delivered.");
    assert_eq!(after_success["consecutiveFailures"], 0);
    assert_eq!(after_success["isActive"], false);
}

#[tokio::test]
async fn a_selection_is_sent_again_and_what_is_not_failed_any_more_is_left_out_and_said() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.task("Arrives").await;
    let arrived = story.newest("success", 1).await;
    story.receiver.answer_with(Answer::status(500));
    let first = story.fail_once().await;
    let second = story.fail_once().await;
    story.receiver.answer_with(Answer::status(200));
    let filtered = format!("{}?status=failed", history(&story));

    let page = lead.get(&filtered).await;
    let form = page.form("/deliveries/retry?status=failed");
    let empty = lead.send(&form).await;
    let chosen = [&first, &second, &arrived].map(|delivery| delivery["id"].to_string());
    let chosen: Vec<_> = chosen.iter().map(|id| ("d", id.as_str())).collect();
    let sent = lead.send(&form.filled(&chosen)).await;
    let requests = story.receiver.wait_for(9).await;

    assert_eq!(page.attributes("input[name=d]", "value").len(), 2, "failed ones only");
    empty.assert_says("Select the deliveries that are to be sent again.");
    sent.assert_says("2 deliveries are being sent again.")
        .assert_says("1 other was left out");
    assert_eq!(sent.path, filtered, "back on the page where it was pressed");
    let mut again: Vec<_> = requests[7..]
        .iter()
        .map(|request| request.header("webhook-id"))
        .collect();
    again.sort_unstable();
    let mut ids = [first["messageId"].as_str(), second["messageId"].as_str()];
    ids.sort_unstable();
    assert_eq!(again, ids);
    wait::until(Duration::from_secs(15), "all to be delivered", async || {
        let all = story.deliveries().await;
        all.iter().all(|delivery| delivery["status"] == "success").then_some(())
    })
    .await;
    let over = lead.send(&page.form("/retry?status=failed").filled(&chosen)).await;
    over.assert_says("Nothing was sent again.");
}

#[tokio::test]
async fn a_selection_of_another_webhooks_deliveries_sends_nothing() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.receiver.answer_with(Answer::status(500));
    let failed = story.fail_once().await;
    let other = given::project(&lead, "Other").await;
    let theirs = given::webhook(&lead, &other, &story.receiver.url("/theirs")).await;
    let id = failed["id"].to_string();

    let answer = lead
        .post(&format!("{}/deliveries/retry", theirs.path), &[("d", &id)])
        .await;

    answer.assert_says("Nothing was sent again.");
    assert_eq!(story.deliveries().await[0]["status"], "failed");
    assert_eq!(story.receiver.requests().len(), 3);
}

#[tokio::test]
async fn all_failed_are_counted_on_a_page_and_sent_again_and_the_history_says_how_many_are_left() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.change_webhook(serde_json::json!({ "isActive": false })).await;
    for n in 0..12 {
        story.task(&format!("Held {n}")).await;
    }
    let turn_on = format!("{}/turn-on", webhook(&story));
    lead.post(&turn_on, &[("held", "discard")]).await.assert_status(200);
    wait::until(Duration::from_secs(15), "all to be discarded", async || {
        let all = story.deliveries().await;
        all.iter().all(|delivery| delivery["status"] == "failed").then_some(())
    })
    .await;
    let slow = Answer::After(Duration::from_millis(400), Box::new(Answer::status(200)));
    story.receiver.answer_with(slow);
    let resend = format!("{}/resend", webhook(&story));

    let before = lead.get(&history(&story)).await;
    let question = lead.get(&resend).await;
    let nothing = lead.get(&format!("{resend}?since=2999-01-01T00:00")).await;
    let strange = lead.get(&format!("{resend}?since=yesterday")).await;
    let untouched = story.receiver.requests().len();
    let started = lead.send(&question.form("/resend")).await;
    let twice = lead.send(&question.form("/resend")).await;
    let again = lead.get(&resend).await;

    assert!(before.links().contains(&resend));
    question.assert_says("12 deliveries will be sent again");
    nothing.assert_says("Nothing to send again");
    strange.assert_says("Enter a date and a time");
    assert!(strange.forms().iter().all(|form| !form.action.ends_with("/resend")));
    assert_eq!(untouched, 0, "looking sends nothing");
    started
        .assert_says("12 deliveries will be sent again.")
        .assert_says("Failed deliveries are being sent again")
        .assert_says("left. They go out a few at a time");
    twice.assert_says("are being re-sent already");
    again.assert_says("are being sent again already");
    assert!(again.forms().iter().all(|form| !form.action.ends_with("/resend")));
    wait::until(Duration::from_secs(20), "all to be delivered", async || {
        let all = story.deliveries().await;
        all.iter().all(|delivery| delivery["status"] == "success").then_some(())
    })
    .await;
    let after = lead.get(&history(&story)).await;
    assert!(!after.says("are being sent again"), "{}", after.text());
    assert_eq!(story.receiver.requests().len(), 12);
}

#[tokio::test]
async fn a_test_is_in_the_history_and_cannot_be_retried() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.receiver.answer_with(Answer::status(500));
    lead.post(&format!("{}/test", webhook(&story)), &[]).await;
    let test = story.newest("failed", 1).await;
    let address = format!("{}/{}", history(&story), test["id"]);

    let list = lead.get(&history(&story)).await;
    let page = lead.get(&address).await;
    let refused = lead.post(&format!("{address}/retry"), &[]).await;

    assert_eq!(tasks(&list), ["test"]);
    page.assert_says("never counts").assert_says("1 of 1");
    assert!(page.forms().iter().all(|form| !form.action.ends_with("/retry")));
    refused.assert_says("A test is never retried");
}

#[tokio::test]
async fn a_member_sees_that_it_failed_but_neither_answers_nor_paths() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let bob = given::person(&story.app, "bob").await;
    let eve = given::person(&story.app, "eve").await;
    let project = given::Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("an id"),
    };
    given::member(&lead, &project, "bob").await;
    let answer = Answer::Respond(
        500,
        vec![("x-internal", "header-of-theirs".to_owned())],
        b"body of theirs".to_vec(),
    );
    story.receiver.answer_with(answer);
    let failed = story.fail_once().await;
    let address = format!("{}/{}", history(&story), failed["id"]);

    let page = bob.get(&address).await;

    page.assert_status(200).assert_says("500 Internal Server Error");
    for hidden in ["body of theirs", "header-of-theirs", "X-Webhook-Signature", "/hook"] {
        assert!(!page.text().contains(hidden), "{hidden}");
    }
    assert!(page.forms().iter().all(|form| !form.action.ends_with("/retry")));
    bob.post(&format!("{address}/retry"), &[]).await.assert_status(403);
    eve.get(&address).await.assert_status(404);
    eve.get(&history(&story)).await.assert_status(404);
    let elsewhere = given::project(&eve, "Mine").await;
    let through_mine = format!(
        "{}/webhooks/{}/deliveries/{}",
        elsewhere.path, story.webhook, failed["id"]
    );
    eve.get(&through_mine).await.assert_status(404);
}

fn webhook(story: &Story) -> String {
    format!("/projects/{}/webhooks/{}", story.goal, story.webhook)
}

fn history(story: &Story) -> String {
    format!("{}/deliveries", webhook(story))
}

/// The task column.
fn tasks(page: &Page) -> Vec<String> {
    page.texts(".dtable tbody td.t")
}

/// Where a button of the pager leads.
#[track_caller]
fn link(page: &Page, words: &str) -> String {
    let place = page.texts(".pager a").iter().position(|text| text == words);
    let place = place.unwrap_or_else(|| panic!("no {words} on {}: {}", page.path, page.text()));
    page.attributes(".pager a", "href")[place].clone()
}
