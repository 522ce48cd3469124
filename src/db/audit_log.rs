//! Who did what to which thing of a project, and what the system did by itself.

use diesel::prelude::*;

use super::Tx;
use super::schema::audit_log;
use crate::domain::ids::{ProjectId, UserId};

/// An entry that is about to be written, as of the transaction's instant.
#[derive(Debug)]
pub struct NewEntry<'a> {
    pub project: Option<ProjectId>,
    /// `None`: the system did it.
    pub user: Option<UserId>,
    /// `webhook.added`, `member.removed`, …
    pub action: &'a str,
    pub subject: Option<i64>,
    /// JSON; no secrets.
    pub detail: &'a str,
    pub address: Option<String>,
}

pub fn insert(tx: &mut Tx<'_>, entry: &NewEntry<'_>) -> QueryResult<()> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::project_id.eq(entry.project),
            audit_log::user_id.eq(entry.user),
            audit_log::action.eq(entry.action),
            audit_log::subject_id.eq(entry.subject),
            audit_log::detail.eq(entry.detail),
            audit_log::address.eq(&entry.address),
            audit_log::created_at.eq(tx.now),
        ))
        .execute(tx.db)
        .map(drop)
}
