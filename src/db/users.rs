//! Accounts. Logins and e-mails are kept in lower case, so that both databases compare them alike.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::Db;
use super::connection::holds_nul;
use super::schema::users;
use crate::domain::ids::UserId;
use crate::domain::moment::Moment;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: UserId,
    pub login: String,
    pub email: String,
    pub name: String,
    pub created_at: Moment,
    pub disabled_at: Option<Moment>,
    /// Looks after the installation.
    pub administrator: bool,
}

#[derive(Debug)]
pub struct NewUser<'a> {
    pub login: &'a str,
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: &'a str,
    pub administrator: bool,
}

pub fn any(db: &mut Db) -> QueryResult<bool> {
    users::table
        .select(users::id)
        .first::<UserId>(db)
        .optional()
        .map(|found| found.is_some())
}

/// Until the end of the transaction nobody else adds an account: of two first visitors at once, one is first. SQLite has one
/// writer anyway.
pub fn lock(db: &mut Db) -> QueryResult<()> {
    match db {
        Db::Sqlite(_) => Ok(()),
        Db::Pg(connection) => connection.batch_execute("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"),
    }
}

/// Keeps others from changing the account until the transaction ends; its row is locked before any project's.
pub fn lock_one(db: &mut Db, id: UserId) -> QueryResult<()> {
    if let Db::Pg(pg) = db {
        // Rows that only refer to it can still be written by others.
        users::table
            .find(id)
            .select(users::id)
            .for_no_key_update()
            .first::<UserId>(pg)?;
    }
    Ok(())
}

pub fn list(db: &mut Db) -> QueryResult<Vec<User>> {
    users::table.select(User::as_select()).order(users::login).load(db)
}

pub fn find(db: &mut Db, id: UserId) -> QueryResult<User> {
    users::table.find(id).select(User::as_select()).get_result(db)
}

/// By login or e-mail, in lower case.
pub fn find_by_name(db: &mut Db, name: &str) -> QueryResult<Option<User>> {
    if holds_nul(name) {
        return Ok(None);
    }
    users::table
        .filter(users::login.eq(name).or(users::email.eq(name)))
        .select(User::as_select())
        .first(db)
        .optional()
}

/// The same with the password's hash, in one question: whether there is such an account must not show in how long it takes.
pub fn find_to_sign_in(db: &mut Db, name: &str) -> QueryResult<Option<(User, String)>> {
    if holds_nul(name) {
        return Ok(None);
    }
    users::table
        .filter(users::login.eq(name).or(users::email.eq(name)))
        .select((User::as_select(), users::password_hash))
        .first(db)
        .optional()
}

pub fn find_by_email(db: &mut Db, email: &str) -> QueryResult<Option<User>> {
    if holds_nul(email) {
        return Ok(None);
    }
    users::table
        .filter(users::email.eq(email))
        .select(User::as_select())
        .first(db)
        .optional()
}

/// What some accounts are called.
pub fn names(db: &mut Db, ids: &[UserId]) -> QueryResult<Vec<(UserId, String)>> {
    users::table
        .filter(users::id.eq_any(ids.to_vec()))
        .select((users::id, users::name))
        .load(db)
}

/// What the first accounts in the order of their names are called, up to so many.
pub fn some_names(db: &mut Db, limit: i64) -> QueryResult<Vec<(UserId, String)>> {
    users::table
        .order((users::name, users::id))
        .limit(limit)
        .select((users::id, users::name))
        .load(db)
}

/// Not one that is disabled.
pub fn is_administrator(db: &mut Db, id: UserId) -> QueryResult<bool> {
    let administrators = users::table
        .filter(users::id.eq(id))
        .filter(users::administrator)
        .filter(users::disabled_at.is_null());
    diesel::select(diesel::dsl::exists(administrators)).get_result(db)
}

/// The password's hash. Apart from [`User`], so that it is in memory only where it is compared.
pub fn password_hash(db: &mut Db, id: UserId) -> QueryResult<String> {
    users::table.find(id).select(users::password_hash).get_result(db)
}

/// Whether the login, and whether the e-mail, belongs to somebody.
pub fn taken(db: &mut Db, login: &str, email: &str) -> QueryResult<(bool, bool)> {
    let rows: Vec<(String, String)> = users::table
        .filter(
            users::login
                .eq_any([login, email])
                .or(users::email.eq_any([login, email])),
        )
        .select((users::login, users::email))
        .load(db)?;
    // A login that reads like somebody's e-mail could sign in as either.
    let used = |name: &str| rows.iter().any(|(login, email)| login == name || email == name);
    Ok((used(login), used(email)))
}

pub fn insert(db: &mut Db, user: &NewUser<'_>, now: Moment) -> QueryResult<UserId> {
    diesel::insert_into(users::table)
        .values((
            users::login.eq(user.login),
            users::email.eq(user.email),
            users::name.eq(user.name),
            users::password_hash.eq(user.password_hash),
            users::created_at.eq(now),
            users::administrator.eq(user.administrator),
        ))
        .returning(users::id)
        .get_result(db)
}

pub fn set_password(db: &mut Db, id: UserId, password_hash: &str) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set(users::password_hash.eq(password_hash))
        .execute(db)
        .map(drop)
}

/// A disabled account cannot sign in. Its sessions are ended by the caller.
pub fn disable(db: &mut Db, id: UserId, now: Moment) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set(users::disabled_at.eq(Some(now)))
        .execute(db)
        .map(drop)
}

pub fn enable(db: &mut Db, id: UserId) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set(users::disabled_at.eq(None::<Moment>))
        .execute(db)
        .map(drop)
}

/// How many could look after the installation if this one could not.
pub fn other_administrators(db: &mut Db, id: UserId) -> QueryResult<i64> {
    users::table
        .filter(users::id.ne(id))
        .filter(users::administrator)
        .filter(users::disabled_at.is_null())
        .count()
        .get_result(db)
}

pub fn set_administrator(db: &mut Db, id: UserId, administrator: bool) -> QueryResult<()> {
    diesel::update(users::table.find(id))
        .set(users::administrator.eq(administrator))
        .execute(db)
        .map(drop)
}
