//! The server is killed while it makes the history shorter and tasks change: nothing that was acknowledged is lost, nothing is half
//! removed, and the next server finishes it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};
use tokio::task::JoinSet;

use crate::support::api_client::ApiClient;
use crate::support::database::TestDatabase;
use crate::support::given;
use crate::support::past::{self, delivered};
use crate::support::process::{Process, add_user, command};
use crate::support::queue::count;
use crate::support::receiver::Receiver;
use crate::support::wait;

const KILLS: usize = 4;
const CLIENTS: usize = 2;
/// Enough that a lap outlasts every kill.
const OLD: i64 = 20_000;
const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_on_its_lap_loses_nothing_and_the_next_one_finishes() {
    let database = TestDatabase::create();
    add_user(&database, "lead", given::PASSWORD);
    let receiver = Receiver::start();
    // Whoever makes the old rows must not see them go.
    let mut patient = command(&database);
    let server = Process::start(&database, patient.env("TASKVIEW_RETENTION_DAYS", "36500"));
    let api = ApiClient::signed_in(&server.base, "lead", given::PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Busy" })).await.response()["id"].clone();
    let webhook = json!({ "goalId": goal, "url": receiver.url("/"), "events": ["task.created"] });
    let webhook = api.post("/module/webhooks", webhook).await.response()["webhook"]["id"].clone();
    assert!(server.terminate().success());
    let url = DatabaseUrl::parse(&database.url).unwrap();
    let mut db = Db::open(&url, Purpose::Write).unwrap();
    let long_ago = Clock::default().now() - DAY * 40;
    let numbers = [&goal, &webhook].map(|id| id.as_i64().expect("a number"));
    past::insert(&mut db, &delivered(numbers[0], numbers[1], 1_000, OLD, long_ago));
    let old = format!("deliveries WHERE created_at = {}", long_ago.0);

    let (mut acknowledged, mut left) = (BTreeSet::new(), OLD);
    for kill in 1..=KILLS {
        let mut server = Process::serve(&database);
        let api = ApiClient::signed_in(&server.base, "lead", given::PASSWORD).await;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(given::tasks_until_it_dies(api.clone(), goal.clone()));
        }
        let before = left;
        wait::until(PATIENCE, "some of the old ones are gone", async || {
            (count(&mut db, &old) < before).then_some(())
        })
        .await;
        server.kill();
        acknowledged.extend(clients.join_all().await.into_iter().flatten());

        left = count(&mut db, &old);
        assert!(left > 0, "kill {kill} came too late");
        past::assert_nothing_is_half_removed(&mut db);
    }
    let server = Process::serve(&database);
    wait::until(PATIENCE, "the old ones are gone", async || {
        (count(&mut db, &old) == 0).then_some(())
    })
    .await;
    wait::until(PATIENCE, "every delivery ended", async || {
        (count(&mut db, "deliveries WHERE status = 0") == 0).then_some(())
    })
    .await;

    assert!(
        acknowledged.len() >= KILLS,
        "the load was no load: {} tasks",
        acknowledged.len()
    );
    let arrived: BTreeSet<i64> = receiver
        .requests()
        .iter()
        .map(|request| task_of(&request.json()))
        .collect();
    let lost: Vec<_> = acknowledged.difference(&arrived).collect();
    assert!(
        lost.is_empty(),
        "{} of {} were lost: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    past::assert_nothing_is_half_removed(&mut db);
    assert_eq!(count(&mut db, "deliveries WHERE status <> 1"), 0);
    assert!(server.terminate().success());
}

fn task_of(body: &Value) -> i64 {
    body["task"]["id"].as_i64().expect("a task's id")
}
