//! The audit log: writing an entry in the transaction of the change, and reading it back. A project's is for its owner and
//! managers; administrators read the installation's, which tells of projects only that they were made or deleted.

use std::collections::HashMap;
use std::net::IpAddr;

use super::access::{self, Actor, Administrator, Manager, Member, Scope};
use super::webhooks;
use crate::db::audit_log::{self, Entry, Filter, NewEntry, Of, Page};
use crate::db::history::{self, Start};
use crate::db::{Db, Tx, memberships, statuses, tags, users};
use crate::domain::audit::{Action, Detail, Subject};
use crate::domain::ids::{AuditId, DeliveryId, ProjectId, UserId, WebhookId};
use crate::domain::permission::Permission;
use crate::error::AppError;

/// Accounts that can be chosen to filter by; those beyond can still be named by an address.
const LISTED: i64 = 500;
/// Windows of entries that one call looks at beyond the first.
const FAR: usize = 19;

/// Which part of the log.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub filter: Filter,
    pub start: Start<AuditId>,
    pub limit: i64,
}

/// A page of the log with what its entries need besides.
#[derive(Debug)]
pub struct Log {
    /// The one who asks; of a project's log only.
    pub member: Option<Member>,
    pub page: Page,
    /// What accounts are called now: those of the entries, and those that can be chosen.
    pub people: HashMap<UserId, String>,
    /// Whom a form offers to filter by, in order.
    pub listed: Vec<(UserId, String)>,
    things: HashMap<(Subject, i64), Thing>,
}

/// Something that an entry tells of and that still exists.
#[derive(Debug, Clone)]
pub struct Thing {
    pub name: String,
    /// Of a delivery.
    pub webhook: Option<WebhookId>,
}

impl Log {
    pub fn detail(&self, entry: &Entry) -> Detail {
        let detail = Detail::parse(&entry.detail);
        // What a project says of itself is its members' business.
        match (&self.member, entry.project_id) {
            (None, Some(_)) => detail.only_name(),
            _ => detail,
        }
    }

    /// What the entry is about, while it exists and the one who asks may know.
    pub fn thing(&self, entry: &Entry) -> Option<&Thing> {
        let subject = Action::parse(&entry.action)?.subject();
        self.things.get(&(subject, entry.subject_id?))
    }
}

/// A project's for its owner and managers, the installation's for administrators.
pub fn read(db: &mut Db, actor: &Actor, of: Of, wanted: &Wanted) -> Result<Log, AppError> {
    match of {
        Of::Project(project) => {
            let manager = access::manager(db, actor, project, Permission::IntegrationsCanManage)?;
            of_project(db, manager, wanted)
        }
        Of::Installation => {
            let administrator = access::administrator(db, actor)?;
            of_installation(db, administrator, wanted)
        }
    }
}

/// As [`read`] for a file: a filter goes on to the next windows of entries until the page is full; after some it gives up.
pub fn read_far(db: &mut Db, actor: &Actor, of: Of, wanted: &Wanted) -> Result<Log, AppError> {
    let mut log = read(db, actor, of, wanted)?;
    for _ in 0..FAR {
        let missing = wanted.limit - log.page.rows.len() as i64;
        let Some(edge) = log.page.searched_to.filter(|_| missing > 0) else {
            break;
        };
        let next = Wanted {
            start: Start::Before(edge),
            limit: missing,
            ..wanted.clone()
        };
        let older = read(db, actor, of, &next)?;
        log.page.rows.extend(older.page.rows);
        log.page.more = older.page.more;
        log.page.searched_to = older.page.searched_to;
        log.people.extend(older.people);
        log.things.extend(older.things);
    }
    Ok(log)
}

fn of_project(db: &mut Db, manager: Manager, wanted: &Wanted) -> Result<Log, AppError> {
    let project = manager.project.id;
    let page = searched(db, Of::Project(project), wanted)?;
    let things = things(db, &manager, &page.rows)?;
    let members = memberships::people(db, project)?;
    let members = members
        .into_iter()
        .filter_map(|person| Some((person.user?, person.name)));
    let listed: Vec<_> = members.collect();
    Ok(Log {
        people: people(db, &page.rows, &listed, wanted)?,
        member: Some(manager.member()),
        page,
        listed,
        things,
    })
}

fn of_installation(db: &mut Db, _: Administrator, wanted: &Wanted) -> Result<Log, AppError> {
    let page = searched(db, Of::Installation, wanted)?;
    let listed = users::some_names(db, LISTED)?;
    let people = people(db, &page.rows, &listed, wanted)?;
    let accounts = people.iter().map(|(id, name)| {
        let thing = Thing {
            name: name.clone(),
            webhook: None,
        };
        ((Subject::Account, id.0), thing)
    });
    Ok(Log {
        member: None,
        things: accounts.collect(),
        page,
        people,
        listed,
    })
}

fn searched(db: &mut Db, of: Of, wanted: &Wanted) -> Result<Page, AppError> {
    Ok(audit_log::page(db, of, &wanted.filter, wanted.start, wanted.limit)?)
}

