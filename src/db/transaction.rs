//! What an action gets to write with: the connection, the instant of the change, and notes of what became due or was claimed
//! for the engine of this node. They reach it after the commit and only then.

use std::time::Instant;

use super::Db;
use super::deliveries::Claimed;
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::limits::Limits;
use crate::slots::{Slot, Slots};

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

/// A delivery that was born claimed, for the engine of this node to send at once.
#[derive(Debug)]
pub struct Handed {
    pub claimed: Claimed,
    pub lease_id: i64,
    /// A moment before its lease began to count.
    pub since: Instant,
    pub slot: Slot,
}

/// A delivery that was written: where its trace begins.
#[derive(Debug)]
pub struct Made {
    pub delivery: DeliveryId,
    pub message_id: String,
    pub webhook: WebhookId,
    pub project: ProjectId,
    pub kind: EventKind,
    pub at: Moment,
}

/// What others must hear once the transaction is on disk.
#[derive(Debug, Default)]
pub struct Notes {
    pub due: Vec<Due>,
    pub handed: Vec<Handed>,
    /// Events that were published, of tasks and of host applications.
    pub events: [u64; 2],
    /// Of traced transactions only.
    pub made: Vec<Made>,
}

/// One action's transaction.
pub struct Tx<'a> {
    pub db: &'a mut Db,
    /// When the change happens; read once, so that all rows of one action agree.
    pub now: Moment,
    /// How much there may be of everything.
    pub limits: Limits,
    began: Instant,
    slots: Option<&'a Slots>,
    traced: bool,
    notes: Notes,
}

impl<'a> Tx<'a> {
    /// With `slots`, new deliveries may be handed to the engine of this node.
    pub fn new(db: &'a mut Db, now: Moment, slots: Option<&'a Slots>) -> Self {
        Tx {
            db,
            now,
            limits: Limits::default(),
            began: Instant::now(),
            slots,
            traced: false,
            notes: Notes::default(),
        }
    }

    #[must_use]
    pub fn under(self, limits: Limits) -> Self {
        Tx { limits, ..self }
    }

    /// Somebody wants to know of each delivery that is written.
    #[must_use]
    pub fn traced(self, traced: bool) -> Self {
        Tx { traced, ..self }
    }

    /// A free slot of this node's engine for a delivery of this webhook that is about to be written, and a fresh fence.
    pub(super) fn promise(&self, webhook: WebhookId) -> Option<(i64, Slot)> {
        let slot = self.slots?.promise(webhook)?;
        Some((rand::random(), slot))
    }

    /// Until when a delivery that is written now and handed over keeps others off.
    pub(super) fn lease_until(&self) -> Moment {
        self.slots.map_or(self.now, |slots| self.now + slots.lease())
    }

    /// Gives a delivery that was written with this lease to the engine, once this is committed.
    pub(super) fn hand_over(&mut self, claimed: Claimed, (lease_id, slot): (i64, Slot)) {
        self.notes.handed.push(Handed {
            claimed,
            lease_id,
            since: self.began,
            slot,
        });
    }

    /// A delivery was written.
    pub(super) fn trace(
        &mut self,
        delivery: DeliveryId,
        (project, webhook): (ProjectId, WebhookId),
        kind: &EventKind,
        message_id: &str,
    ) {
        if self.traced {
            self.notes.made.push(Made {
                delivery,
                message_id: message_id.to_owned(),
                webhook,
                project,
                kind: kind.clone(),
                at: self.now,
            });
        }
    }

    /// Tells the engine, once this is committed.
    pub fn wake(&mut self, due: Due) {
        self.notes.due.push(due);
    }

    /// An event was published, by a host application or by a task of ours.
    pub(super) fn count(&mut self, by_host: bool) {
        self.notes.events[usize::from(by_host)] += 1;
    }

    pub fn into_notes(self) -> Notes {
        self.notes
    }
}
