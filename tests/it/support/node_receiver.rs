//! The receiver of the product's documentation, run by Node.js word for word: only its two constants are filled in, as its reader
//! is told to do. It prints whether the signature is valid, and then the JSON.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const SCRIPT: &str = include_str!("webhook-receiver.js");

const PATIENCE: Duration = Duration::from_secs(20);

pub struct NodeReceiver {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _folder: tempfile::TempDir,
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

impl NodeReceiver {
    pub async fn start(port: u16, secret: &str) -> NodeReceiver {
        assert!(SCRIPT.contains("const PORT = 4545\n") && SCRIPT.contains("const SECRET = 'your-secret-here'\n"));
        let script = SCRIPT
            .replace("const PORT = 4545", &format!("const PORT = {port}"))
            .replace("'your-secret-here'", &format!("'{secret}'"));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("webhook-receiver.js"), script).expect("the script is written");
        let mut child = Command::new("node")
            .arg("webhook-receiver.js")
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js must be installed (Debian: nodejs); `scripts/test` does it");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut receiver = NodeReceiver {
            lines,
            _child: child,
            _folder: folder,
        };
        assert_eq!(receiver.line().await, format!("Listening on :{port}"));
        receiver
    }

    /// The verdict that it printed on the next delivery, and the JSON.
    pub async fn printed(&mut self) -> (String, Value) {
        let verdict = self.line().await;
        let mut text = String::new();
        loop {
            text.push_str(&self.line().await);
            if let Ok(json) = serde_json::from_str(&text) {
                return (verdict, json);
            }
        }
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("the receiver prints something in time")
            .expect("text")
            .expect("the receiver still runs")
    }
}
