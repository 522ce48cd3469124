//! Deliveries that ended, by webhook and hour: what the charts are made of. Rows are added to by every node that delivers and
//! kept for as long as a chart looks back, so no count of deliveries is ever needed.

use diesel::prelude::*;

use super::Db;
use super::hot::{Bind, Hot};
use super::schema::hourly;
use crate::domain::ids::WebhookId;

/// Deliveries of one webhook that ended in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Count {
    pub webhook: WebhookId,
    /// Hours since 1970.
    pub hour: i64,
    pub ok: i64,
    pub failed: i64,
}

/// Adds to what is there; each webhook and hour once, in ascending order: two nodes never wait for each other in a circle.
pub fn add(db: &mut Db, counts: &[Count]) -> QueryResult<()> {
    match db {
        Db::Sqlite(db) => {
            let text = "INSERT INTO hourly (webhook_id, hour, ok, failed) VALUES (?, ?, ?, ?) \
                        ON CONFLICT (webhook_id, hour) DO UPDATE SET ok = ok + excluded.ok, failed = failed + excluded.failed";
            for count in counts {
                let binds = [
                    Bind::Int(count.webhook.0),
                    Bind::Int(count.hour),
                    Bind::Int(count.ok),
                    Bind::Int(count.failed),
                ];
                Hot(text, &binds).execute(db)?;
            }
        }
        Db::Pg(db) => {
            let text = "INSERT INTO hourly (webhook_id, hour, ok, failed) \
                        SELECT n.webhook_id, n.hour, n.ok, n.failed FROM unnest(?, ?, ?, ?) AS n(webhook_id, hour, ok, failed) \
                        ORDER BY n.webhook_id, n.hour \
                        ON CONFLICT (webhook_id, hour) DO UPDATE SET ok = hourly.ok + excluded.ok, \
                          failed = hourly.failed + excluded.failed";
            let column = |of: fn(&Count) -> i64| -> Vec<i64> { counts.iter().map(of).collect() };
            let binds = [
                Bind::Ints(&column(|count| count.webhook.0)),
                Bind::Ints(&column(|count| count.hour)),
                Bind::Ints(&column(|count| count.ok)),
                Bind::Ints(&column(|count| count.failed)),
            ];
            Hot(text, &binds).execute(db)?;
        }
    }
    Ok(())
}

/// The hours of these webhooks from one on; an hour in which nothing ended has no row.
pub fn of_webhooks(db: &mut Db, ids: &[WebhookId], from: i64) -> QueryResult<Vec<Count>> {
    hourly::table
        .filter(hourly::webhook_id.eq_any(ids.to_vec()).and(hourly::hour.ge(from)))
        .order((hourly::webhook_id, hourly::hour))
        .select(hourly::all_columns)
        .load(db)
}

/// Deletes at most `limit` rows of hours before one, the oldest first, and says how many went.
pub fn sweep(db: &mut Db, limit: i64, before: i64) -> QueryResult<usize> {
    let old: Vec<(WebhookId, i64)> = hourly::table
        .filter(hourly::hour.lt(before))
        .order(hourly::hour)
        .limit(limit)
        .select((hourly::webhook_id, hourly::hour))
        .load(db)?;
    let mut gone = 0;
    for (webhook, hour) in old {
        gone += diesel::delete(hourly::table.find((webhook, hour))).execute(db)?;
    }
    Ok(gone)
}
