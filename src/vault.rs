//! Seals secrets before they reach the database and opens them for one attempt. XChaCha20-Poly1305 under a master key that
//! is never in the database; the row is bound in as associated data, so that a sealed value moved to another row does not
//! open. It also derives the keys of the cookies and form tokens, so that there is one key to keep.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::domain::ids::WebhookId;
use crate::domain::own_header::OwnHeader;
use crate::domain::secret::Secret;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEAD: usize = 1 + KEY_ID + NONCE;

/// 32 bytes that open every secret of a database. `Debug` prints nothing of it.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    pub fn random() -> Self {
        MasterKey(Zeroizing::new(rand::random()))
    }

    /// Base64 of exactly 32 bytes, as `TASKVIEW_MASTER_KEY` holds it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = Zeroizing::new(
            BASE64_STANDARD
                .decode(text.trim())
                .map_err(|_| "it is not base64".to_owned())?,
        );
        let key: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| format!("it has {} bytes; 32 are needed (openssl rand -base64 32)", bytes.len()))?;
        Ok(MasterKey(Zeroizing::new(key)))
    }

    /// What goes into the key file.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_STANDARD.encode(self.0.as_slice()))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// A sealed value that this key does not open: another key, another row, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open this secret")]
pub struct DoesNotOpen;

#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    key: MasterKey,
    key_id: [u8; KEY_ID],
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.key_id())
    }
}

impl Vault {
    pub fn new(key: MasterKey) -> Self {
        let digest = Sha256::digest(key.0.as_slice());
        let mut key_id = [0; KEY_ID];
        key_id.copy_from_slice(&digest[..KEY_ID]);
        let cipher = XChaCha20Poly1305::new(key.0.as_slice().try_into().unwrap_or_else(|_| unreachable!("32 bytes")));
        Vault { cipher, key, key_id }
    }

    /// Names the key without telling anything about it.
    pub fn key_id(&self) -> String {
        hex::encode(self.key_id)
    }

    /// Version, key id, nonce, ciphertext. `row` says where the value belongs, e.g. `webhook 7`.
    pub fn seal(&self, row: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload {
            msg: plain,
            aad: row.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap_or_else(|_| unreachable!("encrypting into memory fails only beyond 256 GiB"));
        [&[VERSION], &self.key_id[..], &nonce[..], &sealed[..]].concat()
    }

    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        if sealed.len() < HEAD || sealed[0] != VERSION || sealed[1..=KEY_ID] != self.key_id {
            return Err(DoesNotOpen);
        }
        let nonce: [u8; NONCE] = sealed[1 + KEY_ID..HEAD].try_into().map_err(|_| DoesNotOpen)?;
        let payload = Payload {
            msg: &sealed[HEAD..],
            aad: row.as_bytes(),
        };
        self.cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| DoesNotOpen)
    }

    /// A webhook's secret, bound to its row.
    pub fn seal_secret(&self, webhook: WebhookId, secret: &Secret) -> Vec<u8> {
        self.seal(&webhook_row(webhook), secret.expose().as_bytes())
    }

    pub fn open_secret(&self, webhook: WebhookId, sealed: &[u8]) -> Result<Secret, DoesNotOpen> {
        let plain = self.open(&webhook_row(webhook), sealed)?;
        std::str::from_utf8(&plain)
            .ok()
            .and_then(|text| Secret::parse(text).ok())
            .ok_or(DoesNotOpen)
    }

    /// A webhook's own headers, bound to its row.
    pub fn seal_headers(&self, webhook: WebhookId, headers: &[OwnHeader]) -> Vec<u8> {
        let plain = Zeroizing::new(serde_json::to_vec(headers).unwrap_or_default());
        self.seal(&headers_row(webhook), &plain)
    }

    /// `None` are no headers.
    pub fn open_headers(&self, webhook: WebhookId, sealed: Option<&[u8]>) -> Result<Vec<OwnHeader>, DoesNotOpen> {
        let Some(sealed) = sealed else { return Ok(Vec::new()) };
        let plain = self.open(&headers_row(webhook), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| DoesNotOpen)
    }

    /// A key for another use, such as `cookies`; knowing it tells nothing about the master key.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.0.as_slice())
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        mac.update(b"taskview-webhooks ");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

fn headers_row(webhook: WebhookId) -> String {
    format!("headers of webhook {webhook}")
}

fn webhook_row(webhook: WebhookId) -> String {
    format!("webhook {webhook}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(MasterKey(Zeroizing::new([byte; 32])))
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_key_and_row_only() {
        let sealed = vault(1).seal("webhook 7", b"whsec_x");

        assert_eq!(vault(1).open("webhook 7", &sealed).unwrap().as_slice(), b"whsec_x");
        assert_eq!(vault(1).open("webhook 8", &sealed), Err(DoesNotOpen));
        assert_eq!(vault(2).open("webhook 7", &sealed), Err(DoesNotOpen));
        assert_eq!(
            vault(1).open("webhook 7", &sealed[..sealed.len() - 1]),
            Err(DoesNotOpen)
        );
        assert_eq!(vault(1).open("webhook 7", b""), Err(DoesNotOpen));
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        assert_ne!(vault(1).seal("w", b"s"), vault(1).seal("w", b"s"));
    }

    #[test]
    fn a_key_is_32_bytes_of_base64_and_is_never_printed() {
        let text = MasterKey(Zeroizing::new([7; 32])).to_base64();

        assert_eq!(format!("{:?}", MasterKey::parse(&text).unwrap()), "MasterKey(…)");
        assert!(MasterKey::parse("AAAA").unwrap_err().contains("3 bytes"));
        assert!(MasterKey::parse("!").is_err());
    }

    #[test]
    fn keys_derived_for_different_uses_differ() {
        assert_ne!(*vault(1).derive("cookies"), *vault(1).derive("form tokens"));
    }
}
