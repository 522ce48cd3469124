//! Webhooks and the events they subscribe to. A webhook is found through a membership of its project: no function here takes
//! a webhook's id alone for reading. The secret leaves this file sealed, for the engine and for the check of a signature.

use std::collections::HashMap;

use diesel::dsl::exists;
use diesel::prelude::*;

use super::range::Range;
use super::schema::{deliveries, hourly, memberships, projects, resend_runs, users, webhook_events, webhooks};
use super::{Db, attempts, of_webhook};
use crate::domain::event::EventKind;
use crate::domain::health::OffReason;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, UserId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::retry::Schedule;

/// A webhook as pages and the API need it: everything but the secret.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhooks)]
pub struct Webhook {
    pub id: WebhookId,
    pub project_id: ProjectId,
    pub name: Option<String>,
    pub url: String,
    /// The last four characters of the secret.
    pub secret_hint: String,
    pub secret_made_at: Moment,
    pub secret_made_by: UserId,
    pub schedule: Schedule,
    pub active: bool,
    pub consecutive_failures: i32,
    pub off_reason: Option<OffReason>,
    pub off_at: Option<Moment>,
    /// Null for what turned itself off.
    pub off_by: Option<UserId>,
    /// Waiting automatic deliveries up to this id are discarded; the janitor ends them and takes the mark away.
    pub discarded_to: DeliveryId,
    pub created_at: Moment,
    pub updated_at: Moment,
    /// The names of its own headers: a JSON list.
    pub header_names: Option<String>,
    /// Deliveries of events up to this one may have been removed from the history; 0 while none was.
    pub pruned_to: EventId,
}

/// What a new webhook starts with. Its secret follows once it has an id to be sealed for.
#[derive(Debug)]
pub struct NewWebhook<'a> {
    pub project: ProjectId,
    pub name: Option<&'a str>,
    pub url: &'a str,
    pub schedule: Schedule,
    pub by: UserId,
}

/// A secret as a row keeps it.
#[derive(Clone, Copy)]
pub struct SealedSecret<'a> {
    pub sealed: &'a [u8],
    pub hint: &'a str,
}

/// All webhooks of a project that the person is a member of, oldest first.
pub fn list(db: &mut Db, user: UserId, project: ProjectId) -> QueryResult<Vec<Webhook>> {
    webhooks::table
        .filter(webhooks::project_id.eq(project))
        .filter(webhooks::deleted_at.is_null())
        .filter(exists(
            memberships::table
                .filter(memberships::project_id.eq(project))
                .filter(memberships::user_id.eq(user)),
        ))
        .order(webhooks::id)
        .select(Webhook::as_select())
        .load(db)
}

/// One webhook of a project that the person is a member of.
pub fn find(db: &mut Db, user: UserId, project: ProjectId, id: WebhookId) -> QueryResult<Webhook> {
    webhooks::table
        .filter(webhooks::id.eq(id))
        .filter(webhooks::project_id.eq(project))
        .filter(webhooks::deleted_at.is_null())
        .filter(exists(
            memberships::table
                .filter(memberships::project_id.eq(project))
                .filter(memberships::user_id.eq(user)),
        ))
        .select(Webhook::as_select())
        .first(db)
}

/// Nobody else edits it until the transaction ends; its events and deliveries go on.
pub fn lock(db: &mut Db, id: WebhookId) -> QueryResult<()> {
    let row = webhooks::table.find(id).select(webhooks::id);
    match db {
        // Whoever writes is alone.
        Db::Sqlite(_) => Ok(()),
        Db::Pg(db) => row.for_no_key_update().first::<WebhookId>(db).optional().map(drop),
    }
}

/// Those of a project that turned themselves off, then those that are on and have failed so many times in a row. For who was
/// let in to the project.
pub fn in_trouble(db: &mut Db, project: ProjectId, failures: i32) -> QueryResult<Vec<Webhook>> {
    let failing = webhooks::active
        .eq(true)
        .and(webhooks::consecutive_failures.ge(failures));
    let stopped = webhooks::active.eq(false).and(webhooks::off_by.is_null());
    webhooks::table
        .filter(webhooks::project_id.eq(project))
        .filter(webhooks::deleted_at.is_null())
        .filter(failing.or(stopped))
        .order((webhooks::active, webhooks::id))
        .select(Webhook::as_select())
        .load(db)
}

/// The API names a webhook without its project: the project it is in, if the person is a member there.
pub fn project_of(db: &mut Db, user: UserId, id: WebhookId) -> QueryResult<ProjectId> {
    webhooks::table
        .inner_join(memberships::table.on(memberships::project_id.eq(webhooks::project_id)))
        .filter(webhooks::id.eq(id))
        .filter(webhooks::deleted_at.is_null())
        .filter(memberships::user_id.eq(user))
        .select(webhooks::project_id)
        .first(db)
}

