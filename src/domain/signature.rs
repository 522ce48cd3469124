//! The two signatures of a request: TaskView's over the body, and that of Standard Webhooks 1.0 over id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::secret::Secret;

/// `X-Webhook-Signature`: `sha256=` and lower-case hexadecimal HMAC-SHA256 of the body, keyed with the bytes of the secret
/// exactly as displayed.
pub fn body_signature(secret: &Secret, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac(secret.expose().as_bytes(), &[body])))
}

/// `webhook-signature`: `v1,` and base64 HMAC-SHA256 of `id.timestamp.body`, keyed with the decoded secret.
/// `timestamp` is in Unix seconds, as sent in `webhook-timestamp`.
pub fn standard_signature(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let head = format!("{id}.{timestamp}.");
    format!(
        "v1,{}",
        STANDARD.encode(hmac(&secret.standard_key(), &[head.as_bytes(), body]))
    )
}

pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is a key to HMAC; the type cannot say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries' own tests.
    const KNOWN_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let digest = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);

        assert_eq!(
            hex::encode(digest),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn the_standard_signature_agrees_with_the_published_vector() {
        let secret = Secret::parse(KNOWN_SECRET).unwrap();
        let body = br#"{"test": 2432232314}"#;

        let signature = standard_signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);

        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_standardwebhooks_crate_signs_alike_with_both_spellings_of_a_secret() {
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for text in [KNOWN_SECRET, hex, Secret::from_random([9; 32]).expose()] {
            let theirs = standardwebhooks::Webhook::new(text)
                .unwrap()
                .sign("msg_1", 1_700_000_000, b"{}")
                .unwrap();

            let ours = standard_signature(&Secret::parse(text).unwrap(), "msg_1", 1_700_000_000, b"{}");

            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn the_body_signature_is_keyed_with_the_secret_as_displayed() {
        let secret = Secret::parse(KNOWN_SECRET).unwrap();

        let signature = body_signature(&secret, b"hello");

        assert_eq!(
            signature,
            format!("sha256={}", hex::encode(hmac(KNOWN_SECRET.as_bytes(), &[b"hello"])))
        );
        assert_eq!(signature.len(), "sha256=".len() + 64);
    }
}
