//! Several nodes on one PostgreSQL: who does what, that they agree, and that what one knows reaches the others. On SQLite
//! there is one process, and nothing here applies.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::json;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose, turn};
use taskview_webhooks::node_role::NodeRole;

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given;
use crate::support::process::{Process, add_user};
use crate::support::receiver::Receiver;
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
