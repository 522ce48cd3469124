//! The history is made shorter by the program itself: by the server, by the command beside it and without it, killed on the way; and pages
//! say what is gone.

use std::process::Stdio;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use taskview_webhooks::actions::retention::Pruner;
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose, space};
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::domain::retention::Kept;

use crate::support::api_client::ApiClient;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given;
use crate::support::past::{self, Past, State, delivered};
use crate::support::process::{Process, Told, add_user, command, tell};
use crate::support::queue::{A, B, Queue};
use crate::support::receiver::Receiver;
use crate::support::story::Story;
use crate::support::wait;

const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_command_counts_first_then_removes_and_then_has_nothing_left_to_do() {
    let mut queue = Queue::new();
    past::insert(&mut queue.db, &delivered(1, A.0, 100, 5, days_ago(40)));
    past::insert(&mut queue.db, &delivered(1, A.0, 200, 4, days_ago(2)));

    let counted = prune(&queue, &["--keep", "3", "--dry-run"]);
    let untouched = queue.count("deliveries");
    let removed = prune(&queue, &["--keep", "3"]);
    let again = prune(&queue, &["--keep", "3"]);
    let stricter = prune(&queue, &["--older-than", "1"]);

    let rules = "(older than 30 days, or more than 3 of a webhook)";
    assert_eq!(
        counted.out,
        format!(
            "6 deliveries and 6 events would go {rules}: 5 by their age, 1 by their number\ndry run: nothing was removed\n"
        )
    );
    assert_eq!(untouched, 9);
    assert_eq!(
        removed.out,
        format!("6 deliveries and 6 events removed {rules}\n"),
        "{}",
        removed.err
    );
    assert_eq!(again.out, format!("0 deliveries and 0 events removed {rules}\n"));
    assert!(
        stricter.out.starts_with("3 deliveries and 4 events removed"),
        "{stricter:?}"
    );
    assert_eq!(queue.count("deliveries"), 0);
}

