//! The chart of a webhook's last 24 hours: what is counted in it, in which hour, and for how long it is kept.

use std::time::Duration;

use serde_json::json;
use taskview_webhooks::db::hourly::{self, Count};
use taskview_webhooks::db::webhooks;
use taskview_webhooks::domain::ids::WebhookId;
use taskview_webhooks::domain::moment::Moment;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, Project};
use crate::support::queue::{A, B, Queue, at};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_delivery_counts_once_it_ended_and_a_test_never_does() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.task("Arrives").await;
    story.newest("success", 1).await;
    story.receiver.answer_with(Answer::status(500));
    story.fail_once().await;
    press_test(&story, &lead).await;
    story.task("Not ended yet").await;
    story.newest("pending", 1).await;

    let chart = chart_that(&story, &lead, "1 delivered, 1 failed").await;

    assert_eq!(chart, ["Last 24 hours: 1 delivered, 1 failed"]);
    let history = lead
        .get(&format!("{}/{}/deliveries", list(&story), story.webhook))
        .await;
    assert_eq!(history.attributes(".hook-sum .bars", "aria-label"), chart);
}

#[tokio::test]
async fn each_webhook_has_a_chart_of_its_own_and_members_see_it() {
    let story = Story::begin().await;
    let other = Receiver::start();
    let body = json!({ "goalId": story.goal, "url": other.url("/"), "events": ["task.deleted"] });
    story.api.post("/module/webhooks", body).await;
    let lead = given::sign_in(&story.app, "lead").await;
    let member = given::person(&story.app, "bob").await;
    given::member(&lead, &project(&story), "bob").await;

    story.task("For the first one only").await;
    story.newest("success", 1).await;

    chart_that(&story, &lead, "1 delivered").await;
    let seen = member.get(&list(&story)).await;
    let charts = seen.attributes(".hook .bars", "aria-label");
    assert_eq!(
        charts,
        ["Last 24 hours: 1 delivered", "Last 24 hours: nothing sent yet"],
        "{}",
        seen.text()
    );
}

#[tokio::test]
async fn a_delivery_stands_in_the_hour_of_its_end_and_leaves_the_chart_after_a_day() {
    let app = App::start().await;
    app.advance(to_half_past(app.context().now()));
    let lead = given::lead(&app).await;
    let story = Story::on(app).await;
    given::task(&lead, &project(&story), "Now").await;
    chart_that(&story, &lead, "1 delivered").await;
    assert_eq!(bars(&story, &lead).await, [23], "the present hour is the last");

    story.app.advance(HOUR);
    given::task(&lead, &project(&story), "An hour later").await;
    chart_that(&story, &lead, "2 delivered").await;
    assert_eq!(bars(&story, &lead).await, [22, 23]);

    story.app.advance(HOUR * 23);
    assert_eq!(bars(&story, &lead).await, [0], "what is a day old has left");
    chart_that(&story, &lead, "1 delivered").await;

    story.app.advance(HOUR);
    chart_that(&story, &lead, "nothing sent").await;
}

#[tokio::test]
async fn what_is_held_stands_in_the_hour_in_which_it_came() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.task("Arrives").await;
    story.newest("success", 1).await;
    story.change_webhook(json!({ "isActive": false })).await;
    story.task("Held").await;
    story.task("Held too").await;

    chart_that(&story, &lead, "1 delivered, 2 held").await;

    let page = lead.get(&list(&story)).await;
    assert_eq!(page.attributes(".hook .bars .h", "d").len(), 1);
}

#[tokio::test]
async fn the_last_counts_are_written_when_the_program_stops() {
    let story = Story::begin().await;
    for _ in 0..3 {
        story.task("Arrives").await;
    }
    story.receiver.wait_for(3).await;

    let story = story.restarted().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let page = lead.get(&list(&story)).await;

    assert_eq!(
        page.attributes(".hook .bars", "aria-label"),
        ["Last 24 hours: 3 delivered"]
    );
}

#[test]
fn counts_are_added_to_what_another_node_has_written() {
    let mut queue = Queue::new();
    let count = |webhook, hour, ok, failed| Count {
        webhook,
        hour,
        ok,
        failed,
    };

    hourly::add(
        &mut queue.db,
        &[count(A, 7, 1, 0), count(A, 8, 5, 1), count(B, 7, 0, 2)],
    )
    .unwrap();
    hourly::add(&mut queue.db, &[count(A, 8, 2, 1), count(B, 9, 1, 0)]).unwrap();

    let all = hourly::of_webhooks(&mut queue.db, &[A, B], 0).unwrap();
    assert_eq!(
        all,
        [
            count(A, 7, 1, 0),
            count(A, 8, 7, 2),
            count(B, 7, 0, 2),
            count(B, 9, 1, 0)
        ]
    );
    let some = hourly::of_webhooks(&mut queue.db, &[B], 8).unwrap();
    assert_eq!(some, [count(B, 9, 1, 0)]);
}

#[test]
fn old_hours_go_in_slices_and_those_of_a_deleted_webhook_with_it() {
    let mut queue = Queue::new();
    let counts: Vec<Count> = [A, B]
        .iter()
        .flat_map(|webhook| (1..=5).map(|hour| one(*webhook, hour)))
        .collect();
    hourly::add(&mut queue.db, &counts).unwrap();

    let mut slice = || hourly::sweep(&mut queue.db, 3, 3).unwrap();
    assert_eq!([slice(), slice(), slice()], [3, 1, 0]);
    assert_eq!(queue.count("hourly"), 6, "the hours from 3 on stay");

    webhooks::hide(&mut queue.db, A, at(0)).unwrap();
    assert_eq!(webhooks::purge_slice(&mut queue.db, 100).unwrap(), 1);
    assert_eq!(queue.count("hourly"), 3);
    // A node that did not know writes a moment later: nothing breaks, and the row goes with its hour.
    hourly::add(&mut queue.db, &[one(A, 5)]).unwrap();
    assert_eq!(hourly::sweep(&mut queue.db, 100, 6).unwrap(), 4);
}

fn one(webhook: WebhookId, hour: i64) -> Count {
    Count {
        webhook,
        hour,
        ok: 1,
        failed: 0,
    }
}

fn project(story: &Story) -> Project {
    Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("an id"),
    }
}

/// So that no hour ends while the test runs.
fn to_half_past(now: Moment) -> Duration {
    let half_past = Moment::of_hour(now.hour() + 1) + HOUR / 2;
    half_past.since(now)
}

fn list(story: &Story) -> String {
    format!("/projects/{}/webhooks", story.goal)
}

/// Counts are written about once a second: waits until the first webhook's chart says this.
async fn chart_that(story: &Story, who: &Browser, words: &str) -> Vec<String> {
    let wanted = format!("Last 24 hours: {words}");
    wait::until(PATIENCE, &wanted, async || {
        let page = who.get(&list(story)).await;
        Some(page.attributes(".hook .bars", "aria-label")).filter(|all| all.first() == Some(&wanted))
    })
    .await
}

/// In which places of the only chart a bar of delivered ones stands.
async fn bars(story: &Story, who: &Browser) -> Vec<usize> {
    let page = who.get(&list(story)).await;
    let path = page.attributes(".hook .bars .g", "d").concat();
    let starts = path
        .split('M')
        .filter_map(|bar| bar.split(' ').next()?.parse::<usize>().ok());
    starts.map(|x| x / 5).collect()
}

async fn press_test(story: &Story, who: &Browser) {
    let page = who.submit(&list(story), &format!("/{}/test", story.webhook), &[]).await;
    page.assert_says("500 Internal Server Error in");
}
