//! What people do with webhooks: see, add, edit, turn off and on, rotate the secret, delete. Members see them without what a
//! receiver's URL gives away; the owner and managers change them, and each change leaves an audit row in its transaction.

mod entered;
mod own_headers;
mod seen;
mod told;
mod trouble;

use self::entered::{events, headers, name, secret, url};
use self::own_headers::{keeps_headers, moves, set_headers, stored_headers};
pub(super) use self::seen::hide_path;
pub use self::seen::{
    COUNTED, Chart, Hour, Recent, Seen, charts, count_held, counts, find, find_to_change, find_uncounted, list,
    list_uncounted, project_of, recent, secret_made_by,
};
pub(super) use self::told::of as told_of;
pub use self::trouble::{Trouble, Troubles, troubles};
use super::access::{self, Actor};
use super::form_tokens::{self, Once};
use super::keys;
use crate::db::{Db, Due, Lane, Tx, backlog, resend, webhooks};
use crate::domain::audit::{Action, Detail};
use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::form_token::Checked;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::own_header::{self, Given};
use crate::domain::permission::Permission;
use crate::domain::retry::Schedule;
use crate::domain::secret::Secret;
use crate::domain::target::AllowList;
use crate::error::AppError;
use crate::limits;
use crate::vault::{Sealer, Vault, seal_secret};

/// What a form or a call gives for a new webhook.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    pub url: String,
    pub events: Vec<String>,
    pub name: Option<String>,
    pub schedule: Option<Schedule>,
    /// One that somebody brings along, or why it is none.
    pub secret: Option<Result<Secret, &'static str>>,
    pub headers: Vec<Given>,
}

/// The secret that somebody brings along; an empty text is none.
pub fn brought(text: &str) -> Option<Result<Secret, &'static str>> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret::parse(text))
}

/// What is to be changed; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub url: Option<String>,
    pub events: Option<Vec<String>>,
    /// Empty takes the name away.
    pub name: Option<String>,
    pub schedule: Option<Schedule>,
    /// All that it shall have; one without a value keeps its value.
    pub headers: Option<Vec<Given>>,
}

/// A webhook with the secret that is shown this once.
#[derive(Debug)]
pub struct WithSecret {
    pub webhook: WebhookId,
    pub secret: Secret,
}

/// What turning on found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnOn {
    Done,
    /// Deliveries are held: send or discard them? Nothing was changed.
    AskFirst,
}

/// Adds a webhook that is on at once.
pub fn add(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    new: &NewWebhook,
    vault: &Vault,
    allow: &AllowList,
) -> Result<WithSecret, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let key = keys::sealer(tx, vault)?;
    let mut errors = Vec::new();
    let url = url(&new.url, allow, &mut errors);
    let events = events(&new.events, &mut errors);
    let name = name(new.name.as_deref().unwrap_or_default(), &mut errors);
    let brought = secret(new.secret.as_ref(), &mut errors);
    let own = headers(&new.headers, &[], &mut errors);
    let (Some(url), Some(events), true) = (url, events, errors.is_empty()) else {
        return Err(AppError::Invalid(errors));
    };
    let most = tx.limits.webhooks;
    if webhooks::count_locked(tx.db, project)? >= most {
        let there_are = format!("This project has {}", limits::some(most, "webhook"));
        return Err(limits::reached(&there_are, "Delete one first", "TASKVIEW_MAX_WEBHOOKS"));
    }
    let row = webhooks::NewWebhook {
        project,
        name,
        url: url.as_str(),
        schedule: new.schedule.unwrap_or(Schedule::Standard),
        by: actor.user,
    };
    let id = webhooks::insert(tx.db, &row, tx.now)?;
    webhooks::set_events(tx.db, id, &events, tx.now)?;
    set_headers(tx, id, &own, &key)?;
    let is_brought = brought.is_some();
    let secret = set_secret(tx, actor, id, brought.unwrap_or_else(new_secret), &key)?;
    let detail = Detail::default()
        .made("name", name)
        .made("url", hide_path(url.as_str()))
        .made("events", events)
        .made("retrySchedule", row.schedule)
        .made("active", true)
        .made("headers", Some(told::names_of(&own)).filter(|names| !names.is_empty()))
        .fact("secretBrought", is_brought.then_some(true));
    manager.audit(tx, Action::WebhookAdded, Some(id.0), &detail)?;
    Ok(WithSecret { webhook: id, secret })
}

