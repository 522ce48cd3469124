//! One-use tokens of forms that were spent. Issuing one writes nothing; the row is what makes it spent.

use diesel::prelude::*;

use super::Db;
use super::schema::form_tokens;
use crate::domain::ids::UserId;
use crate::domain::moment::Moment;

/// What was done with a token, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Spent {
    /// The id of what was made or changed.
    pub subject: Option<i64>,
    pub at: Moment,
}

/// Only for who spent it.
pub fn find(db: &mut Db, token_hash: &[u8], user: UserId) -> QueryResult<Option<Spent>> {
    form_tokens::table
        .filter(form_tokens::token_hash.eq(token_hash.to_vec()))
        .filter(form_tokens::user_id.eq(user))
        .select((form_tokens::subject_id, form_tokens::spent_at))
        .first(db)
        .optional()
}

/// `false` when somebody else was quicker; the transaction is lost then, because PostgreSQL goes on with none after an error.
pub fn insert(
    db: &mut Db,
    token_hash: &[u8],
    user: UserId,
    action: &str,
    subject: i64,
    now: Moment,
) -> QueryResult<bool> {
    let row = (
        form_tokens::token_hash.eq(token_hash.to_vec()),
        form_tokens::user_id.eq(user),
        form_tokens::action.eq(action),
        form_tokens::subject_id.eq(Some(subject)),
        form_tokens::spent_at.eq(now),
    );
    use diesel::result::{DatabaseErrorKind, Error};
    match diesel::insert_into(form_tokens::table).values(row).execute(db) {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        other => other.map(|_| true),
    }
}

/// Older ones are refused by their age already.
pub fn delete_before(db: &mut Db, before: Moment) -> QueryResult<usize> {
    diesel::delete(form_tokens::table.filter(form_tokens::spent_at.lt(before))).execute(db)
}