fn people(
    db: &mut Db,
    rows: &[Entry],
    listed: &[(UserId, String)],
    wanted: &Wanted,
) -> Result<HashMap<UserId, String>, AppError> {
    let account = |row: &Entry| {
        let action = Action::parse(&row.action)?;
        let id = row.subject_id.filter(|_| action.subject() == Subject::Account)?;
        Some(UserId(id))
    };
    let mut ids: Vec<UserId> = rows.iter().filter_map(|row| row.user_id).collect();
    ids.extend(rows.iter().filter_map(account));
    if let Some(audit_log::Who::Account(asked)) = wanted.filter.who {
        ids.push(asked);
    }
    ids.sort_unstable();
    ids.dedup();
    let mut people: HashMap<UserId, String> = listed.iter().cloned().collect();
    people.extend(users::names(db, &ids)?);
    Ok(people)
}

/// What the entries are about, as it is called now. A project has few enough of each to look at them all.
fn things(db: &mut Db, manager: &Manager, rows: &[Entry]) -> Result<HashMap<(Subject, i64), Thing>, AppError> {
    let (project, actor) = (&manager.project, &manager.actor);
    let subject = |row: &Entry| Some((Action::parse(&row.action)?.subject(), row.subject_id?));
    let about = |kind| rows.iter().filter_map(subject).filter(move |(one, _)| *one == kind);
    let mut named = vec![((Subject::Project, project.id.0), project.name.clone())];
    let (_, hooks) = webhooks::list_uncounted(db, actor, project.id)?;
    named.extend(
        hooks
            .iter()
            .map(|seen| ((Subject::Webhook, seen.webhook.id.0), seen.title().to_owned())),
    );
    if about(Subject::Member).next().is_some() {
        let people = memberships::people(db, project.id)?;
        named.extend(people.into_iter().map(|one| ((Subject::Member, one.id.0), one.name)));
    }
    if about(Subject::Status).next().is_some() {
        let all = statuses::of_project(db, project.id)?;
        named.extend(all.into_iter().map(|one| ((Subject::Status, one.id.0), one.name)));
    }
    if about(Subject::Tag).next().is_some() {
        let all = tags::of_project(db, project.id)?;
        named.extend(all.into_iter().map(|one| ((Subject::Tag, one.id.0), one.name)));
    }
    let thing = |(key, name)| (key, Thing { name, webhook: None });
    let mut things: HashMap<_, _> = named.into_iter().map(thing).collect();
    let ids: Vec<DeliveryId> = about(Subject::Delivery).map(|(_, id)| DeliveryId(id)).collect();
    if !ids.is_empty() {
        let deliveries = history::some(db, actor.user, project.id, &ids)?;
        for delivery in deliveries {
            if hooks.iter().any(|seen| seen.webhook.id == delivery.webhook_id) {
                let thing = Thing {
                    name: format!("{} {}", delivery.kind, delivery.id),
                    webhook: Some(delivery.webhook_id),
                };
                things.insert((Subject::Delivery, delivery.id.0), thing);
            }
        }
    }
    Ok(things)
}

impl Member {
    /// Writes down who did what, in the transaction of the change.
    pub fn audit(
        &self,
        tx: &mut Tx<'_>,
        action: Action,
        subject: Option<i64>,
        detail: &Detail,
    ) -> Result<(), AppError> {
        write(tx, Some(self.project.id), &self.actor, action, subject, detail)
    }
}

impl Actor {
    /// What somebody did to an account, a session or a token of their own.
    pub(super) fn audit(
        &self,
        tx: &mut Tx<'_>,
        action: Action,
        subject: Option<i64>,
        detail: &Detail,
    ) -> Result<(), AppError> {
        write(tx, None, self, action, subject, detail)
    }
}

fn write(
    tx: &mut Tx<'_>,
    project: Option<ProjectId>,
    actor: &Actor,
    action: Action,
    subject: Option<i64>,
    detail: &Detail,
) -> Result<(), AppError> {
    let entry = NewEntry {
        project,
        user: Some(actor.user),
        api_token: match actor.scope {
            Scope::ApiToken { id, .. } => Some(id),
            Scope::Account => None,
        },
        action,
        subject,
        detail,
        address: actor.address,
    };
    Ok(audit_log::insert(tx, &entry)?)
}

/// What the operator did on the command line.
pub(super) fn by_operator(tx: &mut Tx<'_>, action: Action, subject: i64, detail: Detail) -> Result<(), AppError> {
    without_account(tx, None, action, subject, &detail.fact("by", "command line"))
}

/// What the system did by itself.
pub fn without_account(
    tx: &mut Tx<'_>,
    project: Option<ProjectId>,
    action: Action,
    subject: i64,
    detail: &Detail,
) -> Result<(), AppError> {
    let entry = NewEntry {
        project,
        user: None,
        api_token: None,
        action,
        subject: Some(subject),
        detail,
        address: None,
    };
    Ok(audit_log::insert(tx, &entry)?)
}

/// An account had all the tries that it has from an address.
pub(super) fn sign_ins_refused(tx: &mut Tx<'_>, user: UserId, address: Option<IpAddr>) -> Result<(), AppError> {
    let entry = NewEntry {
        project: None,
        user: None,
        api_token: None,
        action: Action::SignInsRefused,
        subject: Some(user.0),
        detail: &Detail::default(),
        address,
    };
    Ok(audit_log::insert(tx, &entry)?)
}
