//! What the engine counts, and what is published for it. One attempt costs two or three additions to atomics.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use super::table::{Counter, Table};
use crate::domain::delivery::OutcomeKind;

/// From a quick receiver to the deadline.
const ATTEMPT: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// From a hand-over to a long queue.
const FIRST: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0,
];
const BATCH: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const SETTLE: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// In the order of the kinds, then what was answered by its first digit.
const ENDS: [[&str; 2]; 13] = [
    ["answered", "other"],
    ["timeout", ""],
    ["dns", ""],
    ["connect", ""],
    ["tls", ""],
    ["blocked", ""],
    ["protocol", ""],
    ["interrupted", ""],
    ["answered", "1xx"],
    ["answered", "2xx"],
    ["answered", "3xx"],
    ["answered", "4xx"],
    ["answered", "5xx"],
];
const BEFORE_1XX: usize = 7;

pub struct Deliveries {
    attempts: [Counter; 13],
    attempt_seconds: Histogram,
    first_attempt_seconds: Histogram,
    events: [Counter; 2],
    claims: [Counter; 3],
    claimed: [Counter; 2],
    settle_results: Histogram,
    settle_seconds: Histogram,
    leases_lost: Counter,
    retries: Counter,
    ended: [Counter; 2],
    cleaned: Counter,
}

impl Deliveries {
    pub(super) fn new(table: &mut Table) -> Self {
        Deliveries {
            events: table.counters(
                "taskview_events",
                ["source"],
                [["task"], ["host"]],
                "Events that were published: by tasks of this program, or handed in by a host application. Tests are not counted",
            ),
            attempts: table.counters(
                "taskview_attempts",
                ["outcome", "status"],
                ENDS,
                "Attempts that ended, with the class of the status code that was answered",
            ),
            attempt_seconds: table.histogram(
                "taskview_attempt_duration_seconds",
                ATTEMPT,
                "How long an attempt took, from the look-up of the name to the end of what is read of the answer",
            ),
            first_attempt_seconds: table.histogram(
                "taskview_first_attempt_delay_seconds",
                FIRST,
                "From the event to the beginning of the first attempt of an automatic delivery, the time for which it was held included",
            ),
            retries: table.counter(
                "taskview_retries",
                "Attempts that failed and are followed by another one",
            ),
            ended: table.counters(
                "taskview_deliveries_ended",
                ["end"],
                [["success"], ["failed"]],
                "Deliveries that ended by an attempt; what failed waits for somebody to send it again. Tests are not counted",
            ),
            claims: table.counters(
                "taskview_claims",
                ["result"],
                [["rows"], ["empty"], ["error"]],
                "Claims that the engine made of the database: with rows, in vain, and refused",
            ),
            claimed: table.counters(
                "taskview_deliveries_taken",
                ["way"],
                [["claimed"], ["handed_over"]],
                "Deliveries that the engine took on: claimed, or handed over by the transaction that published them",
            ),
            leases_lost: table.counter(
                "taskview_leases_lost",
                "Results that were not recorded, because the lease was lost to another node or the delivery is gone",
            ),
            settle_results: table.histogram(
                "taskview_settle_results",
                BATCH,
                "Results that were recorded in one transaction",
            ),
            settle_seconds: table.histogram(
                "taskview_settle_duration_seconds",
                SETTLE,
                "How long it took to record them, repetitions included",
            ),
            cleaned: table.counter(
                "taskview_cleaned_rows",
                "Rows that were removed, or ended as discarded or expired, because their time was over or somebody pressed a button",
            ),
        }
    }

    /// By tasks, and by host applications.
    pub fn published(&self, events: [u64; 2]) {
        for (counter, events) in self.events.iter().zip(events) {
            if events > 0 {
                counter.inc_by(events);
            }
        }
    }

    /// An automatic delivery is tried for the first time, so long after it was due.
    pub fn first_attempt(&self, waited: Duration) {
        self.first_attempt_seconds.observe(waited.as_secs_f64());
    }

    pub fn attempt_ended(&self, kind: OutcomeKind, code: Option<i32>, took_us: i64) {
        let place = match code.map(|code| code / 100) {
            Some(class @ 1..=5) => BEFORE_1XX + class as usize,
            _ => kind as usize,
        };
        if let Some(counter) = self.attempts.get(place) {
            counter.inc();
        }
        self.attempt_seconds.observe(took_us as f64 / 1_000_000.0);
    }

    pub fn handed_over(&self) {
        self.claimed[1].inc();
    }

    /// `None`: the database refused.
    pub fn claimed(&self, rows: Option<usize>) {
        match rows {
            Some(0) => self.claims[1].inc(),
            Some(_) => self.claims[0].inc(),
            None => self.claims[2].inc(),
        };
        self.claimed[0].inc_by(rows.unwrap_or(0) as u64);
    }

    /// One transaction of results, so many of which held their lease.
    pub fn settled(&self, results: usize, recorded: usize, took: Duration) {
        self.settle_results.observe(results as f64);
        self.settle_seconds.observe(took.as_secs_f64());
        self.lost(results - recorded);
    }

    /// Attempts whose lease ran out.
    pub fn lost(&self, leases: usize) {
        self.leases_lost.inc_by(leases as u64);
    }

    /// What the results made of their deliveries.
    pub fn ended(&self, ok: i64, failed: i64, retried: usize) {
        self.ended[0].inc_by(ok.unsigned_abs());
        self.ended[1].inc_by(failed.unsigned_abs());
        self.retries.inc_by(retried as u64);
    }

    pub fn cleaned(&self, rows: usize) {
        self.cleaned.inc_by(rows as u64);
    }
}
