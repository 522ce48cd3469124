//! Several nodes on one PostgreSQL: who does what, that they agree, and that what one knows reaches the others. On SQLite
//! there is one process, and nothing here applies.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use serde_json::json;
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose, turn};
use taskview_webhooks::node_role::NodeRole;

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given;
use crate::support::process::{Process, add_user, disable_user};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

fn one_process_only() -> bool {
    kind() == Kind::Sqlite
}

async fn node(database: &Arc<TestDatabase>, role: NodeRole) -> App {
    App::on(Arc::clone(database), |config| config.role = role).await
}

#[tokio::test]
async fn a_web_node_leaves_deliveries_to_a_worker_which_serves_nobody() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", given::PASSWORD);
    let web = node(&database, NodeRole::Web).await;
    let story = Story::on(web).await;

    story.task("Wait").await;
    wait::a_while(Duration::from_secs(1)).await;
    let before = story.receiver.requests().len();
    let worker = node(&database, NodeRole::Worker).await;
    let after = story.receiver.wait_for(1).await.len();
    let visitor = worker.visitor();

    assert_eq!((before, after), (0, 1));
    visitor.get("/healthz").await.assert_status(200);
    for path in ["/", "/sign-in", "/module/goals"] {
        visitor.get(path).await.assert_status(404).assert_says("only delivers");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_on_an_empty_database_all_serve_it() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());

    let starting: Vec<_> = (0..4)
        .map(|_| {
            let database = Arc::clone(&database);
            tokio::task::spawn_blocking(move || Process::serve(&database))
        })
        .collect();
    let mut nodes = Vec::new();
    for node in starting {
        nodes.push(node.await.expect("it starts"));
    }

    add_user(&database, "lead", given::PASSWORD);
    let receiver = Receiver::start();
    let first = ApiClient::signed_in(&nodes[0].base, "lead", given::PASSWORD).await;
    let goal = first
        .post("/module/goals", json!({ "name": "Shared" }))
        .await
        .response()["id"]
        .clone();
    let body = json!({ "goalId": goal, "url": receiver.url("/"), "events": given::ALL_EVENTS });
    first.post("/module/webhooks", body).await.response();
    for node in &nodes {
        let api = ApiClient::signed_in(&node.base, "lead", given::PASSWORD).await;
        let task = json!({ "goalId": goal, "description": "From each" });
        api.post("/module/tasks", task).await.response();
    }
    receiver.wait_for(nodes.len()).await;
}

#[test]
fn one_node_cleans_at_a_time() {
    let database = TestDatabase::create();
    let url = DatabaseUrl::parse(&database.url).unwrap();
    let (mut one, mut other) = (
        Db::open(&url, Purpose::Write).unwrap(),
        Db::open(&url, Purpose::Write).unwrap(),
    );
    let alone = one_process_only();

    one.batch_execute("BEGIN").unwrap();
    other.batch_execute("BEGIN").unwrap();
    let first = turn::to_clean(&mut one).unwrap();
    let beside = turn::to_clean(&mut other).unwrap();
    one.batch_execute("COMMIT").unwrap();
    let afterwards = turn::to_clean(&mut other).unwrap();

    assert_eq!((first, beside, afterwards), (true, alone, true));
}

#[tokio::test]
async fn a_test_pressed_on_a_web_node_is_sent_and_answered_by_a_worker_at_once() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", given::PASSWORD);
    let _worker = node(&database, NodeRole::Worker).await;
    let story = Story::on(node(&database, NodeRole::Web).await).await;

    let press = async |times: usize| {
        let mut took = Vec::new();
        for _ in 0..times {
            let began = Instant::now();
            let body = json!({ "id": story.webhook });
            let tested = story.api.post("/module/webhooks/test", body).await;
            took.push(began.elapsed());
            assert_eq!(tested.response()["success"], true, "{tested:?}");
        }
        took.sort();
        took
    };

    let took = press(5).await;
    story.app.database.cut();
    // They hear each other again on new connections, which nothing outside tells.
    wait::a_while(Duration::from_secs(1)).await;
    let took_again = press(4).await;

    // Without a word between the nodes a scan finds it within 2 s, and who waits looks every 500 ms.
    assert!(took[2] < Duration::from_millis(350), "{took:?}");
    assert!(took_again[1] < Duration::from_millis(350), "{took_again:?}");
}

#[tokio::test]
async fn a_node_on_a_machine_with_a_wrong_clock_says_so_and_goes_by_the_database() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", given::PASSWORD);
    let hour_ahead = Clock::on_a_machine_wrong_by(3_600_000_000);
    let story = Story::on(node(&database, NodeRole::All).await).await;
    let wrong = App::with_clock(Arc::clone(&database), hour_ahead, |_| ()).await;
    // Long enough for a node an hour ahead to find every lease run out and send all of it again.
    story.receiver.answer_with(Answer::After(
        Duration::from_millis(1500),
        Box::new(Answer::status(200)),
    ));

    for _ in 0..4 {
        story.task("Once").await;
    }
    story.receiver.wait_for(4).await;
    story.newest("success", 1).await;
    wait::until(Duration::from_secs(20), "all are recorded", async || {
        let all = story.deliveries().await;
        all.iter().all(|delivery| delivery["status"] == "success").then_some(())
    })
    .await;

    assert_eq!(story.receiver.requests().len(), 4);
    story.app.visitor().get("/readyz").await.assert_status(200);
    let unready = wrong.visitor().get("/readyz").await;
    unready.assert_status(503).assert_says("3600 s ahead of the database's");
    wrong.visitor().get("/healthz").await.assert_status(200);
}

