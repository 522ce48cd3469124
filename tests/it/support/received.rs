//! A request as it arrived, and its two signatures checked with an HMAC of the tests' own: nothing of the program's code
//! is asked whether the program's signatures are right.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// With the query.
    pub path: String,
    /// As written and in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Counts the receiver's connections from 1.
    pub connection: usize,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "the header {name} came twice");
        value
    }

    /// The same request with another value of this header; none leaves it out.
    pub fn with(&self, name: &str, value: Option<&str>) -> Received {
        let mut changed = self.clone();
        changed.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        changed
            .headers
            .extend(value.map(|value| (name.to_owned(), value.to_owned())));
        changed
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body in JSON")
    }

    /// Whether both signatures are those of `secret`. They must not disagree.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let plain = self.header("X-Webhook-Signature") == Some(&self.plain_signature(secret));
        let standard = self.header("webhook-signature") == Some(&self.standard_signature(secret));
        assert_eq!(plain, standard, "one signature is right and the other is not");
        plain
    }

    /// The seed's: HMAC of the body under the secret as it is displayed.
    pub fn plain_signature(&self, secret: &str) -> String {
        format!("sha256={}", hex::encode(hmac(secret.as_bytes(), &self.body)))
    }

    /// Standard Webhooks 1.0: HMAC of `id.timestamp.body` under the decoded part after `whsec_`.
    pub fn standard_signature(&self, secret: &str) -> String {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
            .expect("a secret in base64");
        let id = self.header("webhook-id").unwrap_or_default();
        let timestamp = self.header("webhook-timestamp").unwrap_or_default();
        let signed = [format!("{id}.{timestamp}.").as_bytes(), &self.body].concat();
        format!("v1,{}", STANDARD.encode(hmac(&key, &signed)))
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
