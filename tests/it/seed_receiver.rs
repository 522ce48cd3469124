//! The documentation's own way to test locally, word for word: its Node.js script receives what a project's tasks do.

use serde_json::json;

use crate::support::app::App;
use crate::support::given;
use crate::support::node_receiver::{NodeReceiver, free_port};

#[tokio::test]
async fn the_documented_receiver_prints_valid_and_the_json_of_every_event() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    let port = free_port();
    let webhook = given::webhook(&lead, &project, &format!("http://localhost:{port}")).await;
    let mut receiver = NodeReceiver::start(port, &webhook.secret).await;

    let task = given::task(&lead, &project, "Fix login bug").await;
    let (verdict, created) = receiver.printed().await;
    lead.submit(&task.path, &task.path, &[("description", "Fix the login bug")])
        .await
        .assert_status(200);
    let (verdict_updated, updated) = receiver.printed().await;
    let page = lead.get(&task.path).await;
    let member = page.attributes("input[name=assignees]", "value").remove(0);
    lead.submit(&task.path, &task.path, &[("assignees", &member)])
        .await
        .assert_status(200);
    let (verdict_assigned, assigned) = receiver.printed().await;
    let delete = format!("{}/delete", task.path);
    lead.submit(&delete, &delete, &[]).await.assert_status(200);
    let (verdict_deleted, deleted) = receiver.printed().await;

    assert_eq!(
        [verdict, verdict_updated, verdict_assigned, verdict_deleted],
        ["Valid"; 4]
    );
    let events = [&created, &updated, &assigned, &deleted].map(|body| body["event"].as_str().unwrap_or_default());
    assert_eq!(
        events,
        ["task.created", "task.updated", "task.assigneesChanged", "task.deleted"]
    );
    assert_eq!(created["task"]["description"], "Fix login bug");
    assert_eq!(updated["changes"], json!({ "description": "Fix the login bug" }));
    assert_eq!(
        assigned["userIds"],
        json!([member.parse::<i64>().expect("a member's id")])
    );
    assert_eq!(deleted["taskId"], task.id);
}
