//! What arrived at the receiver during a part of a run: how much, how late, what twice. Noting one costs well under a
//! microsecond: numbers only, no text.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::receiver::Request;

/// Shared by the receiver, which notes, and the run, which reads.
pub struct Notes {
    base: Instant,
    arrived: AtomicUsize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Numbers below belong to a part that is over.
    first_event: u64,
    /// Microseconds from the request that published to the body.
    latencies: Vec<u32>,
    seen: HashSet<u64, BuildHasherDefault<Spread>>,
    repeated: usize,
    retried: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// What came during a part.
pub struct Seen {
    latencies: Vec<u32>,
    /// Deliveries that came again with the same attempt number, or again at all.
    pub repeated: usize,
    /// Requests whose attempt number says that one before them failed.
    pub retried: usize,
    pub first: Option<Instant>,
    pub last: Option<Instant>,
}

impl Notes {
    pub fn new(base: Instant) -> Arc<Notes> {
        Arc::new(Notes {
            base,
            arrived: AtomicUsize::new(0),
            kept: Mutex::default(),
        })
    }

    /// Begins a part: events from this number on belong to it.
    pub fn begin(&self, first_event: u64) {
        let mut kept = self.kept();
        *kept = Kept {
            first_event,
            ..Kept::default()
        };
        self.arrived.store(0, Ordering::Relaxed);
    }

    pub fn note(&self, request: &Request<'_>) {
        let (event, attempt) = (request.event(), request.attempt());
        let sent = self.base + Duration::from_nanos(request.sent());
        let late = request.at.saturating_duration_since(sent).as_micros();
        let mut kept = self.kept();
        if event < kept.first_event {
            return;
        }
        if attempt > 1 {
            kept.retried += 1;
        }
        if kept.seen.insert(u64::from(request.webhook()) << 40 | event) {
            kept.latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
            kept.first.get_or_insert(request.at);
            kept.last = Some(request.at);
            self.arrived.fetch_add(1, Ordering::Relaxed);
        } else if attempt <= 1 {
            kept.repeated += 1;
        }
    }

    /// Different deliveries so far.
    pub fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Waits until `count` different deliveries have come, or for `most`; returns how many did.
    pub async fn wait_for(&self, count: usize, most: Duration) -> usize {
        let began = Instant::now();
        while self.arrived() < count && began.elapsed() < most {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.arrived()
    }

    pub fn take(&self) -> Seen {
        let kept = std::mem::take(&mut *self.kept());
        let mut latencies = kept.latencies;
        latencies.sort_unstable();
        Seen {
            latencies,
            repeated: kept.repeated,
            retried: kept.retried,
            first: kept.first,
            last: kept.last,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no panic while noting")
    }
}

impl Seen {
    /// In milliseconds; NaN when nothing came.
    pub fn percentile(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * percent / 100.0).round() as usize;
        self.latencies.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1e3)
    }
}

/// The keys are numbers in a row: one multiplication spreads them, and nobody here means harm.
#[derive(Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}
