//! Everything in the database that is sealed under a master key, for the rotation of the key: webhooks' secrets, their own headers,
//! and the root. It finds and replaces bytes; what they mean is not known here.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer};

use super::Db;
use super::schema::{vault, webhooks};
use crate::domain::ids::WebhookId;

diesel::define_sql_function! {
    /// The same on both databases, also for bytes.
    fn substr(whole: Binary, from: Integer, count: Integer) -> Binary;
}

/// What a webhook keeps sealed. A deleted one has nothing.
#[derive(Debug, Clone, Queryable)]
pub struct Sealed {
    pub id: WebhookId,
    pub secret: Vec<u8>,
    pub headers: Option<Vec<u8>>,
}

/// The next webhooks behind this id that have something which does not begin like this.
pub fn others(db: &mut Db, head: &[u8], behind: WebhookId, limit: i64) -> QueryResult<Vec<Sealed>> {
    let length = i32::try_from(head.len()).unwrap_or(i32::MAX);
    let secret = substr(webhooks::secret_sealed, 1, length).ne(head);
    let headers = substr(webhooks::headers_sealed.assume_not_null(), 1, length).ne(head);
    webhooks::table
        .filter(webhooks::id.gt(behind))
        .filter(webhooks::deleted_at.is_null())
        .filter(secret.or(webhooks::headers_sealed.is_not_null().and(headers)))
        .order(webhooks::id)
        .limit(limit)
        .select((webhooks::id, webhooks::secret_sealed, webhooks::headers_sealed))
        .load(db)
}

/// How many values begin like this.
pub fn count(db: &mut Db, head: &[u8]) -> QueryResult<i64> {
    let length = i32::try_from(head.len()).unwrap_or(i32::MAX);
    let secrets: i64 = webhooks::table
        .filter(substr(webhooks::secret_sealed, 1, length).eq(head))
        .count()
        .get_result(db)?;
    let headers: i64 = webhooks::table
        .filter(webhooks::headers_sealed.is_not_null())
        .filter(substr(webhooks::headers_sealed.assume_not_null(), 1, length).eq(head))
        .count()
        .get_result(db)?;
    let root: i64 = vault::table
        .filter(substr(vault::root_sealed, 1, length).eq(head))
        .count()
        .get_result(db)?;
    Ok(secrets + headers + root)
}

/// How many begin like none of these, which are all of one length.
pub fn count_others(db: &mut Db, heads: &[Vec<u8>]) -> QueryResult<i64> {
    let length = heads.first().map_or(0, Vec::len);
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    let secrets: i64 = webhooks::table
        .filter(webhooks::deleted_at.is_null())
        .filter(substr(webhooks::secret_sealed, 1, length).ne_all(heads.to_vec()))
        .count()
        .get_result(db)?;
    let headers: i64 = webhooks::table
        .filter(webhooks::headers_sealed.is_not_null())
        .filter(substr(webhooks::headers_sealed.assume_not_null(), 1, length).ne_all(heads.to_vec()))
        .count()
        .get_result(db)?;
    let root: i64 = vault::table
        .filter(substr(vault::root_sealed, 1, length).ne_all(heads.to_vec()))
        .count()
        .get_result(db)?;
    Ok(secrets + headers + root)
}

/// `false` when it was changed or deleted meanwhile: what somebody has just done stands.
pub fn replace_secret(db: &mut Db, id: WebhookId, before: &[u8], after: &[u8]) -> QueryResult<bool> {
    diesel::update(webhooks::table.find(id).filter(webhooks::secret_sealed.eq(before)))
        .set(webhooks::secret_sealed.eq(after))
        .execute(db)
        .map(|changed| changed == 1)
}

/// The same for its own headers.
pub fn replace_headers(db: &mut Db, id: WebhookId, before: &[u8], after: &[u8]) -> QueryResult<bool> {
    diesel::update(webhooks::table.find(id).filter(webhooks::headers_sealed.eq(before)))
        .set(webhooks::headers_sealed.eq(after))
        .execute(db)
        .map(|changed| changed == 1)
}

pub fn replace_root(db: &mut Db, before: &[u8], after: &[u8]) -> QueryResult<bool> {
    diesel::update(vault::table.filter(vault::root_sealed.eq(before)))
        .set(vault::root_sealed.eq(after))
        .execute(db)
        .map(|changed| changed == 1)
}