/// The form's way to add: its token is spent in the same transaction.
pub fn add_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    new: &NewWebhook,
    token: Checked,
    vault: &Vault,
    allow: &AllowList,
) -> Result<Once<WithSecret>, AppError> {
    access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    if let Some(spent) = form_tokens::spent(tx.db, actor.user, token)? {
        return Ok(Once::Already(spent));
    }
    let added = add(tx, actor, project, new, vault, allow)?;
    form_tokens::spend(tx, actor.user, token, "webhook.added", added.webhook.0)?;
    Ok(Once::Done(added))
}

/// Changes what is given. Attempts that are claimed from now on use it, also those of deliveries that wait already.
pub fn edit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    edit: &Edit,
    vault: &Vault,
    allow: &AllowList,
) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let found = webhooks::find(tx.db, actor.user, project, id)?;
    // Before any row is locked; who has no headers and gets none needs no key.
    let key = match &edit.headers {
        Some(given) if !given.is_empty() || found.header_names.is_some() => Some(keys::sealer(tx, vault)?),
        _ => None,
    };
    webhooks::lock(tx.db, id)?;
    // What is read from here on is what is edited.
    let before = webhooks::find(tx.db, actor.user, project, id)?;
    let mut errors = Vec::new();
    // One that was accepted before is not judged again: the allow list may have changed since, and dialling looks anyway.
    let given = edit.url.as_deref().filter(|given| given.trim() != before.url);
    let url = given.and_then(|given| url(given, allow, &mut errors));
    let events = edit.events.as_deref().and_then(|given| events(given, &mut errors));
    let name = edit.name.as_deref().map(|given| name(given, &mut errors));
    let own = match &edit.headers {
        Some(given) => {
            let stored = stored_headers(tx, id, given, vault)?;
            let own = headers(given, stored.opened(), &mut errors);
            stored.other_than(own)
        }
        None => None,
    };
    if url.as_ref().is_some_and(|url| moves(&before, url.as_str())) && keeps_headers(&before, edit) {
        errors.push(FieldError::new(
            own_header::FIELD,
            "The URL leads to another host now, which would get the values that are stored here. Enter them again, or take the \
             headers away.",
        ));
    }
    if !errors.is_empty() {
        return Err(AppError::Invalid(errors));
    }
    let mut detail = Detail::default();
    if let Some(url) = url {
        webhooks::set_url(tx.db, id, url.as_str(), tx.now)?;
        detail = told::url(detail, &before.url, url.as_str());
    }
    if let Some(events) = events {
        let old = events_of(tx, id)?;
        if old != events {
            webhooks::set_events(tx.db, id, &events, tx.now)?;
            detail = detail.changed("events", old, events);
        }
    }
    if let Some(name) = name.filter(|name| *name != before.name.as_deref()) {
        webhooks::set_name(tx.db, id, name, tx.now)?;
        detail = detail.changed("name", before.name.as_deref(), name);
    }
    if let Some(schedule) = edit.schedule.filter(|schedule| *schedule != before.schedule) {
        webhooks::set_schedule(tx.db, id, schedule, tx.now)?;
        detail = detail.changed("retrySchedule", before.schedule, schedule);
    }
    if let (Some((stored, own)), Some(key)) = (own, key) {
        set_headers(tx, id, &own, &key)?;
        detail = told::headers(detail, &before, stored.opened(), &own);
    }
    if detail != Detail::default() {
        manager.audit(tx, Action::WebhookEdited, Some(id.0), &detail)?;
    }
    Ok(())
}

/// Turns it off: what its events make from now on is held. No error when it is off already.
pub fn turn_off(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    if webhooks::turn_off(tx.db, id, actor.user, tx.now)? {
        let detail = told::of(&webhook).changed("active", true, false);
        manager.audit(tx, Action::WebhookTurnedOff, Some(id.0), &detail)?;
    }
    Ok(())
}

