//! What this node counts of itself, for Prometheus. Every metric is described where it is made, each of its series has a handle from the
//! start, and labels are fixed words: never a URL, a project or a webhook. Nothing decides by any of it.

pub mod database;
mod deliveries;
mod figures;
mod process;
pub mod requests;
pub mod settings;
mod table;

use std::ops::Deref;
use std::sync::Arc;

use prometheus_client::metrics::info::Info;

use self::database::Database;
use self::deliveries::Deliveries;
use self::figures::Figures;
use self::process::Process;
use self::requests::Requests;
use self::table::Table;
use crate::context::Context;
use crate::error::AppError;
use crate::version;

/// Clones count together.
#[derive(Clone)]
pub struct Metrics {
    kept: Arc<Kept>,
}

pub struct Kept {
    pub deliveries: Deliveries,
    pub database: Database,
    pub requests: Requests,
    figures: Figures,
    process: Process,
    table: Table,
}

impl Deref for Metrics {
    type Target = Kept;

    fn deref(&self) -> &Kept {
        &self.kept
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut table = Table::default();
        let kept = Kept {
            deliveries: Deliveries::new(&mut table),
            figures: Figures::new(&mut table),
            database: Database::new(&mut table),
            requests: Requests::new(&mut table),
            process: Process::new(&mut table),
            table: {
                table.add(
                    "taskview_build",
                    "info",
                    "`version`".to_owned(),
                    "Which program this is",
                    Info::new(vec![("version", version::OWN)]),
                );
                table
            },
        };
        Metrics { kept: Arc::new(kept) }
    }
}

impl Metrics {
    /// What a scrape is answered, in the text format OpenMetrics 1.0. An outage of the database is no error: what it would
    /// have said is not a number then.
    pub async fn scrape(&self, ctx: &Context) -> Result<String, AppError> {
        self.figures.update(ctx).await;
        self.process.update();
        self.table.text().map_err(|error| AppError::Internal(error.to_string()))
    }

    /// Every metric with its type, labels and meaning, as a table in Markdown.
    pub fn documentation(&self) -> String {
        self.table.documentation()
    }
}
