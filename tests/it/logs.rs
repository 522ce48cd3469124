//! The log of the real binary: one flat JSON object a line, with the fields that docs/logs.md lists and no others, about what happened
//! and by whom, also when somebody wants to write lines of their own into it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::api_client::ApiClient;
use crate::support::database::TestDatabase;
use crate::support::given;
use crate::support::plain_client::{self, PlainClient};
use crate::support::process::{self, Process};
use crate::support::receiver::{Answer, Receiver};
use crate::support::wait;

const DOCUMENT: &str = "docs/logs.md";
const PATIENCE: Duration = Duration::from_secs(20);
/// What every line has.
const ALWAYS: [&str; 5] = ["timestamp", "level", "message", "target", "node"];

type Line = Map<String, Value>;

/// Every line; one that is no object fails.
fn lines(log: &str) -> Vec<Line> {
    log.lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => fields,
            _ => panic!("not an object: {line}"),
        })
        .collect()
}

async fn line_that(process: &Process, what: &str, wanted: impl Fn(&Line) -> bool) -> Line {
    wait::until(PATIENCE, what, async || {
        lines(&process.log()).into_iter().find(|line| wanted(line))
    })
    .await
}

/// The names in the table of the document.
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string(DOCUMENT).expect("the document");
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test]
async fn each_attempt_is_a_line_with_everything_by_which_it_is_found_and_nothing_that_is_secret() {
    let database = TestDatabase::create();
    process::add_user(&database, "lead", given::PASSWORD);
    let process = Process::start(
        &database,
        process::command(&database).env("TASKVIEW_LOG", "info,taskview_webhooks=debug"),
    );
    let receiver = Receiver::start();
    receiver.answer_in_turn([Answer::status(503), Answer::status(410)]);
    let api = ApiClient::signed_in(&process.base, "lead", given::PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Website" })).await.response()["id"].clone();
    let body = json!({ "goalId": goal, "url": receiver.url("/path-of-mine"), "events": given::ALL_EVENTS, "retrySchedule": "patient" });
    let webhook = api.post("/module/webhooks", body).await.response()["webhook"]["id"].clone();
    let task = json!({ "goalId": goal, "description": "Of mine" });

    // Fails once, is gone, and after that is turned on again and arrives.
    api.post("/module/tasks", task.clone()).await.response();
    let failed = line_that(&process, "an attempt that failed", |line| {
        line.get("status") == Some(&json!(503))
    })
    .await;
    api.post("/module/tasks", task.clone()).await.response();
    let off = line_that(&process, "a webhook that was turned off", |line| {
        line.contains_key("reason")
    })
    .await;
    let on = json!({ "id": webhook, "isActive": true });
    api.patch("/module/webhooks", on).await.response();
    api.post("/module/tasks", task).await.response();
    let arrived = line_that(&process, "an attempt that arrived", |line| {
        line.get("status") == Some(&json!(200)) && line.contains_key("delivery")
    })
    .await;
    let log = process.log();

    assert_eq!(
        (&failed["level"], &off["level"], &arrived["level"]),
        (&json!("INFO"), &json!("WARN"), &json!("DEBUG"))
    );
    for line in [&failed, &arrived] {
        assert_eq!(
            (&line["webhook"], &line["project"], &line["attempt"]),
            (&webhook, &goal, &json!(1))
        );
        assert_eq!(
            (&line["host"], &line["outcome"]),
            (&json!("127.0.0.1"), &json!("answered"))
        );
        assert!(line["delivery"].is_i64() && line["duration_ms"].is_f64(), "{line:?}");
    }
    assert_eq!(
        (&failed["next"], &arrived["next"]),
        (&json!("retry"), &json!("success"))
    );
    assert_eq!(
        (&off["webhook"], &off["project"], &off["reason"]),
        (&webhook, &goal, &json!("gone"))
    );
    for secret in ["path-of-mine", "Of mine", "noted", "Website"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let known = documented();
    let nodes: BTreeSet<String> = lines(&log).iter().map(|line| line["node"].to_string()).collect();
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    for line in lines(&log) {
        assert!(ALWAYS.iter().all(|name| line.contains_key(*name)), "{line:?}");
        let unknown: Vec<&String> = line.keys().filter(|name| !known.contains(*name)).collect();
        // Other crates name what they like; they are asked for at info only.
        let ours = line["target"]
            .as_str()
            .is_some_and(|target| target.starts_with("taskview_webhooks"));
        assert!(unknown.is_empty() || !ours, "{unknown:?} of {line:?}");
    }
}

#[tokio::test]
async fn a_request_is_found_by_the_id_of_the_proxy_or_by_one_that_is_made() {
    let database = TestDatabase::create();
    let start = |proxies: &str| {
        let mut command = process::command(&database);
        command
            .env("TASKVIEW_LOG", "debug")
            .env("TASKVIEW_TRUSTED_PROXIES", proxies);
        Process::start(&database, &mut command)
    };
    let ask = async |process: &Process, id: &str| {
        let client = PlainClient::new(&process.base);
        let page = client.send("GET", "/healthz", &[("x-request-id", id)], "").await;
        page.headers["x-request-id"].to_str().expect("text").to_owned()
    };

    let behind = start("127.0.0.1");
    let told = ask(&behind, "edge-4711").await;
    let insane = ask(&behind, "edge 4711").await;
    line_that(&behind, "its line", |line| {
        line.get("request_id") == Some(&json!("edge-4711"))
    })
    .await;
    behind.terminate();
    let alone = start("192.0.2.1");
    let made = ask(&alone, "edge-4711").await;
    let line = line_that(&alone, "its line", |line| line.get("request_id") == Some(&json!(made))).await;

    assert_eq!(told, "edge-4711");
    assert!(insane.len() == 36 && made.len() == 36, "{insane} {made}");
    assert_eq!(
        (&line["method"], &line["path"], &line["status"]),
        (&json!("GET"), &json!("/healthz"), &json!(200))
    );
    assert!(line["duration_ms"].is_f64(), "{line:?}");
}

#[tokio::test]
async fn what_a_stranger_writes_into_an_address_stays_on_its_line() {
    let database = TestDatabase::create();
    let process = Process::start(&database, process::command(&database).env("TASKVIEW_LOG", "debug"));
    let forged = r#"/a%0A{"level":"ERROR"}"#;
    let no_http = "/a\u{9b}2J\u{202e}";

    for path in [forged, no_http] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        plain_client::raw(&process.base, &request).await;
    }
    let line = line_that(&process, "its line", |line| line.get("path") == Some(&json!(forged))).await;

    let log = process.log();
    assert_eq!(line["level"], "DEBUG");
    let by_us = |line: &Line| {
        line["target"]
            .as_str()
            .is_some_and(|target| target.starts_with("taskview"))
    };
    assert!(
        lines(&log).iter().all(|line| line["level"] != "ERROR" || !by_us(line)),
        "{log}"
    );
    let control = log.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(control, None);
}

/// What the code can say, read from the code: most of it is said in trouble only.
#[test]
fn every_field_of_the_code_is_documented_and_every_documented_one_is_in_the_code() {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut folders = vec![Path::new("src").to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for field in fields(&std::fs::read_to_string(&path).expect("text")) {
                said.insert(field, path.display().to_string());
            }
        }
    }

    let mut known = documented();
    for name in ALWAYS {
        assert!(known.remove(name), "{name} is not documented");
    }
    let undocumented: Vec<_> = said.iter().filter(|(name, _)| !known.contains(*name)).collect();
    let unsaid: Vec<_> = known.iter().filter(|name| !said.contains_key(*name)).collect();
    assert!(said.len() > 15, "{said:?}");
    assert!(
        undocumented.is_empty() && unsaid.is_empty(),
        "{undocumented:?} {unsaid:?}"
    );
}

