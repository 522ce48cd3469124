//! How the installation is, in a few numbers: how much waits and since when, how the webhooks are, how large the database is. No
//! count goes on for ever, so that asking costs milliseconds also when a million deliveries wait.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::both;
use super::hot::{Bind, Hot};
use super::{Db, deliveries};
use crate::domain::ids::WebhookId;
use crate::domain::moment::Moment;

/// Deliveries are counted up to here.
pub const MOST: i64 = 10_000;

/// What waits of what events made, each up to [`MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queue {
    /// Due, or on its way at this moment.
    pub due: i64,
    /// For a later attempt.
    pub later: i64,
    /// Until its webhook is turned on.
    pub held: i64,
    /// Since when the first of all that is due waits, what a person asked for included.
    pub oldest: Option<Moment>,
}

/// How many webhooks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Webhooks {
    pub active: i64,
    /// On, and the last delivery failed.
    pub failing: i64,
    /// Somebody did it.
    pub off: i64,
    /// The system did it.
    pub turned_off: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    found: i64,
}

#[derive(QueryableByName)]
struct InState {
    #[diesel(sql_type = BigInt)]
    state: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}

pub fn queue(db: &mut Db, now: Moment) -> QueryResult<Queue> {
    let (first, last) = (i64::MIN, i64::MAX);
    let first_due = deliveries::waiting(db)?.into_iter().map(|due| due.at).min();
    Ok(Queue {
        due: count(db, true, first, now.0)?,
        later: count(db, true, now.0, last)?,
        held: count(db, false, first, last)?,
        oldest: first_due.filter(|at| *at <= now),
    })
}

/// Automatic deliveries that wait for webhooks that are on, or off, and are due after one instant and not after the other. From
/// webhook to webhook through the index on what is due; of what is discarded already not more is walked either.
fn count(db: &mut Db, active: bool, after: i64, until: i64) -> QueryResult<i64> {
    let (after, until, most) = (Bind::Int(after), Bind::Int(until), Bind::Int(MOST));
    let found: Found = match db {
        Db::Sqlite(db) => {
            let text = "SELECT count(*) AS found FROM (SELECT d.id AS id, w.discarded_to AS discarded_to \
                          FROM webhooks w CROSS JOIN deliveries d \
                          WHERE w.deleted_at IS NULL AND w.active = ? AND d.webhook_id = w.id AND d.status = 0 AND d.trigger = 0 \
                            AND d.due_at > ? AND d.due_at <= ? LIMIT ?) x WHERE x.id > x.discarded_to";
            Hot(text, &[Bind::Bool(active), after, until, most]).get_result(db)?
        }
        Db::Pg(db) => {
            let text = "SELECT count(*) AS found FROM (SELECT d.id, w.discarded_to \
                          FROM webhooks w CROSS JOIN LATERAL (\
                            SELECT x.id FROM deliveries x WHERE x.webhook_id = w.id AND x.status = 0 AND x.trigger = 0 \
                              AND x.due_at > ? AND x.due_at <= ? ORDER BY x.due_at LIMIT ?) d \
                          WHERE w.deleted_at IS NULL AND w.active = ? LIMIT ?) x WHERE x.id > x.discarded_to";
            let binds = [after, until, Bind::Int(MOST), Bind::Bool(active), most];
            Hot(text, &binds).get_result(db)?
        }
    };
    Ok(found.found)
}

pub fn webhooks(db: &mut Db) -> QueryResult<Webhooks> {
    // 0 is a person's reason to turn one off.
    const TEXT: &str = "SELECT CAST(CASE WHEN active AND consecutive_failures = 0 THEN 0 WHEN active THEN 1 \
                          WHEN coalesce(off_reason, 0) = 0 THEN 2 ELSE 3 END AS BIGINT) AS state, count(*) AS found \
                        FROM webhooks WHERE deleted_at IS NULL GROUP BY 1";
    let states: Vec<InState> = both!(db => Hot(TEXT, &[]).load(db))?;
    let of = |state: i64| states.iter().find(|one| one.state == state).map_or(0, |one| one.found);
    Ok(Webhooks {
        active: of(0),
        failing: of(1),
        off: of(2),
        turned_off: of(3),
    })
}

/// Bytes of the whole database, of PostgreSQL's; an embedded one is a file. The server looks at each of its files for it.
pub fn size(db: &mut Db) -> QueryResult<i64> {
    match db {
        Db::Sqlite(_) => Ok(0),
        Db::Pg(db) => Hot("SELECT pg_database_size(current_database()) AS found", &[])
            .get_result(db)
            .map(|found: Found| found.found),
    }
}

/// Deliveries of all webhooks that ended in an hour, counted from 1970 on.
#[derive(Debug, QueryableByName)]
pub struct Hour {
    #[diesel(sql_type = BigInt)]
    pub hour: i64,
    #[diesel(sql_type = BigInt)]
    pub ok: i64,
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
}

/// The hours from one on in which anything ended.
pub fn hours(db: &mut Db, from: i64) -> QueryResult<Vec<Hour>> {
    const TEXT: &str = "SELECT hour, CAST(sum(ok) AS BIGINT) AS ok, CAST(sum(failed) AS BIGINT) AS failed \
                        FROM hourly WHERE hour >= ? GROUP BY hour ORDER BY hour";
    both!(db => Hot(TEXT, &[Bind::Int(from)]).load(db))
}

/// A webhook of any project, as an administrator may know it, with a number by which it stands out.
#[derive(Debug, QueryableByName)]
pub struct StandsOut {
    #[diesel(sql_type = BigInt)]
    pub webhook_id: WebhookId,
    #[diesel(sql_type = Text)]
    pub url: String,
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// Those with the most deliveries that failed since an hour, and how many these are.
pub fn most_failing(db: &mut Db, from: i64, limit: i64) -> QueryResult<Vec<StandsOut>> {
    const TEXT: &str = "SELECT w.id AS webhook_id, w.url, CAST(sum(h.failed) AS BIGINT) AS number \
                        FROM hourly h JOIN webhooks w ON w.id = h.webhook_id \
                        WHERE h.hour >= ? AND w.deleted_at IS NULL GROUP BY w.id, w.url HAVING sum(h.failed) > 0 \
                        ORDER BY 3 DESC, 1 LIMIT ?";
    both!(db => Hot(TEXT, &[Bind::Int(from), Bind::Int(limit)]).load(db))
}

/// Those whose newest deliveries took longest, of the two hundred that had most to do since an hour; the mean in microseconds.
pub fn slowest(db: &mut Db, from: i64, limit: i64) -> QueryResult<Vec<StandsOut>> {
    const TEXT: &str = "SELECT x.webhook_id, x.url, x.number FROM (\
                          SELECT w.id AS webhook_id, w.url, (\
                            SELECT CAST(avg(d.duration_us) AS BIGINT) FROM (\
                              SELECT n.duration_us FROM deliveries n WHERE n.webhook_id = w.id ORDER BY n.id DESC LIMIT 20) d) AS number \
                          FROM webhooks w WHERE w.deleted_at IS NULL AND w.id IN (\
                            SELECT webhook_id FROM hourly WHERE hour >= ? GROUP BY webhook_id ORDER BY sum(ok + failed) DESC LIMIT 200)) x \
                        WHERE x.number IS NOT NULL ORDER BY x.number DESC, x.webhook_id LIMIT ?";
    both!(db => Hot(TEXT, &[Bind::Int(from), Bind::Int(limit)]).load(db))
}
