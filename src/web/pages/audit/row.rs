//! An entry of the audit log, ready to print.

use super::asked::Asked;
use super::words::{label, sentence, shown, thing};
use crate::actions::audit::{Log, Thing};
use crate::db::audit_log::{Entry, Of};
use crate::domain::audit::{Action, Detail, Subject};
use crate::domain::ids::AuditId;
use crate::domain::moment::Moment;
use crate::domain::quoted::spelled;
use crate::web::words::When;

/// An entry of the log.
#[derive(Debug)]
pub struct Row {
    pub id: AuditId,
    pub at: When,
    pub what: String,
    /// As it is stored.
    pub code: String,
    /// Who did it, and the address of their entries; empty where no account did.
    pub who: String,
    pub who_path: String,
    /// What the API token was called, if one was shown.
    pub token: Option<String>,
    pub from: String,
    pub from_path: String,
    /// What it was done to, and where that is; empty when it is gone or has no page.
    pub subject: String,
    pub subject_path: String,
    /// Field, before, after; empty for what was not there.
    pub changes: Vec<(String, String, String)>,
    /// Something was there before: a new thing has no such column.
    pub has_before: bool,
    /// Something is there now: what is gone has no such column.
    pub has_after: bool,
    pub facts: Vec<(String, String)>,
}

impl Row {
    pub fn new(entry: &Entry, log: &Log, asked: &Asked, of: Of, now: Moment) -> Row {
        let detail = log.detail(entry);
        let path = super::path_of(of);
        let by = |name, value: &str| format!("{path}{}", asked.query_with(of, name, value));
        let from = entry.address.clone().unwrap_or_default();
        let subject = called(entry, log, &detail);
        let changes = changes(&detail);
        Row {
            id: entry.id,
            at: When::new(entry.created_at, now),
            what: what(entry, &detail),
            code: entry.action.clone(),
            who: who(entry, log, &detail),
            who_path: entry
                .user_id
                .map(|user| by("who", &user.to_string()))
                .unwrap_or_default(),
            token: token(entry),
            from_path: if from.is_empty() {
                String::new()
            } else {
                by("address", &from)
            },
            from,
            subject_path: place(entry, log).unwrap_or_default(),
            has_before: changes.iter().any(|(_, before, _)| !before.is_empty()),
            has_after: changes.iter().any(|(_, _, after)| !after.is_empty()),
            changes,
            facts: facts(&detail, &subject),
            subject,
        }
    }
}

/// What was done; the code, when another version of the program has written it.
pub fn what(entry: &Entry, detail: &Detail) -> String {
    let action = Action::parse(&entry.action);
    action.map_or_else(
        || entry.action.clone(),
        |action| sentence(action, entry.user_id.is_none(), detail).to_owned(),
    )
}

pub fn who(entry: &Entry, log: &Log, detail: &Detail) -> String {
    match entry.user_id {
        Some(user) => log
            .people
            .get(&user)
            .cloned()
            .unwrap_or_else(|| format!("account {user}")),
        None if detail.fact_of("by").is_some() => "the command line".to_owned(),
        None => "the system".to_owned(),
    }
}

fn token(entry: &Entry) -> Option<String> {
    let id = entry.api_token_id?;
    Some(entry.api_token.clone().unwrap_or_else(|| format!("number {id}")))
}

/// What it is called now, or else what the entry calls it, or else its number.
pub fn called(entry: &Entry, log: &Log, detail: &Detail) -> String {
    let name = log.thing(entry).map(|thing| thing.name.as_str()).or(detail.name());
    let kind = Action::parse(&entry.action).map(Action::subject);
    match (name, kind, entry.subject_id) {
        (Some(name), ..) => spelled(name),
        (None, Some(kind), Some(id)) => format!("{} {id}", thing(kind)),
        (None, None, Some(id)) => format!("number {id}"),
        (None, _, None) => String::new(),
    }
}

/// The page of what still exists.
fn place(entry: &Entry, log: &Log) -> Option<String> {
    let Thing { webhook, .. } = log.thing(entry)?;
    let (project, id) = (entry.project_id?, entry.subject_id?);
    let project = format!("/projects/{project}");
    match Action::parse(&entry.action)?.subject() {
        Subject::Webhook => Some(format!("{project}/webhooks/{id}/deliveries")),
        Subject::Delivery => webhook.map(|webhook| format!("{project}/webhooks/{webhook}/deliveries/{id}")),
        Subject::Member => Some(format!("{project}/members")),
        Subject::Project => Some(project),
        Subject::Status => Some(format!("{project}/statuses/{id}/edit")),
        Subject::Tag => Some(format!("{project}/tags/{id}/edit")),
        Subject::Token | Subject::Account | Subject::Session => None,
    }
}

fn changes(detail: &Detail) -> Vec<(String, String, String)> {
    let changes = detail.changes().into_iter();
    let row = |change: crate::domain::audit::Change<'_>| {
        let value =
            |value: Option<&serde_json::Value>| value.map(|value| shown(change.field, value)).unwrap_or_default();
        let label = label(change.field)?.to_owned();
        Some((label, value(change.before), value(change.after)))
    };
    changes.filter_map(row).collect()
}

/// The name only where it is another one by now.
fn facts(detail: &Detail, called: &str) -> Vec<(String, String)> {
    let more = detail.fact_of("more").is_some();
    let fact = |(name, value): (&str, &serde_json::Value)| {
        let mut words = shown(name, value);
        if name == "count" && more {
            words.push('+');
        }
        let label = match name {
            "name" if words == called => return None,
            "tasks" if words == "0" => return None,
            "name" => "Called then",
            name => label(name)?,
        };
        Some((label.to_owned(), words))
    };
    detail.facts().filter_map(fact).collect()
}
