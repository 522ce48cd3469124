//! What a node counts: that it is what happened, that the documentation names all of it and nothing else, and who is told.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use taskview_webhooks::config::{Concealed, Config};
use taskview_webhooks::node_role::NodeRole;

use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given;
use crate::support::plain_client::PlainClient;
use crate::support::process;
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

const DOCUMENT: &str = "docs/metrics.md";
const ALERTS: &str = "docs/alerts.yaml";
const PATIENCE: Duration = Duration::from_secs(20);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// One scrape.
struct Scrape(String);

impl Scrape {
    async fn of(app: &App) -> Scrape {
        let page = app.visitor().get("/metrics").await;
        page.assert_status(200);
        assert_eq!(
            page.headers["content-type"],
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        assert!(page.html.ends_with("# EOF\n"), "{}", page.html);
        Scrape(page.html)
    }

    /// `taskview_attempts_total{outcome="answered",status="2xx"}`
    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        let found = self
            .0
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let found = found.unwrap_or_else(|| panic!("there is no {series}:\n{}", self.0));
        found.parse().expect("a number")
    }

    /// As the documentation spells them.
    fn names(&self) -> BTreeSet<String> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types
            .map(|line| match line.split_once(' ').expect("a name and a type") {
                (name, "counter") => format!("{name}_total"),
                (name, _) => name.to_owned(),
            })
            .collect()
    }
}

/// Scrapes until a series has this value; looks at the queue are kept for five seconds.
async fn until(app: &App, series: &str, value: f64) -> Scrape {
    wait::until(PATIENCE, &format!("{series} is {value}"), async || {
        let scrape = Scrape::of(app).await;
        (scrape.value(series) == value).then_some(scrape)
    })
    .await
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_told() {
    let app = App::start().await;
    let table = app.context().metrics().documentation();
    let text = std::fs::read_to_string(DOCUMENT).expect("the document");
    let (head, old) = text.split_at(text.find("| metric |").expect("a table"));
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        std::fs::write(DOCUMENT, format!("{head}{table}")).expect("a file");
    }

    // The first one is a request that the second one can tell of.
    Scrape::of(&app).await;
    let told = Scrape::of(&app).await.names();

    let kept = std::fs::read_to_string(DOCUMENT).expect("the document");
    assert!(
        kept.ends_with(&table),
        "{DOCUMENT} is old ({old}); UPDATE_EXAMPLES=1 writes it anew"
    );
    let documented: BTreeSet<String> = kept
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(documented, told);
    assert!(told.len() > 30, "{told:?}");
}

#[test]
fn what_the_example_alerts_ask_for_is_documented() {
    let (alerts, document) = (
        std::fs::read_to_string(ALERTS).expect("the alerts"),
        std::fs::read_to_string(DOCUMENT).expect("the document"),
    );
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named: BTreeSet<&str> = alerts
        .lines()
        .filter(|line| line.trim_start().starts_with("expr:"))
        .flat_map(|line| line.split(|c| !is_name(c)))
        .filter(|word| word.starts_with("taskview_"))
        .collect();

    assert!(named.len() > 5, "{named:?}");
    for name in named {
        let whole = name
            .trim_end_matches("_bucket")
            .trim_end_matches("_count")
            .trim_end_matches("_sum");
        assert!(document.contains(&format!("| `{whole}` |")), "{name}");
    }
}

