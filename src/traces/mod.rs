//! What OpenTelemetry hears of deliveries, where a collector is configured: a span for the transaction that wrote a delivery, one for each
//! claim and one for each attempt. Nothing decides by any of it.
//!
//! A delivery is one trace, and its `webhook-id` is the id of the trace: 128 bits that every node knows, so nothing travels with the rows,
//! and the trace of what a receiver complains about is found at once. Its latter half is the id of the first span, below which the
//! others stand.

mod collector;
pub mod settings;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _};

use self::collector::Collector;
use self::settings::Tracing;
use crate::db::Made;
use crate::db::attempts::Attempt;
use crate::db::deliveries::Claimed;
use crate::domain::moment::Moment;
use crate::domain::target::host_of;
use crate::{node_role, version};

/// What waits to be sent at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Nobody listens, or somebody does. Clones speak to the same.
#[derive(Clone, Default)]
pub struct Traces {
    told: Option<Arc<Told>>,
}

struct Told {
    processor: BatchSpanProcessor,
    ratio: f64,
    scope: InstrumentationScope,
}

impl Traces {
    /// Starts the thread that sends. Nothing is sent until there is something.
    pub fn start(tracing: Option<&Tracing>) -> Result<Traces, String> {
        let Some(Tracing { endpoint, ratio }) = tracing else {
            return Ok(Traces::default());
        };
        let collector = Collector::new(endpoint).map_err(|error| error.to_string())?;
        let mut processor = BatchSpanProcessor::builder(collector).build();
        // What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say is in it as well.
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("taskview-webhooks");
        }
        let resource = resource
            .with_attribute(KeyValue::new("service.version", version::OWN))
            .with_attribute(KeyValue::new("service.instance.id", node_role::node_name()))
            .build();
        processor.set_resource(&resource);
        let told = Told {
            processor,
            ratio: *ratio,
            scope: InstrumentationScope::builder("taskview-webhooks")
                .with_version(version::OWN)
                .build(),
        };
        Ok(Traces {
            told: Some(Arc::new(told)),
        })
    }

    pub fn is_on(&self) -> bool {
        self.told.is_some()
    }

    /// These deliveries were written by a transaction that is on disk since `until`.
    pub fn written(&self, made: &[Made], until: Moment) {
        let Some(told) = &self.told else { return };
        for made in made {
            let Some(trace) = told.trace(&made.message_id) else {
                continue;
            };
            let mut span = told.span(trace, "publish", SpanKind::Producer, [made.at, until]);
            span.span_context = trace.context(trace.first);
            span.parent_span_id = SpanId::INVALID;
            span.parent_span_is_remote = false;
            span.attributes = vec![
                KeyValue::new("messaging.message.id", made.message_id.clone()),
                KeyValue::new("taskview.event", made.kind.to_string()),
                KeyValue::new("taskview.delivery", made.delivery.0),
                KeyValue::new("taskview.webhook", made.webhook.0),
                KeyValue::new("taskview.project", made.project.0),
            ];
            told.processor.on_end(span);
        }
    }

    /// The engine took these deliveries on.
    pub fn claimed(&self, claimed: &[Claimed], since: Moment, until: Moment) {
        let Some(told) = &self.told else { return };
        for claimed in claimed {
            let Some(trace) = told.trace(&claimed.message_id) else {
                continue;
            };
            let mut span = told.span(trace, "claim", SpanKind::Internal, [since, until]);
            span.attributes = of_delivery(claimed);
            span.attributes.extend([
                KeyValue::new("taskview.claims", i64::from(claimed.claims)),
                // Behind others, or because nothing looked.
                KeyValue::new(
                    "taskview.overdue_ms",
                    since.since(claimed.due_at).as_secs_f64() * 1_000.0,
                ),
            ]);
            told.processor.on_end(span);
        }
    }

    /// An attempt ended.
    pub fn attempted(&self, claimed: &Claimed, attempt: &Attempt) {
        let Some(told) = &self.told else { return };
        let Some(trace) = told.trace(&claimed.message_id) else {
            return;
        };
        let ended = attempt.started_at + Duration::from_micros(attempt.duration_us.unsigned_abs());
        let mut span = told.span(trace, "attempt", SpanKind::Client, [attempt.started_at, ended]);
        span.attributes = of_delivery(claimed);
        span.attributes.extend([
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("taskview.attempt", i64::from(attempt.number)),
            KeyValue::new("taskview.connection_reused", attempt.reused),
        ]);
        // Of the URL no more than in the log.
        if let Some(host) = host_of(&attempt.url) {
            span.attributes.push(KeyValue::new("server.address", host));
        }
        if let Some(code) = attempt.response_code {
            span.attributes
                .push(KeyValue::new("http.response.status_code", i64::from(code)));
        }
        if let Some(error) = error_type(attempt) {
            span.attributes.push(KeyValue::new("error.type", error.clone()));
            span.status = Status::error(error);
        }
        told.processor.on_end(span);
    }

    /// Sends what waits, and then nothing more.
    pub async fn stop(&self) {
        let Some(told) = self.told.clone() else { return };
        // It waits for the thread that sends.
        let sent = tokio::task::spawn_blocking(move || told.processor.shutdown_with_timeout(FAREWELL)).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::info!("the last traces were not taken by the collector");
        }
    }
}

