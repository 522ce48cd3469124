//! Whose turn it is among several nodes, for work that one of them does for all. On SQLite there is one process, and it is
//! always its turn.

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Db;
use super::hot::{Bind, Hot};

/// Any numbers will do that are not the one under which migrations run.
const CLEANING: i64 = 7_723_450_912;
const RESENDING: i64 = 7_723_450_913;
const SEALING: i64 = 7_723_450_914;
const PRUNING: i64 = 7_723_450_915;

#[derive(QueryableByName)]
struct Mine {
    #[diesel(sql_type = Bool)]
    mine: bool,
}

/// Whether this transaction may clean up. Until it ends no other can: two slices of the same rows would wait for each other,
/// or in a circle.
pub fn to_clean(db: &mut Db) -> QueryResult<bool> {
    is_mine(db, CLEANING)
}

/// Whether this transaction may give re-sends their next deliveries: two at once would give more than is let out at a time.
pub fn to_resend(db: &mut Db) -> QueryResult<bool> {
    is_mine(db, RESENDING)
}

/// Whether this transaction may remove a slice of the history, be it a node's or the command's.
pub fn to_prune(db: &mut Db) -> QueryResult<bool> {
    is_mine(db, PRUNING)
}

/// Before anything is sealed: until this transaction ends, the key that is current stays so. Taken before any row's lock.
pub fn to_seal(db: &mut Db) -> QueryResult<()> {
    wait(db, "SELECT pg_advisory_xact_lock_shared(?)")
}

/// Before another key becomes current: waits for everybody who seals under the one before, and keeps others off.
pub fn to_change_keys(db: &mut Db) -> QueryResult<()> {
    wait(db, "SELECT pg_advisory_xact_lock(?)")
}

/// On SQLite transactions that write come one after the other, whichever process they are in.
fn wait(db: &mut Db, statement: &'static str) -> QueryResult<()> {
    let Db::Pg(connection) = db else { return Ok(()) };
    Hot(statement, &[Bind::Int(SEALING)]).execute(connection).map(drop)
}

fn is_mine(db: &mut Db, work: i64) -> QueryResult<bool> {
    let Db::Pg(connection) = db else { return Ok(true) };
    let ask = Hot("SELECT pg_try_advisory_xact_lock(?) AS mine", &[Bind::Int(work)]);
    ask.get_result::<Mine>(connection).map(|turn| turn.mine)
}
