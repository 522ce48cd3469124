//! What the audit log can tell: the actions, what each is done to, and what an entry says besides who and when. The words that
//! people read are those of the pages.

use serde::Serialize;
use serde_json::{Map, Value};

/// Defines the actions in the order in which they are explained, each with its group and the kind of its subject.
macro_rules! actions {
    ($($variant:ident = $code:literal, $group:ident, $subject:ident;)+) => {
        /// Something that was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $($variant),+ }

        impl Action {
            pub const ALL: &'static [Action] = &[$(Action::$variant),+];

            /// As it is stored.
            pub fn code(self) -> &'static str {
                match self { $(Action::$variant => $code),+ }
            }

            /// What it is filtered by.
            pub fn group(self) -> Group {
                match self { $(Action::$variant => Group::$group),+ }
            }

            /// What the entry's id names.
            pub fn subject(self) -> Subject {
                match self { $(Action::$variant => Subject::$subject),+ }
            }
        }
    };
}

actions! {
    WebhookAdded = "webhook.added", Webhooks, Webhook;
    WebhookEdited = "webhook.edited", Webhooks, Webhook;
    WebhookTurnedOff = "webhook.turned_off", Webhooks, Webhook;
    WebhookTurnedOn = "webhook.turned_on", Webhooks, Webhook;
    WebhookRotated = "webhook.rotated", Webhooks, Webhook;
    WebhookDeleted = "webhook.deleted", Webhooks, Webhook;
    WebhookTested = "webhook.tested", Deliveries, Webhook;
    HeldDiscarded = "webhook.held_discarded", Deliveries, Webhook;
    HeldExpired = "webhook.held_expired", Deliveries, Webhook;
    ResendStarted = "webhook.resend_started", Deliveries, Webhook;
    DeliveryRetried = "delivery.retried", Deliveries, Delivery;
    MemberAdded = "member.added", Members, Member;
    MemberInvited = "member.invited", Members, Member;
    MemberJoined = "member.joined", Members, Member;
    MemberRoleChanged = "member.role_changed", Members, Member;
    MemberRemoved = "member.removed", Members, Member;
    MemberLeft = "member.left", Members, Member;
    InvitationMade = "invitation.made", Members, Member;
    ProjectAdded = "project.added", Project, Project;
    ProjectEdited = "project.edited", Project, Project;
    ProjectArchived = "project.archived", Project, Project;
    ProjectUnarchived = "project.unarchived", Project, Project;
    ProjectHandedOver = "project.handed_over", Project, Member;
    ProjectDeleted = "project.deleted", Project, Project;
    StatusAdded = "status.added", Labels, Status;
    StatusEdited = "status.edited", Labels, Status;
    StatusMoved = "status.moved", Labels, Status;
    StatusRemoved = "status.removed", Labels, Status;
    TagAdded = "tag.added", Labels, Tag;
    TagEdited = "tag.edited", Labels, Tag;
    TagRemoved = "tag.removed", Labels, Tag;
    TokenAdded = "api_token.added", Tokens, Token;
    TokenRevoked = "api_token.revoked", Tokens, Token;
    AccountAdded = "account.added", Accounts, Account;
    AccountDisabled = "account.disabled", Accounts, Account;
    AccountEnabled = "account.enabled", Accounts, Account;
    AdministratorMade = "account.administrator_made", Accounts, Account;
    AdministratorUnmade = "account.administrator_unmade", Accounts, Account;
    PasswordChanged = "account.password_changed", Accounts, Account;
    PasswordReset = "account.password_reset", Accounts, Account;
    SignedIn = "account.signed_in", Accounts, Account;
    SignedOut = "account.signed_out", Accounts, Account;
    SignInsRefused = "account.sign_ins_refused", Accounts, Account;
    SessionEnded = "session.ended", Accounts, Session;
    SessionsEnded = "account.sessions_ended", Accounts, Account;
    SessionCopied = "session.copied", Accounts, Session;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Webhooks,
    Deliveries,
    Members,
    Project,
    Labels,
    Tokens,
    Accounts,
}

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Webhook,
    Delivery,
    Member,
    Project,
    Status,
    Tag,
    Token,
    Account,
    Session,
}

impl Action {
    /// `None` for what another version of the program wrote.
    pub fn parse(code: &str) -> Option<Action> {
        Action::ALL.iter().copied().find(|action| action.code() == code)
    }
}

impl Group {
    pub fn actions(self) -> impl Iterator<Item = Action> {
        Action::ALL.iter().copied().filter(move |action| action.group() == self)
    }
}

/// What an entry tells besides who, when and what: how each field was before and after, and some facts. Holds no secret: of a
/// secret it says that there is another one, of own headers their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    before: Map<String, Value>,
    after: Map<String, Value>,
    facts: Map<String, Value>,
}

/// A field and how it was before and after; absent: there was nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<'a> {
    pub field: &'a str,
    pub before: Option<&'a Value>,
    pub after: Option<&'a Value>,
}

