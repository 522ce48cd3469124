//! Makes the history shorter: lap by lap, in slices that each hold the writer for a few milliseconds. The server goes a lap a minute, the
//! command `prune` beside it goes one by hand. What goes first is old, then what a webhook has too many of, then the events
//! that nobody refers to any more; a kill between two slices leaves nothing half done.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::db::retention::{self, Reason, Span};
use crate::db::writer::Turn;
use crate::db::{self, Db, Tx, space};
use crate::domain::ids::{DeliveryId, EventId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::retention::{FIRST_SLICE, Kept, next_slice};
use crate::error::AppError;
use crate::store::Store;

/// Between two slices others have their turn for as long as the slice took, within these.
const BREATH: Duration = Duration::from_millis(5);
const DEEP_BREATH: Duration = Duration::from_millis(50);
/// Somebody may be waiting for the result of what was attempted a moment ago, however many deliveries its webhook has.
const A_MOMENT: Duration = Duration::from_secs(60);
/// What was old and could not go is looked at again in every so many laps.
const LAPS_BETWEEN_LOOKS_BACK: u32 = 60;
/// Events that are looked at in one go, and webhooks.
const LOOK: i64 = 1_000;
const WEBHOOKS: usize = 50;
/// A busy or absent database is waited for.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(500);

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    pub deliveries: usize,
    pub events: usize,
}

/// What would go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    pub old: i64,
    pub too_many: i64,
    pub events: i64,
}

/// Deliveries of a webhook that were counted. Others remove some too, so it is never less than there are.
#[derive(Debug, Clone, Copy)]
struct Counted {
    rows: i64,
    up_to: DeliveryId,
}

pub struct Pruner {
    store: Store,
    kept: Kept,
    gone: Gone,
    slice: i64,
    laps: u32,
    /// What lies before these is old, and was looked at.
    deliveries_to: DeliveryId,
    events_to: EventId,
    counted: HashMap<WebhookId, Counted>,
}

impl Pruner {
    pub fn new(store: Store, kept: Kept) -> Self {
        Pruner {
            store,
            kept,
            gone: Gone::default(),
            slice: FIRST_SLICE,
            laps: 0,
            deliveries_to: DeliveryId(0),
            events_to: EventId(0),
            counted: HashMap::new(),
        }
    }

    /// Removes all that may go now, and says after each slice how much has gone since the pruner was made.
    pub async fn lap(&mut self, told: &mut dyn FnMut(Gone)) -> Result<Gone, AppError> {
        if self.laps.is_multiple_of(LAPS_BETWEEN_LOOKS_BACK) {
            (self.deliveries_to, self.events_to) = (DeliveryId(0), EventId(0));
        }
        self.laps = self.laps.wrapping_add(1);
        self.old(told).await?;
        self.too_many(told).await?;
        self.idle_events(told).await?;
        Ok(self.gone)
    }

