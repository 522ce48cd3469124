//! Whose turn it is among several nodes, for work that one of them does for all. On SQLite there is one process, and it is
//! always its turn.

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Db;
use super::hot::{Bind, Hot};

/// Any number will do that is not the one under which migrations run.
const CLEANING: i64 = 7_723_450_912;

#[derive(QueryableByName)]
struct Mine {
    #[diesel(sql_type = Bool)]
    mine: bool,
}

/// Whether this transaction may clean up. Until it ends no other can: two slices of the same rows would wait for each other,
/// or in a circle.
pub fn to_clean(db: &mut Db) -> QueryResult<bool> {
    let Db::Pg(connection) = db else { return Ok(true) };
    let ask = Hot("SELECT pg_try_advisory_xact_lock(?) AS mine", &[Bind::Int(CLEANING)]);
    ask.get_result::<Mine>(connection).map(|turn| turn.mine)
}
