//! Recording what came of attempts: the delivery behind its fence, the attempt, its response body. Rows of a batch are
//! written in the order of their ids, so that two nodes never wait for each other in a circle.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::Db;
use super::hot::{Bind, Hot};
use super::schema::{attempt_bodies, attempts};
use crate::domain::delivery::{OutcomeKind, Status};
use crate::domain::ids::DeliveryId;
use crate::domain::moment::Moment;

/// An attempt as it is kept.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = attempts)]
#[diesel(treat_none_as_default_value = false)]
pub struct Attempt {
    pub delivery_id: DeliveryId,
    pub number: i32,
    pub started_at: Moment,
    pub duration_us: i64,
    pub lookup_us: Option<i64>,
    pub connect_us: Option<i64>,
    pub first_byte_us: Option<i64>,
    pub outcome: OutcomeKind,
    pub response_code: Option<i32>,
    pub reused: bool,
    pub cut: bool,
    pub response_size: i32,
    pub address: Option<String>,
    /// What happened, in a sentence.
    pub message: String,
    pub url: String,
    /// JSON: an array of `[name, value]`.
    pub request_headers: String,
    pub response_headers: String,
}

/// What a recorded attempt leaves of its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    pub status: Status,
    pub due_at: Moment,
}

/// One attempt to record, behind the fence of its claim.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub lease_id: i64,
    pub attempt: &'a Attempt,
    pub body: &'a [u8],
    pub outlook: Outlook,
}

/// A delivery and the lease behind which an attempt of it was recorded.
pub type Recorded = (DeliveryId, i64);

/// Records the attempts whose lease still holds and says which they are; the others belong to somebody else now, or are
/// gone.
pub fn record(db: &mut Db, batch: &[Record<'_>]) -> QueryResult<HashSet<Recorded>> {
    match db {
        Db::Sqlite(db) => record_sqlite(db, batch),
        Db::Pg(db) => record_postgres(db, batch),
    }
}

/// What is kept of the attempts of deliveries that have just been deleted. SQLite has deleted it with them, by its keys.
pub fn delete_of(db: &mut Db, deliveries: Vec<DeliveryId>) -> QueryResult<()> {
    if !db.is_sqlite() {
        diesel::delete(attempts::table.filter(attempts::delivery_id.eq_any(deliveries.clone()))).execute(db)?;
        diesel::delete(attempt_bodies::table.filter(attempt_bodies::delivery_id.eq_any(deliveries))).execute(db)?;
    }
    Ok(())
}

/// Row by row with prepared statements: in the same process a trip costs nothing.
fn record_sqlite(db: &mut SqliteConnection, batch: &[Record<'_>]) -> QueryResult<HashSet<Recorded>> {
    let mut recorded = HashSet::with_capacity(batch.len());
    for record in batch {
        let Record { attempt, outlook, .. } = record;
        let settle = "UPDATE deliveries SET status = ?, due_at = ?, attempts = ?, claims = 0, leased_until = 0, lease_id = NULL, \
                        response_code = ?, outcome = ?, last_attempt_at = ?, duration_us = ? \
                      WHERE id = ? AND lease_id = ?";
        let binds = [
            Bind::Int(outlook.status as i64),
            Bind::Int(outlook.due_at.0),
            Bind::Int(attempt.number.into()),
            Bind::OptInteger(attempt.response_code),
            Bind::Int(attempt.outcome as i64),
            Bind::Int(attempt.started_at.0),
            Bind::Int(attempt.duration_us),
            Bind::Int(attempt.delivery_id.0),
            Bind::Int(record.lease_id),
        ];
        if Hot(settle, &binds).execute(db)? == 0 {
            continue;
        }
        let keep = "INSERT INTO attempts (delivery_id, number, started_at, duration_us, lookup_us, connect_us, first_byte_us, \
                      outcome, response_code, reused, cut, response_size, address, message, url, request_headers, \
                      response_headers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let binds = [
            Bind::Int(attempt.delivery_id.0),
            Bind::Int(attempt.number.into()),
            Bind::Int(attempt.started_at.0),
            Bind::Int(attempt.duration_us),
            Bind::OptInt(attempt.lookup_us),
            Bind::OptInt(attempt.connect_us),
            Bind::OptInt(attempt.first_byte_us),
            Bind::Int(attempt.outcome as i64),
            Bind::OptInteger(attempt.response_code),
            Bind::Bool(attempt.reused),
            Bind::Bool(attempt.cut),
            Bind::Int(attempt.response_size.into()),
            Bind::OptText(attempt.address.as_deref()),
            Bind::Text(&attempt.message),
            Bind::Text(&attempt.url),
            Bind::Text(&attempt.request_headers),
            Bind::Text(&attempt.response_headers),
        ];
        Hot(keep, &binds).execute(db)?;
        if !record.body.is_empty() {
            let binds = [
                Bind::Int(attempt.delivery_id.0),
                Bind::Int(attempt.number.into()),
                Bind::Bytes(record.body),
            ];
            Hot(
                "INSERT INTO attempt_bodies (delivery_id, number, body) VALUES (?, ?, ?)",
                &binds,
            )
            .execute(db)?;
        }
        recorded.insert((attempt.delivery_id, record.lease_id));
    }
    Ok(recorded)
}

/// One trip for all rows. `id = ANY` beside the join, so that a plan made for any batch never walks the table.
const RECORD_POSTGRES: &str = "\
    WITH s AS MATERIALIZED (SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
        AS s(id, lease_id, status, due_at, number, started_at, duration_us, lookup_us, connect_us, first_byte_us, outcome, \
          response_code, reused, cut, response_size, address, message, url, request_headers, response_headers, body)), \
    u AS (\
      UPDATE deliveries d SET status = s.status, due_at = s.due_at, attempts = s.number, claims = 0, leased_until = 0, \
        lease_id = NULL, response_code = s.response_code, outcome = s.outcome, last_attempt_at = s.started_at, \
        duration_us = s.duration_us \
      FROM s WHERE d.id = ANY(?) AND d.id = s.id AND d.lease_id = s.lease_id RETURNING d.id, s.lease_id), \
    a AS (\
      INSERT INTO attempts (delivery_id, number, started_at, duration_us, lookup_us, connect_us, first_byte_us, outcome, \
        response_code, reused, cut, response_size, address, message, url, request_headers, response_headers) \
      SELECT id, number, started_at, duration_us, lookup_us, connect_us, first_byte_us, outcome, response_code, reused, cut, \
        response_size, address, message, url, request_headers, response_headers FROM s JOIN u USING (id, lease_id)), \
    b AS (\
      INSERT INTO attempt_bodies (delivery_id, number, body) \
      SELECT id, number, body FROM s JOIN u USING (id, lease_id) WHERE length(body) > 0) \
    SELECT id, lease_id FROM u";

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = BigInt)]
    id: DeliveryId,
    #[diesel(sql_type = BigInt)]
    lease_id: i64,
}

