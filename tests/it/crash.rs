//! The real process, killed again and again with SIGKILL while tasks change and some receivers fail: what was acknowledged
//! arrives, and a kill costs no delivery an attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::api_client::ApiClient;
use crate::support::database::TestDatabase;
use crate::support::given;
use crate::support::process::{Process, add_user};
use crate::support::received::Received;
use crate::support::receiver::{Answer, Receiver};
use crate::support::wait;

const KILLS: usize = 20;
const CLIENTS: usize = 4;
const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_arrives_and_no_attempt_is_lost_to_twenty_kills() {
    let database = TestDatabase::create();
    let (steady, flaky) = (Receiver::start(), Receiver::start());
    flaky.answer_with(Answer::FailBeforeAttempt(3));
    add_user(&database, "lead", PASSWORD);
    let mut process = Process::serve(&database);
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Storm" })).await.response()["id"].clone();
    let (steady_id, secret) = add_webhook(&api, &goal, &steady.url("/")).await;
    let (flaky_id, _) = add_webhook(&api, &goal, &flaky.url("/")).await;

    let mut acknowledged = BTreeSet::new();
    for _ in 0..KILLS {
        let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(given::tasks_until_it_dies(api.clone(), goal.clone()));
        }
        let moment = rand::rng().random_range(20..400);
        wait::a_while(Duration::from_millis(moment)).await;
        process.kill();
        acknowledged.extend(clients.join_all().await.into_iter().flatten());
        process = Process::serve(&database);
    }

    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let deliveries_of = async |webhook: &Value| -> Vec<Value> {
        wait::until(Duration::from_secs(120), "every delivery ended", async || {
            let waiting = api
                .get(&format!("/module/webhooks/deliveries/{webhook}?status=pending&limit=1"))
                .await;
            waiting.response().as_array()?.is_empty().then_some(())
        })
        .await;
        all_deliveries(&api, webhook).await
    };
    let (on_steady, on_flaky) = (deliveries_of(&steady_id).await, deliveries_of(&flaky_id).await);

    assert!(
        acknowledged.len() > KILLS,
        "the load was no load: {} tasks",
        acknowledged.len()
    );
    for (name, receiver, deliveries, attempts) in [("steady", &steady, on_steady, 1), ("flaky", &flaky, on_flaky, 3)] {
        let arrived = attempts_by_task(&receiver.requests());
        let lost: Vec<_> = acknowledged.iter().filter(|task| !arrived.contains_key(task)).collect();
        assert!(
            lost.is_empty(),
            "{name}: {} of {} were lost: {lost:?}",
            lost.len(),
            acknowledged.len()
        );
        let skipped: Vec<_> = arrived
            .iter()
            .filter(|(_, seen)| **seen != (1..=attempts).collect())
            .collect();
        assert!(
            skipped.is_empty(),
            "{name}: attempts that were seen, by task: {skipped:?}"
        );
        let wrong: Vec<_> = deliveries
            .iter()
            .filter(|delivery| delivery["status"] != "success" || delivery["attempts"] != attempts)
            .collect();
        assert!(
            wrong.is_empty(),
            "{name}: not ended well after {attempts} attempts: {wrong:?}"
        );
        assert!(deliveries.len() >= acknowledged.len());
    }
    assert!(steady.requests().iter().all(|request| request.is_signed_with(&secret)));
    assert!(process.terminate().success());
}

async fn add_webhook(api: &ApiClient, goal: &Value, url: &str) -> (Value, String) {
    let made = api
        .post(
            "/module/webhooks",
            json!({ "goalId": goal, "url": url, "events": ["task.created"] }),
        )
        .await;
    let secret = made.response()["secret"].as_str().expect("a secret").to_owned();
    (made.response()["webhook"]["id"].clone(), secret)
}

/// For each task, the attempt numbers that its receiver saw.
fn attempts_by_task(requests: &[Received]) -> BTreeMap<i64, BTreeSet<i64>> {
    let mut seen: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for request in requests {
        let task = request.json()["task"]["id"].as_i64().expect("a task's id");
        let attempt = request
            .header("X-Webhook-Attempt")
            .expect("a number")
            .parse()
            .expect("a number");
        seen.entry(task).or_default().insert(attempt);
    }
    seen
}

async fn all_deliveries(api: &ApiClient, webhook: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let cursor = all
            .last()
            .map(|last| format!("&cursor={}", last["id"]))
            .unwrap_or_default();
        let page = api
            .get(&format!("/module/webhooks/deliveries/{webhook}?limit=100{cursor}"))
            .await;
        let page = page.response().as_array().expect("a list").clone();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}
