//! What reading and writing takes, and what the database refuses. What it holds is in `figures`.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use super::table::{Counter, Table};
use crate::error::AppError;

const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
const GROUP: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

pub struct Database {
    seconds: [Histogram; 2],
    errors: [Counter; 4],
    group: Histogram,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Read,
    Write,
}

impl Database {
    pub(super) fn new(table: &mut Table) -> Self {
        Database {
            seconds: table.histograms(
                "taskview_database_duration_seconds",
                "use",
                ["read", "write"],
                || Histogram::new(SECONDS.iter().copied()),
                "How long a look or a transaction took, the waiting for a connection or the writer included",
            ),
            errors: table.counters(
                "taskview_database_errors",
                ["kind"],
                [["unavailable"], ["collided"], ["locked"], ["internal"]],
                "What failed: not reachable or full, two changes that collided twice, a master key that is missing, a defect",
            ),
            group: table.histogram(
                "taskview_writer_group",
                GROUP,
                "Actions that shared one commit (SQLite)",
            ),
        }
    }

    pub fn used<T>(&self, how: Use, took: Duration, result: &Result<T, AppError>) {
        self.seconds[how as usize].observe(took.as_secs_f64());
        let kind = match result {
            Err(AppError::Unavailable(_)) => 0,
            Err(AppError::Collided(_)) => 1,
            Err(AppError::Locked { .. }) => 2,
            Err(AppError::Internal(_)) => 3,
            _ => return,
        };
        self.errors[kind].inc();
    }

    /// For the writer thread, which knows nothing else of this.
    pub fn group(&self) -> Histogram {
        self.group.clone()
    }
}
