//! Who did what to which thing of a project, and what the system did by itself. Entries are added, read and, when they are old,
//! deleted; nothing changes one. Pages go by id, and a filter looks at a window of entries at a time.

use std::net::IpAddr;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::range::{Range, Start};
use super::schema::{api_tokens, audit_log};
use super::{Db, Tx, halving};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::{ApiTokenId, AuditId, ProjectId, UserId};
use crate::domain::moment::Moment;

/// Those that administrators see, in the very words of the partial index.
const OF_INSTALLATION: &str = "(project_id IS NULL OR action = 'project.added' OR action = 'project.deleted')";

/// Entries that one request looks at when a filter has no index.
const WINDOW: i64 = 5_000;

/// An entry that is about to be written, as of the transaction's instant.
#[derive(Debug)]
pub struct NewEntry<'a> {
    pub project: Option<ProjectId>,
    /// `None`: the system did it, or somebody at the command line, as the detail then says.
    pub user: Option<UserId>,
    /// What they showed, unless they had signed in.
    pub api_token: Option<ApiTokenId>,
    pub action: Action,
    pub subject: Option<i64>,
    pub detail: &'a Detail,
    pub address: Option<IpAddr>,
}

/// An entry as it was written.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
pub struct Entry {
    pub id: AuditId,
    pub project_id: Option<ProjectId>,
    pub user_id: Option<UserId>,
    /// The code of an [`Action`], of this version or another one.
    pub action: String,
    pub subject_id: Option<i64>,
    /// A [`Detail`].
    pub detail: String,
    pub address: Option<String>,
    pub created_at: Moment,
    pub api_token_id: Option<ApiTokenId>,
    /// What the token was called.
    pub api_token: Option<String>,
}

/// Whose entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Project(ProjectId),
    /// Those without a project, and of projects those that say that one was made or deleted.
    Installation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Account(UserId),
    /// The system, or somebody at the command line.
    NoAccount,
}

/// What an entry must be to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub who: Option<Who>,
    /// One of these; empty: any.
    pub actions: Vec<Action>,
    pub subject: Option<i64>,
    pub address: Option<IpAddr>,
    /// Written at this instant or later.
    pub since: Option<Moment>,
    /// Written before this instant.
    pub until: Option<Moment>,
}

/// A page of the log, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub rows: Vec<Entry>,
    /// There are more in the direction that was asked for.
    pub more: bool,
    /// The filter ended at this id for want of an index; what lies beyond it was not looked at.
    pub searched_to: Option<AuditId>,
}

pub fn insert(tx: &mut Tx<'_>, entry: &NewEntry<'_>) -> QueryResult<()> {
    // A token that is revoked later has no name any more.
    let api_token: Option<String> = match entry.api_token {
        Some(id) => api_tokens::table
            .find(id)
            .select(api_tokens::name)
            .first(tx.db)
            .optional()?,
        None => None,
    };
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::project_id.eq(entry.project),
            audit_log::user_id.eq(entry.user),
            audit_log::action.eq(entry.action.code()),
            audit_log::subject_id.eq(entry.subject),
            audit_log::detail.eq(entry.detail.json()),
            audit_log::address.eq(entry.address.map(|address| address.to_string())),
            audit_log::created_at.eq(tx.now),
            audit_log::api_token_id.eq(entry.api_token),
            audit_log::api_token.eq(api_token),
        ))
        .execute(tx.db)
        .map(drop)
}

/// Whether the system has written this of the thing since then.
pub fn has_since(db: &mut Db, project: ProjectId, action: Action, subject: i64, since: Moment) -> QueryResult<bool> {
    let first = first_since(db, since)?;
    let written = audit_log::table
        .filter(audit_log::project_id.eq(project))
        .filter(audit_log::id.ge(first))
        .filter(audit_log::user_id.is_null())
        .filter(audit_log::action.eq(action.code()))
        .filter(audit_log::subject_id.eq(subject));
    diesel::select(diesel::dsl::exists(written)).get_result(db)
}

