//! Between which ids a page of a list lies.

use crate::domain::ids::{DeliveryId, Id};

/// Where a page begins, of a list whose newest rows come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<I = DeliveryId> {
    Newest,
    /// Older than this one.
    Before(I),
    /// Newer than this one.
    After(I),
}

impl<I> Start<I> {
    /// The rows are read from the oldest on.
    pub fn is_upwards(&self) -> bool {
        matches!(self, Start::After(_))
    }
}

/// From `low` on, and below `high`. Of two bounds on the same side SQLite finds its place in an index by one, and walks all that the other
/// leaves out: whatever narrows a page goes in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<I = DeliveryId> {
    pub low: Option<I>,
    pub high: Option<I>,
}

impl<I: Id> Range<I> {
    pub const ALL: Range<I> = Range { low: None, high: None };

    pub fn from(self, id: I) -> Self {
        let low = Some(self.low.map_or(id, |low| low.max(id)));
        Range { low, ..self }
    }

    pub fn below(self, id: I) -> Self {
        let high = Some(self.high.map_or(id, |high| high.min(id)));
        Range { high, ..self }
    }

    pub fn above(self, id: I) -> Self {
        self.from(id.next())
    }

    /// What of it lies behind the cursor.
    pub fn beyond(self, start: Start<I>) -> Self {
        match start {
            Start::Newest => self,
            Start::Before(id) => self.below(id),
            Start::After(id) => self.above(id),
        }
    }

    /// Reading ends with this row.
    pub fn up_to(self, edge: I, start: Start<I>) -> Self {
        if start.is_upwards() {
            self.below(edge.next())
        } else {
            self.from(edge)
        }
    }

    pub fn holds(&self, id: I) -> bool {
        self.low.is_none_or(|low| id >= low) && self.high.is_none_or(|high| id < high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(low: i64, high: i64) -> Range {
        Range::ALL.from(DeliveryId(low)).below(DeliveryId(high))
    }

    #[test]
    fn whatever_narrows_a_page_leaves_one_bound_on_each_side() {
        let page = of(10, 20);
        for (start, beyond, edge, window) in [
            (Start::Newest, of(10, 20), 15, of(15, 20)),
            (Start::Before(DeliveryId(18)), of(10, 18), 15, of(15, 18)),
            (Start::Before(DeliveryId(99)), of(10, 20), 5, of(10, 20)),
            (Start::After(DeliveryId(12)), of(13, 20), 15, of(13, 16)),
            (Start::After(DeliveryId(3)), of(10, 20), 99, of(10, 20)),
        ] {
            assert_eq!(page.beyond(start), beyond, "{start:?}");
            assert_eq!(beyond.up_to(DeliveryId(edge), start), window, "{start:?}");
        }
    }

    #[test]
    fn a_range_holds_its_lowest_id_and_not_the_one_above_it() {
        let held = (8..=22).map(DeliveryId).filter(|&id| of(10, 20).holds(id));

        assert!(held.eq((10..20).map(DeliveryId)));
        assert!(Range::ALL.holds(DeliveryId(i64::MIN)) && Range::ALL.holds(DeliveryId(i64::MAX)));
    }
}
