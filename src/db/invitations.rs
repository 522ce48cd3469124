//! Links that invited people accept with: one for each membership that waits. Only hashes are kept; the caller hashes.

use std::collections::HashMap;

use diesel::alias;
use diesel::dsl::exists;
use diesel::prelude::*;

use super::Db;
use super::schema::{invitations, memberships, projects, users};
use crate::domain::ids::{MemberId, ProjectId, UserId};
use crate::domain::moment::Moment;
use crate::domain::role::Role;

/// What the holder of a link is invited to.
#[derive(Debug, Clone, Queryable)]
pub struct Invitation {
    pub member: MemberId,
    pub project: ProjectId,
    pub project_name: String,
    pub email: String,
    pub role: Role,
    /// The name of who made the link.
    pub made_by: String,
    pub expires_at: Moment,
}

/// In the place of the one that was there.
pub fn replace(
    db: &mut Db,
    member: MemberId,
    token_hash: &[u8],
    by: UserId,
    now: Moment,
    expires_at: Moment,
) -> QueryResult<()> {
    delete(db, member)?;
    diesel::insert_into(invitations::table)
        .values((
            invitations::membership_id.eq(member),
            invitations::token_hash.eq(token_hash.to_vec()),
            invitations::made_by.eq(by),
            invitations::created_at.eq(now),
            invitations::expires_at.eq(expires_at),
        ))
        .execute(db)
        .map(drop)
}

/// The one that has this hash and can be accepted now. It ends with the rights of who made it.
pub fn find(db: &mut Db, token_hash: &[u8], now: Moment) -> QueryResult<Option<Invitation>> {
    let makers = alias!(memberships as makers);
    invitations::table
        .inner_join(memberships::table.inner_join(projects::table))
        .inner_join(users::table.on(users::id.eq(invitations::made_by)))
        .filter(invitations::token_hash.eq(token_hash.to_vec()))
        .filter(invitations::expires_at.gt(now))
        .filter(projects::deleted_at.is_null())
        .filter(memberships::user_id.is_null())
        .filter(users::disabled_at.is_null())
        .filter(exists(
            makers
                .filter(makers.field(memberships::user_id).eq(invitations::made_by.nullable()))
                .filter(makers.field(memberships::project_id).eq(memberships::project_id))
                .filter(makers.field(memberships::role).ge(Role::Manager)),
        ))
        .select((
            memberships::id,
            projects::id,
            projects::name,
            memberships::email.assume_not_null(),
            memberships::role,
            users::name,
            invitations::expires_at,
        ))
        .first(db)
        .optional()
}

/// Until when each link of the project is good, of those that are now.
pub fn of_project(db: &mut Db, project: ProjectId, now: Moment) -> QueryResult<HashMap<MemberId, Moment>> {
    let rows: Vec<(MemberId, Moment)> = invitations::table
        .inner_join(memberships::table)
        .filter(memberships::project_id.eq(project))
        .filter(invitations::expires_at.gt(now))
        .select((invitations::membership_id, invitations::expires_at))
        .load(db)?;
    Ok(rows.into_iter().collect())
}

/// The link opens nothing any more.
pub fn delete(db: &mut Db, member: MemberId) -> QueryResult<()> {
    diesel::delete(invitations::table.find(member)).execute(db).map(drop)
}

/// Forgets some of those that ran out. Who was invited stays invited, and can get a new link.
pub fn sweep(db: &mut Db, limit: i64, now: Moment) -> QueryResult<usize> {
    let old: Vec<MemberId> = invitations::table
        .filter(invitations::expires_at.le(now))
        .limit(limit)
        .select(invitations::membership_id)
        .load(db)?;
    if old.is_empty() {
        return Ok(0);
    }
    diesel::delete(invitations::table.filter(invitations::membership_id.eq_any(old))).execute(db)
}
