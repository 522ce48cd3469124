//! API tokens. Only their hashes are kept; the caller hashes.

use diesel::prelude::*;

use super::Db;
use super::schema::{api_token_projects, api_tokens, users};
use crate::domain::ids::{ApiTokenId, ProjectId, UserId};
use crate::domain::moment::Moment;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = api_tokens)]
pub struct ApiToken {
    pub id: ApiTokenId,
    pub user_id: UserId,
    pub name: String,
    /// Names with spaces between; `None` is no restriction.
    pub permissions: Option<String>,
    pub every_project: bool,
    pub created_at: Moment,
    pub expires_at: Option<Moment>,
    pub last_used_at: Option<Moment>,
}

#[derive(Debug)]
pub struct NewApiToken<'a> {
    pub user: UserId,
    pub name: &'a str,
    pub token_hash: &'a [u8],
    pub permissions: Option<&'a str>,
    /// `None`: every one.
    pub projects: Option<&'a [ProjectId]>,
    pub expires_at: Option<Moment>,
}

pub fn insert(db: &mut Db, new: &NewApiToken<'_>, now: Moment) -> QueryResult<ApiToken> {
    let id: ApiTokenId = diesel::insert_into(api_tokens::table)
        .values((
            api_tokens::user_id.eq(new.user),
            api_tokens::name.eq(new.name),
            api_tokens::token_hash.eq(new.token_hash.to_vec()),
            api_tokens::permissions.eq(new.permissions),
            api_tokens::every_project.eq(new.projects.is_none()),
            api_tokens::created_at.eq(now),
            api_tokens::expires_at.eq(new.expires_at),
        ))
        .returning(api_tokens::id)
        .get_result(db)?;
    for &project in new.projects.unwrap_or_default() {
        diesel::insert_into(api_token_projects::table)
            .values((
                api_token_projects::token_id.eq(id),
                api_token_projects::project_id.eq(project),
            ))
            .execute(db)?;
    }
    api_tokens::table.find(id).select(ApiToken::as_select()).first(db)
}

/// The token that has this hash and is good now; not one whose account is disabled.
pub fn find(db: &mut Db, token_hash: &[u8], now: Moment) -> QueryResult<Option<ApiToken>> {
    api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::token_hash.eq(token_hash))
        .filter(api_tokens::expires_at.is_null().or(api_tokens::expires_at.gt(now)))
        .filter(users::disabled_at.is_null())
        .select(ApiToken::as_select())
        .first(db)
        .optional()
}

/// One's own, the newest first; those that ran out too.
pub fn of_user(db: &mut Db, user: UserId) -> QueryResult<Vec<ApiToken>> {
    api_tokens::table
        .filter(api_tokens::user_id.eq(user))
        .order(api_tokens::id.desc())
        .select(ApiToken::as_select())
        .load(db)
}

pub fn count(db: &mut Db, user: UserId) -> QueryResult<i64> {
    api_tokens::table
        .filter(api_tokens::user_id.eq(user))
        .count()
        .get_result(db)
}

/// Which projects the tokens list, in the order of their ids.
pub fn projects_of(db: &mut Db, tokens: &[ApiTokenId]) -> QueryResult<Vec<(ApiTokenId, ProjectId)>> {
    api_token_projects::table
        .filter(api_token_projects::token_id.eq_any(tokens))
        .order((api_token_projects::token_id, api_token_projects::project_id))
        .select((api_token_projects::token_id, api_token_projects::project_id))
        .load(db)
}

/// Whether the token lists the project.
pub fn lists(db: &mut Db, token: ApiTokenId, project: ProjectId) -> QueryResult<bool> {
    let found: i64 = api_token_projects::table
        .filter(api_token_projects::token_id.eq(token))
        .filter(api_token_projects::project_id.eq(project))
        .count()
        .get_result(db)?;
    Ok(found > 0)
}

pub fn touch(db: &mut Db, id: ApiTokenId, now: Moment) -> QueryResult<()> {
    diesel::update(api_tokens::table.find(id))
        .set(api_tokens::last_used_at.eq(Some(now)))
        .execute(db)
        .map(drop)
}

/// Returns how many there were.
pub fn delete_all(db: &mut Db, user: UserId) -> QueryResult<usize> {
    diesel::delete(api_tokens::table.filter(api_tokens::user_id.eq(user))).execute(db)
}

/// Deletes one of one's own; `None` when it is none.
pub fn delete_own(db: &mut Db, user: UserId, id: ApiTokenId) -> QueryResult<Option<String>> {
    diesel::delete(api_tokens::table.filter(api_tokens::id.eq(id).and(api_tokens::user_id.eq(user))))
        .returning(api_tokens::name)
        .get_result(db)
        .optional()
}
