//! Recording what came of attempts: the delivery behind its fence, the attempt, its response body. Rows of a batch are
//! written in the order of their ids, so that two nodes never wait for each other in a circle.

use diesel::prelude::*;

use super::Db;
use super::schema::{attempt_bodies, attempts, deliveries};
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

/// Records one attempt if the lease still holds; `false` when somebody else has the delivery, or it is gone.
pub fn record(db: &mut Db, lease_id: i64, attempt: &Attempt, body: &[u8], outlook: Outlook) -> QueryResult<bool> {
    let held = deliveries::table
        .filter(deliveries::id.eq(attempt.delivery_id))
        .filter(deliveries::lease_id.eq(lease_id));
    let recorded = diesel::update(held)
        .set((
            deliveries::status.eq(outlook.status),
            deliveries::due_at.eq(outlook.due_at),
            deliveries::attempts.eq(attempt.number),
            deliveries::claims.eq(0),
            deliveries::leased_until.eq(0),
            deliveries::lease_id.eq(None::<i64>),
            deliveries::response_code.eq(attempt.response_code),
            deliveries::outcome.eq(Some(attempt.outcome)),
            deliveries::last_attempt_at.eq(Some(attempt.started_at)),
            deliveries::duration_us.eq(Some(attempt.duration_us)),
        ))
        .execute(db)?;
    if recorded == 0 {
        return Ok(false);
    }
    diesel::insert_into(attempts::table).values(attempt).execute(db)?;
    if !body.is_empty() {
        diesel::insert_into(attempt_bodies::table)
            .values((
                attempt_bodies::delivery_id.eq(attempt.delivery_id),
                attempt_bodies::number.eq(attempt.number),
                attempt_bodies::body.eq(body),
            ))
            .execute(db)?;
    }
    Ok(true)
}
