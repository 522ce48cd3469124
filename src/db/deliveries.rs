//! The deliveries as the engine uses them: claim what is due, release what was not sent, scan for what waits. What people
//! ask of the history is in `history.rs`, the recording of results in `attempts.rs`.
//!
//! Statuses and triggers stand in this SQL as numbers: a bound one misses the partial indexes.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text};

use super::hot::{Bind, Hot};
use super::range::Range;
use super::schema::deliveries;
use super::{Db, Due, Lane, of_webhook};
use crate::domain::delivery::Trigger;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::retry::Schedule;

/// How many rows of one lane to claim, none of them due before `floor`: on PostgreSQL the floor spares the walk over rows
/// that were settled but not yet vacuumed.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub webhook: WebhookId,
    pub lane: Lane,
    pub count: usize,
    pub floor: Moment,
}

/// The terms of a claim.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// The fence: only who shows this number may record a result.
    pub id: i64,
    pub now: Moment,
    pub until: Moment,
    /// Leases that end before this are void. On SQLite that includes every lease of an earlier process.
    pub void_before: Moment,
}

/// A claimed delivery with all that one attempt needs.
#[derive(Debug, Clone, QueryableByName)]
pub struct Claimed {
    #[diesel(sql_type = BigInt)]
    pub id: DeliveryId,
    #[diesel(sql_type = BigInt)]
    pub webhook_id: WebhookId,
    #[diesel(sql_type = BigInt)]
    pub project_id: ProjectId,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub message_id: String,
    #[diesel(sql_type = SmallInt)]
    pub trigger: Trigger,
    /// Attempts that were recorded.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Claims since the last recorded attempt, this one included.
    #[diesel(sql_type = Integer)]
    pub claims: i32,
    #[diesel(sql_type = BigInt)]
    pub due_at: Moment,
    #[diesel(sql_type = Text)]
    pub url: String,
    #[diesel(sql_type = Binary)]
    pub secret_sealed: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub headers_sealed: Option<Vec<u8>>,
    #[diesel(sql_type = SmallInt)]
    pub schedule: Schedule,
    #[diesel(sql_type = Binary)]
    pub body: Vec<u8>,
}

/// Claims what is due in these lanes, oldest first: automatic deliveries of webhooks that are on, direct ones of any that
/// is not deleted. Target and secret are read in the same statement, so an attempt uses what is true at its claim.
pub fn claim(db: &mut Db, wanted: &[Wanted], lease: Lease) -> QueryResult<Vec<Claimed>> {
    let mut claimed = Vec::new();
    for lane in [Lane::Automatic, Lane::Direct] {
        let of_lane: Vec<Wanted> = wanted.iter().copied().filter(|wanted| wanted.lane == lane).collect();
        if of_lane.is_empty() {
            continue;
        }
        match db {
            Db::Sqlite(connection) => claim_sqlite(connection, lane, of_lane, lease, &mut claimed)?,
            Db::Pg(connection) => claim_postgres(connection, lane, &of_lane, lease, &mut claimed)?,
        }
    }
    // RETURNING keeps no order.
    claimed.sort_by_key(|row| (row.due_at, row.id));
    Ok(claimed)
}

macro_rules! sqlite_claim {
    ($trigger:literal, $on:literal) => {
        concat!(
            "UPDATE deliveries SET leased_until = ?, lease_id = ?, claims = claims + 1 WHERE id IN (\
               SELECT d.id FROM json_each(?) j CROSS JOIN webhooks w ON w.id = j.value AND w.deleted_at IS NULL ",
            $on,
            "  CROSS JOIN deliveries d WHERE d.id IN (\
                 SELECT x.id FROM deliveries x WHERE x.webhook_id = j.value AND x.status = 0 AND ",
            $trigger,
            "    AND x.due_at <= ? AND x.leased_until < ? ORDER BY x.due_at LIMIT ?)) \
             RETURNING id, webhook_id, project_id, kind, message_id, trigger, attempts, claims, due_at, \
               (SELECT w.url FROM webhooks w WHERE w.id = deliveries.webhook_id) AS url, \
               (SELECT w.secret_sealed FROM webhooks w WHERE w.id = deliveries.webhook_id) AS secret_sealed, \
               (SELECT w.headers_sealed FROM webhooks w WHERE w.id = deliveries.webhook_id) AS headers_sealed, \
               (SELECT w.schedule FROM webhooks w WHERE w.id = deliveries.webhook_id) AS schedule, \
               (SELECT e.body FROM events e WHERE e.id = deliveries.event_id) AS body"
        )
    };
}

