//! Re-sends of all that has failed since some instant, while they are under way. A run is one row with a watermark that goes
//! up the ids of the webhook's failed deliveries, a few at a time: a restart goes on where it was, and what fails again lies
//! behind the watermark and is not taken a second time.

use std::time::Duration;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::hot::{Bind, Hot};
use super::schema::{deliveries, resend_runs, webhooks};
use super::{Db, Due, Lane, Tx, resend};
use crate::domain::ids::{DeliveryId, ProjectId, UserId, WebhookId};
use crate::domain::moment::Moment;

/// Ids follow the instants but for clocks and transactions that overlap; so much is looked at besides.
const OVERLAP: Duration = Duration::from_secs(60);

/// The failed deliveries of a webhook that a re-send is about: those after one id and up to another whose event is not older
/// than an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub since: Moment,
    pub after: DeliveryId,
    pub up_to: DeliveryId,
}

/// A run that is under way.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = resend_runs)]
pub struct Run {
    pub webhook_id: WebhookId,
    pub since: Moment,
    pub fed_to: DeliveryId,
    pub up_to: DeliveryId,
    pub started_by: UserId,
    pub started_at: Moment,
}

impl Run {
    /// What it has still to do.
    pub fn left(&self) -> Span {
        Span {
            since: self.since,
            after: self.fed_to,
            up_to: self.up_to,
        }
    }
}

/// How much is let out at a time.
#[derive(Debug, Clone, Copy)]
pub struct Portion {
    /// Of one webhook.
    pub deliveries: i64,
    /// How many webhooks have some waiting at once.
    pub webhooks: i64,
}

#[derive(QueryableByName)]
struct Failed {
    #[diesel(sql_type = BigInt)]
    id: DeliveryId,
    #[diesel(sql_type = BigInt)]
    created_at: Moment,
}

/// Rows of a webhook's failed deliveries between two ids, through the index of the failed ones and no other. PostgreSQL, which
/// counts on failed ones to lie everywhere, would else walk all deliveries by their ids for a webhook that has few; rows
/// as values it finds in that index only. SQLite finds those in none, and takes the index by itself.
macro_rules! failed {
    ($db:ident, $row:ty, $binds:expr, $select:literal, $rest:literal) => {
        match $db {
            Db::Pg(connection) => {
                const TEXT: &str = concat!(
                    $select,
                    " FROM deliveries WHERE status = 2 AND (webhook_id, id) > (?, ?) AND (webhook_id, id) <= (?, ?) ",
                    $rest
                );
                Hot(TEXT, $binds).load::<$row>(connection)
            }
            Db::Sqlite(connection) => {
                const TEXT: &str = concat!(
                    $select,
                    " FROM deliveries WHERE status = 2 AND webhook_id = ? AND id > ? AND webhook_id = ? AND id <= ? ",
                    $rest
                );
                Hot(TEXT, $binds).load::<$row>(connection)
            }
        }
    };
}

fn bounds(webhook: WebhookId, after: DeliveryId, up_to: DeliveryId) -> [Bind<'static>; 4] {
    [webhook.0, after.0, webhook.0, up_to.0].map(Bind::Int)
}

pub fn find(db: &mut Db, webhook: WebhookId) -> QueryResult<Option<Run>> {
    resend_runs::table
        .find(webhook)
        .select(Run::as_select())
        .first(db)
        .optional()
}

/// The failed ones up to now; `None` when none has failed. Its beginning is found by halving, so that a long history before
/// `since` is not read.
pub fn span(db: &mut Db, webhook: WebhookId, since: Moment) -> QueryResult<Option<Span>> {
    let binds = bounds(webhook, DeliveryId(0), DeliveryId(i64::MAX));
    let newest = failed!(
        db,
        Failed,
        &binds,
        "SELECT id, created_at",
        "ORDER BY webhook_id DESC, id DESC LIMIT 1"
    )?;
    let Some(up_to) = newest.first().map(|newest| newest.id) else {
        return Ok(None);
    };
    let bound = since - OVERLAP;
    let (mut low, mut high) = (1, up_to.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let binds = bounds(webhook, DeliveryId(middle - 1), up_to);
        let next = failed!(
            db,
            Failed,
            &binds,
            "SELECT id, created_at",
            "ORDER BY webhook_id, id LIMIT 1"
        )?;
        match next.first() {
            Some(next) if next.created_at < bound => low = (next.id.0 + 1).min(high),
            _ => high = middle,
        }
    }
    Ok(Some(Span {
        since,
        after: DeliveryId(low - 1),
        up_to,
    }))
}

