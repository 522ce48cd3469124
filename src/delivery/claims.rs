//! Claims on their way: a few at a time, beside everything else the loop does, so that a slow one delays neither what is handed
//! over nor the next.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::context::Context;
use crate::db::deliveries::{Claimed, Lease, Wanted};
use crate::db::writer::Turn;
use crate::db::{self, Tx};
use crate::delivery::lanes::Pick;
use crate::domain::moment::Moment;
use crate::error::AppError;

/// While the rows of one are being written, slots become free for the next.
const AT_A_TIME: usize = 2;

/// A claim that has ended.
pub struct Claim {
    pub picks: Vec<Pick>,
    pub lease_id: i64,
    /// A moment before its lease began to count.
    pub since: Instant,
    pub began: Moment,
    pub result: Result<Vec<Claimed>, AppError>,
}

pub struct Claims {
    context: Context,
    /// Leases that were given before this process began are void on SQLite, where it is the only one.
    began: Moment,
    in_flight: usize,
    tell: mpsc::UnboundedSender<Claim>,
    ended: mpsc::UnboundedReceiver<Claim>,
}

impl Claims {
    pub fn new(context: Context) -> Claims {
        let (tell, ended) = mpsc::unbounded_channel();
        Claims {
            began: context.now(),
            context,
            in_flight: 0,
            tell,
            ended,
        }
    }

    pub fn may_start(&self) -> bool {
        self.in_flight < AT_A_TIME
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn start(&mut self, picks: Vec<Pick>, now: Moment) {
        let since = Instant::now();
        let timing = self.context.config().timing;
        let void_before = if self.context.config().database.is_sqlite() {
            now.max(self.began + timing.lease)
        } else {
            now
        };
        let lease = Lease {
            id: rand::random(),
            now,
            until: now + timing.lease,
            void_before,
        };
        let wanted: Vec<Wanted> = picks
            .iter()
            .map(|pick| Wanted {
                webhook: pick.webhook,
                lane: pick.lane,
                count: pick.count,
                floor: pick.floor,
            })
            .collect();
        let (context, tell) = (self.context.clone(), self.tell.clone());
        self.in_flight += 1;
        actix_rt::spawn(async move {
            let claim = move |tx: &mut Tx<'_>| Ok(db::deliveries::claim(tx.db, &wanted, lease)?);
            let result = context.write_in_turn(Turn::Unflushed, claim).await;
            let _ = tell.send(Claim {
                picks,
                lease_id: lease.id,
                since,
                began: lease.now,
                result,
            });
        });
    }

    pub async fn next(&mut self) -> Option<Claim> {
        let claim = self.ended.recv().await;
        self.in_flight -= usize::from(claim.is_some());
        claim
    }

    pub fn try_next(&mut self) -> Option<Claim> {
        let claim = self.ended.try_recv().ok();
        self.in_flight -= usize::from(claim.is_some());
        claim
    }
}