/// SQLite takes no column of the outer query as a LIMIT, so lanes with the same count share a statement.
fn claim_sqlite(
    connection: &mut SqliteConnection,
    lane: Lane,
    mut wanted: Vec<Wanted>,
    lease: Lease,
    claimed: &mut Vec<Claimed>,
) -> QueryResult<()> {
    let text = match lane {
        Lane::Automatic => sqlite_claim!("x.trigger = 0 AND x.id > w.discarded_to", "AND w.active = 1"),
        Lane::Direct => sqlite_claim!("x.trigger <> 0", ""),
    };
    wanted.sort_by_key(|wanted| wanted.count);
    for same in wanted.chunk_by(|a, b| a.count == b.count) {
        let ids: Vec<i64> = same.iter().map(|wanted| wanted.webhook.0).collect();
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        let binds = [
            Bind::Int(lease.until.0),
            Bind::Int(lease.id),
            Bind::Text(&ids),
            Bind::Int(lease.now.0),
            Bind::Int(lease.void_before.0),
            Bind::Int(i64::try_from(same[0].count).unwrap_or(i64::MAX)),
        ];
        claimed.extend(Hot(text, &binds).load::<Claimed>(connection)?);
    }
    Ok(())
}

macro_rules! postgres_claim {
    ($trigger:literal, $on:literal) => {
        // `id = ANY(ARRAY(…))` and not a join: the join was planned as a merge over the whole table. The commit does not wait
        // for the disk: a claim that a crash of the database takes back is made again.
        concat!(
            "WITH pick AS MATERIALIZED (\
               SELECT d.id FROM (SELECT set_config('synchronous_commit', 'off', true)) AS commit \
               CROSS JOIN unnest(?, ?, ?) AS l(id, k, floor_at) \
               JOIN webhooks w ON w.id = l.id AND w.deleted_at IS NULL ", $on,
            "  CROSS JOIN LATERAL (\
                 SELECT x.id FROM deliveries x WHERE x.webhook_id = l.id AND x.status = 0 AND ", $trigger,
            "    AND x.due_at >= l.floor_at AND x.due_at <= ? AND x.leased_until < ? \
                 ORDER BY x.due_at LIMIT l.k FOR UPDATE SKIP LOCKED) d) \
             UPDATE deliveries t SET leased_until = ?, lease_id = ?, claims = t.claims + 1 FROM webhooks w, events e \
             WHERE t.id = ANY(ARRAY(SELECT id FROM pick)) AND w.id = t.webhook_id AND e.id = t.event_id \
             RETURNING t.id, t.webhook_id, t.project_id, t.kind, t.message_id, t.trigger, t.attempts, t.claims, t.due_at, \
               w.url, w.secret_sealed, w.headers_sealed, w.schedule, e.body"
        )
    };
}

fn claim_postgres(
    connection: &mut PgConnection,
    lane: Lane,
    wanted: &[Wanted],
    lease: Lease,
    claimed: &mut Vec<Claimed>,
) -> QueryResult<()> {
    let text = match lane {
        Lane::Automatic => postgres_claim!("x.trigger = 0 AND x.id > w.discarded_to", "AND w.active"),
        Lane::Direct => postgres_claim!("x.trigger <> 0", ""),
    };
    let ids: Vec<i64> = wanted.iter().map(|wanted| wanted.webhook.0).collect();
    let counts: Vec<i32> = wanted
        .iter()
        .map(|wanted| i32::try_from(wanted.count).unwrap_or(i32::MAX))
        .collect();
    let floors: Vec<i64> = wanted.iter().map(|wanted| wanted.floor.0).collect();
    let binds = [
        Bind::Ints(&ids),
        Bind::Integers(&counts),
        Bind::Ints(&floors),
        Bind::Int(lease.now.0),
        Bind::Int(lease.void_before.0),
        Bind::Int(lease.until.0),
        Bind::Int(lease.id),
    ];
    claimed.extend(Hot(text, &binds).load::<Claimed>(connection)?);
    Ok(())
}

