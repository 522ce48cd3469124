//! Sessions, of browsers and of API clients. Only hashes of their tokens are kept; the caller hashes. Nothing here makes a row but
//! [`insert`], and what changes one finds nothing when it has been ended: a session never comes back.

use diesel::prelude::*;

use super::Db;
use super::schema::{sessions, users};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::moment::Moment;
use crate::domain::smallint::small_int_enum;

small_int_enum! {
    /// Who holds the token.
    pub enum SessionKind {
        /// A browser, in a cookie.
        Browser = 0 => "browser",
        /// A client of the JSON API: an access and a refresh token.
        Api = 1 => "api",
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub kind: SessionKind,
    /// JSON of what pages keep from one request to the next; `{}` for API clients.
    pub state: String,
    pub token_expires_at: Moment,
    pub refresh_spent_at: Option<Moment>,
    pub created_at: Moment,
    pub last_seen_at: Moment,
    pub expires_at: Moment,
    /// When the password was last shown in it.
    pub authenticated_at: Moment,
    /// Where it was begun; of a program, where it got its last tokens.
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

/// From where and with what somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Device {
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

#[derive(Debug)]
pub struct NewSession<'a> {
    pub user: UserId,
    pub kind: SessionKind,
    pub token_hash: &'a [u8],
    pub refresh_hash: Option<&'a [u8]>,
    pub state: &'a str,
    pub token_expires_at: Moment,
    pub expires_at: Moment,
    pub device: &'a Device,
}

/// What takes the place of an API session's tokens.
#[derive(Debug)]
pub struct NewTokens<'a> {
    pub token_hash: &'a [u8],
    pub refresh_hash: &'a [u8],
    pub token_expires_at: Moment,
    pub device: &'a Device,
}

pub fn insert(db: &mut Db, new: &NewSession<'_>, now: Moment) -> QueryResult<SessionId> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::user_id.eq(new.user),
            sessions::kind.eq(new.kind),
            sessions::token_hash.eq(new.token_hash.to_vec()),
            sessions::refresh_hash.eq(new.refresh_hash.map(<[u8]>::to_vec)),
            sessions::state.eq(new.state),
            sessions::token_expires_at.eq(new.token_expires_at),
            sessions::created_at.eq(now),
            sessions::last_seen_at.eq(now),
            sessions::expires_at.eq(new.expires_at),
            sessions::authenticated_at.eq(now),
            sessions::address.eq(new.device.address.as_deref()),
            sessions::user_agent.eq(new.device.user_agent.as_deref()),
        ))
        .returning(sessions::id)
        .get_result(db)
}

/// The session that this token opens now; not one whose account is disabled.
pub fn find(db: &mut Db, kind: SessionKind, token_hash: &[u8], now: Moment) -> QueryResult<Option<Session>> {
    sessions::table
        .inner_join(users::table)
        .filter(sessions::token_hash.eq(token_hash))
        .filter(sessions::kind.eq(kind))
        .filter(sessions::token_expires_at.gt(now))
        .filter(sessions::expires_at.gt(now))
        .filter(users::disabled_at.is_null())
        .select(Session::as_select())
        .first(db)
        .optional()
}

/// The API session whose refresh token this is, and whether it was spent before.
pub fn find_by_refresh(db: &mut Db, hash: &[u8], now: Moment) -> QueryResult<Option<(Session, bool)>> {
    let open = sessions::table
        .inner_join(users::table)
        .filter(sessions::expires_at.gt(now))
        .filter(users::disabled_at.is_null())
        .filter(
            sessions::refresh_hash
                .eq(hash)
                .or(sessions::spent_refresh_hash.eq(hash)),
        )
        .select((Session::as_select(), sessions::spent_refresh_hash.nullable()))
        .first::<(Session, Option<Vec<u8>>)>(db)
        .optional()?;
    Ok(open.map(|(session, spent)| (session, spent.as_deref() == Some(hash))))
}

/// A new pair of tokens in the place of the one whose refresh token is spent by this; `false` when somebody was quicker.
pub fn renew(db: &mut Db, id: SessionId, spent: &[u8], new: &NewTokens<'_>, now: Moment) -> QueryResult<bool> {
    diesel::update(sessions::table.find(id).filter(sessions::refresh_hash.eq(spent)))
        .set((
            sessions::token_hash.eq(new.token_hash.to_vec()),
            sessions::refresh_hash.eq(Some(new.refresh_hash.to_vec())),
            sessions::spent_refresh_hash.eq(Some(spent.to_vec())),
            sessions::refresh_spent_at.eq(Some(now)),
            sessions::token_expires_at.eq(new.token_expires_at),
            sessions::last_seen_at.eq(now),
            sessions::address.eq(new.device.address.as_deref()),
            sessions::user_agent.eq(new.device.user_agent.as_deref()),
        ))
        .execute(db)
        .map(|changed| changed == 1)
}

/// Seen now, and good until then.
pub fn touch(db: &mut Db, id: SessionId, expires_at: Moment, now: Moment) -> QueryResult<()> {
    diesel::update(sessions::table.find(id))
        .set((
            sessions::last_seen_at.eq(now),
            sessions::token_expires_at.eq(expires_at),
            sessions::expires_at.eq(expires_at),
        ))
        .execute(db)
        .map(drop)
}

