//! The way to the collector: OTLP as protobuf over HTTP, from the thread of the SDK that gathers spans. Whether it answers touches no
//! delivery; a batch that it does not take is dropped, and the first one is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{self, SpanData};
use url::Url;

/// For one request; what fails for a moment is repeated three times at most.
const WITHIN: Duration = Duration::from_secs(10);
/// An answer is a few bytes: how many spans were refused.
const MOST_ANSWER: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct Collector {
    exporter: SpanExporter,
    endpoint: Url,
    /// The last batch was not taken, and that was said.
    failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(endpoint: &Url) -> Result<Collector, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(agent()))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.as_str())
            .with_timeout(WITHIN)
            .build()?;
        Ok(Collector {
            exporter,
            endpoint: endpoint.clone(),
            failing: AtomicBool::new(false),
        })
    }
}

impl trace::SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let failed_before = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !failed_before => tracing::warn!(
                detail = %error,
                "the OpenTelemetry collector at {} takes no traces; they are dropped until it does. Deliveries go on",
                self.endpoint
            ),
            Ok(()) if failed_before => {
                tracing::info!("the OpenTelemetry collector at {} takes traces again", self.endpoint);
            }
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// A blocking client: the SDK waits for it on a thread that has nothing else to do.
#[derive(Debug)]
struct Client(ureq::Agent);

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(WITHIN))
        // The answer says what is wrong.
        .http_status_as_error(false)
        .max_redirects(0)
        // As deliveries: what a proxy is for is said by no setting of this program.
        .proxy(None)
        .user_agent(concat!("taskview-webhooks/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.run(request.map(|body| body.to_vec()));
        // The exporter says no more than that it failed.
        let mut answer =
            answer.inspect_err(|error| tracing::debug!(detail = %error, "the collector was not reached"))?;
        let body = answer.body_mut().with_config().limit(MOST_ANSWER).read_to_vec()?;
        Ok(answer.map(|_| body.into()))
    }
}
