//! What a database takes on the disk. Rows that go leave free pages, which new rows fill; here they are given back to the disk.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::hot::Hot;
use super::{DatabaseUrl, Db, Purpose};

/// Pages of a SQLite file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    pub free: i64,
    /// Bytes of each.
    pub size: i64,
    /// Free ones can be given back a few at a time. A file made before that was possible can only be written anew.
    pub in_steps: bool,
}

#[derive(QueryableByName)]
struct Free {
    #[diesel(sql_type = BigInt)]
    freelist_count: i64,
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    page_size: i64,
}

#[derive(QueryableByName)]
struct Mode {
    #[diesel(sql_type = BigInt)]
    auto_vacuum: i64,
}

/// `None` on PostgreSQL, which looks after its files by itself.
pub fn pages(db: &mut Db) -> QueryResult<Option<Pages>> {
    let Db::Sqlite(db) = db else { return Ok(None) };
    let free: Free = Hot("PRAGMA freelist_count", &[]).get_result(db)?;
    let size: Size = Hot("PRAGMA page_size", &[]).get_result(db)?;
    let mode: Mode = Hot("PRAGMA auto_vacuum", &[]).get_result(db)?;
    Ok(Some(Pages {
        free: free.freelist_count,
        size: size.page_size,
        in_steps: mode.auto_vacuum == 2,
    }))
}

/// Gives at most so many free pages of a SQLite file back.
pub fn give_back(db: &mut Db, pages: i64) -> QueryResult<()> {
    db.batch_execute(&format!("PRAGMA incremental_vacuum({pages})"))
}

/// SQLite: writes the file anew, without its free pages and so that from then on they can be given back in steps; nobody else can
/// write meanwhile, and it takes as much room again. PostgreSQL: makes the room of deleted rows free for others and gives back what
/// lies at the end of its files, while everybody goes on.
pub fn vacuum(url: &DatabaseUrl) -> Result<(), String> {
    let mut db = Db::open(url, Purpose::Write).map_err(|error| error.to_string())?;
    let text = match db {
        Db::Sqlite(_) => "PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)",
        Db::Pg(_) => "VACUUM (ANALYZE) deliveries, attempts, attempt_bodies, events",
    };
    db.batch_execute(text).map_err(|error| error.to_string())
}
