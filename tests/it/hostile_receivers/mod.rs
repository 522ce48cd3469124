//! Receivers that do what no honest one does, against the real binary with its real deadline: each case ends with an outcome
//! and a sentence that a person understands, in time and in little memory, and a healthy webhook beside them notices nothing.
//! `cargo test --test it -- --nocapture whatever_a_receiver` prints the table.

mod cases;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::cases::Case;
use crate::support::api_client::ApiClient;
use crate::support::certificates::Authority;
use crate::support::database::TestDatabase;
use crate::support::process::{Process, add_user, command};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(30);
/// Whatever is no silence.
const QUICK: Duration = Duration::from_secs(6);
/// The deadline of an attempt, and what recording it and a busy machine may add.
const IN_TIME: Duration = Duration::from_secs(15);
const MEBIBYTE: u64 = 1024 * 1024;
/// What one receiver, or all slow ones together, may cost for a moment.
const MOST_MEMORY: u64 = 16 * MEBIBYTE;
/// A healthy webhook gets its delivery within this, whatever others do, or within ten times of what it takes alone on a machine that
/// is busy with other things. A silent receiver takes ten seconds.
const PROMPT: Duration = Duration::from_secs(2);

struct Bench {
    process: Process,
    api: ApiClient,
    goal: Value,
}

/// A line of the closing table.
struct Line {
    name: &'static str,
    outcome: String,
    took: f64,
    memory: String,
    wrong: Vec<String>,
}

impl Bench {
    async fn webhook(&self, case: &Case, event: &str) -> Value {
        let url = format!("{}://localhost:{}/hook", case.scheme, case.receiver.port());
        let body = json!({ "goalId": self.goal, "url": url, "events": [event] });
        let made = self.api.post("/module/webhooks", body).await;
        made.response()["webhook"]["id"].clone()
    }

    async fn publish(&self, event: &str) {
        let data = json!({ "note": "n".repeat(20_000) });
        let body = json!({ "goalId": self.goal, "event": event, "data": data });
        self.api.post("/module/events", body).await.response();
    }

    /// The first attempt at this webhook, once it is recorded; and its line.
    async fn ended(&self, case: &Case, webhook: &Value) -> Line {
        let deliveries = format!("/module/webhooks/deliveries/{webhook}");
        let delivery = wait::until(PATIENCE, case.name, async || {
            let newest = self.api.get(&deliveries).await.response()[0].clone();
            (newest["attempts"].as_i64() > Some(0)).then_some(newest)
        })
        .await;
        let attempts = self
            .api
            .get(&format!("/module/webhooks/attempts/{}", delivery["id"]))
            .await;
        let attempt = attempts.response()[0].clone();
        let of_webhook = json!({ "id": webhook });
        self.api.delete("/module/webhooks", of_webhook).await.response();
        check(case, &attempt)
    }
}

fn check(case: &Case, attempt: &Value) -> Line {
    let name = case.name;
    let told = attempt["message"].as_str().unwrap_or_default();
    let took = attempt["durationMs"].as_f64().expect("a time") / 1000.0;
    let most = if case.outcome == "timeout" { IN_TIME } else { QUICK };
    let kept = attempt["response"]["body"].as_str().map_or(0, str::len);
    let wrong = [
        (attempt["outcome"] != case.outcome, "another outcome"),
        (attempt["responseCode"].as_u64() != case.code, "another code"),
        (!told.contains(case.sentence), "another sentence"),
        (took > most.as_secs_f64(), "too late"),
        (kept > 64 * 1024, "too much is kept of the body"),
        (case.receiver.connections() == 0, "it was never asked"),
    ];
    let wrong = wrong.iter().filter(|(is_so, _)| *is_so);
    Line {
        name,
        outcome: format!("{}: {told}", case.outcome),
        took,
        memory: String::new(),
        wrong: wrong.map(|(_, what)| format!("{name}: {what}: {attempt}")).collect(),
    }
}

/// What the process holds, and what it has held at most since [`forget_peak`]; bytes.
fn memory(process: &Process) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a running process");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn forget_peak(process: &Process) -> u64 {
    // The program keeps others of the same account out of its memory, and root alone may do this: without it the peak is that of all
    // the time, which makes the check stricter.
    let _ = std::fs::write(format!("/proc/{}/clear_refs", process.id()), "5");
    memory(process).0
}

fn grown(process: &Process, before: u64) -> (u64, String) {
    let grown = memory(process).1.saturating_sub(before);
    (grown, format!("{:.1} MiB", grown as f64 / MEBIBYTE as f64))
}

/// A webhook whose receiver is as it should be.
struct Healthy {
    api: ApiClient,
    receiver: Receiver,
    goal: Value,
    webhook: Value,
    sent: usize,
    slowest: Duration,
}

impl Healthy {
    async fn new(api: &ApiClient) -> Healthy {
        let receiver = Receiver::start();
        let goal = api.post("/module/goals", json!({ "name": "Healthy" })).await.response()["id"].clone();
        let body = json!({ "goalId": goal, "url": receiver.url("/"), "events": ["healthy.ping"] });
        let webhook = api.post("/module/webhooks", body).await.response()["webhook"]["id"].clone();
        Healthy {
            api: api.clone(),
            receiver,
            goal,
            webhook,
            sent: 0,
            slowest: Duration::ZERO,
        }
    }

