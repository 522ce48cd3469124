//! Records what came of attempts, many in one transaction: the deliveries behind their fences, the attempts, then the
//! webhooks' counters. A batch that the database refuses is repeated until it is recorded; the leases keep others off.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use crate::actions::audit;
use crate::context::{Context, Recorded};
use crate::db::attempts::{Attempt, Outlook, Record};
use crate::db::hourly::Count;
use crate::db::writer::Turn;
use crate::db::{self, Due, Lane, Tx};
use crate::delivery::tally::Tally;
use crate::domain::audit::{Action, Detail};
use crate::domain::delivery::{Status, Trigger, Verdict};
use crate::domain::health::{self, Change, OffReason};
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;

/// Results that share a transaction, at most.
const MAX_BATCH: usize = 256;
/// So few results are not worth a transaction yet: others join them for a moment. Their slots are free meanwhile.
const FEW: usize = 64;
const GATHER: Duration = Duration::from_millis(2);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// An attempt that has ended and was judged.
#[derive(Debug)]
pub struct Settlement {
    pub webhook: WebhookId,
    pub project: ProjectId,
    pub trigger: Trigger,
    pub lease_id: i64,
    pub verdict: Verdict,
    pub attempt: Attempt,
    pub response_body: Vec<u8>,
}

/// What a transaction recorded: a result whose lease is lost, or whose delivery is gone, is in neither list.
#[derive(Debug)]
pub struct Settled {
    pub recorded: Vec<Recorded>,
    /// A count for each delivery that ended, but for tests.
    pub ended: Vec<Count>,
    /// Those that are due again.
    pub retried: usize,
}

/// How many results wait for the database, and a bell that rings when there are fewer.
#[derive(Default)]
pub struct Unrecorded {
    count: Cell<usize>,
    fewer: Notify,
}

impl Unrecorded {
    pub fn count(&self) -> usize {
        self.count.get()
    }

    pub fn add(&self) {
        self.count.set(self.count.get() + 1);
    }

    pub async fn fewer(&self) {
        self.fewer.notified().await;
    }

    fn remove(&self, recorded: usize) {
        self.count.set(self.count.get() - recorded);
        self.fewer.notify_one();
    }
}

/// Records what comes until the last sender is gone.
pub async fn run(
    context: Context,
    mut results: mpsc::UnboundedReceiver<Settlement>,
    unrecorded: Rc<Unrecorded>,
    tally: Rc<Tally>,
) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while results.recv_many(&mut batch, MAX_BATCH).await > 0 {
        if batch.len() < FEW {
            tokio::time::sleep(GATHER).await;
            while batch.len() < MAX_BATCH
                && let Ok(result) = results.try_recv()
            {
                batch.push(result);
            }
        }
        // In the order of their ids: two nodes that settle never wait for each other in a circle.
        batch.sort_by_key(|settlement| settlement.attempt.delivery_id);
        let settled = Arc::new(std::mem::replace(&mut batch, Vec::with_capacity(MAX_BATCH)));
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let batch = Arc::clone(&settled);
            let settling = context.write_in_turn(Turn::Later, move |tx| settle(tx, &batch));
            match settling.await {
                Ok(recorded) => {
                    let counts = &context.metrics().deliveries;
                    counts.settled(settled.len(), recorded.recorded.len(), began.elapsed());
                    tell(&context, &tally, recorded);
                    break;
                }
                Err(error @ (AppError::Unavailable(_) | AppError::Collided(_))) => {
                    tracing::warn!(
                        results = settled.len(),
                        detail = error.detail(),
                        "results wait for the database"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    tracing::error!(
                        detail = error.detail(),
                        "a batch of results was refused; recording them one by one"
                    );
                    one_by_one(&context, &tally, &settled).await;
                    break;
                }
            }
        }
        unrecorded.remove(settled.len());
    }
}

/// After the commit.
fn tell(context: &Context, tally: &Tally, settled: Settled) {
    tally.add(&settled.ended);
    let sum = |of: fn(&Count) -> i64| settled.ended.iter().map(of).sum();
    let counts = &context.metrics().deliveries;
    counts.ended(sum(|count| count.ok), sum(|count| count.failed), settled.retried);
    for delivery in settled.recorded {
        context.announce(delivery);
    }
}

/// One result that the database refuses must not keep the others of its batch from being recorded.
async fn one_by_one(context: &Context, tally: &Tally, settled: &Arc<Vec<Settlement>>) {
    for index in 0..settled.len() {
        let batch = Arc::clone(settled);
        let began = Instant::now();
        match context.write(move |tx| settle(tx, &batch[index..=index])).await {
            Ok(settled) => {
                let counts = &context.metrics().deliveries;
                counts.settled(1, settled.recorded.len(), began.elapsed());
                tell(context, tally, settled);
            }
            Err(error) => {
                let lost = &settled[index];
                tracing::error!(
                    delivery = lost.attempt.delivery_id.0,
                    webhook = lost.webhook.0,
                    project = lost.project.0,
                    attempt = lost.attempt.number,
                    detail = error.detail(),
                    "a result cannot be recorded; it will be sent again"
                );
            }
        }
    }
}

