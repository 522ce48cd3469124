//! What the audit log is told of a webhook: all that managers see of it, and of its secret and of the values of its own headers
//! only that there are others now.

use super::hide_path;
use crate::db::webhooks::Webhook;
use crate::domain::audit::Detail;
use crate::domain::event::EventKind;
use crate::domain::own_header::OwnHeader;

/// A webhook of which no single field changes: it is tested, turned off, rotated.
pub(in crate::actions) fn of(webhook: &Webhook) -> Detail {
    let name = webhook.name.clone().unwrap_or_else(|| hide_path(&webhook.url));
    Detail::default().fact("name", name)
}

/// All of one that is gone.
pub(super) fn deleted(webhook: &Webhook, events: &[EventKind]) -> Detail {
    let names = webhook.header_names.as_deref().unwrap_or("[]");
    let headers: Vec<String> = serde_json::from_str(names).unwrap_or_default();
    Detail::default()
        .gone("name", &webhook.name)
        .gone("url", &webhook.url)
        .gone("events", events)
        .gone("retrySchedule", webhook.schedule)
        .gone("active", webhook.active)
        .gone("headers", Some(headers).filter(|names| !names.is_empty()))
}

/// Other own headers than before, and which of those that stay have another value.
pub(super) fn headers(detail: Detail, before: &[OwnHeader], after: &[OwnHeader]) -> Detail {
    let replaced = after.iter().filter(|new| {
        let old = before.iter().find(|old| old.name == new.name);
        old.is_some_and(|old| old != *new)
    });
    let replaced: Vec<&str> = replaced.map(|header| header.name.as_str()).collect();
    detail
        .changed("headers", names_of(before), names_of(after))
        .fact("newValues", Some(replaced).filter(|names| !names.is_empty()))
}

pub(super) fn names_of(own: &[OwnHeader]) -> Vec<&str> {
    own.iter().map(|header| header.name.as_str()).collect()
}
