//! Re-sending all that has failed since some instant: how much it would be, starting it, and how far it is. The engine goes
//! through it by itself, slowly enough for live events to come first; one run of a webhook at a time.

use super::access::{self, Actor, Member};
use super::deliveries::press;
use super::webhooks::{self, COUNTED, Seen};
use crate::db::resend_runs::{self, Span};
use crate::db::{Db, Tx};
use crate::domain::audit::Action;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permission;
use crate::error::AppError;
use crate::press_limit::PressLimit;

/// What a re-send would do.
#[derive(Debug)]
pub struct Preview {
    pub member: Member,
    pub webhook: Seen,
    pub amount: Amount,
    /// One is under way already, and so much of it is left.
    pub left: Option<i64>,
}

/// What was counted, and is re-sent if somebody says so.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Up to [`COUNTED`] + 1: there may be more.
    pub count: i64,
    span: Option<Span>,
}

/// Counts what has failed of the events since then. Changes nothing.
pub fn preview(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    since: Moment,
) -> Result<Preview, AppError> {
    let (member, webhook) = webhooks::find_to_change(db, actor, project, id)?;
    let span = resend_runs::span(db, id, since)?;
    let count = match &span {
        Some(span) => resend_runs::count(db, id, span, COUNTED + 1)?,
        None => 0,
    };
    let left = left(db, &webhook)?;
    Ok(Preview {
        member,
        webhook,
        amount: Amount { count, span },
        left,
    })
}

/// Starts it for what a preview of this webhook has counted; nothing counted, nothing started.
pub fn start(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    amount: Amount,
    limit: &PressLimit,
) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = crate::db::webhooks::find(tx.db, actor.user, project, id)?;
    let Some(span) = amount.span.filter(|_| amount.count > 0) else {
        return Ok(());
    };
    let under_way = || AppError::Conflict(UNDER_WAY.into());
    if resend_runs::find(tx.db, id)?.is_some() {
        return Err(under_way());
    }
    press(limit, id)?;
    if !resend_runs::insert(tx, id, &span, actor.user)? {
        return Err(under_way());
    }
    let detail = webhooks::told_of(&webhook)
        .fact("since", span.since)
        .fact("count", amount.count.min(COUNTED))
        .fact("more", (amount.count > COUNTED).then_some(true));
    manager.audit(tx, Action::ResendStarted, Some(id.0), &detail)
}

const UNDER_WAY: &str = "Failed deliveries of this webhook are being re-sent already; start again when that is done.";

/// How many deliveries a run that is under way has still to send, up to [`COUNTED`] + 1; `None` when there is no run. `seen`
/// proves that the person may know.
pub fn left(db: &mut Db, seen: &Seen) -> Result<Option<i64>, AppError> {
    let id = seen.webhook.id;
    match resend_runs::find(db, id)? {
        Some(run) => Ok(Some(resend_runs::count(db, id, &run.left(), COUNTED + 1)?)),
        None => Ok(None),
    }
}
