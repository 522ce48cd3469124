//! What follows for many rows from one press of a button or from the passing of time, in slices that never block deliveries:
//! discarded and expired deliveries end as failed, the rows of deleted webhooks and projects go, sessions and invitations
//! that ran out are swept, with the hours that no chart shows any more and old entries of the audit log, what is re-sent gets
//! its turn a few at a time, and the history is kept as short as the settings say. Each slice is a short transaction of its own;
//! between two of them others have their turn. Every node that delivers runs it, and they take turns: a slice that another node
//! is at is left to it.

use std::time::Duration;

use futures_util::future;

use crate::actions::retention::{Gone, Pruner};
use crate::actions::{audit, hand_in};
use crate::context::Context;
use crate::db::resend::HeldBounds;
use crate::db::resend_runs::Portion;
use crate::db::{self, Tx};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::DeliveryId;
use crate::error::AppError;

/// Rows of one slice.
const SLICE: i64 = 100;
const IDLE: Duration = Duration::from_secs(1);
/// Between two slices.
const BREATH: Duration = Duration::from_millis(5);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Jobs that are not urgent run in every so many rounds.
const SELDOM: usize = 10;
/// Twice what a chart looks back.
const HOURS_KEPT: i64 = 48;
/// What is re-sent goes to the lane of tests and single retries, and leaves most of it to them: a webhook gets its next few
/// when the last ones have ended, and only so many webhooks are at it at a time. What is re-sent to others waits its turn.
const PORTION: Portion = Portion {
    deliveries: 4,
    webhooks: 2,
};
/// Between two portions.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks for what the history has too much of.
const LAP: Duration = Duration::from_secs(60);

type Job = fn(&mut Tx<'_>) -> Result<usize, AppError>;

/// Somebody has just pressed a button.
const PROMPT: &[Job] = &[
    |tx| Ok(db::resend::end_discarded_slice(tx.db, SLICE, tx.now)?),
    |tx| Ok(db::webhooks::purge_slice(tx.db, SLICE)?),
    |tx| Ok(db::projects::purge_slice(tx.db, SLICE, tx.now)?),
];

/// Only time has passed.
const LAZY: &[Job] = &[
    |tx| Ok(db::sessions::sweep(tx.db, SLICE, tx.now)?),
    |tx| Ok(db::invitations::sweep(tx.db, SLICE, tx.now)?),
    |tx| Ok(db::idempotency_keys::sweep(tx.db, SLICE, tx.now - hand_in::KEPT_FOR)?),
    |tx| Ok(db::hourly::sweep(tx.db, SLICE, tx.now.hour() - HOURS_KEPT)?),
];

/// Runs until the engine stops.
pub async fn run(context: Context) {
    future::join3(clean(&context), resend(&context), prune(&context)).await;
}

async fn prune(context: &Context) {
    let mut pruner = Pruner::new(context.store().clone(), context.config().kept);
    let mut before = Gone::default();
    // A program that starts has better things to do.
    tokio::time::sleep(IDLE).await;
    loop {
        match pruner.lap(&mut |_| ()).await {
            Ok(gone) if gone != before => {
                let (deliveries, events) = (gone.deliveries - before.deliveries, gone.events - before.events);
                context.metrics().deliveries.cleaned(deliveries + events);
                tracing::info!(deliveries, events, "removed what is not kept of the history");
                before = gone;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(detail = error.detail(), "pruning has to wait: {error}"),
        }
        tokio::time::sleep(LAP).await;
    }
}

async fn resend(context: &Context) {
    let portion = |tx: &mut Tx<'_>| {
        // Whoever has the turn goes on with it.
        if db::turn::to_resend(tx.db)? {
            Ok(db::resend_runs::feed(tx, PORTION)?)
        } else {
            Ok(false)
        }
    };
    loop {
        let under_way = context.write(portion).await.unwrap_or_else(|error| {
            tracing::warn!(detail = error.detail(), "re-sending has to wait: {error}");
            false
        });
        tokio::time::sleep(if under_way { PAUSE } else { IDLE }).await;
    }
}

async fn clean(context: &Context) {
    let mut round = 0;
    loop {
        let mut rows = work(context, PROMPT).await;
        if round % SELDOM == 0 {
            rows += work(context, LAZY).await + forget(context).await + end_expired(context).await;
        }
        context.metrics().deliveries.cleaned(rows);
        // A job that has found something is not done: it goes on in the next round.
        if rows == 0 {
            round += 1;
        }
        tokio::time::sleep(if rows > 0 { BREATH } else { IDLE }).await;
    }
}

/// Finding them takes longer than ending them, so it does not keep the writer.
async fn end_expired(context: &Context) -> usize {
    let now = context.now();
    let limits = context.config().limits;
    // What is held of a webhook that is off; what is beyond ends as failed and can be re-sent.
    let bounds = HeldBounds {
        count: limits.held,
        age: limits.held_for,
    };
    let found = context
        .read(move |db| Ok(db::resend::expired(db, SLICE, &bounds, now)?))
        .await;
    let ended = match found {
        Ok(ids) if ids.is_empty() => Ok(0),
        Ok(ids) => in_turn(context, move |tx| expire(tx, ids)).await,
        Err(error) => Err(error),
    };
    ended.unwrap_or_else(|error| {
        tracing::warn!(detail = error.detail(), "cleaning up has to wait: {error}");
        0
    })
}

/// Ends those that are still held. A webhook that loses some all day long has one entry of the day in the audit log.
fn expire(tx: &mut Tx<'_>, ids: Vec<DeliveryId>) -> Result<usize, AppError> {
    let whose = db::resend::whose(tx.db, &ids)?;
    let ended = db::resend::end_expired(tx.db, ids, tx.now)?;
    if let Some((project, webhook)) = whose.filter(|_| ended > 0) {
        let (action, since) = (Action::HeldExpired, tx.now - DAY);
        if !db::audit_log::has_since(tx.db, project, action, webhook.0, since)? {
            audit::without_account(tx, Some(project), action, webhook.0, &Detail::default())?;
        }
    }
    Ok(ended)
}

/// Entries of the audit log are kept for longer than deliveries.
async fn forget(context: &Context) -> usize {
    let kept = context.config().audit_kept_for;
    let forgotten = in_turn(context, move |tx| {
        Ok(db::audit_log::sweep(tx.db, SLICE, tx.now - kept)?)
    })
    .await;
    forgotten.unwrap_or_else(|error| {
        tracing::warn!(detail = error.detail(), "cleaning up has to wait: {error}");
        0
    })
}

async fn work(context: &Context, jobs: &'static [Job]) -> usize {
    let mut rows = 0;
    for job in jobs {
        match in_turn(context, *job).await {
            Ok(done) => rows += done,
            Err(error) => tracing::warn!(detail = error.detail(), "cleaning up has to wait: {error}"),
        }
    }
    rows
}

/// One slice, unless another node is at one.
async fn in_turn<F>(context: &Context, job: F) -> Result<usize, AppError>
where
    F: FnOnce(&mut Tx<'_>) -> Result<usize, AppError> + Clone + Send + 'static,
{
    let slice = move |tx: &mut Tx<'_>| {
        if db::turn::to_clean(tx.db)? { job(tx) } else { Ok(0) }
    };
    context.write(slice).await
}
