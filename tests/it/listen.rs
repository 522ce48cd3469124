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

pub(crate) struct Listener {
    url: String,
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Listener {
    pub(crate) async fn start(secret: &str, arguments: &[&str]) -> Listener {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"))
            .args(["listen", "--secret-file"])
            .arg(file)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut listener = Listener {
            url: String::new(),
            lines: BufReader::new(child.stdout.take().expect("a pipe")).lines(),
            child,
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
    pub(crate) async fn printed(&mut self) -> (String, [String; 2], Value) {
        let head = self.line().await;
        let verdicts = [self.line().await, self.line().await];
        let body = self.line().await;
        (head, verdicts, serde_json::from_str(&body).expect("JSON"))
    }
}

#[tokio::test]
async fn it_prints_each_delivery_and_whether_its_signatures_verify() {
    let mut good = Listener::start(SECRET, &["--port=0", "--fail-first=1"]).await;
    let mut trimmed = Listener::start(SECRET.trim_start_matches("whsec_"), &["--port=0", "--status=204"]).await;
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
    let mut listener = Listener::start(SECRET, &["--port=0"]).await;
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

#[tokio::test]
async fn it_ends_well_when_it_is_interrupted_and_names_a_port_that_is_taken() {
    let mut listener = Listener::start(SECRET, &["--port=0"]).await;
    let port = listener.url.rsplit(':').next().expect("a port").to_owned();

    let second = std::process::Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"))
        .args(["listen", "--port", &port])
        .output()
        .expect("it runs");
    let id = listener.child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &id]).status();
    let ended = tokio::time::timeout(PATIENCE, listener.child.wait()).await;

    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("port {port} cannot be listened on")) && said.contains("--port"),
        "{said}"
    );
    assert!(sent.expect("kill runs").success());
    assert!(ended.expect("it ends in time").expect("it ends").success());
}

#[tokio::test]
async fn each_kind_of_mistake_is_named_over_the_wire() {
    let old = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let mut dropped = Listener::start(SECRET.trim_start_matches("whsec_"), &["--port=0"]).await;
    let mut spaced = Listener::start(&format!(" {SECRET} "), &["--port=0"]).await;
    let mut other = Listener::start(old, &["--port=0"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("old");
    std::fs::write(&file, SECRET).expect("written");
    let argument = format!("--old-secret-file={}", file.display());
    let mut rotated = Listener::start(old, &["--port=0", &argument]).await;
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;
    for url in [&dropped.url, &spaced.url, &other.url, &rotated.url] {
        let webhook = json!({ "goalId": project.id, "url": url, "events": ["task.created"], "secret": SECRET });
        api.post("/module/webhooks", webhook).await.response();
    }

    let task = json!({ "goalId": project.id, "description": "Fix login bug" });
    api.post("/module/tasks", task).await.response();

    for (listener, sentence) in [
        (&mut dropped, "The secret lacks its whsec_."),
        (&mut spaced, "There is white space around the secret"),
        (&mut other, "It was made with another secret or over another body."),
        (&mut rotated, "It was signed with the secret from before the rotation."),
    ] {
        let (_, verdicts, _) = listener.printed().await;
        for verdict in verdicts {
            assert!(verdict.contains(sentence), "{verdict}");
        }
    }
}
