//! Makes metrics, and describes each in the same breath: what a scrape answers and what `docs/metrics.md` says cannot differ.
//! All series of a metric are made at once and handed out as handles, so that nobody looks one up while something is counted.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use prometheus_client::metrics::counter::Counter;

pub type Gauge = gauge::Gauge<f64, AtomicU64>;
/// A sum that is read elsewhere, such as the seconds that the system counts.
pub type Sum = Counter<f64, AtomicU64>;

type Labels = Vec<(&'static str, &'static str)>;

/// A metric as people read of it.
struct Described {
    name: String,
    kind: &'static str,
    labels: String,
    meaning: &'static str,
}

#[derive(Default)]
pub struct Table {
    registry: Registry,
    rows: Vec<Described>,
}

impl Table {
    pub fn counter(&mut self, name: &str, meaning: &'static str) -> Counter {
        let counter = Counter::default();
        self.add(name, "counter", String::new(), meaning, counter.clone());
        counter
    }

    /// One for each combination of labels.
    pub fn counters<const L: usize, const N: usize>(
        &mut self,
        name: &str,
        labels: [&'static str; L],
        series: [[&'static str; L]; N],
        meaning: &'static str,
    ) -> [Counter; N] {
        let family = Family::<Labels, Counter>::default();
        let handles = series.map(|values| family.get_or_create(&pairs(labels, values)).clone());
        self.add(name, "counter", words(&labels, &series), meaning, family);
        handles
    }

    pub fn sum(&mut self, name: &str, meaning: &'static str) -> Sum {
        let sum = Sum::default();
        self.add(name, "counter", String::new(), meaning, sum.clone());
        sum
    }

    pub fn gauge(&mut self, name: &str, meaning: &'static str) -> Gauge {
        let gauge = Gauge::default();
        self.add(name, "gauge", String::new(), meaning, gauge.clone());
        gauge
    }

    pub fn gauges<const L: usize, const N: usize>(
        &mut self,
        name: &str,
        labels: [&'static str; L],
        series: [[&'static str; L]; N],
        meaning: &'static str,
    ) -> [Gauge; N] {
        let family = Family::<Labels, Gauge>::default();
        let handles = series.map(|values| family.get_or_create(&pairs(labels, values)).clone());
        self.add(name, "gauge", words(&labels, &series), meaning, family);
        handles
    }

    pub fn histogram(&mut self, name: &str, buckets: &'static [f64], meaning: &'static str) -> Histogram {
        let histogram = Histogram::new(buckets.iter().copied());
        self.add(name, "histogram", String::new(), meaning, histogram.clone());
        histogram
    }

    pub fn histograms<const N: usize>(
        &mut self,
        name: &str,
        label: &'static str,
        series: [&'static str; N],
        buckets: fn() -> Histogram,
        meaning: &'static str,
    ) -> [Histogram; N] {
        let family = Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(buckets);
        let handles = series.map(|value| family.get_or_create(&pairs([label], [value])).clone());
        self.add(
            name,
            "histogram",
            words(&[label], &series.map(|value| [value])),
            meaning,
            family,
        );
        handles
    }

    /// A metric whose series appear when something is counted.
    pub fn add(
        &mut self,
        name: &str,
        kind: &'static str,
        labels: String,
        meaning: &'static str,
        metric: impl EncodeMetric + std::fmt::Debug + Send + Sync + 'static,
    ) {
        // It gets its full stop from the registry.
        self.registry.register(name, meaning, metric);
        self.rows.push(Described {
            name: format!("{name}{}", if kind == "counter" { "_total" } else { "" }),
            kind,
            labels,
            meaning,
        });
    }

    /// What a scrape is answered, in the text format OpenMetrics 1.0.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The rows of `docs/metrics.md`.
    pub fn documentation(&self) -> String {
        let mut text = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
        for row in &self.rows {
            let Described {
                name,
                kind,
                labels,
                meaning,
            } = row;
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {meaning} |");
        }
        text
    }
}

fn pairs<const L: usize>(names: [&'static str; L], values: [&'static str; L]) -> Labels {
    names.into_iter().zip(values).collect()
}

/// `` `pool` (read, write), `state` (in_use, waiting) ``
fn words<const L: usize, const N: usize>(names: &[&'static str; L], series: &[[&'static str; L]; N]) -> String {
    let of_label = |(place, name): (usize, &&str)| {
        let mut values: Vec<&str> = Vec::new();
        for value in series.iter().map(|values| values[place]) {
            if !values.contains(&value) && !value.is_empty() {
                values.push(value);
            }
        }
        format!("`{name}` ({})", values.join(", "))
    };
    names.iter().enumerate().map(of_label).collect::<Vec<_>>().join(", ")
}
