//! What a collector of OpenTelemetry is sent: one trace for each delivery, under its `webhook-id`, with the spans and attributes that
//! docs/traces.md lists and no others. And that a collector which is not there changes nothing but the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use serde_json::json;
use taskview_webhooks::traces::settings::Tracing;
use url::Url;

use crate::support::api_client::ApiClient;
use crate::support::database::TestDatabase;
use crate::support::given;
use crate::support::process::{self, Process};
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

const DOCUMENT: &str = "docs/traces.md";
const PATIENCE: Duration = Duration::from_secs(20);

fn to(collector: &Receiver, ratio: f64) -> Tracing {
    let endpoint = Url::parse(&collector.url("/v1/traces")).expect("a URL");
    Tracing { endpoint, ratio }
}

/// What a collector has got, in the order of time.
fn spans(collector: &Receiver) -> Vec<Span> {
    let mut spans = Vec::new();
    for request in collector.requests() {
        assert_eq!(
            (request.path.as_str(), request.header("content-type")),
            ("/v1/traces", Some("application/x-protobuf"))
        );
        let batch = ExportTraceServiceRequest::decode(request.body.as_slice()).expect("protobuf of OTLP");
        for from in batch.resource_spans {
            let about = from.resource.expect("who says it").attributes;
            let service = about.iter().find(|attribute| attribute.key == "service.name");
            assert_eq!(
                text(service.and_then(|name| name.value.as_ref()?.value.as_ref())),
                "taskview-webhooks"
            );
            spans.extend(from.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    spans.sort_by_key(|span| span.start_time_unix_nano);
    spans
}

fn text(value: Option<&Any>) -> String {
    match value {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::BoolValue(yes)) => yes.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let pairs = span.attributes.iter();
    pairs
        .map(|pair| {
            (
                pair.key.as_str(),
                text(pair.value.as_ref().and_then(|any| any.value.as_ref())),
            )
        })
        .collect()
}

/// The names in the tables of the document: of spans, and of attributes with the spans that have them.
fn documented() -> (BTreeSet<String>, BTreeMap<String, String>) {
    let document = std::fs::read_to_string(DOCUMENT).expect("the document");
    let rows = document.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((
            cells.next()?.trim_end_matches('`').to_owned(),
            cells.next()?.replace('`', ""),
        ))
    });
    let (attributes, spans): (Vec<_>, Vec<_>) = rows.partition(|(name, _)| name.contains('.'));
    (
        spans.into_iter().map(|(name, _)| name).collect(),
        attributes.into_iter().collect(),
    )
}

#[tokio::test]
async fn a_delivery_is_one_trace_under_its_webhook_id_from_the_change_to_the_last_attempt() {
    let collector = Receiver::start();
    let tracing = to(&collector, 1.0);
    let story = Story::configured(move |config| config.traces = Some(tracing)).await;
    story.receiver.answer_in_turn([Answer::status(503)]);

    story.task("Of mine").await;
    story.receiver.wait_for(1).await;
    story.newest("pending", 1).await;
    story.app.advance(Duration::from_secs(11));
    let requests = story.receiver.wait_for(2).await;
    story.newest("success", 2).await;
    let Story {
        app,
        webhook,
        goal,
        secret,
        ..
    } = story;
    // Sends what waits.
    app.stop();
    let mut spans = spans(&collector);
    if spans.len() == 5 {
        // Whether a first attempt is handed over or claimed is up to the engine's slots.
        assert_eq!(spans.remove(1).name, "claim");
    }

    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["publish", "attempt", "claim", "attempt"]);
    let message_id = requests[0].header("webhook-id").expect("a webhook-id");
    let trace_id = message_id.strip_prefix("msg_").expect("our prefix");
    let [publish, failed, claim, arrived] = spans.try_into().expect("four of them");
    for span in [&publish, &failed, &claim, &arrived] {
        assert_eq!(hex::encode(&span.trace_id), trace_id);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
        let said = attributes(span);
        assert_eq!(said["messaging.message.id"], message_id);
        assert_eq!(said["taskview.event"], "task.created");
        assert_eq!(said["taskview.webhook"], webhook.to_string());
        assert_eq!(said["taskview.project"], goal.to_string());
    }
    assert!(publish.parent_span_id.is_empty());
    for below in [&failed, &claim, &arrived] {
        assert_eq!(below.parent_span_id, publish.span_id);
    }
    let kinds = [&publish, &claim, &arrived].map(Span::kind);
    assert_eq!(kinds, [SpanKind::Producer, SpanKind::Internal, SpanKind::Client]);
    let said = attributes(&failed);
    assert_eq!(
        (
            said["taskview.attempt"].as_str(),
            said["http.response.status_code"].as_str()
        ),
        ("1", "503")
    );
    assert_eq!(
        (said["error.type"].as_str(), said["server.address"].as_str()),
        ("503", "127.0.0.1")
    );
    assert_eq!(failed.status.as_ref().expect("a status").code(), StatusCode::Error);
    let said = attributes(&arrived);
    assert_eq!(
        (
            said["taskview.attempt"].as_str(),
            said["http.response.status_code"].as_str()
        ),
        ("2", "200")
    );
    assert!(!said.contains_key("error.type"), "{said:?}");
    assert_eq!(attributes(&claim)["taskview.claims"], "1");

    // The document says all of it and nothing else.
    let (known_spans, known_attributes) = documented();
    let all = [&publish, &failed, &claim, &arrived];
    assert_eq!(
        all.map(|span| span.name.clone()).into_iter().collect::<BTreeSet<_>>(),
        known_spans
    );
    let mut seen = BTreeSet::new();
    for span in all {
        for name in attributes(span).into_keys() {
            let on = known_attributes
                .get(name)
                .unwrap_or_else(|| panic!("{name} is not in {DOCUMENT}"));
            assert!(on == "all" || *on == span.name, "{name} is on {}", span.name);
            seen.insert(name.to_owned());
        }
    }
    assert_eq!(seen, known_attributes.into_keys().collect::<BTreeSet<_>>());

    let sent: Vec<u8> = collector
        .requests()
        .into_iter()
        .flat_map(|request| request.body)
        .collect();
    let sent = String::from_utf8_lossy(&sent);
    for secret in ["/hook", "Of mine", "Website", "noted", &secret] {
        assert!(!sent.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_test_by_hand_is_a_trace_as_well_and_a_ratio_of_nothing_traces_nothing() {
    for (ratio, expected) in [(1.0, vec!["publish", "claim", "attempt"]), (0.0, vec![])] {
        let collector = Receiver::start();
        let tracing = to(&collector, ratio);
        let story = Story::configured(move |config| config.traces = Some(tracing)).await;

        let body = json!({ "id": story.webhook });
        story.api.post("/module/webhooks/test", body).await.response();
        story.receiver.wait_for(1).await;
        story.app.stop();

        let names: Vec<String> = spans(&collector).into_iter().map(|span| span.name).collect();
        assert_eq!(names, expected, "{ratio}");
    }
}

#[tokio::test]
async fn a_collector_that_takes_nothing_is_told_once_and_holds_up_nothing() {
    let collector = Receiver::start();
    collector.answer_with(Answer::status(500));
    let database = TestDatabase::create();
    process::add_user(&database, "lead", given::PASSWORD);
    let process = Process::start(
        &database,
        process::command(&database)
            .env("TASKVIEW_OTLP_ENDPOINT", collector.url("/").trim_end_matches('/'))
            .env("OTEL_BSP_SCHEDULE_DELAY", "50"),
    );
    let receiver = Receiver::start();
    let api = ApiClient::signed_in(&process.base, "lead", given::PASSWORD).await;
    let goal = api.post("/module/goals", json!({ "name": "Website" })).await.response()["id"].clone();
    let body = json!({ "goalId": goal, "url": receiver.url("/hook"), "events": given::ALL_EVENTS });
    api.post("/module/webhooks", body).await.response();
    let task = async |name: &str| {
        let body = json!({ "goalId": goal, "description": name });
        api.post("/module/tasks", body).await.response();
    };

    for refused in 1..=3 {
        task("Refused").await;
        receiver.wait_for(refused).await;
        collector.wait_for(refused).await;
    }
    let complaints = || process.log().matches("takes no traces").count();
    wait::until(PATIENCE, "the collector in the log", async || {
        (complaints() > 0).then_some(())
    })
    .await;
    collector.answer_with(Answer::status(200));
    task("Taken").await;
    wait::until(PATIENCE, "that the collector works again in the log", async || {
        process.log().contains("takes traces again").then_some(())
    })
    .await;

    assert_eq!(complaints(), 1, "{}", process.log());
    assert_eq!(receiver.wait_for(4).await.len(), 4);
}
