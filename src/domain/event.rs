//! The types of events. The four of the task side are one table here, and the test stands beside it: forms, the API and the
//! documentation read it. Types that a host application invents are strings of a given pattern.

use std::borrow::Cow;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;

use crate::domain::payload::TaskEvent;
use crate::domain::task::Changes;

/// A type that this product fires by itself and that webhooks can subscribe to.
#[derive(Debug)]
pub struct KnownEvent {
    pub kind: EventKind,
    /// When it fires, as the form says it.
    pub fires: &'static str,
    /// What its payload has after `task`, in this order.
    pub extras: &'static [Extra],
    /// What the payload's code is told.
    pub happened: fn(&Changes) -> TaskEvent<'_>,
}

/// A key that not every payload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    TaskId,
    GoalId,
    UserIds,
    Changes,
}

impl KnownEvent {
    pub fn name(&self) -> &str {
        self.kind.as_str()
    }
}

/// Every subscribable type of the task side, in the order of the form.
pub const KNOWN: &[KnownEvent] = &[
    KnownEvent {
        kind: EventKind::TASK_CREATED,
        fires: "A new task is created in the project",
        extras: &[],
        happened: |_| TaskEvent::Created,
    },
    KnownEvent {
        kind: EventKind::TASK_UPDATED,
        fires: "A task is updated (description, status, priority, deadline, etc.)",
        extras: &[Extra::Changes],
        happened: |changes| TaskEvent::Updated(changes),
    },
    KnownEvent {
        kind: EventKind::TASK_DELETED,
        fires: "A task is deleted",
        extras: &[Extra::TaskId, Extra::GoalId],
        happened: |_| TaskEvent::Deleted,
    },
    KnownEvent {
        kind: EventKind::TASK_ASSIGNEES_CHANGED,
        fires: "Task assignees are added or removed",
        extras: &[Extra::TaskId, Extra::UserIds],
        happened: |_| TaskEvent::AssigneesChanged,
    },
];

/// Longest name of a type; the column's CHECK says the same.
const MAX_LENGTH: usize = 50;

/// The name of a type of event: one of [`KNOWN`], `webhook.test`, or one that a host application invented.
#[derive(Debug, Clone, PartialEq, Eq, Hash, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct EventKind(Cow<'static, str>);

impl EventKind {
    pub const TASK_CREATED: EventKind = EventKind(Cow::Borrowed("task.created"));
    pub const TASK_UPDATED: EventKind = EventKind(Cow::Borrowed("task.updated"));
    pub const TASK_DELETED: EventKind = EventKind(Cow::Borrowed("task.deleted"));
    pub const TASK_ASSIGNEES_CHANGED: EventKind = EventKind(Cow::Borrowed("task.assigneesChanged"));
    /// Sent by the **Test** button; nobody can subscribe to it or publish it.
    pub const WEBHOOK_TEST: EventKind = EventKind(Cow::Borrowed("webhook.test"));

    /// One of [`KNOWN`].
    pub fn known(name: &str) -> Option<EventKind> {
        KNOWN
            .iter()
            .find(|known| known.name() == name)
            .map(|known| known.kind.clone())
    }

    /// A type that a host application invented: `[a-z][A-Za-z0-9-]*(\.[a-z][A-Za-z0-9-]*)+`, at most 50 characters,
    /// outside the reserved prefixes `task.` and `webhook.`.
    pub fn custom(name: &str) -> Option<EventKind> {
        let reserved = name.starts_with("task.") || name.starts_with("webhook.");
        let parts_are_words = name.split('.').all(|part| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
        let fits = name.len() <= MAX_LENGTH && name.contains('.');
        (fits && parts_are_words && !reserved).then(|| EventKind(Cow::Owned(name.to_owned())))
    }

    /// What a webhook can subscribe to and a host application can publish: known or custom.
    pub fn parse(name: &str) -> Option<EventKind> {
        EventKind::known(name).or_else(|| EventKind::custom(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<DB: Backend> FromSql<Text, DB> for EventKind
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        String::from_sql(bytes).map(|name| EventKind(Cow::Owned(name)))
    }
}

impl<DB: Backend> ToSql<Text, DB> for EventKind
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.as_str().to_sql(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_task_types_are_known_and_the_test_is_not_subscribable() {
        for name in ["task.created", "task.updated", "task.deleted", "task.assigneesChanged"] {
            assert_eq!(EventKind::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(EventKind::parse("webhook.test"), None);
    }

    #[test]
    fn a_custom_type_follows_the_pattern_and_keeps_out_of_the_reserved_prefixes() {
        let longest = format!("a.{}", "b".repeat(48));
        for good in [
            "invoice.paid",
            "build.step-2.failed",
            "a.b",
            "order.lineAdded",
            longest.as_str(),
        ] {
            assert!(EventKind::custom(good).is_some(), "{good}");
        }

        let too_long = format!("{longest}b");
        for bad in [
            "",
            "invoice",
            "Invoice.paid",
            "invoice.Paid",
            "invoice.",
            ".paid",
            "invoice..paid",
            "2x.paid",
            "invoice.pa id",
            "invoice.pa_id",
            "invoice.päid",
            "task.archived",
            "webhook.test",
            too_long.as_str(),
        ] {
            assert_eq!(EventKind::custom(bad), None, "{bad}");
        }
    }
}
