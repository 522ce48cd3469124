//! What the audit log is told of a webhook: all that managers see of it, but of its secret, of the values of its own headers and of the
//! path of its URL only that there are others now. The log is kept for longer than the webhook, and read by who comes later.

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
    let headers = header_names(webhook);
    Detail::default()
        .gone("name", &webhook.name)
        .gone("url", hide_path(&webhook.url))
        .gone("events", events)
        .gone("retrySchedule", webhook.schedule)
        .gone("active", webhook.active)
        .gone("headers", Some(headers).filter(|names| !names.is_empty()))
}

fn header_names(webhook: &Webhook) -> Vec<String> {
    let names = webhook.header_names.as_deref().unwrap_or("[]");
    serde_json::from_str(names).unwrap_or_default()
}

/// Another URL.
pub(super) fn url(detail: Detail, before: &str, after: &str) -> Detail {
    let (host_before, host_after) = (hide_path(before), hide_path(after));
    let only_path = host_before == host_after;
    detail
        .changed("url", host_before, host_after)
        .fact("otherPath", only_path.then_some(true))
}

/// Other own headers than before, and which of those that stay have another value. What does not open has names only.
pub(super) fn headers(detail: Detail, webhook: &Webhook, before: &[OwnHeader], after: &[OwnHeader]) -> Detail {
    let replaced = after.iter().filter(|new| {
        let old = before.iter().find(|old| old.name == new.name);
        old.is_some_and(|old| old != *new)
    });
    let replaced: Vec<&str> = replaced.map(|header| header.name.as_str()).collect();
    detail
        .changed("headers", header_names(webhook), owned_names(after))
        .fact("newValues", Some(replaced).filter(|names| !names.is_empty()))
}

fn owned_names(own: &[OwnHeader]) -> Vec<String> {
    own.iter().map(|header| header.name.clone()).collect()
}

pub(super) fn names_of(own: &[OwnHeader]) -> Vec<&str> {
    own.iter().map(|header| header.name.as_str()).collect()
}
