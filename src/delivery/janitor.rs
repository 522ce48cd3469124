//! What follows from one press of a button for many rows, in slices that never block deliveries: discarded deliveries end
//! as failed, the rows of deleted webhooks and projects go. Each slice is a short transaction of its own; between two of
//! them others have their turn.

use std::time::Duration;

use crate::context::Context;
use crate::db::{self, Tx};
use crate::error::AppError;

/// Rows of one slice.
const SLICE: i64 = 100;
const IDLE: Duration = Duration::from_secs(1);
/// Between two slices.
const BREATH: Duration = Duration::from_millis(5);

/// Runs until the engine stops.
pub async fn run(context: Context) {
    loop {
        let mut worked = false;
        for job in JOBS {
            match context.write(*job).await {
                Ok(rows) => worked |= rows > 0,
                Err(error) => tracing::warn!(detail = error.detail(), "cleaning up has to wait: {error}"),
            }
        }
        tokio::time::sleep(if worked { BREATH } else { IDLE }).await;
    }
}

type Job = fn(&mut Tx<'_>) -> Result<usize, AppError>;

const JOBS: &[Job] = &[
    |tx| Ok(db::resend::end_discarded_slice(tx.db, SLICE, tx.now)?),
    |tx| Ok(db::webhooks::purge_slice(tx.db, SLICE)?),
    |tx| Ok(db::projects::purge_slice(tx.db, SLICE, tx.now)?),
];