/// The password was shown in it now; `false` when it has been ended.
pub fn authenticate(db: &mut Db, user: UserId, id: SessionId, now: Moment) -> QueryResult<bool> {
    diesel::update(
        of(user)
            .filter(sessions::id.eq(id))
            .filter(sessions::expires_at.gt(now)),
    )
    .set(sessions::authenticated_at.eq(now))
    .execute(db)
    .map(|changed| changed == 1)
}

/// The same with a new token: the old one opens nothing any more.
pub fn rekey(db: &mut Db, user: UserId, id: SessionId, token_hash: &[u8], now: Moment) -> QueryResult<bool> {
    diesel::update(
        of(user)
            .filter(sessions::id.eq(id))
            .filter(sessions::expires_at.gt(now)),
    )
    .set((
        sessions::token_hash.eq(token_hash.to_vec()),
        sessions::authenticated_at.eq(now),
    ))
    .execute(db)
    .map(|changed| changed == 1)
}

/// When the password was last shown in this session of theirs; `None` when it has been ended or has run out.
pub fn authenticated_at(db: &mut Db, user: UserId, id: SessionId, now: Moment) -> QueryResult<Option<Moment>> {
    of(user)
        .filter(sessions::id.eq(id))
        .filter(sessions::expires_at.gt(now))
        .select(sessions::authenticated_at)
        .first(db)
        .optional()
}

pub fn end(db: &mut Db, id: SessionId) -> QueryResult<()> {
    diesel::delete(sessions::table.find(id)).execute(db).map(drop)
}

/// Returns how many there were.
pub fn end_all(db: &mut Db, user: UserId) -> QueryResult<usize> {
    diesel::delete(of(user)).execute(db)
}

/// Returns how many there were.
pub fn end_others(db: &mut Db, user: UserId, keep: SessionId) -> QueryResult<usize> {
    diesel::delete(of(user).filter(sessions::id.ne(keep))).execute(db)
}

/// Ends those of a kind that were seen longest ago, beyond `keep`; a slice of them at most, and the rest the next time.
pub fn end_oldest(db: &mut Db, user: UserId, kind: SessionKind, keep: i64) -> QueryResult<usize> {
    let old: Vec<SessionId> = of(user)
        .filter(sessions::kind.eq(kind))
        .order((sessions::last_seen_at.desc(), sessions::id.desc()))
        .offset(keep)
        // SQLite knows no offset without a limit.
        .limit(SLICE)
        .select(sessions::id)
        .load(db)?;
    if old.is_empty() {
        return Ok(0);
    }
    diesel::delete(sessions::table.filter(sessions::id.eq_any(old))).execute(db)
}

/// Deletes at most `limit` sessions that have run out.
pub fn sweep(db: &mut Db, limit: i64, now: Moment) -> QueryResult<usize> {
    let old: Vec<SessionId> = sessions::table
        .filter(sessions::expires_at.le(now))
        .limit(limit)
        .select(sessions::id)
        .load(db)?;
    if old.is_empty() {
        return Ok(0);
    }
    diesel::delete(sessions::table.filter(sessions::id.eq_any(old))).execute(db)
}

/// What pages keep from one request to the next.
pub fn set_state_by_token(db: &mut Db, token_hash: &[u8], state: &str) -> QueryResult<()> {
    diesel::update(sessions::table.filter(sessions::token_hash.eq(token_hash.to_vec())))
        .set(sessions::state.eq(state))
        .execute(db)
        .map(drop)
}

pub fn end_by_token(db: &mut Db, token_hash: &[u8]) -> QueryResult<()> {
    diesel::delete(sessions::table.filter(sessions::token_hash.eq(token_hash.to_vec())))
        .execute(db)
        .map(drop)
}

/// One's own sessions, those seen last first.
pub fn of_user(db: &mut Db, user: UserId, now: Moment) -> QueryResult<Vec<Session>> {
    of(user)
        .filter(sessions::expires_at.gt(now))
        .order((sessions::last_seen_at.desc(), sessions::id.desc()))
        .limit(SLICE)
        .select(Session::as_select())
        .load(db)
}

/// Whether this session of theirs goes on and its account may still sign in.
pub fn goes_on(db: &mut Db, user: UserId, id: SessionId, now: Moment) -> QueryResult<bool> {
    let found = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::expires_at.gt(now))
        .filter(users::disabled_at.is_null());
    diesel::select(diesel::dsl::exists(found)).get_result(db)
}

/// Ends one of one's own sessions; `false` when it is none.
pub fn end_own(db: &mut Db, user: UserId, id: SessionId) -> QueryResult<bool> {
    diesel::delete(of(user).filter(sessions::id.eq(id)))
        .execute(db)
        .map(|ended| ended == 1)
}

/// Sessions that are listed, or ended, at a time.
const SLICE: i64 = 500;

#[diesel::dsl::auto_type(no_type_alias)]
fn of(user: UserId) -> _ {
    sessions::table.filter(sessions::user_id.eq(user))
}
