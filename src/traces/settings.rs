//! Where traces are sent, and of how many deliveries.

use url::Url;

use crate::config::SettingError;

/// What OTLP over HTTP appends to the address of a collector.
const PATH: &str = "/v1/traces";

/// As it is given.
#[derive(Debug, Clone, clap::Args)]
pub struct TraceSettings {
    /// OpenTelemetry collector that gets a trace of each delivery over OTLP/HTTP, e.g. http://localhost:4318
    #[arg(long, env = "TASKVIEW_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// Share of deliveries that are traced, from 0 to 1; all nodes choose the same ones
    #[arg(long, env = "TASKVIEW_TRACE_RATIO", default_value = "1", value_name = "RATIO")]
    pub trace_ratio: f64,
}

/// What holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracing {
    /// With the path for traces.
    pub endpoint: Url,
    pub ratio: f64,
}

impl TraceSettings {
    /// `None`: nothing is traced.
    pub fn check(self) -> Result<Option<Tracing>, SettingError> {
        if !(0.0..=1.0).contains(&self.trace_ratio) {
            return Err(SettingError {
                setting: "TASKVIEW_TRACE_RATIO",
                reason: format!("{} is no share: take a number from 0 to 1, e.g. 0.1", self.trace_ratio),
            });
        }
        let Some(text) = self.otlp_endpoint.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Tracing {
            endpoint: endpoint(&text).map_err(|reason| SettingError {
                setting: "TASKVIEW_OTLP_ENDPOINT",
                reason,
            })?,
            ratio: self.trace_ratio,
        }))
    }
}

/// The reason does not repeat the text, which may hold a password.
fn endpoint(text: &str) -> Result<Url, String> {
    let like = "write it like http://localhost:4318";
    let mut url = Url::parse(text).map_err(|error| format!("this is no URL ({error}); {like}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("it must begin with http:// or https://; {like}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "it holds a user name or a password; give what the collector wants in OTEL_EXPORTER_OTLP_HEADERS".into(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("it must end with the path; {like}"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(PATH).unwrap_or(path).trim_end_matches('/');
    url.set_path(&format!("{path}{PATH}"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(endpoint: &str, ratio: f64) -> Result<Option<Tracing>, SettingError> {
        let settings = TraceSettings {
            otlp_endpoint: Some(endpoint.to_owned()),
            trace_ratio: ratio,
        };
        settings.check()
    }

    #[test]
    fn the_path_for_traces_is_added_unless_it_is_there() {
        for (given, sent_to) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/v1/traces", "http://localhost:4318/v1/traces"),
            (
                "http://localhost/otel-v1/traces",
                "http://localhost/otel-v1/traces/v1/traces",
            ),
            ("https://otel.example.com/in/", "https://otel.example.com/in/v1/traces"),
            (
                "https://otel.example.com/in/v1/traces/",
                "https://otel.example.com/in/v1/traces",
            ),
        ] {
            let tracing = checked(given, 1.0).unwrap().unwrap();
            assert_eq!(tracing.endpoint.as_str(), sent_to, "{given}");
        }
        assert_eq!(checked("", 1.0), Ok(None));
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_by_name_without_repeating_a_password() {
        for wrong in [
            "localhost:4318",
            "grpc://localhost:4317",
            "http://",
            "http://u:s3cret@localhost:4318",
            "http://localhost:4318?key=s3cret",
        ] {
            let error = checked(wrong, 1.0).unwrap_err();
            assert_eq!(error.setting, "TASKVIEW_OTLP_ENDPOINT", "{wrong}");
            assert!(!error.reason.contains("s3cret"), "{}", error.reason);
        }
        for wrong in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
            let error = checked("http://localhost:4318", wrong).unwrap_err();
            assert_eq!(error.setting, "TASKVIEW_TRACE_RATIO", "{wrong}");
        }
    }
}
