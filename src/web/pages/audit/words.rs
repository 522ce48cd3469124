//! Entries of the audit log in people's words: what was done, what the fields are called, and how their values read.

use serde_json::Value;

use crate::domain::audit::{Action, Detail, Subject};
use crate::domain::moment::Moment;
use crate::domain::quoted::spelled;

/// What is longer is cut on the page; the file has all of it.
const LONGEST: usize = 300;

/// What was done. `by_itself`: no account did it.
pub fn sentence(action: Action, by_itself: bool, detail: &Detail) -> &'static str {
    match action {
        Action::WebhookAdded => "Added a webhook",
        Action::WebhookEdited => "Changed a webhook",
        Action::WebhookTurnedOff if !by_itself => "Turned a webhook off",
        Action::WebhookTurnedOff if detail.fact_of("reason").is_some_and(|why| why == "gone") => {
            "Turned a webhook off: its receiver answered 410 Gone"
        }
        Action::WebhookTurnedOff => "Turned a webhook off: its deliveries failed in a row",
        Action::WebhookTurnedOn => "Turned a webhook on",
        Action::WebhookRotated => "Rotated the secret of a webhook; the old one stopped working",
        Action::WebhookDeleted => "Deleted a webhook",
        Action::WebhookTested => "Sent a test",
        Action::HeldDiscarded => "Discarded the deliveries held for a webhook",
        Action::HeldExpired => "Ended deliveries as failed that were held for too long or were too many",
        Action::ResendStarted => "Started to re-send failed deliveries",
        Action::DeliveryRetried => "Retried a delivery",
        Action::MemberAdded => "Added a member",
        Action::MemberInvited => "Invited somebody",
        Action::MemberJoined => "Accepted an invitation",
        Action::MemberRoleChanged => "Changed the role of a member",
        Action::MemberRemoved => "Removed a member",
        Action::MemberLeft => "Left the project",
        Action::InvitationMade => "Made a link to an invitation",
        Action::ProjectAdded => "Made a project",
        Action::ProjectEdited => "Changed the project",
        Action::ProjectArchived => "Archived the project",
        Action::ProjectUnarchived => "Took the project out of the archive",
        Action::ProjectHandedOver => "Handed the project to a new owner",
        Action::ProjectDeleted => "Deleted a project",
        Action::StatusAdded => "Added a status",
        Action::StatusEdited => "Changed a status",
        Action::StatusMoved => "Moved a status in the order",
        Action::StatusRemoved => "Removed a status",
        Action::TagAdded => "Added a tag",
        Action::TagEdited => "Changed a tag",
        Action::TagRemoved => "Removed a tag",
        Action::TokenAdded => "Made an API token",
        Action::TokenRevoked => "Revoked an API token",
        Action::AccountAdded => "Made an account",
        Action::AccountDisabled => "Disabled an account",
        Action::AccountEnabled => "Enabled an account",
        Action::AdministratorMade => "Made an account an administrator's",
        Action::AdministratorUnmade => "Took the administrator's rights from an account",
        Action::PasswordChanged => "Changed the own password",
        Action::PasswordReset => "Set a new password for an account",
        Action::SignedIn => "Signed in",
        Action::SignedOut => "Signed out",
        Action::SignInsRefused => "Refused further sign-ins for a while: too many failed",
        Action::SessionEnded => "Ended a session of their own",
        Action::SessionsEnded => "Ended the sessions of an account",
        Action::SessionCopied => "Ended a session whose refresh token was shown twice: somebody had copied it",
    }
}

/// The thing that something was done to, for one that has no name any more.
pub fn thing(subject: Subject) -> &'static str {
    match subject {
        Subject::Webhook => "Webhook",
        Subject::Delivery => "Delivery",
        Subject::Member => "Member",
        Subject::Project => "Project",
        Subject::Status => "Status",
        Subject::Tag => "Tag",
        Subject::Token => "API token",
        Subject::Account => "Account",
        Subject::Session => "Session",
    }
}

/// A field or a fact; `None` for what the entry says elsewhere.
pub fn label(name: &str) -> Option<&str> {
    Some(match name {
        "by" | "reason" | "webhook" | "more" => return None,
        "account" => "Account",
        "apiTokens" => "API tokens revoked",
        "active" => "On or off",
        "administrator" => "Administrator",
        "category" | "kind" => "Kind",
        "changed" => "Changed",
        "color" => "Color",
        "count" => "Deliveries",
        "delivery" => "Delivery",
        "description" => "Description",
        "email" => "E-mail",
        "events" => "Events",
        "expires" => "Expires",
        "failures" => "Failures in a row",
        "headers" => "Own headers",
        "held" => "What was held",
        "host" => "Host",
        "invited" => "Invited as",
        "login" => "Login",
        "name" => "Name",
        "otherPath" => "Other path",
        "newValues" => "New values for",
        "place" => "Place in the order",
        "projects" => "Projects",
        "retrySchedule" => "Retry schedule",
        "rights" => "Rights",
        "role" => "Role",
        "secretBrought" => "Secret brought along",
        "since" => "Since",
        "sessions" => "Sessions ended",
        "tasks" => "Tasks changed",
        "to" => "Tasks moved to",
        "until" => "Link good until",
        "url" => "URL",
        other => other,
    })
}

/// A value as it reads on the page.
pub fn shown(name: &str, value: &Value) -> String {
    let text = spelled(&whole(name, value));
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

fn whole(name: &str, value: &Value) -> String {
    match (name, value) {
        ("active", Value::Bool(true)) => "on".to_owned(),
        ("active", Value::Bool(false)) => "off".to_owned(),
        (_, Value::Bool(true)) => "yes".to_owned(),
        (_, Value::Bool(false)) => "no".to_owned(),
        ("held", Value::String(what)) if what == "send" => "sent".to_owned(),
        ("held", Value::String(what)) if what == "discard" => "discarded".to_owned(),
        ("expires" | "since" | "until", Value::String(text)) => match Moment::parse(text) {
            Some(at) => at.datetime().format("%Y-%m-%d %H:%M UTC").to_string(),
            None => text.clone(),
        },
        (_, Value::String(text)) => text.clone(),
        (_, Value::Array(list)) => {
            let texts: Vec<String> = list.iter().map(|one| whole("", one)).collect();
            texts.join(", ")
        }
        (_, Value::Null) => String::new(),
        (_, other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_like_words() {
        for (name, value, words) in [
            ("active", json!(true), "on"),
            ("administrator", json!(false), "no"),
            (
                "events",
                json!(["task.created", "task.deleted"]),
                "task.created, task.deleted",
            ),
            ("held", json!("discard"), "discarded"),
            ("name", json!("a\u{202E}b"), "a[U+202E]b"),
            ("tasks", json!(3), "3"),
            ("until", json!("2026-03-22T12:00:00.130Z"), "2026-03-22 12:00 UTC"),
            ("odd", json!({ "a": 1 }), "{\"a\":1}"),
        ] {
            assert_eq!(shown(name, &value), words);
        }
        assert_eq!(
            shown("description", &json!("x".repeat(5_000))).chars().count(),
            LONGEST + 1
        );
    }
}
