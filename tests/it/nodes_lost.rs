//! Nodes that go away: killed, paused for longer than their lease, restarted in turn under load. On one PostgreSQL; an
//! embedded database has one process, for which `crash.rs` shows the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given::{self, PASSWORD};
use crate::support::process::{Process, add_user, command};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

/// A lease is twenty seconds.
const BEYOND_THE_LEASE: Duration = Duration::from_secs(21);
const PATIENCE: Duration = Duration::from_secs(30);

fn one_process_only() -> bool {
    kind() == Kind::Sqlite
}

/// A task made through a node that then loses its grip: its attempt is on its way and not recorded.
async fn on_its_way(node: &Process, slow: Duration) -> (Receiver, Value, Value) {
    let receiver = Receiver::start();
    receiver.answer_in_turn([Answer::After(slow, Box::new(Answer::status(200)))]);
    let api = ApiClient::signed_in(&node.base, "lead", PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Lost" })).await.response()["id"].clone();
    let body = json!({ "goalId": goal, "url": receiver.url("/"), "events": ["task.created"] });
    let made = api.post("/module/webhooks", body).await;
    let webhook = made.response()["webhook"]["id"].clone();
    let task = json!({ "goalId": goal, "description": "Survive" });
    api.post("/module/tasks", task).await.response();
    receiver.wait_for(1).await;
    (receiver, goal, webhook)
}

async fn takes_over(database: &Arc<TestDatabase>, receiver: Receiver, goal: Value, webhook: Value) -> Story {
    let app = App::on(Arc::clone(database), |_| ()).await;
    let api = given::api(&app, "lead").await;
    app.advance(BEYOND_THE_LEASE);
    let story = Story {
        api,
        app,
        receiver,
        goal,
        webhook,
        secret: String::new(),
    };
    story.newest("success", 1).await;
    story
}

fn assert_repeated_as_the_same_attempt(story: &Story) {
    let requests = story.receiver.requests();
    let names = |name: &str| {
        requests
            .iter()
            .map(|request| request.header(name).map(str::to_owned))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(requests.len(), 2);
    assert_eq!(names("webhook-id").len(), 1, "one delivery");
    assert_eq!(names("x-webhook-attempt"), BTreeSet::from([Some("1".to_owned())]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_was_sending_is_sent_by_another_and_costs_no_retry() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", PASSWORD);
    let mut node = Process::serve(&database);
    let (receiver, goal, webhook) = on_its_way(&node, PATIENCE).await;

    node.kill();
    let story = takes_over(&database, receiver, goal, webhook).await;

    assert_repeated_as_the_same_attempt(&story);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_paused_beyond_its_lease_records_nothing_twice() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", PASSWORD);
    let node = Process::serve(&database);
    let (receiver, goal, webhook) = on_its_way(&node, Duration::from_millis(300)).await;

    node.signal("STOP");
    let story = takes_over(&database, receiver, goal, webhook).await;
    node.signal("CONT");
    // It works again, and by then has heard its own answer, which is no longer wanted.
    let api = ApiClient::signed_in(&node.base, "lead", PASSWORD).await;
    let task = json!({ "goalId": story.goal, "description": "Afterwards" });
    api.post("/module/tasks", task).await.response();
    story.newest("success", 1).await;
    assert!(node.terminate().success());

    let all = story.deliveries().await;
    let first = all.last().expect("the first delivery");
    let attempts = story
        .api
        .get(&format!("/module/webhooks/attempts/{}", first["id"]))
        .await;
    assert_eq!(all.len(), 2);
    assert_eq!((&first["status"], &first["attempts"]), (&json!("success"), &json!(1)));
    assert_eq!(attempts.response().as_array().map(Vec::len), Some(1), "{attempts:?}");
    // The other one the two clocks may disagree about: this test has put them 21 seconds apart.
    let requests = story.receiver.requests();
    let id = requests[0].header("webhook-id");
    let of_first = requests.iter().filter(|request| request.header("webhook-id") == id);
    assert_eq!(of_first.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarting_two_nodes_in_turn_under_load_loses_nothing_and_repeats_nothing() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", PASSWORD);
    let mut nodes = vec![Process::serve(&database), Process::serve(&database)];
    let receiver = Receiver::start();
    receiver.answer_with(Answer::After(Duration::from_millis(30), Box::new(Answer::status(200))));
    let api = ApiClient::signed_in(&nodes[0].base, "lead", PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Rolling" })).await.response()["id"].clone();
    let body = json!({ "goalId": goal, "url": receiver.url("/"), "events": ["task.created"] });
    api.post("/module/webhooks", body).await.response();

    let mut acknowledged = BTreeSet::new();
    for round in 0..4 {
        let (stays, goes) = (round % 2, (round + 1) % 2);
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for node in [&nodes[stays], &nodes[goes]] {
            let api = ApiClient::signed_in(&node.base, "lead", PASSWORD).await;
            clients.push(tokio::spawn(make_tasks(api, goal.clone(), Arc::clone(&stop))));
        }
        wait::a_while(Duration::from_millis(300)).await;
        let restarted = {
            let (node, database) = (nodes.remove(goes), Arc::clone(&database));
            tokio::task::spawn_blocking(move || {
                assert!(node.terminate().success());
                Process::serve(&database)
            })
        };
        nodes.insert(goes, restarted.await.expect("it starts again"));
        wait::a_while(Duration::from_millis(200)).await;
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            acknowledged.extend(client.await.expect("a client"));
        }
    }
    wait::until(PATIENCE, "everything has arrived", async || {
        (arrivals(&receiver).len() >= acknowledged.len()).then_some(())
    })
    .await;

    let arrivals = arrivals(&receiver);
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|task| !arrivals.contains_key(task))
        .collect();
    let repeated: Vec<_> = arrivals.iter().filter(|(_, times)| **times > 1).collect();
    assert!(acknowledged.len() > 50, "{} tasks were no load", acknowledged.len());
    assert!(lost.is_empty(), "{} of {} were lost", lost.len(), acknowledged.len());
    assert!(repeated.is_empty(), "sent more than once: {repeated:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_and_a_web_node_end_well_on_sigterm_and_record_what_is_on_its_way() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", PASSWORD);
    let role = |role| {
        let mut command = command(&database);
        // Half of the work is never a laptop, where loopback is allowed by itself.
        command
            .env("TASKVIEW_ROLE", role)
            .env("TASKVIEW_ALLOW_TARGETS", "loopback");
        Process::start(&database, &mut command)
    };
    let (web, worker) = (role("web"), role("worker"));
    let (receiver, _, webhook) = on_its_way(&web, Duration::from_millis(700)).await;

    let worker_ended = tokio::task::spawn_blocking(|| worker.terminate()).await;
    let api = ApiClient::signed_in(&web.base, "lead", PASSWORD).await;
    let deliveries = api.get(&format!("/module/webhooks/deliveries/{webhook}")).await;
    let web_ended = web.terminate();

    assert!(worker_ended.expect("it ends").success() && web_ended.success());
    let delivery = &deliveries.response()[0];
    assert_eq!(
        (&delivery["status"], &delivery["attempts"]),
        (&json!("success"), &json!(1))
    );
    assert_eq!(receiver.requests().len(), 1);
}

/// The ids of the tasks that were acknowledged, until the node goes or it is told to stop.
async fn make_tasks(api: ApiClient, goal: Value, stop: Arc<AtomicBool>) -> Vec<i64> {
    let mut made = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let task = json!({ "goalId": goal, "description": "Roll" });
        match api.try_post("/module/tasks", task).await {
            Ok(answer) => made.push(answer.response()["id"].as_i64().expect("an id")),
            Err(_) => break,
        }
    }
    made
}

/// How often the receiver saw the creation of each task.
fn arrivals(receiver: &Receiver) -> BTreeMap<i64, usize> {
    let mut times = BTreeMap::new();
    for request in receiver.requests() {
        let task = request.json()["task"]["id"].as_i64().expect("a task's id");
        *times.entry(task).or_default() += 1;
    }
    times
}
