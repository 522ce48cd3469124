//! Between which ids a page of the history lies: what its filters say of instants, in ids.

use std::time::Duration;

use diesel::QueryResult;

use super::Filter;
use crate::db::{Db, halving};
use crate::domain::ids::DeliveryId;
use crate::domain::moment::Moment;

/// As exactly as a `webhook-id` says when it was made.
const MILLISECOND: Duration = Duration::from_millis(1);
/// Deliveries whose ids were taken in the other order than their instants lie this close together.
const OUT_OF_ORDER: i64 = 2_000;

/// The ids between which a page lies: from `low` on, and below `high`.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub low: Option<DeliveryId>,
    pub high: Option<DeliveryId>,
}

impl Range {
    pub fn above(self, id: DeliveryId) -> Range {
        let next = DeliveryId(id.0 + 1);
        Range {
            low: Some(self.low.map_or(next, |low| low.max(next))),
            ..self
        }
    }

    pub fn holds(&self, id: DeliveryId) -> bool {
        self.low.is_none_or(|low| id >= low) && self.high.is_none_or(|high| id < high)
    }
}

/// A `webhook-id` begins with its instant.
pub fn range(db: &mut Db, filter: &Filter) -> QueryResult<Range> {
    let mut range = Range { low: None, high: None };
    if let Some(since) = filter.since {
        range.low = Some(halving::first_delivery_since(db, since)?);
    }
    if let Some(until) = filter.until {
        range.high = Some(halving::first_delivery_since(db, until)?);
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
        range.low = Some(range.low.map_or(low, |other| other.max(low)));
        range.high = Some(range.high.map_or(high, |other| other.min(high)));
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
