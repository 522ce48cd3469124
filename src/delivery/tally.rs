//! Counts for the charts: how many deliveries of each webhook ended well and how many did not, by the hour. They are added up
//! in memory when the settler has recorded the deliveries, and written about once a second, so that recording costs nothing
//! more. A crash loses the last second or two of a chart; the deliveries themselves are on disk.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::context::Context;
use crate::db;
use crate::db::hourly::Count;
use crate::db::writer::Turn;
use crate::domain::ids::WebhookId;
use crate::error::AppError;

const EVERY: Duration = Duration::from_secs(1);
/// Rows of one transaction.
const SLICE: usize = 500;

#[derive(Default)]
pub struct Tally {
    counts: RefCell<BTreeMap<(WebhookId, i64), (i64, i64)>>,
}

impl Tally {
    pub fn add(&self, ended: &[Count]) {
        let mut counts = self.counts.borrow_mut();
        for count in ended {
            let (ok, failed) = counts.entry((count.webhook, count.hour)).or_default();
            *ok += count.ok;
            *failed += count.failed;
        }
    }

    /// Writes what was added since; what the database does not take waits for the next time.
    pub async fn flush(&self, context: &Context) -> Result<(), AppError> {
        loop {
            let slice = self.take();
            if slice.is_empty() {
                return Ok(());
            }
            let rows = slice.clone();
            let written = context.write_in_turn(Turn::Unflushed, move |tx| Ok(db::hourly::add(tx.db, &rows)?));
            if let Err(error) = written.await {
                self.add(&slice);
                return Err(error);
            }
        }
    }

    /// The next few, in ascending order.
    fn take(&self) -> Vec<Count> {
        let mut counts = self.counts.borrow_mut();
        let next = std::iter::from_fn(|| counts.pop_first());
        next.take(SLICE)
            .map(|((webhook, hour), (ok, failed))| Count {
                webhook,
                hour,
                ok,
                failed,
            })
            .collect()
    }
}

/// Runs until the engine stops.
pub async fn run(context: Context, tally: Rc<Tally>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = tally.flush(&context).await {
            tracing::warn!(detail = error.detail(), "counts for the charts wait for the database");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_one_hour_are_added_up_and_leave_in_ascending_order() {
        let count = |webhook, hour, ok, failed| Count {
            webhook: WebhookId(webhook),
            hour,
            ok,
            failed,
        };
        let tally = Tally::default();

        tally.add(&[count(2, 7, 1, 0), count(1, 8, 0, 1), count(2, 7, 0, 1)]);
        tally.add(&[count(2, 7, 3, 0), count(1, 7, 1, 0)]);

        assert_eq!(tally.take(), [count(1, 7, 1, 0), count(1, 8, 0, 1), count(2, 7, 4, 1)]);
        assert_eq!(tally.take(), []);
    }
}
