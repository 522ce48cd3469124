//! The documentation's own way to test locally: its Node.js script, word for word, receives what a project's tasks do. And the same
//! with `listen` in its place.

use serde_json::{Value, json};

use crate::listen::Listener;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given;
use crate::support::node_receiver::{NodeReceiver, free_port};

#[tokio::test]
async fn the_documented_receiver_prints_valid_and_the_json_of_every_event() {
    let app = App::start().await;
    let port = free_port();
    let (walk, secret) = Walk::begin(&app, &format!("http://localhost:{port}")).await;
    let mut receiver = NodeReceiver::start(port, &secret).await;

    let printed = walk.go(async || receiver.printed().await).await;

    assert_eq!(printed, ["Valid"; 4]);
}

#[tokio::test]
async fn listen_does_in_its_place() {
    let app = App::start().await;
    let port = free_port();
    let (walk, secret) = Walk::begin(&app, &format!("http://localhost:{port}")).await;
    let mut receiver = Listener::start(&secret, &["--port", &port.to_string()]).await;

    let printed = walk
        .go(async || {
            let (_, verdicts, body) = receiver.printed().await;
            (verdicts.join(""), body)
        })
        .await;

    assert_eq!(
        printed,
        ["  X-Webhook-Signature: verified  webhook-signature: verified"; 4]
    );
}

struct Walk {
    lead: Browser,
    project: given::Project,
}

impl Walk {
    async fn begin(app: &App, url: &str) -> (Walk, String) {
        let lead = given::lead(app).await;
        let project = given::project(&lead, "Website").await;
        let webhook = given::webhook(&lead, &project, url).await;
        (Walk { lead, project }, webhook.secret)
    }

    /// Each of the four events once; what the receiver says of each.
    async fn go(&self, mut printed: impl AsyncFnMut() -> (String, Value)) -> [String; 4] {
        let lead = &self.lead;
        let task = given::task(lead, &self.project, "Fix login bug").await;
        let (verdict, created) = printed().await;
        lead.submit(&task.path, &task.path, &[("description", "Fix the login bug")])
            .await
            .assert_status(200);
        let (verdict_updated, updated) = printed().await;
        let page = lead.get(&task.path).await;
        let member = page.attributes("input[name=assignees]", "value").remove(0);
        lead.submit(&task.path, &task.path, &[("assignees", &member)])
            .await
            .assert_status(200);
        let (verdict_assigned, assigned) = printed().await;
        let delete = format!("{}/delete", task.path);
        lead.submit(&delete, &delete, &[]).await.assert_status(200);
        let (verdict_deleted, deleted) = printed().await;

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
        [verdict, verdict_updated, verdict_assigned, verdict_deleted]
    }
}
