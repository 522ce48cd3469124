//! Checks both signatures of a delivery. One of them is enough: take the function that suits you.
//! It needs   cargo add hmac@0.13 sha2@0.11 base64@0.22 hex@0.4

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const TOLERANCE_SECONDS: u64 = 5 * 60;

/// `X-Webhook-Signature`. `body`: the raw bytes as received, before any JSON parsing. `verify_slice` compares in constant time.
pub fn verify_body(body: &[u8], signature: &str, secret: &str) -> bool {
    let Some(given) = signature
        .strip_prefix("sha256=")
        .and_then(|digits| hex::decode(digits).ok())
    else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

/// `webhook-signature` (Standard Webhooks), with the values of `webhook-id` and `webhook-timestamp`. It covers the id and the
/// time too, so that an old request cannot be sent again. The same id again is a repeat of the same delivery: do its work once.
pub fn verify_standard(body: &[u8], id: &str, timestamp: &str, signatures: &str, secret: &str) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    if !timestamp
        .parse()
        .is_ok_and(|sent: u64| sent.abs_diff(now) <= TOLERANCE_SECONDS)
    {
        return false;
    }
    let Ok(key) = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        return false;
    };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    signatures
        .split(' ')
        .filter_map(|given| STANDARD.decode(given.strip_prefix("v1,")?).ok())
        .any(|given| mac.clone().verify_slice(&given).is_ok())
}
