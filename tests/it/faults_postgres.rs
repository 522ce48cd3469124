//! PostgreSQL goes away and comes back while events are published and sent: who asks hears so soon, what was acknowledged
//! arrives, what was on its way is recorded, and everything goes on by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::database::{Kind, kind};
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(40);

fn on_sqlite() -> bool {
    kind() == Kind::Sqlite
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_under_load_lose_nothing() {
    if on_sqlite() {
        return;
    }
    let story = Story::begin().await;
    story
        .receiver
        .answer_with(Answer::After(Duration::from_millis(20), Box::new(Answer::status(200))));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| tokio::spawn(make_tasks(story.api.clone(), story.goal.clone(), Arc::clone(&stop))))
        .collect();

    for _ in 0..15 {
        wait::a_while(Duration::from_millis(150)).await;
        let database = Arc::clone(&story.app.database);
        tokio::task::spawn_blocking(move || database.cut()).await.expect("cut");
    }
    wait::a_while(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut refused) = (BTreeSet::new(), 0);
    for client in clients {
        let (made, not_made) = client.await.expect("a client");
        acknowledged.extend(made);
        refused += not_made;
    }
    // What was on its way and could not be recorded is sent again when its lease is over.
    story.app.advance(Duration::from_secs(21));
    wait::until(PATIENCE, "every delivery ended well", async || {
        let path = format!("/module/webhooks/deliveries/{}?status=pending&limit=1", story.webhook);
        let waiting = story.api.get(&path).await;
        waiting.response().as_array()?.is_empty().then_some(())
    })
    .await;

    let mut attempts: BTreeMap<i64, BTreeSet<(String, String)>> = BTreeMap::new();
    for request in story.receiver.requests() {
        let header = |name: &str| request.header(name).expect(name).to_owned();
        let task = request.json()["task"]["id"].as_i64().expect("an id");
        let name = (header("webhook-id"), header("x-webhook-attempt"));
        attempts.entry(task).or_default().insert(name);
    }
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|task| !attempts.contains_key(task))
        .collect();
    let unlike: Vec<_> = attempts.values().filter(|names| names.len() > 1).collect();
    assert!(
        !acknowledged.is_empty() && refused > 0,
        "{} made, {refused} refused: no trouble under load",
        acknowledged.len()
    );
    assert!(lost.is_empty(), "{} of {} were lost", lost.len(), acknowledged.len());
    assert!(unlike.is_empty(), "a repeat is the same attempt: {unlike:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_on_a_connection_that_was_cut_a_moment_ago_is_made_on_another() {
    if on_sqlite() {
        return;
    }
    let story = Story::begin().await;
    for round in 0..3 {
        story.task("Before").await;
        let database = Arc::clone(&story.app.database);
        tokio::task::spawn_blocking(move || database.cut()).await.expect("cut");
        let task = json!({ "goalId": story.goal, "description": "After" });
        let answer = story.api.post("/module/tasks", task).await;
        assert_eq!(answer.status, 200, "round {round}: {:?}", answer.body);
    }
    story.receiver.wait_for(6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_a_while_is_said_soon_and_waited_for() {
    if on_sqlite() {
        return;
    }
    let story = Story::begin().await;
    story
        .receiver
        .answer_in_turn([Answer::After(Duration::from_millis(700), Box::new(Answer::status(200)))]);
    let task = || json!({ "goalId": story.goal, "description": "Wait" });
    let (first, later) = (Duration::from_secs(6), Duration::from_secs(1));

    story.task("On its way").await;
    story.receiver.wait_for(1).await;
    story.app.database.close();
    let mut took = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        story.api.post("/module/tasks", task()).await.assert_outage();
        took.push(began.elapsed());
    }
    let (ready, alive) = (
        story.app.visitor().get("/readyz").await,
        story.app.visitor().get("/healthz").await,
    );
    story.app.database.reopen();
    let recorded = wait::until(PATIENCE, "it is recorded without being sent again", async || {
        let answer = story
            .api
            .get(&format!("/module/webhooks/deliveries/{}?limit=1", story.webhook))
            .await;
        let newest = answer.body["response"].as_array()?.first()?.clone();
        (newest["status"] == "success").then_some(newest)
    })
    .await;
    story.task("Afterwards").await;
    story.receiver.wait_for(2).await;

    assert!(took[0] < first && took[1] < later && took[2] < later, "{took:?}");
    ready.assert_status(503).assert_says("database cannot be reached");
    alive.assert_status(200);
    assert_eq!(recorded["attempts"], 1);
    assert_eq!(story.receiver.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_changes_that_wait_for_each_other_are_both_made() {
    if on_sqlite() {
        return;
    }
    let story = Story::begin().await;
    let goal = story.goal.as_i64().expect("an id");
    let locks = [
        "UPDATE projects SET name = name WHERE id = ".to_owned() + &goal.to_string(),
        "UPDATE webhooks SET name = name WHERE id = ".to_owned() + &story.webhook.to_string(),
    ];
    let (both_hold_one, tries) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let change = |first: usize| {
        let (locks, both_hold_one, tries) = (locks.clone(), Arc::clone(&both_hold_one), Arc::clone(&tries));
        story.app.context().write(move |tx| {
            tx.db.batch_execute(&locks[first])?;
            if tries.fetch_add(1, Ordering::Relaxed) < 2 {
                both_hold_one.wait();
            }
            Ok(tx.db.batch_execute(&locks[1 - first])?)
        })
    };

    let (one, other) = tokio::join!(change(0), change(1));

    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert!(tries.load(Ordering::Relaxed) > 2, "one of them was run again");
}

/// The ids of the tasks that were acknowledged, and how many were refused; every other answer is a defect.
async fn make_tasks(api: ApiClient, goal: Value, stop: Arc<AtomicBool>) -> (Vec<i64>, usize) {
    let (mut made, mut refused) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let task = json!({ "goalId": goal, "description": "Cut" });
        let answer = api.post("/module/tasks", task).await;
        if answer.status == 200 {
            made.push(answer.response()["id"].as_i64().expect("an id"));
        } else {
            answer.assert_outage();
            refused += 1;
        }
    }
    (made, refused)
}
