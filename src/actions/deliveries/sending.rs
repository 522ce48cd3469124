//! Sending by hand: a test, a failed delivery again, a selection of them. A button can be pressed so many times a minute.

use std::time::Duration;

use super::{Place, whose};
use crate::actions::access::{self, Actor};
use crate::actions::webhooks::{self, Seen};
use crate::db::events::{self, NewEvent};
use crate::db::history::{self, Delivery};
use crate::db::{Due, Lane, Tx, resend};
use crate::domain::audit::{Action, Detail};
use crate::domain::delivery::{Status, Trigger};
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::payload;
use crate::domain::permission::Permission;
use crate::error::AppError;
use crate::press_limit::PressLimit;

/// Sends a test: one attempt, on or off, never repeated and never counted.
pub fn test(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    limit: &PressLimit,
) -> Result<DeliveryId, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let (_, seen) = webhooks::find(tx.db, actor, project, webhook)?;
    press(limit, webhook)?;
    let event = NewEvent {
        project,
        kind: &EventKind::WEBHOOK_TEST,
        body: &payload::of_test(tx.now),
        initiator: Some(actor.user.0),
        task: None,
        published: false,
    };
    let event = events::insert(tx, &event)?;
    let id = resend::insert_test(tx, project, webhook, event)?;
    let detail = webhooks::told_of(&seen.webhook).fact("delivery", id);
    manager.audit(tx, Action::WebhookTested, Some(webhook.0), &detail)?;
    tx.wake(Due {
        webhook,
        project,
        lane: Lane::Direct,
        at: tx.now,
    });
    Ok(id)
}

/// Makes a failed delivery due now, by hand: one more attempt with the same bytes and the URL and secret of now. Of two who
/// press at once, the second hears that it is running.
pub fn retry(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    id: DeliveryId,
    limit: &PressLimit,
) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let (delivery, _) = history::find(tx.db, actor.user, project, webhook, id)?;
    refuse_what_did_not_fail(&delivery)?;
    press(limit, webhook)?;
    if !resend::retry(tx.db, id, tx.now)? {
        return Err(AppError::Conflict(RUNNING.into()));
    }
    let detail = Detail::default().fact("webhook", webhook);
    manager.audit(tx, Action::DeliveryRetried, Some(id.0), &detail)?;
    tx.wake(Due {
        webhook,
        project,
        lane: Lane::Direct,
        at: tx.now,
    });
    Ok(())
}

/// What became of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    pub due: usize,
    /// Not failed (any more), or tests.
    pub skipped: usize,
}

/// As many as a page has rows.
pub const MOST_SELECTED: usize = 20;

/// Makes those of the selected deliveries due now that are failed, by hand, and leaves the others. Counts as one press of each webhook.
pub fn retry_selected(
    tx: &mut Tx<'_>,
    actor: &Actor,
    place: Place,
    mut selected: Vec<DeliveryId>,
    limit: &PressLimit,
) -> Result<Retried, AppError> {
    let manager = access::manager(tx.db, actor, place.project, Permission::IntegrationsCanManage)?;
    let (_, webhooks) = whose(tx.db, actor, place)?;
    selected.sort_unstable();
    selected.dedup();
    if selected.is_empty() {
        return Err(AppError::Conflict(
            "Select the deliveries that are to be sent again.".into(),
        ));
    }
    if selected.len() > MOST_SELECTED {
        let sentence = format!("At most {MOST_SELECTED} deliveries can be selected; “Re-send failed” takes them all.");
        return Err(AppError::Conflict(sentence));
    }
    let mut of_whom = Vec::new();
    for Seen { webhook, .. } in &webhooks {
        let ids = resend::of_webhook(tx.db, webhook.id, selected.clone())?;
        if !ids.is_empty() {
            press(limit, webhook.id)?;
        }
        of_whom.extend(ids.into_iter().map(|id| (id, webhook.id)));
    }
    // In the order in which everybody takes these locks.
    of_whom.sort_unstable();
    let mut due = 0;
    for (id, webhook) in of_whom {
        if resend::retry(tx.db, id, tx.now)? {
            due += 1;
            let detail = Detail::default().fact("webhook", webhook);
            manager.audit(tx, Action::DeliveryRetried, Some(id.0), &detail)?;
            tx.wake(Due {
                webhook,
                project: place.project,
                lane: Lane::Direct,
                at: tx.now,
            });
        }
    }
    Ok(Retried {
        due,
        skipped: selected.len() - due,
    })
}

const RUNNING: &str = "This delivery is already running; its result appears here as soon as it is known.";

fn refuse_what_did_not_fail(delivery: &Delivery) -> Result<(), AppError> {
    let sentence = match (delivery.status, delivery.trigger) {
        (_, Trigger::Test) => "A test is never retried; send a new one.",
        (Status::Failed, _) => return Ok(()),
        (Status::Success, _) => "This delivery has succeeded; there is nothing to retry.",
        (Status::Pending, Trigger::Manual) => RUNNING,
        (Status::Pending, Trigger::Automatic) => {
            "This delivery is still waiting to be sent; only failed ones are retried."
        }
    };
    Err(AppError::Conflict(sentence.into()))
}

pub(in crate::actions) fn press(limit: &PressLimit, webhook: WebhookId) -> Result<(), AppError> {
    limit.press(webhook).map_err(|retry_after: Duration| AppError::TooMany {
        message: "Tests and retries are limited to 10 a minute for each webhook; wait a moment.".into(),
        retry_after,
    })
}
