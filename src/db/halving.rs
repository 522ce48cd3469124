//! From an instant to an id: ids are given in the order of time, so that what lies between two instants lies between two ids, and
//! no index over instants is needed.

use diesel::prelude::*;

use super::Db;
use super::schema::{deliveries, events};
use crate::domain::ids::{DeliveryId, EventId};
use crate::domain::moment::Moment;

/// The first delivery that was made at this instant or later; one beyond the last when there is none.
pub fn first_delivery_since(db: &mut Db, at: Moment) -> QueryResult<DeliveryId> {
    let ids = deliveries::table.select(deliveries::id).order(deliveries::id.desc());
    let newest: Option<i64> = ids.first(db).optional()?;
    let first = first_since(newest, at, |id| {
        deliveries::table
            .filter(deliveries::id.ge(id))
            .order(deliveries::id)
            .select((deliveries::id, deliveries::created_at))
            .first(db)
            .optional()
    });
    first.map(DeliveryId)
}

/// The same of the events.
pub fn first_event_since(db: &mut Db, at: Moment) -> QueryResult<EventId> {
    let ids = events::table.select(events::id).order(events::id.desc());
    let newest: Option<i64> = ids.first(db).optional()?;
    let first = first_since(newest, at, |id| {
        events::table
            .filter(events::id.ge(id))
            .order(events::id)
            .select((events::id, events::occurred_at))
            .first(db)
            .optional()
    });
    first.map(EventId)
}

/// The first row that was made at this instant or later, found by halving; one beyond the last when there is none. `from` finds
/// the first row from an id on. Two that were made at once may have their ids in the other order, which moves the edge by as little.
pub fn first_since(
    newest: Option<i64>,
    at: Moment,
    mut from: impl FnMut(i64) -> QueryResult<Option<(i64, Moment)>>,
) -> QueryResult<i64> {
    let (mut low, mut high) = (1, newest.map_or(1, |id| id + 1));
    while low < high {
        let middle = low + (high - low) / 2;
        match from(middle)? {
            Some((id, made)) if made < at => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
