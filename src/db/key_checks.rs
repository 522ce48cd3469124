//! Which master keys this database knows, with a proof of each, and which one seals. Keys themselves are not in here.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::Db;
use super::schema::{key_checks, vault, webhooks};
use crate::domain::moment::Moment;

/// A key by its id.
#[derive(Debug, Clone, Queryable)]
pub struct Known {
    pub key_id: String,
    /// The check text, sealed under it.
    pub sealed: Vec<u8>,
    pub created_at: Moment,
    /// Since when nothing is sealed under it. One that is not current and not retired is being replaced.
    pub retired_at: Option<Moment>,
}

/// What the database says about sealing.
#[derive(Debug, Clone, Queryable)]
pub struct Sealing {
    pub current_key: String,
    pub root_sealed: Vec<u8>,
}

/// The one row of the vault; `None` before the first start with a key.
pub fn sealing(db: &mut Db) -> QueryResult<Option<Sealing>> {
    vault::table
        .select((vault::current_key, vault::root_sealed))
        .first(db)
        .optional()
}

/// Oldest first.
pub fn load(db: &mut Db) -> QueryResult<Vec<Known>> {
    key_checks::table
        .order((key_checks::created_at, key_checks::key_id))
        .select((
            key_checks::key_id,
            key_checks::sealed,
            key_checks::created_at,
            key_checks::retired_at,
        ))
        .load(db)
}

/// Keeps the first key and its root, unless another node that started at the same time was quicker: then the database says
/// whose they are. A database of an earlier version has the key's check already.
pub fn begin(db: &mut Db, key_id: &str, check: &[u8], root: &[u8], now: Moment) -> QueryResult<()> {
    if !db.is_sqlite() {
        db.batch_execute("LOCK TABLE key_checks IN SHARE ROW EXCLUSIVE MODE")?;
    }
    if sealing(db)?.is_some() {
        return Ok(());
    }
    let known = load(db)?;
    match known.iter().rfind(|one| one.retired_at.is_none()) {
        Some(newest) if newest.key_id == key_id => {}
        None if known.is_empty() => insert(db, key_id, check, now)?,
        // A node with another key must find that its key is not it.
        _ => return Ok(()),
    }
    let row = (
        vault::id.eq(1),
        vault::current_key.eq(key_id),
        vault::root_sealed.eq(root),
    );
    diesel::insert_into(vault::table).values(row).execute(db).map(drop)
}

pub fn insert(db: &mut Db, key_id: &str, sealed: &[u8], now: Moment) -> QueryResult<()> {
    let row = (
        key_checks::key_id.eq(key_id),
        key_checks::sealed.eq(sealed),
        key_checks::created_at.eq(now),
    );
    diesel::insert_into(key_checks::table).values(row).execute(db).map(drop)
}

/// From the next transaction on, everything is sealed under it.
pub fn set_current(db: &mut Db, key_id: &str) -> QueryResult<()> {
    diesel::update(vault::table)
        .set(vault::current_key.eq(key_id))
        .execute(db)
        .map(drop)
}

pub fn retire(db: &mut Db, key_id: &str, now: Moment) -> QueryResult<()> {
    diesel::update(key_checks::table.find(key_id))
        .set(key_checks::retired_at.eq(Some(now)))
        .execute(db)
        .map(drop)
}

/// Nothing was ever sealed in this database, so a new key can lock nothing out. It may have accounts: `user add` needs no key.
pub fn database_is_empty(db: &mut Db) -> QueryResult<bool> {
    let checks: i64 = key_checks::table.count().get_result(db)?;
    let webhooks: i64 = webhooks::table.count().get_result(db)?;
    Ok(checks == 0 && webhooks == 0)
}
