//! The headers of a delivery: what the documentation promises to receivers, both signatures among them.

use crate::domain::moment::Moment;
use crate::domain::secret::Secret;
use crate::domain::signature::{body_signature, standard_signature};

/// `TaskView-Webhooks/<version>`
pub const USER_AGENT: &str = concat!("TaskView-Webhooks/", env!("CARGO_PKG_VERSION"));

/// What identifies an attempt to its receiver.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The same on all attempts of a delivery.
    pub message_id: &'a str,
    pub event: &'a str,
    /// 1 is the original.
    pub number: i32,
    pub at: Moment,
}

/// Names and values in the order in which they are sent and shown.
pub fn headers(identity: Identity<'_>, secret: &Secret, body: &[u8]) -> Vec<(String, String)> {
    let timestamp = identity.at.unix_seconds();
    [
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", USER_AGENT.to_owned()),
        ("X-Webhook-Signature", body_signature(secret, body)),
        ("X-Webhook-Event", identity.event.to_owned()),
        ("X-Webhook-Delivery", identity.message_id.to_owned()),
        ("X-Webhook-Attempt", identity.number.to_string()),
        ("webhook-id", identity.message_id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        (
            "webhook-signature",
            standard_signature(secret, identity.message_id, timestamp, body),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signatures_and_the_identity_are_sent() {
        let secret = Secret::from_random([1; 32]);
        let at = Moment(1_774_180_800_123_456);
        let identity = Identity {
            message_id: "msg_1",
            event: "task.created",
            number: 2,
            at,
        };

        let headers = headers(identity, &secret, b"{}");

        let value = |name: &str| {
            headers
                .iter()
                .find(|header| header.0 == name)
                .map(|header| header.1.as_str())
        };
        assert_eq!(
            value("X-Webhook-Signature"),
            Some(body_signature(&secret, b"{}").as_str())
        );
        assert_eq!(value("webhook-timestamp"), Some("1774180800"));
        assert_eq!(value("webhook-id"), value("X-Webhook-Delivery"));
        assert_eq!(value("X-Webhook-Attempt"), Some("2"));
        let signature = standard_signature(&secret, "msg_1", 1_774_180_800, b"{}");
        assert_eq!(value("webhook-signature"), Some(signature.as_str()));
    }
}