/// One transaction.
pub fn settle(tx: &mut Tx<'_>, batch: &[Settlement]) -> Result<Settled, AppError> {
    let records: Vec<Record<'_>> = batch
        .iter()
        .map(|settlement| Record {
            lease_id: settlement.lease_id,
            attempt: &settlement.attempt,
            body: &settlement.response_body,
            outlook: outlook(settlement),
        })
        .collect();
    let held = db::attempts::record(tx.db, &records)?;
    let mut settled = Settled {
        recorded: Vec::with_capacity(held.len()),
        ended: Vec::with_capacity(held.len()),
        retried: 0,
    };
    let mut by_webhook: BTreeMap<WebhookId, Vec<&Settlement>> = BTreeMap::new();
    for settlement in batch
        .iter()
        .filter(|one| held.contains(&(one.attempt.delivery_id, one.lease_id)))
    {
        settled.ended.extend(count(settlement));
        settled.recorded.push(Recorded {
            webhook: settlement.webhook,
            delivery: settlement.attempt.delivery_id,
            trigger: settlement.trigger,
        });
        by_webhook.entry(settlement.webhook).or_default().push(settlement);
        if let Verdict::Retry { due_at } = settlement.verdict {
            settled.retried += 1;
            tx.wake(Due {
                webhook: settlement.webhook,
                project: settlement.project,
                lane: Lane::Automatic,
                at: due_at,
            });
        }
    }
    let failing = db::health::failing(tx.db, by_webhook.keys().copied())?;
    for (webhook, mut settlements) in by_webhook {
        // The counter follows the order in which the attempts ended, not that of the ids.
        settlements.sort_by_key(|settlement| settlement.attempt.started_at.0 + settlement.attempt.duration_us);
        update_health(tx, webhook, failing.contains(&webhook), &settlements)?;
    }
    Ok(settled)
}

/// What the chart of its hour gets; nothing for a test, or while another attempt follows.
fn count(settlement: &Settlement) -> Option<Count> {
    let attempt = &settlement.attempt;
    let ok = match settlement.verdict {
        _ if settlement.trigger == Trigger::Test => return None,
        Verdict::Retry { .. } => return None,
        Verdict::Success => 1,
        Verdict::Failed | Verdict::Gone => 0,
    };
    Some(Count {
        webhook: settlement.webhook,
        hour: Moment(attempt.started_at.0 + attempt.duration_us).hour(),
        ok,
        failed: 1 - ok,
    })
}

fn outlook(settlement: &Settlement) -> Outlook {
    let attempt = &settlement.attempt;
    match settlement.verdict {
        Verdict::Success => Outlook {
            status: Status::Success,
            due_at: attempt.started_at,
        },
        Verdict::Retry { due_at } => Outlook {
            status: Status::Pending,
            due_at,
        },
        Verdict::Failed | Verdict::Gone => Outlook {
            status: Status::Failed,
            due_at: attempt.started_at,
        },
    }
}

/// Writes only where counter or state changes: successes of a webhook that is not failing leave its row alone.
fn update_health(
    tx: &mut Tx<'_>,
    webhook: WebhookId,
    failing: bool,
    settlements: &[&Settlement],
) -> Result<(), AppError> {
    let any = |ended: fn(&Verdict) -> bool| {
        let mut counted = settlements.iter().filter(|one| one.trigger != Trigger::Test);
        counted.any(|one| ended(&one.verdict))
    };
    if !any(Verdict::is_failure) {
        if failing && any(|verdict| *verdict == Verdict::Success) {
            db::health::reset(tx.db, webhook)?;
        }
        return Ok(());
    }
    let Some((before, was_active)) = db::health::load_locked(tx.db, webhook)? else {
        return Ok(());
    };
    let (mut failures, mut active) = (before, was_active);
    let mut why = OffReason::Failures;
    for settlement in settlements {
        let verdict = match settlement.verdict {
            Verdict::Gone if !db::health::goes_to(tx.db, webhook, &settlement.attempt.url)? => &Verdict::Failed,
            _ => &settlement.verdict,
        };
        match health::after(failures, active, verdict, settlement.trigger) {
            Change::Unchanged => {}
            Change::Failures(now) => failures = now,
            Change::Reset => failures = 0,
            Change::TurnOff { failures: now, reason } => (failures, active, why) = (now, false, reason),
        }
    }
    if was_active && !active {
        db::health::turn_off(tx.db, webhook, failures, why, tx.now)?;
        let detail = Detail::default()
            .changed("active", true, false)
            .fact("reason", why)
            .fact("failures", failures);
        let project = settlements.first().map(|settlement| settlement.project);
        audit::without_account(tx, project, Action::WebhookTurnedOff, webhook.0, &detail)?;
        tracing::warn!(
            webhook = webhook.0,
            project = project.map(|project| project.0),
            failures,
            reason = %why,
            "a webhook was turned off: its deliveries failed in a row, or its receiver answered 410 Gone"
        );
    } else if failures != before {
        db::health::set_failures(tx.db, webhook, failures)?;
    }
    Ok(())
}