impl Detail {
    /// Something that is true besides, such as how many tasks changed with it.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Serialize) -> Self {
        put(&mut self.facts, name, value);
        self
    }

    /// Nothing, when it is the same.
    #[must_use]
    pub fn changed<T: Serialize + PartialEq>(mut self, field: &str, before: T, after: T) -> Self {
        if before != after {
            put(&mut self.before, field, before);
            put(&mut self.after, field, after);
        }
        self
    }

    /// A field of something new.
    #[must_use]
    pub fn made(mut self, field: &str, value: impl Serialize) -> Self {
        put(&mut self.after, field, value);
        self
    }

    /// A field of something that is gone.
    #[must_use]
    pub fn gone(mut self, field: &str, value: impl Serialize) -> Self {
        put(&mut self.before, field, value);
        self
    }

    /// A field says something else than before.
    pub fn has_changes(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }

    /// In the order in which they were written down.
    pub fn changes(&self) -> Vec<Change<'_>> {
        let new = self.after.keys().filter(|field| !self.before.contains_key(*field));
        let change = |field: &'_ String| (self.before.get_key_value(field), self.after.get_key_value(field));
        let changes = self.before.keys().chain(new).map(change);
        changes
            .map(|(before, after)| Change {
                field: before.or(after).map_or("", |(field, _)| field),
                before: before.map(|(_, value)| value),
                after: after.map(|(_, value)| value),
            })
            .collect()
    }

    pub fn facts(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.facts.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub fn fact_of(&self, name: &str) -> Option<&Value> {
        self.facts.get(name)
    }

    /// What the subject was called, as far as the entry says it: at the end of it.
    pub fn name(&self) -> Option<&str> {
        let named = |map: &Map<String, Value>| map.get("name").or_else(|| map.get("url")).is_some();
        let from = [&self.facts, &self.after, &self.before];
        let map = from.into_iter().find(|map| named(map))?;
        map.get("name").or_else(|| map.get("url"))?.as_str()
    }

    /// The name alone.
    #[must_use]
    pub fn only_name(&self) -> Detail {
        match self.name() {
            Some(name) => Detail::default().fact("name", name),
            None => Detail::default(),
        }
    }

    /// As the database keeps it.
    pub fn json(&self) -> String {
        let mut all = Map::new();
        for (name, part) in [("before", &self.before), ("after", &self.after)] {
            if !part.is_empty() {
                all.insert(name.to_owned(), Value::Object(part.clone()));
            }
        }
        all.extend(self.facts.clone());
        Value::Object(all).to_string()
    }

    /// What was stored, also by versions that kept what a name or a role was before, and nothing else of it.
    pub fn parse(text: &str) -> Detail {
        let mut facts = match serde_json::from_str(text) {
            Ok(Value::Object(facts)) => facts,
            _ => Map::new(),
        };
        // The token has a column of its own.
        facts.shift_remove("apiToken");
        let mut detail = Detail::default();
        match facts.shift_remove("before") {
            Some(Value::Object(before)) => detail.before = before,
            Some(old) => {
                let field = if facts.contains_key("role") { "role" } else { "name" };
                if let Some(new) = facts.get(field).filter(|new| **new != old) {
                    put(&mut detail.after, field, new);
                    put(&mut detail.before, field, old);
                }
            }
            None => {}
        }
        if let Some(Value::Object(after)) = facts.get_mut("after") {
            detail.after = std::mem::take(after);
            facts.shift_remove("after");
        }
        detail.facts = facts;
        detail
    }
}

/// What is absent is not written down.
fn put(map: &mut Map<String, Value>, name: &str, value: impl Serialize) {
    match serde_json::to_value(value) {
        Ok(Value::Null) | Err(_) => {}
        Ok(value) => {
            map.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    fn told(detail: &Detail) -> Vec<(&str, Option<&Value>, Option<&Value>)> {
        let changes = detail.changes().into_iter();
        changes
            .map(|change| (change.field, change.before, change.after))
            .collect()
    }

    #[test]
    fn no_two_actions_share_a_code_and_every_code_is_read_again() {
        let codes: HashSet<_> = Action::ALL.iter().map(|action| action.code()).collect();

        assert_eq!(codes.len(), Action::ALL.len());
        assert!(Action::ALL.iter().all(|one| Action::parse(one.code()) == Some(*one)));
        assert_eq!(Action::parse("webhook.painted"), None);
    }

    #[test]
    fn only_what_changed_is_kept_and_it_is_read_as_it_was_written() {
        let detail = Detail::default()
            .changed("url", "http://a.test/", "http://b.test/")
            .changed("schedule", "standard", "standard")
            .changed("name", None, Some("CI"))
            .fact("tasks", 3);

        assert_eq!(
            detail.json(),
            r#"{"before":{"url":"http://a.test/"},"after":{"url":"http://b.test/","name":"CI"},"tasks":3}"#
        );
        assert_eq!(Detail::parse(&detail.json()), detail);
        assert_eq!(
            told(&detail),
            [
                ("url", Some(&json!("http://a.test/")), Some(&json!("http://b.test/"))),
                ("name", None, Some(&json!("CI")))
            ]
        );
        assert_eq!(detail.name(), Some("CI"));
        assert!(!Detail::default().changed("name", 1, 1).has_changes());
    }

    #[test]
    fn entries_of_earlier_versions_are_understood() {
        let renamed = Detail::parse(r#"{"name":"Site","before":"Website","apiToken":7}"#);
        let promoted = Detail::parse(r#"{"name":"Mia","role":"manager","before":"member"}"#);
        let recolored = Detail::parse(r#"{"name":"bug","before":"bug"}"#);
        let added = Detail::parse(r#"{"host":"a.test","events":["task.created"]}"#);

        assert_eq!(
            told(&renamed),
            [("name", Some(&json!("Website")), Some(&json!("Site")))]
        );
        assert_eq!(renamed.fact_of("apiToken"), None);
        assert_eq!(
            told(&promoted),
            [("role", Some(&json!("member")), Some(&json!("manager")))]
        );
        assert_eq!(promoted.name(), Some("Mia"));
        assert!(!recolored.has_changes());
        assert_eq!(added.facts().count(), 2);
        for odd in ["", "[]", "{\"before\":3}", "{\"after\":\"x\"}", "null"] {
            assert!(!Detail::parse(odd).has_changes(), "{odd}");
        }
    }
}
