//! `/readyz`: whether a node can do its work. What it says of an outage is in `faults_postgres.rs`, of a wrong clock in `nodes.rs`, and
//! which of several troubles it says is a table beside the code.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};
use taskview_webhooks::node_role::NodeRole;

use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};

#[tokio::test]
async fn a_node_notices_that_the_schema_under_it_became_newer_or_older() {
    let app = App::start().await;
    let mut db = Db::open(&DatabaseUrl::parse(&app.database.url).unwrap(), Purpose::Write).unwrap();
    let ready = async || app.visitor().get("/readyz").await;

    let first = ready().await;
    db.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
        .unwrap();
    let newer = ready().await;
    db.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '9999' OR version = '0005'")
        .unwrap();
    let older = ready().await;

    first.assert_status(200);
    assert_eq!(first.text(), "ready");
    newer.assert_status(200).assert_says("a newer version has migrated");
    older.assert_status(503).assert_says("lacks migrations");
}

#[tokio::test]
async fn a_worker_says_whether_it_is_ready_too() {
    if kind() == Kind::Sqlite {
        return;
    }
    let worker = App::on(Arc::new(TestDatabase::create()), |config| {
        config.role = NodeRole::Worker;
    })
    .await;

    let ready = worker.visitor().get("/readyz").await;

    ready.assert_status(200);
    assert_eq!(ready.text(), "ready");
}