/// Counts under a lock on the project, so that two who add the fiftieth at once do not both succeed.
pub fn count_locked(db: &mut Db, project: ProjectId) -> QueryResult<i64> {
    // An update that changes nothing is the row lock that both databases understand.
    diesel::update(projects::table.find(project))
        .set(projects::id.eq(project))
        .execute(db)?;
    webhooks::table
        .filter(webhooks::project_id.eq(project))
        .filter(webhooks::deleted_at.is_null())
        .count()
        .get_result(db)
}

/// The events of several webhooks, each list in the order in which it was given.
pub fn events_of(db: &mut Db, ids: &[WebhookId]) -> QueryResult<HashMap<WebhookId, Vec<EventKind>>> {
    let rows: Vec<(WebhookId, EventKind)> = webhook_events::table
        .filter(webhook_events::webhook_id.eq_any(ids.to_vec()))
        .order((webhook_events::webhook_id, webhook_events::position))
        .select((webhook_events::webhook_id, webhook_events::kind))
        .load(db)?;
    let mut events = HashMap::<_, Vec<_>>::new();
    for (id, kind) in rows {
        events.entry(id).or_default().push(kind);
    }
    Ok(events)
}

/// What a person is called who did something to a webhook.
pub fn person(db: &mut Db, user: UserId) -> QueryResult<Option<String>> {
    users::table.find(user).select(users::name).first(db).optional()
}

pub fn insert(db: &mut Db, new: &NewWebhook<'_>, now: Moment) -> QueryResult<WebhookId> {
    let row = (
        webhooks::project_id.eq(new.project),
        webhooks::name.eq(new.name),
        webhooks::url.eq(new.url),
        webhooks::secret_sealed.eq(Vec::new()),
        webhooks::secret_hint.eq(""),
        webhooks::secret_made_at.eq(now),
        webhooks::secret_made_by.eq(new.by),
        webhooks::schedule.eq(new.schedule),
        webhooks::active.eq(true),
        webhooks::consecutive_failures.eq(0),
        webhooks::discarded_to.eq(0),
        webhooks::created_by.eq(new.by),
        webhooks::created_at.eq(now),
        webhooks::updated_at.eq(now),
    );
    diesel::insert_into(webhooks::table)
        .values(row)
        .returning(webhooks::id)
        .get_result(db)
}

/// Puts a secret in the place of the one before.
pub fn set_secret(db: &mut Db, id: WebhookId, secret: SealedSecret<'_>, by: UserId, now: Moment) -> QueryResult<()> {
    diesel::update(webhooks::table.find(id))
        .set((
            webhooks::secret_sealed.eq(secret.sealed.to_vec()),
            webhooks::secret_hint.eq(secret.hint),
            webhooks::secret_made_at.eq(now),
            webhooks::secret_made_by.eq(by),
            webhooks::updated_at.eq(now),
        ))
        .execute(db)
        .map(drop)
}

pub fn set_url(db: &mut Db, id: WebhookId, url: &str, now: Moment) -> QueryResult<()> {
    diesel::update(webhooks::table.find(id))
        .set((webhooks::url.eq(url), webhooks::updated_at.eq(now)))
        .execute(db)
        .map(drop)
}

pub fn set_name(db: &mut Db, id: WebhookId, name: Option<&str>, now: Moment) -> QueryResult<()> {
    diesel::update(webhooks::table.find(id))
        .set((webhooks::name.eq(name), webhooks::updated_at.eq(now)))
        .execute(db)
        .map(drop)
}

pub fn set_schedule(db: &mut Db, id: WebhookId, schedule: Schedule, now: Moment) -> QueryResult<()> {
    diesel::update(webhooks::table.find(id))
        .set((webhooks::schedule.eq(schedule), webhooks::updated_at.eq(now)))
        .execute(db)
        .map(drop)
}

/// For the check of a signature, which leaves the secret here.
pub fn secret_sealed(db: &mut Db, id: WebhookId) -> QueryResult<Vec<u8>> {
    webhooks::table.find(id).select(webhooks::secret_sealed).first(db)
}

/// Its own headers, sealed; `None` when it has none.
pub fn headers_sealed(db: &mut Db, id: WebhookId) -> QueryResult<Option<Vec<u8>>> {
    webhooks::table.find(id).select(webhooks::headers_sealed).first(db)
}

/// Puts its own headers, sealed, and their names in the place of those before.
pub fn set_headers(db: &mut Db, id: WebhookId, sealed: Option<(&[u8], &str)>, now: Moment) -> QueryResult<()> {
    diesel::update(webhooks::table.find(id))
        .set((
            webhooks::headers_sealed.eq(sealed.map(|(sealed, _)| sealed.to_vec())),
            webhooks::header_names.eq(sealed.map(|(_, names)| names)),
            webhooks::updated_at.eq(now),
        ))
        .execute(db)
        .map(drop)
}

