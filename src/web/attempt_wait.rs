//! Waits for the attempt that somebody just asked for, so that its result can be shown where the button was pressed.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout, timeout_at};

use crate::actions::access::Actor;
use crate::actions::deliveries;
use crate::context::{Context, Recorded};
use crate::db::Tx;
use crate::db::history::Delivery;
use crate::domain::delivery::Status;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::error::AppError;

/// Whoever waits longer sees *Still running*.
const PATIENCE: Duration = Duration::from_secs(15);
/// What another node tells us may get lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The delivery whose attempt was asked for, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Requested {
    pub project: ProjectId,
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
}

/// Asks for an attempt in one transaction and waits for it: the delivery once the attempt is recorded, or as it is when
/// patience ends.
pub async fn attempt<F>(ctx: &Context, actor: Actor, ask: F) -> Result<Delivery, AppError>
where
    F: FnOnce(&mut Tx<'_>) -> Result<Requested, AppError> + Clone + Send + 'static,
{
    // Before it is asked for: a quick one would go unseen.
    let mut recorded = ctx.recorded();
    let on = ctx.write(ask).await?;
    let end = Instant::now() + PATIENCE;
    loop {
        // A listener that fell behind, like one that nobody tells, looks into the database.
        let _ = timeout_at(end, timeout(LOOK_EVERY, told_of(&mut recorded, on.delivery))).await;
        let delivery = ctx
            .read(move |db| deliveries::look(db, &actor, on.project, on.webhook, on.delivery))
            .await?;
        if delivery.status != Status::Pending || Instant::now() >= end {
            return Ok(delivery);
        }
    }
}

/// Why there is no result yet, in half a sentence.
pub fn reason(ctx: &Context) -> &'static str {
    if ctx.nobody_delivers() {
        "No node that delivers is running: it is sent as soon as one does"
    } else {
        "The receiver takes its time"
    }
}

async fn told_of(recorded: &mut Receiver<Recorded>, delivery: DeliveryId) {
    while let Ok(told) = recorded.recv().await {
        if told.delivery == delivery {
            return;
        }
    }
}
