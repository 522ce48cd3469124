//! The embedded database cannot write: the disk is full, or another program holds the file. Who publishes hears so, what was
//! acknowledged arrives, and everything goes on by itself.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::json;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};

use crate::support::api_client::ApiClient;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given::PASSWORD;
use crate::support::process::{Process, add_user, command};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

/// More than the log can grow to, less than the write-ahead log before it starts anew.
const NO_FILE_BEYOND: u64 = 1_500_000;
const PATIENCE: Duration = Duration::from_secs(30);

fn on_postgres() -> bool {
    kind() == Kind::Postgres
}

/// The binary, spared the signal by which a limit on the size of files would end it: for it, the disk is full.
fn start(database: &TestDatabase) -> Process {
    let plain = command(database);
    let mut spared = Command::new("sh");
    spared
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(plain.get_program());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => spared.env(name, value),
            None => spared.env_remove(name),
        };
    }
    Process::start(database, spared.stdin(std::process::Stdio::null()))
}

fn limit_files(process: &Process, size: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &process.id().to_string(), &format!("--fsize={size}:unlimited")])
        .status();
    assert!(limited.expect("prlimit runs").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_refuses_events_until_there_is_room_and_loses_none() {
    if on_postgres() {
        return;
    }
    let database = TestDatabase::create();
    add_user(&database, "lead", PASSWORD);
    let process = start(&database);
    let receiver = Receiver::start();
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Full" })).await.response()["id"].clone();
    let body = json!({ "goalId": goal, "url": receiver.url("/"), "events": ["task.created"] });
    api.post("/module/webhooks", body).await.response();
    let make = async || {
        let task = json!({ "goalId": goal, "description": "Fill", "note": "x".repeat(10_000) });
        api.post("/module/tasks", task).await
    };
    let mut acknowledged = BTreeSet::new();

    limit_files(&process, &NO_FILE_BEYOND.to_string());
    let refused = wait::until(PATIENCE, "the disk is full", async || {
        let answer = make().await;
        if answer.status == 200 {
            acknowledged.insert(answer.response()["id"].as_i64()?);
            return None;
        }
        Some(answer)
    })
    .await;
    refused.assert_outage();
    make().await.assert_outage();
    api.get("/module/goals").await.response();
    limit_files(&process, "unlimited");
    let after = wait::until(PATIENCE, "there is room again", async || {
        Some(make().await).filter(|answer| answer.status == 200)
    })
    .await;
    acknowledged.extend(after.response()["id"].as_i64());
    let arrived = wait::until(PATIENCE, "all have arrived", async || {
        let arrived: BTreeSet<i64> = receiver
            .requests()
            .iter()
            .filter_map(|request| request.json()["task"]["id"].as_i64())
            .collect();
        acknowledged.is_subset(&arrived).then_some(arrived)
    })
    .await;

    assert!(acknowledged.len() > 5, "it was full from the start");
    assert!(arrived.len() <= acknowledged.len() + 2, "what was refused was sent");
    assert!(process.terminate().success());
}

#[tokio::test]
async fn a_file_that_another_program_holds_refuses_events_and_what_was_on_its_way_is_recorded() {
    if on_postgres() {
        return;
    }
    let story = Story::begin().await;
    story
        .receiver
        .answer_in_turn([Answer::After(Duration::from_millis(500), Box::new(Answer::status(200)))]);
    let mut intruder = Db::open(
        &DatabaseUrl::parse(&story.app.database.url).expect("a URL"),
        Purpose::Write,
    )
    .expect("the file");

    story.task("On its way").await;
    story.receiver.wait_for(1).await;
    intruder.batch_execute("BEGIN IMMEDIATE").expect("the lock");
    let task = json!({ "goalId": story.goal, "description": "Refused" });
    story.api.post("/module/tasks", task).await.assert_outage();
    intruder.batch_execute("ROLLBACK").expect("let go");
    let recorded = story.newest("success", 1).await;
    story.task("Afterwards").await;
    story.receiver.wait_for(2).await;

    assert_eq!(recorded["attempts"], 1);
    assert_eq!(story.receiver.requests().len(), 2);
}
