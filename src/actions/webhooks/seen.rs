//! Webhooks as a person may see them: all of it for those who manage them, and for other members without what the path of
//! a receiver's URL gives away.

use std::collections::HashMap;

use crate::actions::access::{self, Actor, Member};
use crate::db::history::{self, Delivery};
use crate::db::webhooks::{self, Webhook};
use crate::db::{Db, backlog, hourly};
use crate::domain::event::EventKind;
use crate::domain::ids::{EventId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permission;
use crate::domain::target::TargetUrl;
use crate::error::AppError;

/// Counts on pages stop here: `10,000+`.
pub const COUNTED: i64 = 10_000;

/// A webhook as the person who asks may see it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// For a member who manages nothing, its URL ends after the host.
    pub webhook: Webhook,
    pub events: Vec<EventKind>,
    /// Deliveries that wait for it to be turned on, counted up to [`COUNTED`] + 1; 0 while it is on.
    pub held: i64,
    /// When the oldest of them came.
    pub held_since: Option<Moment>,
}

impl Seen {
    /// The names of its own headers; none for who does not manage it.
    pub fn header_names(&self) -> Vec<String> {
        let names = self.webhook.header_names.as_deref().unwrap_or("[]");
        serde_json::from_str(names).unwrap_or_default()
    }

    /// The name, else the URL.
    pub fn title(&self) -> &str {
        self.webhook.name.as_deref().unwrap_or(&self.webhook.url)
    }
}

/// What the list says about a webhook besides.
#[derive(Debug, Clone)]
pub struct Recent {
    pub last: Option<Delivery>,
    /// Something was sent, be it kept or not.
    pub used: bool,
    /// The sentence of the last failure, while it is failing or was turned off for failing.
    pub reason: Option<String>,
    pub off_by: Option<String>,
}

/// What became of a webhook's deliveries in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    pub ok: i64,
    pub failed: i64,
    /// Came then and waits for the webhook to be turned on.
    pub held: i64,
}

impl Hour {
    pub fn all(&self) -> i64 {
        self.ok + self.failed + self.held
    }
}

/// The last 24 hours, the present one at the end.
pub type Chart = [Hour; 24];

