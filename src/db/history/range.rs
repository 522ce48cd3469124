//! What the filters of a page say of instants, in ids.

use std::time::Duration;

use diesel::QueryResult;

use super::Filter;
use crate::db::range::Range;
use crate::db::{Db, halving};
use crate::domain::ids::DeliveryId;
use crate::domain::moment::Moment;

/// As exactly as a `webhook-id` says when it was made.
const MILLISECOND: Duration = Duration::from_millis(1);
/// Deliveries whose ids were taken in the other order than their instants lie this close together.
const OUT_OF_ORDER: i64 = 2_000;

/// A `webhook-id` begins with its instant.
pub fn range(db: &mut Db, filter: &Filter) -> QueryResult<Range> {
    let mut range = Range::ALL;
    if let Some(since) = filter.since {
        range = range.from(halving::first_delivery_since(db, since)?);
    }
    if let Some(until) = filter.until {
        range = range.below(halving::first_delivery_since(db, until)?);
    }
    if let Some(message) = &filter.message {
        // All deliveries of one transaction have one instant; there may be thousands of them.
        let (low, high) = match instant_of(message) {
            Some(at) => (
                DeliveryId(halving::first_delivery_since(db, at)?.0 - OUT_OF_ORDER),
                DeliveryId(halving::first_delivery_since(db, at + MILLISECOND)?.0 + OUT_OF_ORDER),
            ),
            None => (DeliveryId(0), DeliveryId(0)),
        };
        range = range.from(low).below(high);
    }
    Ok(range)
}

/// The millisecond in which a `webhook-id` of ours was made.
fn instant_of(message: &str) -> Option<Moment> {
    let uuid = uuid::Uuid::try_parse(message.strip_prefix("msg_")?).ok()?;
    let (seconds, nanoseconds) = uuid.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Some(Moment(micros + i64::from(nanoseconds) / 1_000))
}