    async fn ping(&mut self) {
        let began = Instant::now();
        let body = json!({ "goalId": self.goal, "event": "healthy.ping", "data": {} });
        self.api.post("/module/events", body).await.response();
        self.sent += 1;
        self.receiver.wait_for(self.sent).await;
        self.slowest = self.slowest.max(began.elapsed());
        wait::a_while(Duration::from_millis(20)).await;
    }

    async fn until(mut self, stop: Arc<AtomicBool>) -> Healthy {
        while !stop.load(Ordering::SeqCst) {
            self.ping().await;
        }
        let failed = format!("/module/webhooks/deliveries/{}?status=failed", self.webhook);
        assert_eq!(self.api.get(&failed).await.response(), &json!([]));
        assert_eq!(self.receiver.requests().len(), self.sent, "nothing came twice");
        self
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_receiver_does_ends_in_a_sentence_in_time_and_in_little_memory() {
    let database = TestDatabase::create();
    let authority = Authority::new();
    let roots = database.dir().join("authority.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    add_user(&database, "lead", PASSWORD);
    let process = Process::start(&database, command(&database).env("TASKVIEW_EXTRA_CA_FILE", &roots));
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Hostile" })).await.response()["id"].clone();
    let stop = Arc::new(AtomicBool::new(false));
    let mut healthy = Healthy::new(&api).await;
    for _ in 0..20 {
        healthy.ping().await;
    }
    let usual = std::mem::take(&mut healthy.slowest);
    let beside = tokio::spawn(healthy.until(Arc::clone(&stop)));
    let bench = Bench { process, api, goal };
    let silent = cases::silent(&authority);
    let mut lines = Vec::new();

    // The silent ones wait for their deadline while the others come and go.
    let mut waiting = Vec::new();
    for case in &silent {
        waiting.push(bench.webhook(case, "case.silent").await);
    }
    let before = forget_peak(&bench.process);
    bench.publish("case.silent").await;
    wait::until(PATIENCE, "connections to the silent", async || {
        silent.iter().all(|case| case.receiver.connections() > 0).then_some(())
    })
    .await;
    let (silence, of_silence) = grown(&bench.process, before);
    for (number, case) in cases::all(&authority).iter().enumerate() {
        let event = format!("case.n{number}");
        let webhook = bench.webhook(case, &event).await;
        let before = forget_peak(&bench.process);
        bench.publish(&event).await;
        let line = bench.ended(case, &webhook).await;
        let (grown, memory) = grown(&bench.process, before);
        assert!(grown < MOST_MEMORY, "{}: {memory}", case.name);
        lines.push(Line { memory, ..line });
    }
    for (case, webhook) in silent.iter().zip(&waiting) {
        let memory = format!("{of_silence} for all {}", silent.len());
        let line = bench.ended(case, webhook).await;
        lines.push(Line { memory, ..line });
    }
    stop.store(true, Ordering::SeqCst);
    let Healthy { sent, slowest, .. } = beside.await.unwrap();

    for line in &lines {
        eprintln!(
            "| {} | {} | {:.2} s | {} |",
            line.name, line.outcome, line.took, line.memory
        );
    }
    eprintln!("{} cases", lines.len());
    eprintln!("beside them: {sent} deliveries, each 200, the slowest after {slowest:?}; alone: {usual:?}");
    let wrong: Vec<&String> = lines.iter().flat_map(|line| &line.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(silence < MOST_MEMORY, "the silent ones: {of_silence}");
    assert!(
        sent > 0 && slowest < PROMPT.max(usual * 10),
        "{sent} deliveries, the slowest after {slowest:?}"
    );
    assert!(!bench.process.log().contains("panicked"), "{}", bench.process.log());
    assert!(bench.process.terminate().success());
}

#[tokio::test]
async fn whatever_retry_after_says_a_patient_delivery_waits_between_its_own_wait_and_a_day() {
    let story = Story::begin().await;
    let patient = json!({ "retrySchedule": "patient" });
    story.change_webhook(patient).await;
    let own = 4..=6;
    let day = 86_400..=86_400;
    let million = "1".repeat(1_000_000);
    for (values, expected) in [
        (vec!["-5"], &own),
        (vec!["0"], &own),
        (vec!["1.5"], &own),
        (vec!["1e9"], &own),
        (vec![""], &own),
        (vec!["soon"], &own),
        (vec!["3600 seconds"], &own),
        (vec!["3600, 7200"], &own),
        (vec!["3600", "7200"], &own),
        (vec!["99999999999999999999999999"], &own),
        (vec!["18446744073709551615"], &day),
        (vec!["4294967296"], &day),
        (vec!["Fri, 31 Dec 9999 23:59:59 GMT"], &day),
        (vec!["Sun, 06 Nov 1994 08:49:37 GMT"], &own),
        (vec!["Thu, 01 Jan 1970 00:00:00 GMT"], &own),
        (vec!["Fri, 99 Foo 9999 99:99:99 GMT"], &own),
        (vec!["9999-12-31T23:59:59Z"], &own),
        (vec![million.as_str()], &own),
    ] {
        let headers = values.iter().map(|value| ("Retry-After", (*value).to_owned()));
        story
            .receiver
            .answer_with(Answer::Respond(503, headers.collect(), Vec::new()));

        story.task("Ask for a wait").await;
        let waiting = story.newest("pending", 1).await;

        let at = |key: &str| chrono::DateTime::parse_from_rfc3339(waiting[key].as_str().unwrap()).unwrap();
        let seconds = (at("nextAttemptAt") - at("lastAttemptAt")).num_seconds();
        let short: String = values.join(" | ").chars().take(40).collect();
        assert!(expected.contains(&seconds), "{short}: {seconds}");
    }
}
