//! A webhook's consecutive failures and its turning off, as columns of `webhooks`. Whoever changes them here has recorded
//! the deliveries before: locks are taken in one order everywhere, deliveries, then webhooks by id.

use std::collections::HashSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::connection::both;
use super::hot::{Bind, Hot, Id};
use super::range::Range;
use super::schema::deliveries;
use super::schema::webhooks::dsl;
use super::{Db, of_webhook};
use crate::domain::delivery::{OutcomeKind, Trigger};
use crate::domain::health::OffReason;
use crate::domain::ids::WebhookId;
use crate::domain::moment::Moment;

/// Failed deliveries that are looked at for those that count.
const LOOKED_AT: i64 = 100;

/// The counter and whether the webhook is on, locked against other nodes until the end of the transaction. `None`: deleted.
pub fn load_locked(db: &mut Db, webhook: WebhookId) -> QueryResult<Option<(i32, bool)>> {
    let row = dsl::webhooks
        .filter(dsl::id.eq(webhook))
        .filter(dsl::deleted_at.is_null())
        .select((dsl::consecutive_failures, dsl::active));
    match db {
        Db::Sqlite(db) => row.get_result(db).optional(),
        // Not `for_update`: that would stop every event of the project, whose deliveries refer to this row.
        Db::Pg(db) => row.for_no_key_update().get_result(db).optional(),
    }
}

/// Those of these webhooks whose counter is not 0; one look for a whole batch, in which hardly any is.
pub fn failing(db: &mut Db, ids: impl Iterator<Item = WebhookId>) -> QueryResult<HashSet<WebhookId>> {
    let ids: Vec<i64> = ids.map(|id| id.0).collect();
    let found: Vec<Id> = match db {
        Db::Sqlite(db) => {
            let ids = serde_json::to_string(&ids).unwrap_or_default();
            let text = "SELECT w.id FROM json_each(?) j CROSS JOIN webhooks w ON w.id = j.value WHERE w.consecutive_failures <> 0";
            Hot(text, &[Bind::Text(&ids)]).load(db)?
        }
        Db::Pg(db) => {
            let text = "SELECT id FROM webhooks WHERE id = ANY(?) AND consecutive_failures <> 0";
            Hot(text, &[Bind::Ints(&ids)]).load(db)?
        }
    };
    Ok(found.into_iter().map(|row| WebhookId(row.id)).collect())
}

/// About when the first of the failures in a row was: looks at the newest failed deliveries, in the order of their ids.
pub fn failing_since(db: &mut Db, webhook: WebhookId, failures: i32) -> QueryResult<Option<Moment>> {
    let newest: Vec<(Option<Moment>, Trigger, Option<OutcomeKind>)> = of_webhook::newest_first(db, webhook, Range::ALL)
        .filter(sql::<Bool>("status = 2"))
        .limit(LOOKED_AT)
        .select((deliveries::last_attempt_at, deliveries::trigger, deliveries::outcome))
        .load(db)?;
    let counted = newest.into_iter().filter(|(_, trigger, outcome)| {
        *trigger != Trigger::Test && !matches!(outcome, Some(OutcomeKind::Discarded | OutcomeKind::Expired))
    });
    let in_a_row = counted.take(usize::try_from(failures).unwrap_or(0));
    Ok(in_a_row.filter_map(|(at, ..)| at).min())
}

/// After successes only; at counter 0 nothing is written.
pub fn reset(db: &mut Db, webhook: WebhookId) -> QueryResult<()> {
    let failing = dsl::webhooks
        .filter(dsl::id.eq(webhook))
        .filter(dsl::consecutive_failures.ne(0));
    both!(db => diesel::update(failing).set(dsl::consecutive_failures.eq(0)).execute(db)).map(drop)
}

pub fn set_failures(db: &mut Db, webhook: WebhookId, failures: i32) -> QueryResult<()> {
    diesel::update(dsl::webhooks.filter(dsl::id.eq(webhook)))
        .set(dsl::consecutive_failures.eq(failures))
        .execute(db)
        .map(drop)
}

/// Whether deliveries of the webhook still go where an attempt went: what a former receiver says of itself is not about the
/// present one.
pub fn goes_to(db: &mut Db, webhook: WebhookId, url: &str) -> QueryResult<bool> {
    let same = dsl::webhooks.filter(dsl::id.eq(webhook)).filter(dsl::url.eq(url));
    diesel::select(diesel::dsl::exists(same)).get_result(db)
}

/// The system does it, and says why. What is pending from now on is held.
pub fn turn_off(db: &mut Db, webhook: WebhookId, failures: i32, reason: OffReason, now: Moment) -> QueryResult<()> {
    diesel::update(dsl::webhooks.filter(dsl::id.eq(webhook)).filter(dsl::active.eq(true)))
        .set((
            dsl::consecutive_failures.eq(failures),
            dsl::active.eq(false),
            dsl::off_reason.eq(Some(reason)),
            dsl::off_at.eq(Some(now)),
            dsl::updated_at.eq(now),
        ))
        .execute(db)
        .map(drop)
}
