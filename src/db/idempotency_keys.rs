//! What was answered to requests that carried an `Idempotency-Key`: the same key gets the same answer for as long as it is kept.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::Db;
use super::hot::{Bind, Hot};
use super::schema::idempotency_keys;
use crate::domain::ids::UserId;
use crate::domain::moment::Moment;

/// A key and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Kept {
    #[diesel(sql_type = BigInt)]
    pub user_id: UserId,
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = Binary)]
    pub body_hash: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub answer: String,
}

/// Those of these keys that are kept and not older than `since`.
pub fn find(db: &mut Db, keys: &[(UserId, &str)], since: Moment) -> QueryResult<Vec<Kept>> {
    match db {
        Db::Sqlite(db) => {
            let text = "SELECT user_id, key, body_hash, answer FROM idempotency_keys \
                        WHERE user_id = ? AND key = ? AND created_at >= ?";
            let mut found = Vec::new();
            for (user, key) in keys {
                let binds = [Bind::Int(user.0), Bind::Text(key), Bind::Int(since.0)];
                found.extend(Hot(text, &binds).load::<Kept>(db)?);
            }
            Ok(found)
        }
        Db::Pg(db) => {
            let users: Vec<i64> = keys.iter().map(|(user, _)| user.0).collect();
            let keys: Vec<&str> = keys.iter().map(|(_, key)| *key).collect();
            let text = "SELECT k.user_id, k.key, k.body_hash, k.answer FROM unnest(?, ?) AS asked(user_id, key) \
                        JOIN idempotency_keys k ON k.user_id = asked.user_id AND k.key = asked.key WHERE k.created_at >= ?";
            let binds = [Bind::Ints(&users), Bind::Texts(&keys), Bind::Int(since.0)];
            Hot(text, &binds).load(db)
        }
    }
}

/// Keeps new ones, in the place of those older than `since`, and says how many: fewer when another transaction has just kept
/// one of them.
pub fn insert(db: &mut Db, new: &[Kept], since: Moment, now: Moment) -> QueryResult<usize> {
    match db {
        Db::Sqlite(db) => {
            let text = "INSERT INTO idempotency_keys (user_id, key, body_hash, answer, created_at) VALUES (?, ?, ?, ?, ?) \
                        ON CONFLICT (user_id, key) DO UPDATE SET body_hash = excluded.body_hash, answer = excluded.answer, \
                          created_at = excluded.created_at WHERE idempotency_keys.created_at < ?";
            let mut kept = 0;
            for one in new {
                let binds = [
                    Bind::Int(one.user_id.0),
                    Bind::Text(&one.key),
                    Bind::Bytes(&one.body_hash),
                    Bind::Text(&one.answer),
                    Bind::Int(now.0),
                    Bind::Int(since.0),
                ];
                kept += Hot(text, &binds).execute(db)?;
            }
            Ok(kept)
        }
        Db::Pg(db) => {
            // In one order everywhere: whoever waits for another's key is never waited for.
            let text = "INSERT INTO idempotency_keys (user_id, key, body_hash, answer, created_at) \
                        SELECT n.user_id, n.key, n.body_hash, n.answer, ? \
                        FROM unnest(?, ?, ?, ?) AS n(user_id, key, body_hash, answer) ORDER BY n.user_id, n.key \
                        ON CONFLICT (user_id, key) DO UPDATE SET body_hash = excluded.body_hash, answer = excluded.answer, \
                          created_at = excluded.created_at WHERE idempotency_keys.created_at < ?";
            let users: Vec<i64> = new.iter().map(|one| one.user_id.0).collect();
            let keys: Vec<&str> = new.iter().map(|one| one.key.as_str()).collect();
            let hashes: Vec<&[u8]> = new.iter().map(|one| one.body_hash.as_slice()).collect();
            let answers: Vec<&str> = new.iter().map(|one| one.answer.as_str()).collect();
            let binds = [
                Bind::Int(now.0),
                Bind::Ints(&users),
                Bind::Texts(&keys),
                Bind::Blobs(&hashes),
                Bind::Texts(&answers),
                Bind::Int(since.0),
            ];
            Hot(text, &binds).execute(db)
        }
    }
}

/// At most `limit` of those that are kept no longer.
pub fn sweep(db: &mut Db, limit: i64, before: Moment) -> QueryResult<usize> {
    let old: Vec<(UserId, String)> = idempotency_keys::table
        .filter(idempotency_keys::created_at.lt(before))
        .order(idempotency_keys::created_at)
        .limit(limit)
        .select((idempotency_keys::user_id, idempotency_keys::key))
        .load(db)?;
    let mut gone = 0;
    for (user, key) in old {
        gone += diesel::delete(
            idempotency_keys::table
                .find((user, key))
                .filter(idempotency_keys::created_at.lt(before)),
        )
        .execute(db)?;
    }
    Ok(gone)
}