fn record_postgres(db: &mut PgConnection, batch: &[Record<'_>]) -> QueryResult<HashSet<Recorded>> {
    fn all<'a, T>(batch: &[Record<'a>], of: impl Fn(&Record<'a>) -> T) -> Vec<T> {
        batch.iter().map(of).collect()
    }
    let ids = all(batch, |record| record.attempt.delivery_id.0);
    let binds = [
        Bind::Ints(&ids),
        Bind::Ints(&all(batch, |record| record.lease_id)),
        Bind::Smalls(&all(batch, |record| record.outlook.status as i16)),
        Bind::Ints(&all(batch, |record| record.outlook.due_at.0)),
        Bind::Integers(&all(batch, |record| record.attempt.number)),
        Bind::Ints(&all(batch, |record| record.attempt.started_at.0)),
        Bind::Ints(&all(batch, |record| record.attempt.duration_us)),
        Bind::OptInts(&all(batch, |record| record.attempt.lookup_us)),
        Bind::OptInts(&all(batch, |record| record.attempt.connect_us)),
        Bind::OptInts(&all(batch, |record| record.attempt.first_byte_us)),
        Bind::Smalls(&all(batch, |record| record.attempt.outcome as i16)),
        Bind::OptIntegers(&all(batch, |record| record.attempt.response_code)),
        Bind::Bools(&all(batch, |record| record.attempt.reused)),
        Bind::Bools(&all(batch, |record| record.attempt.cut)),
        Bind::Integers(&all(batch, |record| record.attempt.response_size)),
        Bind::OptTexts(&all(batch, |record| record.attempt.address.as_deref())),
        Bind::Texts(&all(batch, |record| record.attempt.message.as_str())),
        Bind::Texts(&all(batch, |record| record.attempt.url.as_str())),
        Bind::Texts(&all(batch, |record| record.attempt.request_headers.as_str())),
        Bind::Texts(&all(batch, |record| record.attempt.response_headers.as_str())),
        Bind::Blobs(&all(batch, |record| record.body)),
        Bind::Ints(&ids),
    ];
    let recorded: Vec<Held> = Hot(RECORD_POSTGRES, &binds).load(db)?;
    Ok(recorded.into_iter().map(|held| (held.id, held.lease_id)).collect())
}
