//! The page that tells administrators how the installation is.

use std::sync::Arc;

use taskview_webhooks::node_role::{NodeRole, node_name};

use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given;
use crate::support::process;
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

#[tokio::test]
async fn it_shows_what_waits_what_ended_and_who_stands_out_by_host_only() {
    let story = Story::begin().await;
    story.task("Arrives").await;
    story.newest("success", 1).await;
    story.receiver.answer_with(Answer::status(500));
    story.fail_once().await;
    story.task("Waits").await;
    story.newest("pending", 1).await;
    let lead = given::sign_in(&story.app, "lead").await;

    // The counts of the last second are still in memory.
    let page = wait::until(PATIENCE, "both ends are counted", async || {
        let page = lead.get("/status").await;
        page.says("1 delivered, 1 failed").then_some(page)
    })
    .await;

    page.assert_status(200)
        .assert_says("For a later attempt 1")
        .assert_says("nothing is due")
        .assert_says(&format!("127.0.0.1 webhook {} 1 failed delivery", story.webhook))
        .assert_says("Failing 1")
        .assert_says("Attempts on their way 0 of 512")
        .assert_says(&format!("Version {}", env!("CARGO_PKG_VERSION")))
        .assert_says("TASKVIEW_MAX_IN_FLIGHT 512");
    for secret in ["/hook", "Website", &story.receiver.port().to_string()] {
        let main = page.texts("main").join(" ");
        assert!(!main.contains(secret), "{secret}: {main}");
    }
}

#[tokio::test]
async fn it_is_for_administrators_and_shows_them_nothing_of_the_projects_of_others() {
    let story = Story::begin().await;
    process::add_user(&story.app.database, "ada", given::PASSWORD);
    let admin = process::tell(process::command(&story.app.database).args(["user", "admin", "ada"]));
    assert_eq!(admin.code, Some(0), "{}", admin.err);

    let ada = given::sign_in(&story.app, "ada").await.get("/status").await;
    let bob = given::person(&story.app, "bob").await.get("/status").await;
    let nobody = story.app.visitor().get("/status").await;

    ada.assert_status(200).assert_says("Deliveries that wait");
    assert!(!ada.html.contains("Website"), "{}", ada.text());
    bob.assert_status(404);
    assert!(nobody.path.starts_with("/sign-in"), "{}", nobody.path);
}

#[tokio::test]
async fn it_lists_the_nodes_with_their_names_what_they_do_and_their_version() {
    if kind() == Kind::Sqlite {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    let web = App::on(Arc::clone(&database), |config| config.role = NodeRole::Web).await;
    let _worker = App::on(Arc::clone(&database), |config| config.role = NodeRole::Worker).await;
    process::add_user(&database, "lead", given::PASSWORD);
    let lead = given::sign_in(&web, "lead").await;

    // Both nodes are in this process.
    let (name, version) = (node_name(), env!("CARGO_PKG_VERSION"));
    let page = wait::until(PATIENCE, "the web node has heard the worker", async || {
        let page = lead.get("/status").await;
        page.says(&format!("{name} worker, version {version}")).then_some(page)
    })
    .await;

    page.assert_says(&format!("{name} (this one) web, version {version}"))
        .assert_says("PostgreSQL")
        .assert_says("none on this node");
}