/// Gives claimed deliveries back unsent, as if they had not been claimed.
pub fn release(db: &mut Db, ids: &[DeliveryId], lease_id: i64) -> QueryResult<usize> {
    use super::schema::deliveries::dsl;

    let mut released = 0;
    for id in ids {
        released += diesel::update(
            dsl::deliveries
                .filter(dsl::id.eq(id))
                .filter(dsl::lease_id.eq(lease_id)),
        )
        .set((
            dsl::leased_until.eq(0),
            dsl::lease_id.eq(None::<i64>),
            dsl::claims.eq(dsl::claims - 1),
        ))
        .execute(db)?;
    }
    Ok(released)
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    webhook_id: WebhookId,
    #[diesel(sql_type = BigInt)]
    project_id: ProjectId,
    #[diesel(sql_type = Nullable<BigInt>)]
    due_at: Option<Moment>,
}

macro_rules! waiting {
    ($trigger:literal, $on:literal) => {
        // Steps from webhook to webhook through the partial index; the rows of one are never walked.
        concat!(
            "WITH RECURSIVE w(id) AS (\
               SELECT min(webhook_id) FROM deliveries WHERE status = 0 AND ",
            $trigger,
            "  UNION ALL \
               SELECT (SELECT min(d.webhook_id) FROM deliveries d WHERE d.status = 0 AND d.",
            $trigger,
            "          AND d.webhook_id > w.id) FROM w WHERE w.id IS NOT NULL) \
             SELECT h.id AS webhook_id, h.project_id, \
               (SELECT min(d.due_at) FROM deliveries d WHERE d.webhook_id = h.id AND d.status = 0 AND d.",
            $trigger,
            ") AS due_at \
             FROM w JOIN webhooks h ON h.id = w.id WHERE h.deleted_at IS NULL ",
            $on
        )
    };
}

/// Every lane in which something waits and when its first row is due. For a read connection: it costs milliseconds when
/// thousands of webhooks wait.
pub fn waiting(db: &mut Db) -> QueryResult<Vec<Due>> {
    let mut found = Vec::new();
    for lane in [Lane::Automatic, Lane::Direct] {
        let query = Hot(
            match (lane, db.is_sqlite()) {
                (Lane::Automatic, true) => waiting!("trigger = 0", "AND h.active = 1"),
                (Lane::Automatic, false) => waiting!("trigger = 0", "AND h.active"),
                (Lane::Direct, _) => waiting!("trigger <> 0", ""),
            },
            &[],
        );
        let rows: Vec<Waiting> = match db {
            Db::Sqlite(connection) => query.load(connection)?,
            Db::Pg(connection) => query.load(connection)?,
        };
        found.extend(rows.into_iter().filter_map(|row| {
            let at = row.due_at?;
            Some(Due {
                webhook: row.webhook_id,
                project: row.project_id,
                lane,
                at,
            })
        }));
    }
    Ok(found)
}

/// Which delivery has this `webhook-id`, of the webhook's newest; there is no index for what is asked so seldom.
pub fn of_message(db: &mut Db, webhook: WebhookId, message_id: &str) -> QueryResult<Option<DeliveryId>> {
    const NEWEST: i64 = 1_000;
    let newest: Vec<(DeliveryId, String)> = of_webhook::newest_first(db, webhook, Range::ALL)
        .limit(NEWEST)
        .select((deliveries::id, deliveries::message_id))
        .load(db)?;
    let found = newest.into_iter().find(|(_, message)| message == message_id);
    Ok(found.map(|(id, _)| id))
}
