//! From an instant to an id: ids are given in the order of time, so that what lies between two instants lies between two ids, and
//! no index over instants is needed.

use diesel::QueryResult;

use crate::domain::moment::Moment;

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