#[test]
fn a_wrong_rule_and_a_missing_database_are_refused() {
    let database = TestDatabase::create();

    let zero = tell(command(&database).args(["prune", "--older-than", "0"]));
    let both = tell(command(&database).args(["prune", "--dry-run", "--vacuum"]));

    assert_eq!((zero.code, both.code), (Some(2), Some(2)));
    if kind() == Kind::Sqlite {
        let missing = tell(command(&database).arg("prune"));
        assert_eq!(missing.code, Some(1));
        assert!(missing.err.contains("There is no database at"), "{}", missing.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_the_way_it_leaves_nothing_half_done_and_the_next_run_finishes() {
    let mut queue = Queue::new();
    let old = days_ago(40);
    past::insert(&mut queue.db, &delivered(1, A.0, 1_000, 12_000, old));
    let waiting: Vec<Past> = (100..110)
        .map(|id| Past {
            id,
            project: 1,
            webhook: B.0,
            state: State::Pending,
            made: old,
            tried: None,
        })
        .collect();
    past::insert(&mut queue.db, &waiting);

    let mut left = 12_010;
    for kill in 1..=2 {
        let mut running = command(&queue.database)
            .arg("prune")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let before = left;
        left = wait::until(PATIENCE, "some have gone", async || {
            Some(queue.count("deliveries")).filter(|now| *now < before)
        })
        .await;
        running.kill().unwrap();
        running.wait().unwrap();

        left = queue.count("deliveries").min(left);
        assert!(left > 10, "kill {kill} came too late");
        past::assert_nothing_is_half_removed(&mut queue.db);
        assert_eq!(queue.count("attempts"), left - 10);
    }
    let last = prune(&queue, &[]);

    assert_eq!(last.code, Some(0), "{last:?}");
    assert_eq!(queue.count("deliveries"), 10);
    assert_eq!(
        queue.count("deliveries WHERE status = 0 AND webhook_id = 2"),
        10,
        "none that waits is lost"
    );
    assert_eq!((queue.count("attempts"), queue.count("events")), (0, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_running_server_deliveries_go_on_and_space_is_given_back() {
    let database = TestDatabase::create();
    add_user(&database, "lead", given::PASSWORD);
    let mut served = command(&database);
    let server = Process::start(&database, served.env("TASKVIEW_RETENTION_DAYS", "36500"));
    let api = ApiClient::signed_in(&server.base, "lead", given::PASSWORD).await;
    let receiver = Receiver::start();
    let goal = api.post("/module/goals", json!({ "name": "Busy" })).await.response()["id"].clone();
    let webhook = json!({ "goalId": goal, "url": receiver.url("/"), "events": ["task.created"] });
    let webhook = api.post("/module/webhooks", webhook).await.response()["webhook"]["id"].clone();
    let mut db = open(&database);
    let rows = delivered(number(&goal), number(&webhook), 1_000, 4_000, days_ago(40));
    past::insert(&mut db, &rows);

    let mut pruning = tokio::process::Command::from(command(&database));
    let pruning = pruning.args(["prune", "--vacuum"]).kill_on_drop(true).output();
    let (ended, ()) = tokio::join!(pruning, async {
        for number in 0..20 {
            let task = json!({ "goalId": goal, "description": format!("Task {number}") });
            api.post("/module/tasks", task).await.response();
        }
    });

    let ended = ended.unwrap();
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(
        out.starts_with("4,000 deliveries and 4,000 events removed"),
        "{out} {ended:?}"
    );
    assert_eq!(receiver.wait_for(20).await.len(), 20);
    match kind() {
        Kind::Sqlite => {
            assert!(out.contains("MiB were given back to the disk"), "{out}");
            let free = space::pages(&mut db).unwrap().unwrap();
            assert!(free.in_steps && free.free < 100, "{free:?}");
        }
        Kind::Postgres => assert!(out.contains("is free for new rows"), "{out}"),
    }
    assert!(server.terminate().success());
}

#[test]
fn a_file_that_cannot_give_space_back_in_steps_is_written_anew_once_the_server_has_stopped() {
    if kind() == Kind::Postgres {
        return;
    }
    let mut queue = Queue::new();
    past::insert(&mut queue.db, &delivered(1, A.0, 100, 2_000, days_ago(40)));
    queue.sql("PRAGMA auto_vacuum = NONE; VACUUM");

    let server = Process::serve(&queue.database);
    let beside = prune(&queue, &["--vacuum"]);
    assert!(server.terminate().success());
    let before = space::pages(&mut open(&queue.database)).unwrap().unwrap();
    let alone = prune(&queue, &["--vacuum"]);
    let after = space::pages(&mut open(&queue.database)).unwrap().unwrap();

    assert_eq!(beside.code, Some(1), "{beside:?}");
    assert!(
        beside.err.contains("The space was not given back") && beside.err.contains("stop it first"),
        "{}",
        beside.err
    );
    assert!(!before.in_steps && before.free > 50, "{before:?}");
    assert_eq!(alone.code, Some(0), "{alone:?}");
    assert!(after.in_steps && after.free < 10, "{after:?}");
}

#[tokio::test]
async fn the_server_removes_what_is_old_by_itself() {
    let story = Story::begin().await;
    let old = delivered(number(&story.goal), number(&story.webhook), 1_000, 300, days_ago(40));
    past::insert(&mut open(&story.app.database), &old);
    story.task("Young").await;
    story.newest("success", 1).await;

    let story = story.restarted().await;

    wait::until(PATIENCE, "the old ones are gone", async || {
        Some(story.deliveries().await).filter(|left| left.len() == 1)
    })
    .await;
}

#[tokio::test]
async fn pages_say_what_is_gone_and_for_how_long_the_rest_is_kept() {
    let kept = Kept {
        days: 7,
        per_webhook: 3,
    };
    let story = Story::configured(|config| config.kept = kept).await;
    let lead = given::sign_in(&story.app, "lead").await;
    let history = format!("/projects/{}/webhooks/{}/deliveries", story.goal, story.webhook);
    let list = format!("/projects/{}/webhooks", story.goal);
    let task = story.task("Known for long").await;
    let first = story.newest("success", 1).await;
    let task = format!("/projects/{}/tasks/{}", story.goal, task["id"]);

    let with_one = lead.get(&history).await;
    let known = lead.get(&task).await;
    story.app.advance(DAY * 8);
    let mut pruner = Pruner::new(story.app.context().store().clone(), kept);
    pruner.lap(&mut |_| ()).await.unwrap();
    // Another webhook's delivery would have kept its event, and with it the line on the task's page.
    let event = "INSERT INTO events (project_id, kind, body, occurred_at, task_id, published)
        SELECT project_id, 'task.created', '{}', created_at, id, FALSE FROM tasks";
    let words_of_unknown = "nothing, or not kept any more";
    let mut unknown = String::new();
    // The server goes its own laps, and one may come between.
    for _ in 0..5 {
        open(&story.app.database).batch_execute(event).unwrap();
        unknown = lead.get(&task).await.text();
        if unknown.contains(words_of_unknown) {
            break;
        }
    }
    let empty = lead.get(&history).await;
    let webhooks = lead.get(&list).await;
    let lost = lead.get(&format!("{history}/{}", first["id"])).await;

    let words = "Finished deliveries are kept for 7 days, and of each webhook the newest 3.";
    with_one.assert_says(words);
    assert!(known.text().contains("1 delivered"), "{}", known.text());
    empty.assert_says("Nothing has been sent lately").assert_says(words);
    assert!(!webhooks.text().contains("Never used"), "{}", webhooks.text());
    lost.assert_status(404)
        .assert_says("the delivery has been removed")
        .assert_says(words);
    assert!(unknown.contains(words_of_unknown), "{unknown}");
}

#[tokio::test]
async fn a_task_does_not_guess_why_a_webhook_got_nothing_once_its_oldest_deliveries_went_by_their_number() {
    let kept = Kept {
        days: 30,
        per_webhook: 2,
    };
    let story = Story::configured(|config| config.kept = kept).await;
    let lead = given::sign_in(&story.app, "lead").await;
    let mut paths = Vec::new();
    for number in 1..=4 {
        let task = story.task(&format!("Task {number}")).await;
        story.newest("success", 1).await;
        paths.push(format!("/projects/{}/tasks/{}", story.goal, task["id"]));
    }

    story.app.advance(Duration::from_secs(120));
    let mut pruner = Pruner::new(story.app.context().store().clone(), kept);
    pruner.lap(&mut |_| ()).await.unwrap();
    let (first, last) = (lead.get(&paths[0]).await, lead.get(&paths[3]).await);

    first.assert_says("nothing, or not kept any more");
    assert!(last.text().contains("1 delivered"), "{}", last.text());
}

fn prune(queue: &Queue, options: &[&str]) -> Told {
    tell(command(&queue.database).arg("prune").args(options))
}

fn days_ago(days: u32) -> Moment {
    Clock::default().now() - DAY * days
}

fn open(database: &TestDatabase) -> Db {
    Db::open(&DatabaseUrl::parse(&database.url).unwrap(), Purpose::Write).unwrap()
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}
