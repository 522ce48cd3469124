//! What every page of a project says to who manages it: which webhooks fail, or were turned off for failing. Cheap enough for
//! every page: one look at the project's webhooks, and more only about the few that are named.

use crate::actions::access::Member;
use crate::actions::webhooks::COUNTED;
use crate::actions::webhooks::seen::last_reason;
use crate::db::webhooks::{self, Webhook};
use crate::db::{Db, backlog, health};
use crate::domain::moment::Moment;
use crate::error::AppError;

/// One failure or two are usually over before somebody has looked.
const FROM: i32 = 3;
/// Named one by one; the list of webhooks has them all.
const NAMED: usize = 3;

/// A webhook that somebody should look at.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub webhook: Webhook,
    /// Since it was turned off, or since the first of the failures in a row.
    pub since: Option<Moment>,
    /// Counted up to [`COUNTED`] + 1.
    pub held: i64,
    /// The sentence of the last failure; only where it is the only webhook.
    pub reason: Option<String>,
}

/// The first few of them, those that are off before those that fail, and how many there are.
#[derive(Debug, Clone)]
pub struct Troubles {
    pub first: Vec<Trouble>,
    pub all: usize,
}

/// Nothing for who can do nothing about it.
pub fn troubles(db: &mut Db, member: &Member) -> Result<Troubles, AppError> {
    let rows = if member.manages() {
        webhooks::in_trouble(db, member.project.id, FROM)?
    } else {
        Vec::new()
    };
    let all = rows.len();
    let mut first = Vec::with_capacity(all.min(NAMED));
    for webhook in rows.into_iter().take(NAMED) {
        let (since, held) = if webhook.active {
            (health::failing_since(db, webhook.id, webhook.consecutive_failures)?, 0)
        } else {
            let (held, _) = backlog::waiting(db, webhook.id, webhook.discarded_to, COUNTED + 1)?;
            (webhook.off_at, held)
        };
        let reason = if all == 1 { last_reason(db, webhook.id)? } else { None };
        first.push(Trouble {
            webhook,
            since,
            held,
            reason,
        });
    }
    Ok(Troubles { first, all })
}