/// As OpenTelemetry names errors of clients: the status code, or the kind of what kept an answer from coming.
fn error_type(attempt: &Attempt) -> Option<String> {
    match attempt.response_code {
        Some(200..=299) => None,
        Some(code) => Some(code.to_string()),
        None => Some(attempt.outcome.as_str().to_owned()),
    }
}

fn of_delivery(claimed: &Claimed) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.message.id", claimed.message_id.clone()),
        KeyValue::new("taskview.event", claimed.kind.clone()),
        KeyValue::new("taskview.delivery", claimed.id.0),
        KeyValue::new("taskview.webhook", claimed.webhook_id.0),
        KeyValue::new("taskview.project", claimed.project_id.0),
    ]
}

impl Told {
    /// The trace of a delivery, if it is one of those that are wanted: the id decides, so that all nodes decide the same.
    fn trace(&self, message_id: &str) -> Option<Trace> {
        Trace::of(message_id).filter(|trace| trace.is_wanted(self.ratio))
    }

    /// Below the first span of its trace.
    fn span(&self, trace: Trace, name: &'static str, span_kind: SpanKind, [start, end]: [Moment; 2]) -> SpanData {
        SpanData {
            span_context: trace.context(SpanId::from_bytes(rand::random())),
            parent_span_id: trace.first,
            parent_span_is_remote: true,
            span_kind,
            name: name.into(),
            start_time: system_time(start),
            end_time: system_time(end.max(start)),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trace {
    id: TraceId,
    first: SpanId,
}

impl Trace {
    fn of(message_id: &str) -> Option<Trace> {
        let id = TraceId::from_hex(message_id.strip_prefix("msg_")?).ok()?;
        let bytes = id.to_bytes();
        let first = SpanId::from_bytes(bytes[8..].try_into().ok()?);
        (id != TraceId::INVALID && first != SpanId::INVALID).then_some(Trace { id, first })
    }

    /// By chance, but on every node the same. OpenTelemetry's own sampler takes the latter half of an id for random; that of a UUID begins with
    /// two bits that are always the same.
    fn is_wanted(self, ratio: f64) -> bool {
        let random = u64::from_be_bytes(self.first.to_bytes()) << 2;
        // As many bits as an f64 holds.
        ((random >> 11) as f64) < ratio * (1_u64 << 53) as f64
    }

    fn context(self, span: SpanId) -> SpanContext {
        SpanContext::new(self.id, span, TraceFlags::SAMPLED, false, TraceState::default())
    }
}

fn system_time(at: Moment) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(at.0.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::events::message_id;

    #[test]
    fn the_webhook_id_is_the_id_of_the_trace() {
        let trace = Trace::of("msg_0197f0c2a4b87cc18a3f5d6e7f809112").unwrap();

        assert_eq!(trace.id.to_string(), "0197f0c2a4b87cc18a3f5d6e7f809112");
        assert_eq!(trace.first.to_string(), "8a3f5d6e7f809112");
        for no_trace in [
            "",
            "msg_",
            "msg_00000000000000000000000000000000",
            "evt_0197f0c2",
            "msg_x",
        ] {
            assert_eq!(Trace::of(no_trace), None, "{no_trace}");
        }
    }

    #[test]
    fn a_ratio_is_the_share_of_deliveries_that_are_traced() {
        let traces: Vec<Trace> = (0..10_000)
            .map(|_| Trace::of(&message_id(Moment(1_764_000_000_000_000))).unwrap())
            .collect();

        for (ratio, least, most) in [
            (0.0, 0, 0),
            (0.1, 800, 1_200),
            (0.5, 4_600, 5_400),
            (1.0, 10_000, 10_000),
        ] {
            let wanted = traces.iter().filter(|trace| trace.is_wanted(ratio)).count();
            assert!((least..=most).contains(&wanted), "{wanted} at {ratio}");
        }
    }
}
