//! `listen`, in the place of the documentation's own receiver: what it prints of a delivery, and how it fails on purpose.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::app::App;
use crate::support::given;

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct Listener {
    url: String,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Listener {
    async fn start(secret: &str, arguments: &[&str]) -> Listener {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"))
            .args(["listen", "--port=0", "--secret-file"])
            .arg(file)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut listener = Listener {
            url: String::new(),
            lines: BufReader::new(child.stdout.take().expect("a pipe")).lines(),
            _child: child,
            _folder: folder,
        };
        let line = listener.line().await;
        line.strip_prefix("listening on ")
            .expect("where it listens")
            .clone_into(&mut listener.url);
        listener
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("it prints something in time")
            .expect("text")
            .expect("it still runs")
    }

    /// Its head, what it says of the two signatures, and the body.
    async fn printed(&mut self) -> (String, [String; 2], Value) {
        let head = self.line().await;
        let verdicts = [self.line().await, self.line().await];
        let body = self.line().await;
        (head, verdicts, serde_json::from_str(&body).expect("JSON"))
    }
}

#[tokio::test]
async fn it_prints_each_delivery_and_whether_its_signatures_verify() {
    let mut good = Listener::start(SECRET, &["--fail-first=1"]).await;
    let mut trimmed = Listener::start(SECRET.trim_start_matches("whsec_"), &["--status=204"]).await;
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;
    for url in [&good.url, &trimmed.url] {
        let webhook = json!({ "goalId": project.id, "url": url, "events": ["task.created"], "secret": SECRET });
        api.post("/module/webhooks", webhook).await.response();
    }
    let mut recorded = app.context().recorded();

    let task = json!({ "goalId": project.id, "description": "Fix login bug" });
    api.post("/module/tasks", task).await.response();
    let first = good.printed().await;
    let other = trimmed.printed().await;
    for _ in 0..2 {
        recorded.recv().await.expect("an attempt is recorded");
    }
    app.advance(Duration::from_secs(11));
    let second = good.printed().await;

    assert!(
        first.0.starts_with("task.created ") && first.0.ends_with(" attempt 1 → 500"),
        "{}",
        first.0
    );
    assert!(second.0.ends_with(" attempt 2 → 200"), "{}", second.0);
    let verified = ["  X-Webhook-Signature: verified", "  webhook-signature: verified"];
    assert_eq!(
        (first.1, second.1),
        (verified.map(str::to_owned), verified.map(str::to_owned))
    );
    assert_eq!(first.2, second.2);
    assert_eq!(
        first.2["task"]["description"], "Fix login bug",
        "escaped in the JSON, and so on the terminal"
    );
    assert!(other.0.ends_with(" attempt 1 → 204"), "{}", other.0);
    for verdict in other.1 {
        assert!(
            verdict.contains("does not verify. The secret lacks its whsec_."),
            "{verdict}"
        );
    }
}

#[tokio::test]
async fn what_anybody_else_sends_is_printed_without_its_control_characters() {
    let mut listener = Listener::start(SECRET, &[]).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");

    let answer = client
        .post(&listener.url)
        .body("a\u{1b}[2Jb\r\nc")
        .send()
        .await
        .expect("an answer");
    let printed = [
        listener.line().await,
        listener.line().await,
        listener.line().await,
        listener.line().await,
    ];

    assert_eq!(answer.status(), 200);
    assert_eq!(printed[0], "– – attempt – → 200");
    assert_eq!(
        printed[1..3],
        ["  X-Webhook-Signature: missing", "  webhook-signature: missing"]
    );
    assert_eq!(printed[3], "  a\u{fffd}[2Jb\u{fffd}\u{fffd}c");
}