/// Turns it on, unless deliveries are held: then somebody has to say what becomes of them.
pub fn turn_on(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<TurnOn, AppError> {
    access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    if !webhook.active && backlog::waiting(tx.db, id, webhook.discarded_to, 1)?.0 > 0 {
        return Ok(TurnOn::AskFirst);
    }
    turn_on_and_send(tx, actor, project, id)?;
    Ok(TurnOn::Done)
}

/// Turns it on; what was held is sent, oldest first. No error when it is on already.
pub fn turn_on_and_send(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    if webhooks::turn_on(tx.db, id, webhook.discarded_to, tx.now)? {
        let detail = told::of(&webhook).changed("active", false, true);
        manager.audit(tx, Action::WebhookTurnedOn, Some(id.0), &detail.fact("held", "send"))?;
        wake_held(tx, project, id);
    }
    Ok(())
}

/// Turns it on; what was held ends as failed, in slices that the engine makes. When it is on already, nothing is held.
pub fn turn_on_and_discard(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    let newest = resend::newest(tx.db, id)?.unwrap_or(DeliveryId(0));
    if webhooks::turn_on(tx.db, id, newest.max(webhook.discarded_to), tx.now)? {
        let detail = told::of(&webhook).changed("active", false, true);
        manager.audit(tx, Action::WebhookTurnedOn, Some(id.0), &detail.fact("held", "discard"))?;
        wake_held(tx, project, id);
    }
    Ok(())
}

/// Discards what is held of a webhook that stays off; what its events make from now on is held. When it is on, nothing is.
pub fn discard_held(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    let newest = resend::newest(tx.db, id)?.unwrap_or(DeliveryId(0));
    if webhooks::discard(tx.db, id, newest.max(webhook.discarded_to))? {
        manager.audit(tx, Action::HeldDiscarded, Some(id.0), &told::of(&webhook))?;
    }
    Ok(())
}

/// How many deliveries are held, counted up to [`COUNTED`] + 1; for who may say what becomes of them.
pub fn held_of(db: &mut Db, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<i64, AppError> {
    access::manager(db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(db, actor.user, project, id)?;
    if webhook.active {
        return Ok(0);
    }
    Ok(backlog::waiting(db, id, webhook.discarded_to, COUNTED + 1)?.0)
}

/// Replaces the secret; the old one signs nothing from now on.
pub fn rotate(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    vault: &Vault,
) -> Result<WithSecret, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let key = keys::sealer(tx, vault)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    access::fresh(tx, actor)?;
    let secret = set_secret(tx, actor, id, new_secret(), &key)?;
    manager.audit(tx, Action::WebhookRotated, Some(id.0), &told::of(&webhook))?;
    Ok(WithSecret { webhook: id, secret })
}

/// The form's way to rotate: its token is spent in the same transaction.
pub fn rotate_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    token: Checked,
    vault: &Vault,
) -> Result<Once<WithSecret>, AppError> {
    access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    if let Some(spent) = form_tokens::spent(tx.db, actor.user, token)? {
        return Ok(Once::Already(spent));
    }
    let rotated = rotate(tx, actor, project, id, vault)?;
    form_tokens::spend(tx, actor.user, token, "webhook.rotated", id.0)?;
    Ok(Once::Done(rotated))
}

/// Hides it at once and erases its secret; its rows go in slices that the engine makes.
pub fn delete(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::IntegrationsCanManage)?;
    let webhook = webhooks::find(tx.db, actor.user, project, id)?;
    let detail = told::deleted(&webhook, &events_of(tx, id)?);
    webhooks::hide(tx.db, id, tx.now)?;
    manager.audit(tx, Action::WebhookDeleted, Some(id.0), &detail)
}

fn events_of(tx: &mut Tx<'_>, id: WebhookId) -> Result<Vec<EventKind>, AppError> {
    Ok(webhooks::events_of(tx.db, &[id])?.remove(&id).unwrap_or_default())
}

/// What was held may have been due long ago.
fn wake_held(tx: &mut Tx<'_>, project: ProjectId, webhook: WebhookId) {
    tx.wake(Due {
        webhook,
        project,
        lane: Lane::Automatic,
        at: Moment(i64::MIN),
    });
}

fn new_secret() -> Secret {
    Secret::from_random(rand::random())
}

fn set_secret(tx: &mut Tx<'_>, actor: &Actor, id: WebhookId, secret: Secret, key: &Sealer) -> Result<Secret, AppError> {
    let sealed = webhooks::SealedSecret {
        sealed: &seal_secret(key, id, &secret),
        hint: secret.hint(),
    };
    webhooks::set_secret(tx.db, id, sealed, actor.user, tx.now)?;
    Ok(secret)
}