/// How many failed ones are in it, up to `most`. Tests are never re-sent.
pub fn count(db: &mut Db, webhook: WebhookId, span: &Span, most: i64) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = BigInt)]
        found: i64,
    }
    let [a, b, c, d] = bounds(webhook, span.after, span.up_to);
    let counted: Vec<Counted> = failed!(
        db,
        Counted,
        &[a, b, c, d, Bind::Int(span.since.0), Bind::Int(most)],
        "SELECT count(*) AS found FROM (SELECT id",
        "AND trigger <> 2 AND created_at >= ? ORDER BY webhook_id, id LIMIT ?) d"
    )?;
    Ok(counted.first().map_or(0, |counted| counted.found))
}

/// `false` when another one is under way; the transaction is lost then, because PostgreSQL goes on with none after an error.
pub fn insert(tx: &mut Tx<'_>, webhook: WebhookId, span: &Span, by: UserId) -> QueryResult<bool> {
    let row = (
        resend_runs::webhook_id.eq(webhook),
        resend_runs::since.eq(span.since),
        resend_runs::fed_to.eq(span.after),
        resend_runs::up_to.eq(span.up_to),
        resend_runs::fed_at.eq(tx.now),
        resend_runs::started_by.eq(by),
        resend_runs::started_at.eq(tx.now),
    );
    use diesel::result::{DatabaseErrorKind, Error};
    match diesel::insert_into(resend_runs::table).values(row).execute(tx.db) {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        other => other.map(|_| true),
    }
}

/// Makes the next deliveries of some runs due, by hand as [`resend::retry`] does, and says whether any run is under way. A
/// webhook whose last ones have not ended yet, or for which somebody else's test or retry waits, gets nothing; among
/// the others the one that has waited longest goes first.
pub fn feed(tx: &mut Tx<'_>, portion: Portion) -> QueryResult<bool> {
    let runs = || {
        resend_runs::table
            .inner_join(webhooks::table)
            .filter(webhooks::deleted_at.is_null())
    };
    let waits = || {
        exists(
            deliveries::table
                .filter(deliveries::webhook_id.eq(resend_runs::webhook_id))
                .filter(sql::<Bool>("status = 0 AND trigger <> 0")),
        )
    };
    let busy: i64 = runs().filter(waits()).count().get_result(tx.db)?;
    let next: Vec<(Run, ProjectId)> = runs()
        .filter(not(waits()))
        .order((resend_runs::fed_at, resend_runs::webhook_id))
        .limit((portion.webhooks - busy).max(0))
        .select((Run::as_select(), webhooks::project_id))
        .load(tx.db)?;
    let under_way = busy > 0 || !next.is_empty();
    for (place, (run, project)) in (0..).zip(next) {
        // Each an instant of its own, so that none is always the first of those that were fed together.
        feed_one(tx, &run, project, portion.deliveries, Moment(tx.now.0 + place))?;
    }
    Ok(under_way)
}

fn feed_one(tx: &mut Tx<'_>, run: &Run, project: ProjectId, most: i64, at: Moment) -> QueryResult<()> {
    // One more, to know whether the run ends with these.
    let [a, b, c, d] = bounds(run.webhook_id, run.fed_to, run.up_to);
    let db = &mut *tx.db;
    let next = failed!(
        db,
        Failed,
        &[a, b, c, d, Bind::Int(run.since.0), Bind::Int(most + 1)],
        "SELECT id, created_at",
        "AND trigger <> 2 AND created_at >= ? ORDER BY webhook_id, id LIMIT ?"
    )?;
    let mut ids: Vec<DeliveryId> = next.into_iter().map(|failed| failed.id).collect();
    let goes_on = ids.len() as i64 > most;
    ids.truncate(most as usize);
    for id in &ids {
        resend::retry(tx.db, *id, tx.now)?;
    }
    // Last: locks are taken in one order everywhere, deliveries first.
    match ids.last() {
        Some(last) if goes_on => {
            diesel::update(resend_runs::table.find(run.webhook_id))
                .set((resend_runs::fed_to.eq(*last), resend_runs::fed_at.eq(at)))
                .execute(tx.db)?;
        }
        _ => {
            diesel::delete(resend_runs::table.find(run.webhook_id)).execute(tx.db)?;
        }
    }
    if !ids.is_empty() {
        tx.wake(Due {
            webhook: run.webhook_id,
            project,
            lane: Lane::Direct,
            at: tx.now,
        });
    }
    Ok(())
}