/// Replaces the subscriptions; each kind must be in the list once.
pub fn set_events(db: &mut Db, id: WebhookId, events: &[EventKind], now: Moment) -> QueryResult<()> {
    diesel::delete(webhook_events::table.filter(webhook_events::webhook_id.eq(id))).execute(db)?;
    for (position, kind) in (0i32..).zip(events) {
        let row = (
            webhook_events::webhook_id.eq(id),
            webhook_events::kind.eq(kind.clone()),
            webhook_events::position.eq(position),
        );
        diesel::insert_into(webhook_events::table).values(row).execute(db)?;
    }
    diesel::update(webhooks::table.find(id))
        .set(webhooks::updated_at.eq(now))
        .execute(db)
        .map(drop)
}

/// `false` when it is off already.
pub fn turn_off(db: &mut Db, id: WebhookId, by: UserId, now: Moment) -> QueryResult<bool> {
    diesel::update(webhooks::table.find(id).filter(webhooks::active.eq(true)))
        .set((
            webhooks::active.eq(false),
            webhooks::off_reason.eq(Some(OffReason::Person)),
            webhooks::off_at.eq(Some(now)),
            webhooks::off_by.eq(Some(by)),
            webhooks::updated_at.eq(now),
        ))
        .execute(db)
        .map(|changed| changed == 1)
}

/// Turns it on; what waits up to `discarded_to` is not sent any more. `false` when it is on already.
pub fn turn_on(db: &mut Db, id: WebhookId, discarded_to: DeliveryId, now: Moment) -> QueryResult<bool> {
    diesel::update(webhooks::table.find(id).filter(webhooks::active.eq(false)))
        .set((
            webhooks::active.eq(true),
            webhooks::off_reason.eq(None::<OffReason>),
            webhooks::off_at.eq(None::<Moment>),
            webhooks::off_by.eq(None::<UserId>),
            webhooks::discarded_to.eq(discarded_to),
            webhooks::updated_at.eq(now),
        ))
        .execute(db)
        .map(|changed| changed == 1)
}

/// While it stays off: what waits up to `discarded_to` is never sent. `false` when it is on.
pub fn discard(db: &mut Db, id: WebhookId, discarded_to: DeliveryId) -> QueryResult<bool> {
    diesel::update(webhooks::table.find(id).filter(webhooks::active.eq(false)))
        .set(webhooks::discarded_to.eq(discarded_to))
        .execute(db)
        .map(|changed| changed == 1)
}

/// Hides it from every page, call and claim, and erases its secret and its own headers. Its rows go in slices.
pub fn hide(db: &mut Db, id: WebhookId, now: Moment) -> QueryResult<()> {
    diesel::update(webhooks::table.find(id))
        .set((
            webhooks::deleted_at.eq(Some(now)),
            webhooks::secret_sealed.eq(Vec::new()),
            webhooks::secret_hint.eq(""),
            webhooks::headers_sealed.eq(None::<Vec<u8>>),
            webhooks::header_names.eq(None::<String>),
            webhooks::updated_at.eq(now),
        ))
        .execute(db)
        .map(drop)
}

/// Deletes at most `limit` deliveries of a deleted webhook, or the webhook itself once it has none, and says how many rows
/// of these two kinds went; 0 when nothing is left to do. Events stay: other webhooks' deliveries may refer to them.
pub fn purge_slice(db: &mut Db, limit: i64) -> QueryResult<usize> {
    let deleted: Option<WebhookId> = webhooks::table
        .filter(webhooks::deleted_at.is_not_null())
        .order(webhooks::id)
        .select(webhooks::id)
        .first(db)
        .optional()?;
    let Some(id) = deleted else { return Ok(0) };
    let slice: Vec<DeliveryId> = of_webhook::oldest_first(db, id, Range::ALL)
        .limit(limit)
        .select(deliveries::id)
        .load(db)?;
    if slice.is_empty() {
        diesel::delete(webhook_events::table.filter(webhook_events::webhook_id.eq(id))).execute(db)?;
        diesel::delete(resend_runs::table.find(id)).execute(db)?;
        diesel::delete(hourly::table.filter(hourly::webhook_id.eq(id))).execute(db)?;
        return diesel::delete(webhooks::table.find(id)).execute(db);
    }
    // Deliveries first: a result that is being recorded for one waits for its row, and finds it gone.
    let deleted = diesel::delete(deliveries::table.filter(deliveries::id.eq_any(slice.clone()))).execute(db)?;
    attempts::delete_of(db, slice)?;
    Ok(deleted)
}