    /// The same, with more patience than the server needs, which comes by again in a minute.
    pub async fn lap_patiently(&mut self, told: &mut dyn FnMut(Gone)) -> Result<Gone, AppError> {
        let mut tries = 0;
        loop {
            match self.lap(told).await {
                Err(error @ (AppError::Unavailable(_) | AppError::Collided(_))) if tries < TRIES => {
                    tries += 1;
                    tracing::warn!(detail = error.detail(), "pruning has to wait: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// Gives the free pages of a SQLite file back that can be given back in steps, and says how many bytes those were.
    pub async fn give_space_back(&mut self) -> Result<i64, AppError> {
        self.slice = FIRST_SLICE;
        let (mut given, mut most) = (0, i64::MAX);
        // While a server runs more pages become free; those that were when we began are enough.
        while let Some(pages) = self.store.read(|db| Ok(space::pages(db)?)).await? {
            most = most.min(pages.free);
            let step = self.slice.min(most);
            if !pages.in_steps || step == 0 {
                break;
            }
            let step = self.remove(step as usize, move |db| {
                space::give_back(db, step)?;
                Ok(step as usize)
            });
            let step = step.await? as i64;
            (given, most) = (given + step * pages.size, most - step);
        }
        Ok(given)
    }

    async fn old(&mut self, told: &mut dyn FnMut(Gone)) -> Result<(), AppError> {
        let old = self.store.now() - self.kept.age();
        let before = self
            .store
            .read(move |db| Ok(retention::first_delivery_since(db, old)?))
            .await?;
        let span = Span {
            webhook: None,
            after: self.deliveries_to,
            before,
            quiet_since: old,
        };
        self.deliveries(span, Reason::Age, i64::MAX, told).await?;
        self.deliveries_to = DeliveryId(before.0 - 1).max(self.deliveries_to);
        Ok(())
    }

    async fn too_many(&mut self, told: &mut dyn FnMut(Gone)) -> Result<(), AppError> {
        let webhooks = self.store.read(|db| Ok(retention::webhooks(db)?)).await?;
        for some in webhooks.chunks(WEBHOOKS) {
            for (webhook, many) in self.above_the_number(some).await? {
                let span = Span {
                    webhook: Some(webhook),
                    after: DeliveryId(0),
                    before: DeliveryId(i64::MAX),
                    quiet_since: self.store.now() - A_MOMENT,
                };
                self.deliveries(span, Reason::Number, many, told).await?;
            }
        }
        Ok(())
    }

    /// Those of these webhooks that have more finished deliveries than are kept, and how many more. Counting them all takes a look at
    /// each; so new ones are added up, and only when the sum is too high all are counted.
    async fn above_the_number(&mut self, webhooks: &[WebhookId]) -> Result<Vec<(WebhookId, i64)>, AppError> {
        const NONE: Counted = Counted {
            rows: 0,
            up_to: DeliveryId(0),
        };
        let most = self.kept.per_webhook;
        let before = |webhook: &WebhookId| (*webhook, self.counted.get(webhook).copied().unwrap_or(NONE));
        let before: Vec<(WebhookId, Counted)> = webhooks.iter().map(before).collect();
        let count = move |db: &mut Db| {
            let (mut counted, mut above) = (Vec::with_capacity(before.len()), Vec::new());
            for (webhook, before) in before {
                let (new, last) = retention::all_after(db, webhook, before.up_to)?;
                let mut rows = before.rows + new;
                if rows > most {
                    rows = retention::all_after(db, webhook, DeliveryId(0))?.0;
                    let finished = rows - retention::waiting(db, webhook)?;
                    above.push((webhook, finished - most));
                }
                let up_to = last.unwrap_or(before.up_to);
                counted.push((webhook, Counted { rows, up_to }));
            }
            Ok((counted, above))
        };
        let (counted, above) = self.store.read(count).await?;
        self.counted.extend(counted);
        Ok(above)
    }

    /// Removes what may go of a span, `most` at most, in slices.
    async fn deliveries(
        &mut self,
        mut span: Span,
        reason: Reason,
        most: i64,
        told: &mut dyn FnMut(Gone),
    ) -> Result<(), AppError> {
        let mut left = most;
        while left > 0 {
            let limit = self.slice.min(left);
            let ids = self
                .store
                .read(move |db| Ok(retention::first(db, &span, limit)?))
                .await?;
            let Some(last) = ids.last().copied() else { break };
            span.after = last;
            left -= ids.len() as i64;
            let quiet_since = span.quiet_since;
            let removed = self.remove(ids.len(), move |db| {
                Ok(retention::delete(db, ids, quiet_since, reason)?)
            });
            self.gone.deliveries += removed.await?;
            told(self.gone);
        }
        Ok(())
    }

    async fn idle_events(&mut self, told: &mut dyn FnMut(Gone)) -> Result<(), AppError> {
        let old = self.store.now() - self.kept.age();
        let below = self
            .store
            .read(move |db| Ok(retention::first_event_since(db, old)?))
            .await?;
        loop {
            let after = self.events_to;
            let looked = self
                .store
                .read(move |db| Ok(retention::idle_events(db, after, below, old, LOOK)?))
                .await?;
            let Some(last) = looked.last else { break };
            let mut idle = looked.idle.as_slice();
            while !idle.is_empty() {
                let (now, later) = idle.split_at(idle.len().min(self.slice as usize));
                let ids = now.to_vec();
                let removed = self.remove(ids.len(), move |db| Ok(retention::delete_events(db, ids)?));
                self.gone.events += removed.await?;
                told(self.gone);
                idle = later;
            }
            self.events_to = last;
        }
        Ok(())
    }

    /// One slice in a transaction of its own, once it is this node's turn; then a pause.
    async fn remove<F>(&mut self, rows: usize, job: F) -> Result<usize, AppError>
    where
        F: FnOnce(&mut Db) -> Result<usize, AppError> + Clone + Send + 'static,
    {
        loop {
            let job = job.clone();
            let slice = move |tx: &mut Tx<'_>| {
                let began = Instant::now();
                if !db::turn::to_prune(tx.db)? {
                    return Ok(None);
                }
                Ok(Some((job(tx.db)?, began)))
            };
            let Some((gone, began)) = self.store.write_in_turn(Turn::Later, slice).await?.0 else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let took = began.elapsed();
            self.slice = next_slice(self.slice, rows, took);
            tracing::debug!(
                rows,
                took_us = took.as_micros() as u64,
                "removed a slice of the history"
            );
            tokio::time::sleep(took.clamp(BREATH, DEEP_BREATH)).await;
            return Ok(gone);
        }
    }
}

/// What a lap would remove, and how much of it because of which rule.
pub async fn plan(store: &Store, kept: Kept) -> Result<Plan, AppError> {
    let now = store.now();
    let old = now - kept.age();
    let mut plan = Plan::default();
    let before = store
        .read(move |db| Ok(retention::first_delivery_since(db, old)?))
        .await?;
    for webhook in store.read(|db| Ok(retention::webhooks(db)?)).await? {
        let count = move |db: &mut Db| {
            let old = retention::count(db, webhook, before, old)?;
            let finished = retention::all_after(db, webhook, DeliveryId(0))?.0 - retention::waiting(db, webhook)?;
            Ok((old, (finished - old - kept.per_webhook).max(0)))
        };
        let (old, too_many) = store.read(count).await?;
        plan.old += old;
        plan.too_many += too_many;
    }
    plan.events = idle_then(store, old).await?;
    Ok(plan)
}

async fn idle_then(store: &Store, old: Moment) -> Result<i64, AppError> {
    let below = store.read(move |db| Ok(retention::first_event_since(db, old)?)).await?;
    let (mut idle, mut after) = (0, EventId(0));
    loop {
        let looked = store
            .read(move |db| Ok(retention::events_idle_then(db, after, below, old, LOOK)?))
            .await?;
        idle += looked.idle.len() as i64;
        match looked.last {
            Some(last) => after = last,
            None => return Ok(idle),
        }
    }
}
