//! Webhooks to a file and from one: all of a project, without secrets. An import is one transaction under the rules of the form. A webhook of the
//! file is the project's one with the same name, or without a name the one with the same URL; others are left alone.

use crate::actions::access::{self, Actor};
use crate::actions::keys;
use crate::actions::webhooks::{self, Edit, NewWebhook, Seen, TurnOn};
use crate::db::{Db, Tx};
use crate::domain::event::EventKind;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::domain::own_header::{self, Given, OwnHeader};
use crate::domain::permission::Permission;
use crate::domain::retry::Schedule;
use crate::domain::secret::Secret;
use crate::domain::target::AllowList;
use crate::domain::webhook_file::{Entry, WebhookFile};
use crate::error::AppError;
use crate::vault::Vault;

/// What an import does about one webhook.
#[derive(Debug)]
pub enum Change {
    Add(Entry),
    Edit {
        id: WebhookId,
        entry: Entry,
        /// Field, before, after.
        differences: Vec<(&'static str, String, String)>,
    },
    Same {
        title: String,
    },
    /// The file does not name it.
    LeftAlone {
        title: String,
    },
}

/// A webhook that was added, with the secret that is known this once.
#[derive(Debug)]
pub struct Added {
    pub title: String,
    pub secret: Secret,
}

pub fn export(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<WebhookFile, AppError> {
    access::manager(db, actor, project, Permission::IntegrationsCanManage)?;
    let (_, seen) = webhooks::list(db, actor, project)?;
    let entry = |one: Seen| Entry {
        name: one.webhook.name.clone(),
        url: one.webhook.url.clone(),
        events: names(&one.events),
        retry_schedule: Some(one.webhook.schedule.to_string()),
        active: Some(one.webhook.active),
        headers: Some(Entry::masked(&one.header_names())),
    };
    Ok(WebhookFile {
        webhooks: seen.into_iter().map(entry).collect(),
    })
}

fn too_many(most: i64) -> FieldError {
    let sentence = format!("A project has at most {most} webhooks (TASKVIEW_MAX_WEBHOOKS).");
    FieldError::new("webhook", sentence)
}

/// What an import of the file would do; the error says all that is wrong with it. The project takes `most` webhooks.
pub fn plan(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    file: &WebhookFile,
    allow: &AllowList,
    most: i64,
) -> Result<Vec<Change>, AppError> {
    access::manager(db, actor, project, Permission::IntegrationsCanManage)?;
    // Before each of them is looked at, and compared with each.
    if file.webhooks.len() > usize::try_from(most).unwrap_or(usize::MAX) {
        return Err(AppError::Invalid(vec![too_many(most)]));
    }
    let (_, seen) = webhooks::list(db, actor, project)?;
    let mut errors = Vec::new();
    let mut changes = Vec::new();
    let mut named: Vec<WebhookId> = Vec::new();
    for (place, entry) in file.webhooks.iter().enumerate() {
        let at = |error: FieldError| {
            FieldError::new(format!("webhook {} ({})", place + 1, entry.title()), {
                format!("{}: {}", error.name, error.message)
            })
        };
        let twice = file.webhooks[..place].iter().any(|other| is_same(other, entry));
        let mut matching = seen.iter().filter(|one| is_of(entry, one));
        let (found, another) = (matching.next(), matching.next());
        if twice || another.is_some() {
            let whose = if twice { "the file" } else { "the project" };
            let sentence = format!(
                "Two webhooks of {whose} are called the same (a webhook without a name goes by its URL); give each a name of its own."
            );
            errors.push(at(FieldError::new("name", sentence)));
            continue;
        }
        match change(entry, found, allow) {
            Ok(change) => changes.push(change),
            Err(wrong) => errors.extend(wrong.into_iter().map(at)),
        }
        named.extend(found.map(|one| one.webhook.id));
    }
    let added = changes.iter().filter(|change| matches!(change, Change::Add(_))).count();
    if seen.len() + added > usize::try_from(most).unwrap_or(usize::MAX) {
        errors.push(too_many(most));
    }
    if !errors.is_empty() {
        return Err(AppError::Invalid(errors));
    }
    let others = seen.iter().filter(|one| !named.contains(&one.webhook.id));
    changes.extend(others.map(|one| Change::LeftAlone {
        title: one.title().to_owned(),
    }));
    Ok(changes)
}

/// Does what [`plan`] says, all or nothing.
pub fn import(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    file: &WebhookFile,
    vault: &Vault,
    allow: &AllowList,
) -> Result<(Vec<Change>, Vec<Added>), AppError> {
    let changes = plan(tx.db, actor, project, file, allow, tx.limits.webhooks)?;
    // Before the first row is changed.
    keys::sealer(tx, vault)?;
    let mut added = Vec::new();
    for change in &changes {
        match change {
            Change::Add(entry) => {
                let made = webhooks::add(tx, actor, project, &new(entry)?, vault, allow)?;
                if entry.active == Some(false) {
                    webhooks::turn_off(tx, actor, project, made.webhook)?;
                }
                added.push(Added {
                    title: entry.title().to_owned(),
                    secret: made.secret,
                });
            }
            Change::Edit { id, entry, differences } => {
                webhooks::edit(tx, actor, project, *id, &edit(entry)?, vault, allow)?;
                if differences.iter().any(|(field, ..)| *field == "active") {
                    set_active(tx, actor, project, *id, entry)?;
                }
            }
            Change::Same { .. } | Change::LeftAlone { .. } => {}
        }
    }
    Ok((changes, added))
}

fn set_active(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: WebhookId,
    entry: &Entry,
) -> Result<(), AppError> {
    if entry.active == Some(false) {
        return webhooks::turn_off(tx, actor, project, id);
    }
    match webhooks::turn_on(tx, actor, project, id)? {
        TurnOn::Done => Ok(()),
        TurnOn::AskFirst => Err(AppError::Conflict(format!(
            "Deliveries are held for {}: turn it on on its page, which asks whether to send or discard them. Nothing was changed.",
            entry.title()
        ))),
    }
}

fn is_same(one: &Entry, other: &Entry) -> bool {
    match (&one.name, &other.name) {
        (None, None) => one.url == other.url,
        (one, other) => one == other,
    }
}

fn is_of(entry: &Entry, seen: &Seen) -> bool {
    match &entry.name {
        Some(name) => seen.webhook.name.as_ref() == Some(name),
        None => seen.webhook.name.is_none() && seen.webhook.url == entry.url,
    }
}

fn change(entry: &Entry, found: Option<&Seen>, allow: &AllowList) -> Result<Change, Vec<FieldError>> {
    let fields = |error| match error {
        AppError::Invalid(fields) => fields,
        other => vec![FieldError::new("webhook", other.to_string())],
    };
    // An own header that keeps its value must have one.
    let known: Vec<OwnHeader> = found
        .map(Seen::header_names)
        .unwrap_or_default()
        .into_iter()
        .map(nameless)
        .collect();
    own_header::resolve(&entry.given_headers().unwrap_or_default(), &known)?;
    let Some(seen) = found else {
        new(entry).and_then(|new| new.check(allow)).map_err(fields)?;
        return Ok(Change::Add(entry.clone()));
    };
    let mut edit = edit(entry).map_err(fields)?;
    // One that was accepted before is not judged again.
    edit.url = edit.url.filter(|url| *url != seen.webhook.url);
    edit.check(allow).map_err(fields)?;
    let differences = differences(entry, seen);
    if differences.is_empty() {
        return Ok(Change::Same {
            title: seen.title().to_owned(),
        });
    }
    Ok(Change::Edit {
        id: seen.webhook.id,
        entry: entry.clone(),
        differences,
    })
}

fn nameless(name: String) -> OwnHeader {
    OwnHeader {
        name,
        value: String::new().into(),
    }
}

fn differences(entry: &Entry, seen: &Seen) -> Vec<(&'static str, String, String)> {
    let headers = |names: Vec<String>| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let on = |active: bool| if active { "on" } else { "off" }.to_owned();
    let mut before = seen.header_names();
    before.sort_unstable();
    let wanted = entry.given_headers().map_or_else(
        || before.clone(),
        |given| {
            let shown = |header: Given| match header.value {
                None => header.name,
                Some(_) => format!("{} (a value)", header.name),
            };
            given.into_iter().map(shown).collect()
        },
    );
    let schedule = entry.retry_schedule.clone();
    let fields = [
        ("url", seen.webhook.url.clone(), entry.url.clone()),
        ("events", names(&seen.events).join(", "), entry.events.join(", ")),
        (
            "retry_schedule",
            seen.webhook.schedule.to_string(),
            schedule.unwrap_or_else(|| seen.webhook.schedule.to_string()),
        ),
        (
            "active",
            on(seen.webhook.active),
            on(entry.active.unwrap_or(seen.webhook.active)),
        ),
        ("headers", headers(before), headers(wanted)),
    ];
    fields
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .collect()
}

fn new(entry: &Entry) -> Result<NewWebhook, AppError> {
    Ok(NewWebhook {
        url: entry.url.clone(),
        events: entry.events.clone(),
        name: entry.name.clone(),
        schedule: schedule(entry)?,
        secret: None,
        headers: entry.given_headers().unwrap_or_default(),
    })
}

/// The name is what it was found by.
fn edit(entry: &Entry) -> Result<Edit, AppError> {
    Ok(Edit {
        url: Some(entry.url.clone()),
        events: Some(entry.events.clone()),
        name: None,
        schedule: schedule(entry)?,
        headers: entry.given_headers(),
    })
}

fn schedule(entry: &Entry) -> Result<Option<Schedule>, AppError> {
    let word = entry.retry_schedule.as_deref();
    let parsed = word.map(|word| word.parse().map_err(|()| word)).transpose();
    parsed.map_err(|word| {
        AppError::invalid(
            "retry_schedule",
            format!("“{word}” is no schedule; write standard or patient."),
        )
    })
}

fn names(events: &[EventKind]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}