/// Of `tracing::warn!(webhook = webhook.0, %status, detail, "…")` and of `error_span!`: webhook, status, detail.
fn fields(source: &str) -> BTreeSet<String> {
    let macros = [
        "$level",
        "trace",
        "debug",
        "info",
        "warn",
        "error",
        "error_span",
        "info_span",
        "debug_span",
    ];
    let mut found = BTreeSet::new();
    for name in macros {
        for body in source.split(&format!("tracing::{name}!(")).skip(1) {
            // A span's name is no field.
            let body = if name.ends_with("_span") {
                body.split_once(',').map_or("", |(_, fields)| fields)
            } else {
                body
            };
            for argument in arguments(body) {
                let name = argument.split('=').next().unwrap_or_default().trim();
                let name = name.trim_start_matches(['%', '?']);
                if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
                    found.insert(name.to_owned());
                }
            }
        }
    }
    found
}

/// Those before the closing bracket, without the texts; what follows the message belongs to it.
fn arguments(body: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let mut all = vec![String::new()];
    let mut has_text = vec![false];
    for c in body.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                quoted = true;
                // Only a text that stands alone is a message.
                *has_text.last_mut().expect("one") |= all.last().expect("one").trim().is_empty();
            }
            ')' | ']' | '}' if depth == 0 => break,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                has_text.push(false);
                continue;
            }
            _ => {}
        }
        all.last_mut().expect("one").push(c);
    }
    let message = has_text.iter().position(|text| *text).unwrap_or(all.len());
    all.truncate(message);
    all
}
