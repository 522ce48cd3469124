//! Proof that a master key belongs to this database.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::Db;
use super::schema::{key_checks, webhooks};
use crate::domain::moment::Moment;

/// The sealed check text of every key that this database knows.
pub fn load(db: &mut Db) -> QueryResult<Vec<Vec<u8>>> {
    key_checks::table.select(key_checks::sealed).load(db)
}

/// Keeps the first key's check, unless another node that started at the same time was quicker. Returns what is kept: of two
/// nodes with different keys, one must find that its key is not it.
pub fn insert_first(db: &mut Db, key_id: &str, sealed: &[u8], now: Moment) -> QueryResult<Vec<Vec<u8>>> {
    if !db.is_sqlite() {
        db.batch_execute("LOCK TABLE key_checks IN SHARE ROW EXCLUSIVE MODE")?;
    }
    let kept = load(db)?;
    if !kept.is_empty() {
        return Ok(kept);
    }
    insert(db, key_id, sealed, now)?;
    Ok(vec![sealed.to_vec()])
}

pub fn insert(db: &mut Db, key_id: &str, sealed: &[u8], now: Moment) -> QueryResult<()> {
    let row = (
        key_checks::key_id.eq(key_id),
        key_checks::sealed.eq(sealed),
        key_checks::created_at.eq(now),
    );
    diesel::insert_into(key_checks::table).values(row).execute(db).map(drop)
}

/// Nothing was ever sealed in this database, so a new key can lock nothing out. It may have accounts: `user add` needs no key.
pub fn database_is_empty(db: &mut Db) -> QueryResult<bool> {
    let checks: i64 = key_checks::table.count().get_result(db)?;
    let webhooks: i64 = webhooks::table.count().get_result(db)?;
    Ok(checks == 0 && webhooks == 0)
}