pub fn page(db: &mut Db, of: Of, filter: &Filter, start: Start<AuditId>, limit: i64) -> QueryResult<Page> {
    let mut range = Range::ALL.beyond(start);
    if let Some(since) = filter.since {
        range = range.from(first_since(db, since)?);
    }
    if let Some(until) = filter.until {
        range = range.below(first_since(db, until)?);
    }
    let edge: Option<AuditId> = if filter.sieves() {
        let window = within(of, range, start)
            .offset(WINDOW - 1)
            .limit(1)
            .select(audit_log::id);
        window.first(db).optional()?
    } else {
        None
    };
    let window = edge.map_or(range, |edge| range.up_to(edge, start));
    let mut rows: Vec<Entry> = matching(within(of, window, start), filter)
        .limit(limit + 1)
        .select(Entry::as_select())
        .load(db)?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    if start.is_upwards() {
        rows.reverse();
    }
    Ok(Page {
        rows,
        more,
        searched_to: edge.filter(|_| !more),
    })
}

/// Deletes the entries before this instant among the first `limit`, and says how many.
pub fn sweep(db: &mut Db, limit: i64, before: Moment) -> QueryResult<usize> {
    let first: Vec<(AuditId, Moment)> = audit_log::table
        .order(audit_log::id)
        .limit(limit)
        .select((audit_log::id, audit_log::created_at))
        .load(db)?;
    let old: Vec<AuditId> = first
        .into_iter()
        .filter(|(_, written)| *written < before)
        .map(|(id, _)| id)
        .collect();
    if old.is_empty() {
        return Ok(0);
    }
    diesel::delete(audit_log::table.filter(audit_log::id.eq_any(old))).execute(db)
}

impl Filter {
    /// Something that no index serves: entries have to be looked at.
    fn sieves(&self) -> bool {
        self.who.is_some() || !self.actions.is_empty() || self.subject.is_some() || self.address.is_some()
    }
}

type Rows = audit_log::BoxedQuery<'static, <Db as Connection>::Backend>;

fn entries(of: Of) -> Rows {
    let all = audit_log::table.into_boxed();
    match of {
        Of::Project(project) => all.filter(audit_log::project_id.eq(project)),
        Of::Installation => all.filter(sql::<Bool>(OF_INSTALLATION)),
    }
}

/// In the direction of reading.
fn within(of: Of, range: Range<AuditId>, start: Start<AuditId>) -> Rows {
    let mut rows = entries(of);
    if let Some(low) = range.low {
        rows = rows.filter(audit_log::id.ge(low));
    }
    if let Some(high) = range.high {
        rows = rows.filter(audit_log::id.lt(high));
    }
    if start.is_upwards() {
        rows.order(audit_log::id.asc())
    } else {
        rows.order(audit_log::id.desc())
    }
}

fn matching(rows: Rows, filter: &Filter) -> Rows {
    let mut rows = match filter.who {
        None => rows,
        Some(Who::Account(user)) => rows.filter(audit_log::user_id.eq(user)),
        Some(Who::NoAccount) => rows.filter(audit_log::user_id.is_null()),
    };
    if !filter.actions.is_empty() {
        let codes: Vec<&str> = filter.actions.iter().map(|action| action.code()).collect();
        rows = rows.filter(audit_log::action.eq_any(codes));
    }
    if let Some(subject) = filter.subject {
        rows = rows.filter(audit_log::subject_id.eq(subject));
    }
    if let Some(address) = filter.address {
        rows = rows.filter(audit_log::address.eq(address.to_string()));
    }
    rows
}

fn first_since(db: &mut Db, at: Moment) -> QueryResult<AuditId> {
    let newest: Option<i64> = audit_log::table
        .select(audit_log::id)
        .order(audit_log::id.desc())
        .first(db)
        .optional()?;
    let first = halving::first_since(newest, at, |id| {
        audit_log::table
            .filter(audit_log::id.ge(id))
            .order(audit_log::id)
            .select((audit_log::id, audit_log::created_at))
            .first(db)
            .optional()
    });
    first.map(AuditId)
}