#[tokio::test]
async fn two_nodes_send_each_delivery_once_and_share_its_retries() {
    if one_process_only() {
        return;
    }
    let (database, clock) = (Arc::new(TestDatabase::create()), Clock::default());
    let shared = async || App::with_clock(Arc::clone(&database), clock.clone(), |_| ()).await;
    add_user(&database, "lead", given::PASSWORD);
    let (story, other) = (Story::on(shared().await).await, shared().await);
    let elsewhere = given::api(&other, "lead").await;
    story.receiver.answer_with(Answer::FailBeforeAttempt(3));

    for number in 0..20 {
        let api = if number % 2 == 0 { &story.api } else { &elsewhere };
        let task = json!({ "goalId": story.goal, "description": "Share" });
        api.post("/module/tasks", task).await.response();
    }
    for attempt in 1..=3 {
        wait::until(Duration::from_secs(20), "an attempt of each", async || {
            let all = story.deliveries().await;
            all.iter().all(|delivery| delivery["attempts"] == attempt).then_some(())
        })
        .await;
        story.app.advance(Duration::from_secs(21));
    }

    let requests = story.receiver.requests();
    let once: HashSet<_> = requests
        .iter()
        .map(|request| (request.header("webhook-id"), request.header("x-webhook-attempt")))
        .collect();
    assert_eq!((requests.len(), once.len()), (60, 60));
    let all = story.deliveries().await;
    assert!(all.iter().all(|delivery| delivery["status"] == "success"), "{all:?}");
}

#[tokio::test]
async fn what_is_changed_on_one_node_holds_on_the_other_from_the_next_attempt_on() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    add_user(&database, "lead", given::PASSWORD);
    let _worker = node(&database, NodeRole::Worker).await;
    let story = Story::on(node(&database, NodeRole::Web).await).await;

    story.task("Old secret").await;
    story.newest("success", 1).await;
    let rotated = story
        .api
        .post("/module/webhooks/rotate-secret", json!({ "id": story.webhook }))
        .await;
    let secret = rotated.response()["secret"].as_str().expect("a secret").to_owned();
    story.task("New secret").await;
    story.newest("success", 1).await;
    story.change_webhook(json!({ "isActive": false })).await;
    story.task("Held").await;
    wait::a_while(Duration::from_millis(2500)).await;

    let requests = story.receiver.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].is_signed_with(&story.secret) && !requests[0].is_signed_with(&secret));
    assert!(requests[1].is_signed_with(&secret));
}

#[tokio::test]
async fn a_worker_that_comes_is_noticed_by_a_web_node_that_had_none() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    let web = node(&database, NodeRole::Web).await;
    let visitor = web.visitor();
    let ready = async |with: bool| {
        wait::until(Duration::from_secs(20), "the web node knows", async || {
            let page = visitor.get("/readyz").await;
            page.assert_status(200);
            (page.text().contains("no node that delivers") != with).then_some(())
        })
        .await;
    };

    ready(false).await;
    let worker = node(&database, NodeRole::Worker).await;
    ready(true).await;
    worker.stop();
    ready(false).await;
}

#[tokio::test]
async fn who_is_shut_out_on_one_node_hears_nothing_more_from_another() {
    if one_process_only() {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    for login in ["lead", "mia", "max"] {
        add_user(&database, login, given::PASSWORD);
    }
    let other = node(&database, NodeRole::Web).await;
    let story = Story::on(node(&database, NodeRole::All).await).await;
    let project = given::Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("a number"),
    };
    let lead = given::sign_in(&story.app, "lead").await;
    for login in ["mia", "max"] {
        given::member(&lead, &project, login).await;
    }
    let address = format!(
        "{}/webhooks/{}/deliveries/live?rows=&newest=0",
        project.path, story.webhook
    );
    let (mia, max) = (given::sign_in(&other, "mia").await, given::sign_in(&other, "max").await);
    let lead_there = given::sign_in(&other, "lead").await;
    let (mut of_mia, mut of_max) = (mia.stream(&address).await, max.stream(&address).await);
    let mut of_lead = lead_there.stream(&address).await;
    let soon = Duration::from_secs(5);

    // Signed out, disabled, and without a project: all of it elsewhere.
    let mia_here = given::sign_in(&story.app, "mia").await;
    mia_here.submit("/account", "/end-others", &[]).await;
    of_mia.ends_within(soon).await;
    disable_user(&database, "max");
    of_max.ends_within(soon).await;
    let delete = format!("{}/delete", project.path);
    lead.submit(&delete, "/delete", &[]).await.assert_says("is deleted");
    of_lead.ends_within(soon).await;
}
