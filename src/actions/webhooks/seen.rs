//! Webhooks as a person may see them: all of it for those who manage them, and for other members without what the path of
//! a receiver's URL gives away.

use crate::actions::access::{self, Actor, Member};
use crate::db::history::{self, Delivery};
use crate::db::webhooks::{self, Webhook};
use crate::db::{Db, backlog};
use crate::domain::event::EventKind;
use crate::domain::ids::{ProjectId, WebhookId};
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
    /// The sentence of the last failure, while it is failing or was turned off for failing.
    pub reason: Option<String>,
    pub off_by: Option<String>,
}

/// All webhooks of a project.
pub fn list(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<(Member, Vec<Seen>), AppError> {
    let member = access::member(db, actor, project, Permission::IntegrationsCanView)?;
    let rows = webhooks::list(db, actor.user, project)?;
    let ids: Vec<WebhookId> = rows.iter().map(|row| row.id).collect();
    let mut events = webhooks::events_of(db, &ids)?;
    let seen = rows
        .into_iter()
        .map(|webhook| {
            let events = events.remove(&webhook.id).unwrap_or_default();
            see(db, member.manages(), webhook, events)
        })
        .collect::<Result<_, _>>()?;
    Ok((member, seen))
}

/// One webhook.
pub fn find(db: &mut Db, actor: &Actor, project: ProjectId, id: WebhookId) -> Result<(Member, Seen), AppError> {
    let member = access::member(db, actor, project, Permission::IntegrationsCanView)?;
    let webhook = webhooks::find(db, actor.user, project, id)?;
    let events = webhooks::events_of(db, &[id])?.remove(&id).unwrap_or_default();
    let seen = see(db, member.manages(), webhook, events)?;
    Ok((member, seen))
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
        match history::last_failed(db, webhook.id)? {
            Some(failed) => history::last_message(db, failed.id)?,
            None => None,
        }
    } else {
        None
    };
    let off_by = match webhook.off_by {
        Some(user) => webhooks::person(db, user)?,
        None => None,
    };
    Ok(Recent { last, reason, off_by })
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

/// A webhook for who manages it, or for another member.
fn see(db: &mut Db, manages: bool, mut webhook: Webhook, events: Vec<EventKind>) -> Result<Seen, AppError> {
    let (held, held_since) = if webhook.active {
        (0, None)
    } else {
        backlog::waiting(db, webhook.id, webhook.discarded_to, COUNTED + 1)?
    };
    if !manages {
        webhook.url = hide_path(&webhook.url);
        webhook.secret_hint.clear();
        webhook.header_names = None;
    }
    Ok(Seen {
        webhook,
        events,
        held,
        held_since,
    })
}

/// Scheme and host; the path of a chat service's URL is as good as a password.
pub(in crate::actions) fn hide_path(url: &str) -> String {
    TargetUrl::stored(url).map_or_else(|_| "…".to_owned(), |url| url.without_path())
}