/// All webhooks of a project.
pub fn list(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<(Member, Vec<Seen>), AppError> {
    let (member, mut webhooks) = list_uncounted(db, actor, project)?;
    for seen in &mut webhooks {
        count_held(db, seen)?;
    }
    Ok((member, webhooks))
}

/// As [`list`], for who does not ask how many deliveries are held: counting them is the dearest part.
pub fn list_uncounted(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<(Member, Vec<Seen>), AppError> {
    let member = access::member(db, actor, project, Permission::IntegrationsCanView)?;
    let rows = webhooks::list(db, actor.user, project)?;
    let ids: Vec<WebhookId> = rows.iter().map(|row| row.id).collect();
    let mut events = webhooks::events_of(db, &ids)?;
    let seen = rows
        .into_iter()
        .map(|webhook| {
            let events = events.remove(&webhook.id).unwrap_or_default();
            see(member.manages(), webhook, events)
        })
        .collect();
    Ok((member, seen))
}

/// One webhook.
pub fn find(db: &mut Db, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(Member, Seen), AppError> {
    let (member, mut seen) = find_uncounted(db, actor, project, id)?;
    count_held(db, &mut seen)?;
    Ok((member, seen))
}

/// As [`find`], without what is held.
pub fn find_uncounted(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
) -> Result<(Member, Seen), AppError> {
    let member = access::member(db, actor, project, Permission::IntegrationsCanView)?;
    let webhook = webhooks::find(db, actor.user, project, id)?;
    let events = webhooks::events_of(db, &[id])?.remove(&id).unwrap_or_default();
    let seen = see(member.manages(), webhook, events);
    Ok((member, seen))
}

/// Fills in what is held of a webhook that was loaded without; nothing is while it is on.
pub fn count_held(db: &mut Db, seen: &mut Seen) -> Result<(), AppError> {
    let webhook = &seen.webhook;
    if !webhook.active {
        (seen.held, seen.held_since) = backlog::waiting(db, webhook.id, webhook.discarded_to, COUNTED + 1)?;
    }
    Ok(())
}

/// One webhook, for a page that changes it.
pub fn find_to_change(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
) -> Result<(Member, Seen), AppError> {
    access::manager(db, actor, project, Permission::IntegrationsCanManage)?;
    find(db, actor, project, id)
}

/// The project of a webhook that a call names by its id alone.
pub fn project_of(db: &mut Db, actor: &Actor, id: WebhookId) -> Result<ProjectId, AppError> {
    Ok(webhooks::project_of(db, actor.user, id)?)
}

/// What happened to a webhook lately; `seen` proves that the person may know.
pub fn recent(db: &mut Db, seen: &Seen) -> Result<Recent, AppError> {
    let webhook = &seen.webhook;
    let last = history::last_attempted(db, webhook.id)?;
    let reason = if webhook.consecutive_failures > 0 {
        last_reason(db, webhook.id)?
    } else {
        None
    };
    let off_by = match webhook.off_by {
        Some(user) => webhooks::person(db, user)?,
        None => None,
    };
    Ok(Recent {
        used: last.is_some() || webhook.pruned_to > EventId(0),
        last,
        reason,
        off_by,
    })
}

/// The charts of these webhooks; one that had nothing has none. `seen` proves that the person may know.
pub fn charts(db: &mut Db, seen: &[Seen], now: Moment) -> Result<HashMap<WebhookId, Chart>, AppError> {
    let mut charts = HashMap::<WebhookId, Chart>::new();
    let from = now.hour() + 1 - Chart::default().len() as i64;
    let place = |hour: i64| usize::try_from(hour - from).unwrap_or(0);
    let ids: Vec<WebhookId> = seen.iter().map(|seen| seen.webhook.id).collect();
    for count in hourly::of_webhooks(db, &ids, from)? {
        // Beyond the end: another node's clock is ahead by a moment.
        if let Some(hour) = charts.entry(count.webhook).or_default().get_mut(place(count.hour)) {
            (hour.ok, hour.failed) = (count.ok, count.failed);
        }
    }
    for Seen { webhook, held, .. } in seen {
        if *held == 0 {
            continue;
        }
        let since = Moment::of_hour(from);
        for (at, held) in backlog::waiting_by_hour(db, webhook.id, webhook.discarded_to, since, COUNTED + 1)? {
            if let Some(hour) = charts.entry(webhook.id).or_default().get_mut(place(at)) {
                hour.held = held;
            }
        }
    }
    Ok(charts)
}

/// How many deliveries a webhook has, and how many of them wait; both counted up to [`COUNTED`] + 1.
pub fn counts(db: &mut Db, seen: &Seen) -> Result<(i64, i64), AppError> {
    let webhook = &seen.webhook;
    let all = backlog::all(db, webhook.id, COUNTED + 1)?;
    let (waiting, _) = backlog::waiting(db, webhook.id, webhook.discarded_to, COUNTED + 1)?;
    Ok((all, waiting))
}

/// Who made the secret that is in use.
pub fn secret_made_by(db: &mut Db, seen: &Seen) -> Result<Option<String>, AppError> {
    Ok(webhooks::person(db, seen.webhook.secret_made_by)?)
}

/// The sentence of the last failed delivery.
pub(super) fn last_reason(db: &mut Db, webhook: WebhookId) -> Result<Option<String>, AppError> {
    match history::last_failed(db, webhook)? {
        Some(failed) => Ok(history::last_message(db, failed.id)?),
        None => Ok(None),
    }
}

/// A webhook for who manages it, or for another member.
fn see(manages: bool, mut webhook: Webhook, events: Vec<EventKind>) -> Seen {
    if !manages {
        webhook.url = hide_path(&webhook.url);
        webhook.secret_hint.clear();
        webhook.header_names = None;
    }
    Seen {
        webhook,
        events,
        held: 0,
        held_since: None,
    }
}

/// Scheme and host; the path of a chat service's URL is as good as a password.
pub(in crate::actions) fn hide_path(url: &str) -> String {
    TargetUrl::stored(url).map_or_else(|_| "…".to_owned(), |url| url.without_path())
}