#[tokio::test]
async fn what_happens_to_deliveries_is_counted() {
    let story = Story::begin().await;
    story.receiver.answer_in_turn([Answer::status(503)]);

    story.task("Fails once").await;
    story.newest("pending", 1).await;
    let waiting = until(&story.app, r#"taskview_deliveries_waiting{state="later"}"#, 1.0).await;
    story.app.advance(Duration::from_secs(11));
    story.newest("success", 2).await;
    let counted = until(&story.app, r#"taskview_deliveries_ended_total{end="success"}"#, 1.0).await;
    story.change_webhook(json!({ "isActive": false })).await;
    story.task("Held").await;
    let held = until(&story.app, r#"taskview_deliveries_waiting{state="held"}"#, 1.0).await;

    assert_eq!(waiting.value(r#"taskview_webhooks{state="active"}"#), 1.0);
    for (series, value) in [
        (r#"taskview_events_total{source="task"}"#, 1.0),
        (r#"taskview_events_total{source="host"}"#, 0.0),
        (r#"taskview_attempts_total{outcome="answered",status="5xx"}"#, 1.0),
        (r#"taskview_attempts_total{outcome="answered",status="2xx"}"#, 1.0),
        (r#"taskview_attempts_total{outcome="timeout",status=""}"#, 0.0),
        ("taskview_attempt_duration_seconds_count", 2.0),
        ("taskview_first_attempt_delay_seconds_count", 1.0),
        ("taskview_retries_total", 1.0),
        (r#"taskview_deliveries_ended_total{end="failed"}"#, 0.0),
        ("taskview_settle_results_sum", 2.0),
        ("taskview_leases_lost_total", 0.0),
        (r#"taskview_attempts_in_flight{budget="all"}"#, 0.0),
        (r#"taskview_attempts_in_flight_limit{budget="direct"}"#, 8.0),
        ("taskview_database_reachable", 1.0),
        ("taskview_oldest_due_seconds", 0.0),
    ] {
        assert_eq!(counted.value(series), value, "{series}");
    }
    let taken = |way| counted.value(&format!("taskview_deliveries_taken_total{{way=\"{way}\"}}"));
    assert_eq!(taken("claimed") + taken("handed_over"), 2.0);
    assert!(counted.value(r#"taskview_claims_total{result="rows"}"#) >= 1.0);
    assert!(counted.value(r#"taskview_database_bytes{part="data"}"#) > 1_000.0);
    assert_eq!(held.value(r#"taskview_webhooks{state="off"}"#), 1.0);
    assert_eq!(held.value(r#"taskview_events_total{source="task"}"#), 2.0);
}

#[tokio::test]
async fn what_fails_for_good_and_what_a_host_hands_in_is_counted() {
    let story = Story::begin().await;
    story.receiver.answer_with(Answer::status(500));

    story.fail_once().await;
    let failed = until(&story.app, r#"taskview_deliveries_ended_total{end="failed"}"#, 1.0).await;
    let failing = until(&story.app, r#"taskview_webhooks{state="failing"}"#, 1.0).await;
    let event = json!({ "goalId": story.goal, "event": "invoice.paid", "data": {} });
    story.api.post("/module/events", event).await.response();
    let published = Scrape::of(&story.app).await;

    assert_eq!(failed.value("taskview_retries_total"), 2.0);
    assert_eq!(failing.value(r#"taskview_webhooks{state="active"}"#), 0.0);
    assert_eq!(published.value(r#"taskview_events_total{source="host"}"#), 1.0);
}

#[tokio::test]
async fn requests_are_counted_by_the_pattern_of_their_address_and_passwords_by_what_became_of_them() {
    let app = App::start().await;
    let owner = given::lead(&app).await;
    let project = given::project(&owner, "Website").await;
    let visitor = app.visitor();

    owner.get(&project.path).await;
    visitor.get("/made/up").await;
    visitor.get("/module/made-up").await;
    let style = visitor.get("/sign-in").await.attributes("link[rel=stylesheet]", "href");
    visitor.get(&style[0]).await;
    let wrong = [("login", "lead"), ("password", "wrong")];
    for _ in 0..11 {
        visitor.submit("/sign-in", "/sign-in", &wrong).await;
    }
    let told = Scrape::of(&app).await;

    let count = |route: &str, method: &str, status: &str| {
        told.value(&format!(
            "taskview_http_request_duration_seconds_count{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"
        ))
    };
    assert!(count("/projects/{project}", "GET", "2xx") >= 1.0);
    assert_eq!(count("/projects/new", "POST", "3xx"), 1.0);
    assert_eq!(count("other", "GET", "4xx"), 2.0);
    assert_eq!(count("/static", "GET", "2xx"), 1.0);
    assert_eq!(count("/sign-in", "POST", "4xx"), 11.0);
    assert_eq!(told.value(r#"taskview_sign_ins_total{result="wrong"}"#), 10.0);
    assert_eq!(told.value(r#"taskview_sign_ins_total{result="refused"}"#), 1.0);
    assert!(!told.0.contains(&project.path), "{}", told.0);
}

#[tokio::test]
async fn metrics_name_no_project_no_receiver_and_no_webhook() {
    let story = Story::begin().await;

    story.task("A task of mine").await;
    story.newest("success", 1).await;
    let told = Scrape::of(&story.app).await.0;

    let port = format!(":{}", story.receiver.port());
    for secret in [
        "Website",
        "/hook",
        "127.0.0.1",
        port.as_str(),
        "A task of mine",
        "lead",
        "webhook_id",
    ] {
        assert!(!told.contains(secret), "{secret}:\n{told}");
    }
}

#[tokio::test]
async fn the_engine_is_seen_to_go_round() {
    let began = Instant::now();
    let app = App::start().await;

    // Without a beat it would be as old as the program.
    wait::until(PATIENCE, "a round that was made lately", async || {
        let age = Scrape::of(&app).await.value("taskview_engine_round_age_seconds");
        (age + 2.0 < began.elapsed().as_secs_f64()).then_some(())
    })
    .await;
}

fn on_a_server(config: &mut Config) {
    config.public_url = Some("http://localhost".parse().expect("a URL"));
}

#[tokio::test]
async fn away_from_a_laptop_only_the_token_opens_the_main_address() {
    let without = App::configured(on_a_server).await;
    let with = App::configured(|config| {
        on_a_server(config);
        config.metrics.token = Some(Concealed::from(TOKEN.to_owned()));
    })
    .await;
    let ask = async |app: &App, shown: &str| {
        let client = PlainClient::new(&app.base);
        client
            .send("GET", "/metrics", &[("authorization", shown)], "")
            .await
            .status
    };

    let (right, wrong) = (format!("Bearer {TOKEN}"), format!("Bearer {TOKEN}0"));

    assert_eq!(ask(&without, &right).await, 404);
    assert_eq!(ask(&with, &right).await, 200);
    assert_eq!(ask(&with, &wrong).await, 404);
    let page = with.visitor().get("/metrics").await;
    page.assert_status(404).assert_says("TASKVIEW_METRICS_TOKEN");
}

#[tokio::test]
async fn an_address_for_metrics_tells_them_to_everybody_and_nothing_else() {
    let app = App::configured(|config| {
        on_a_server(config);
        config.metrics.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
    .await;
    let beside = PlainClient::new(&app.metrics.clone().expect("an address"));

    let told = beside.send("GET", "/metrics", &[], "").await;
    let main = app.visitor().get("/metrics").await;

    told.assert_status(200);
    assert!(told.html.contains("taskview_build_info{version="), "{}", told.html);
    main.assert_status(404);
    for path in ["/", "/sign-in", "/module/goals", "/healthz"] {
        beside.send("GET", path, &[], "").await.assert_status(404);
    }
}

#[tokio::test]
async fn a_worker_tells_its_own_and_knows_the_other_nodes() {
    if kind() == Kind::Sqlite {
        return;
    }
    let database = Arc::new(TestDatabase::create());
    process::add_user(&database, "lead", given::PASSWORD);
    let story = Story::on(App::on(Arc::clone(&database), |config| config.role = NodeRole::Web).await).await;
    let worker = App::on(Arc::clone(&database), |config| {
        config.role = NodeRole::Worker;
        config.metrics.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
    .await;
    let beside = PlainClient::new(&worker.metrics.clone().expect("an address"));

    story.task("Sent by the worker").await;
    story.newest("success", 1).await;
    let told = wait::until(PATIENCE, "it has heard the other", async || {
        let told = Scrape(beside.send("GET", "/metrics", &[], "").await.html);
        (told.value(r#"taskview_nodes{role="web"}"#) == 1.0).then_some(told)
    })
    .await;

    assert_eq!(told.value(r#"taskview_nodes{role="worker"}"#), 1.0);
    assert_eq!(told.value("taskview_attempt_duration_seconds_count"), 1.0);
    assert_eq!(told.value(r#"taskview_events_total{source="task"}"#), 0.0);
    assert!(told.value("taskview_clock_offset_seconds").abs() < 2.0);
    worker.visitor().get("/metrics").await.assert_status(404);
}

#[tokio::test]
async fn while_the_database_is_away_a_scrape_says_so_and_is_answered() {
    if kind() == Kind::Sqlite {
        return;
    }
    let app = App::start().await;
    Scrape::of(&app).await;
    app.database.close();

    let away = until(&app, "taskview_database_reachable", 0.0).await;
    app.database.reopen();
    let back = until(&app, "taskview_database_reachable", 1.0).await;

    assert!(away.value(r#"taskview_deliveries_waiting{state="due"}"#).is_nan());
    assert_eq!(back.value(r#"taskview_deliveries_waiting{state="due"}"#), 0.0);
    assert!(back.value(r#"taskview_database_errors_total{kind="unavailable"}"#) >= 1.0);
}
