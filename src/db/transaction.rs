//! What an action gets to write with: the connection, the instant of the change, and a note of what became due, which
//! reaches the engine after the commit and only then.

use super::Db;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;

/// Which queue of a webhook: what events made waits while the webhook is off; what a person asked for (retry, test) does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    Automatic,
    Direct,
}

/// A hint to the engine: this webhook has something due in this lane, and when. A wrong one costs an empty claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub webhook: WebhookId,
    pub project: ProjectId,
    pub lane: Lane,
    pub at: Moment,
}

/// One action's transaction.
pub struct Tx<'a> {
    pub db: &'a mut Db,
    /// When the change happens; read once, so that all rows of one action agree.
    pub now: Moment,
    due: Vec<Due>,
}

impl<'a> Tx<'a> {
    pub fn new(db: &'a mut Db, now: Moment) -> Self {
        Tx {
            db,
            now,
            due: Vec::new(),
        }
    }

    /// Tells the engine, once this is committed.
    pub fn wake(&mut self, due: Due) {
        self.due.push(due);
    }

    pub fn into_due(self) -> Vec<Due> {
        self.due
    }
}
