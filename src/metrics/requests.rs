//! What is asked of this node over HTTP, by the pattern of the address and never by the address.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::table::{Counter, Table};

const SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

/// As many as the table of routes has rows, times what is answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    pub route: String,
    pub method: &'static str,
    pub status: &'static str,
}

/// What became of somebody who showed a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    Right,
    Wrong,
    /// Not looked at: too many have failed, or too many are being checked.
    Refused,
}

pub struct Requests {
    seconds: Family<Answered, Histogram, fn() -> Histogram>,
    sign_ins: [Counter; 3],
}

impl Requests {
    pub(super) fn new(table: &mut Table) -> Self {
        let seconds: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS.iter().copied()));
        table.add(
            "taskview_http_request_duration_seconds",
            "histogram",
            "`route` (the pattern of the address), `method`, `status` (1xx to 5xx)".to_owned(),
            "Requests that were answered, and how long the head of the answer took",
            seconds.clone(),
        );
        Requests {
            seconds,
            sign_ins: table.counters(
                "taskview_sign_ins",
                ["result"],
                [["right"], ["wrong"], ["refused"]],
                "Passwords that were shown, at the door or again; refused are those that were not looked at, because too many had failed",
            ),
        }
    }

    pub fn answered(&self, answered: &Answered, took: Duration) {
        self.seconds.get_or_create(answered).observe(took.as_secs_f64());
    }

    pub fn sign_in(&self, result: SignIn) {
        self.sign_ins[result as usize].inc();
    }
}
