//! Deliveries of one webhook in the order of their ids, through the index for that and no other.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::Db;
use super::range::Range;
use super::schema::deliveries;
use crate::domain::ids::{DeliveryId, WebhookId};

/// To be narrowed and selected from.
pub type Rows = deliveries::BoxedQuery<'static, <Db as Connection>::Backend>;

pub fn newest_first(db: &Db, webhook: WebhookId, range: Range) -> Rows {
    of(db, webhook, range).order((deliveries::webhook_id.desc(), deliveries::id.desc()))
}

pub fn oldest_first(db: &Db, webhook: WebhookId, range: Range) -> Rows {
    of(db, webhook, range).order((deliveries::webhook_id.asc(), deliveries::id.asc()))
}

/// PostgreSQL takes a webhook's deliveries to lie everywhere among the others: for one that was busy and has been silent since, it would walk
/// all deliveries by their ids. Rows as values it finds in the index of the history only, and so it does their order. SQLite has a use
/// for neither.
fn of(db: &Db, webhook: WebhookId, range: Range) -> Rows {
    let mut rows = deliveries::table.into_boxed();
    if db.is_sqlite() {
        rows = rows.filter(deliveries::webhook_id.eq(webhook));
        if let Some(low) = range.low {
            rows = rows.filter(deliveries::id.ge(low));
        }
        if let Some(high) = range.high {
            rows = rows.filter(deliveries::id.lt(high));
        }
        return rows;
    }
    let bound = |side: &str, id: i64| {
        sql::<Bool>(&format!("(deliveries.webhook_id, deliveries.id) {side} ("))
            .bind::<BigInt, _>(webhook)
            .sql(", ")
            .bind::<BigInt, _>(DeliveryId(id))
            .sql(")")
    };
    let low = range.low.map_or(i64::MIN, |low| low.0);
    let last = range.high.map_or(i64::MAX, |high| high.0.saturating_sub(1));
    rows.filter(bound(">=", low)).filter(bound("<=", last))
}
