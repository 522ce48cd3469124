//! What opens and seals secrets on their way from and to the database: a ring of master keys, of which the database says which
//! one seals. While one key takes the place of another both are in it. A key that is met and not known is looked for in the key
//! file again, so that a running server goes on when the key is rotated. The cookies' and the forms' keys come from the root, a
//! random value that lies sealed in the database: they outlive a master key.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::ids::WebhookId;
use crate::domain::own_header::OwnHeader;
use crate::domain::secret::Secret;
use crate::key_file::{self, Stamp};
pub use crate::master_key::{DoesNotOpen, KeyId, MasterKey, Sealer};

const CHECK_ROW: &str = "key check";
const CHECK_TEXT: &[u8] = b"this key opens this database";
const ROOT_ROW: &str = "root";
/// A file that seems unchanged is read again no more often than this.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The master keys that this process has. Clones share them; none leaves before the process ends, because somebody may hold a
/// value that was read before it was sealed anew.
#[derive(Clone)]
pub struct KeyRing {
    shared: Arc<Shared>,
}

struct Shared {
    keys: RwLock<Vec<Arc<Sealer>>>,
    file: Option<PathBuf>,
    looked: Mutex<Looked>,
}

struct Looked {
    at: Instant,
    stamp: Option<Stamp>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({:?})", self.ids())
    }
}

impl KeyRing {
    /// Keys that were given once and for all.
    pub fn given(keys: &[MasterKey]) -> Self {
        Self::of(keys, None, None)
    }

    /// Those of a file, which may get others. `stamp` is from before it was read.
    pub fn of_file(path: PathBuf, keys: &[MasterKey], stamp: Option<Stamp>) -> Self {
        Self::of(keys, Some(path), stamp)
    }

    fn of(keys: &[MasterKey], file: Option<PathBuf>, stamp: Option<Stamp>) -> Self {
        KeyRing {
            shared: Arc::new(Shared {
                keys: RwLock::new(keys.iter().map(|key| Arc::new(Sealer::new(key))).collect()),
                file,
                looked: Mutex::new(Looked {
                    at: Instant::now(),
                    stamp,
                }),
            }),
        }
    }

    pub fn ids(&self) -> Vec<KeyId> {
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| key.id()).collect()
    }

    /// The key with this id, also when it has come into the file only now.
    pub fn key(&self, id: KeyId) -> Option<Arc<Sealer>> {
        self.known(id).or_else(|| {
            self.look_again();
            self.known(id)
        })
    }

    fn known(&self, id: KeyId) -> Option<Arc<Sealer>> {
        let keys = self.shared.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.id() == id).cloned()
    }

    fn look_again(&self) {
        let Some(path) = &self.shared.file else { return };
        let mut looked = self.shared.looked.lock().unwrap_or_else(PoisonError::into_inner);
        // To open a pipe could take for ever; and it was emptied at the start.
        let Some(stamp) = Stamp::of(path) else { return };
        if looked.stamp == Some(stamp) && looked.at.elapsed() < READ_EVERY {
            return;
        }
        *looked = Looked {
            at: Instant::now(),
            stamp: Some(stamp),
        };
        match key_file::read(path) {
            Ok(found) => self.take(&found.unwrap_or_default()),
            Err(sentence) => tracing::warn!("{sentence} The keys that were read before stay in use."),
        }
    }

    fn take(&self, found: &[MasterKey]) {
        let mut keys = self.shared.keys.write().unwrap_or_else(PoisonError::into_inner);
        for key in found {
            if keys.iter().all(|known| known.id() != key.id()) {
                tracing::info!(key = %key.id(), "a new master key was read from the key file");
                keys.push(Arc::new(Sealer::new(key)));
            }
        }
    }

    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let key = KeyId::of(sealed).and_then(|id| self.key(id)).ok_or(DoesNotOpen)?;
        key.open(row, sealed)
    }

    /// The key with which this check was made, if it is in here.
    pub fn opens_check(&self, sealed: &[u8]) -> bool {
        self.open(CHECK_ROW, sealed)
            .is_ok_and(|text| text.as_slice() == CHECK_TEXT)
    }

    /// Opens what is sealed for a row and seals it for the same row under another key.
    pub fn seal_anew(&self, row: &str, sealed: &[u8], under: &Sealer) -> Result<Vec<u8>, DoesNotOpen> {
        Ok(under.seal(row, &self.open(row, sealed)?))
    }
}

/// Proof of a key, for the database.
pub fn check_of(key: &Sealer) -> Vec<u8> {
    key.seal(CHECK_ROW, CHECK_TEXT)
}

/// What the other keys are derived from.
#[derive(Clone)]
pub struct Root(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Root(…)")
    }
}

impl Root {
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut_slice());
        Root(bytes)
    }

    pub fn seal(&self, key: &Sealer) -> Vec<u8> {
        key.seal(ROOT_ROW, self.0.as_slice())
    }

    pub fn open(ring: &KeyRing, sealed: &[u8]) -> Result<Self, DoesNotOpen> {
        let plain = ring.open(ROOT_ROW, sealed)?;
        let mut bytes = Zeroizing::new([0; 32]);
        if plain.len() != bytes.len() {
            return Err(DoesNotOpen);
        }
        bytes.copy_from_slice(&plain);
        Ok(Root(bytes))
    }

    /// The row to which it is bound.
    pub fn row() -> &'static str {
        ROOT_ROW
    }
}

#[derive(Clone)]
pub struct Vault {
    ring: KeyRing,
    root: Root,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({:?})", self.ring.ids())
    }
}

impl Vault {
    pub fn new(ring: KeyRing, root: Root) -> Self {
        Vault { ring, root }
    }

    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    pub fn open_secret(&self, webhook: WebhookId, sealed: &[u8]) -> Result<Secret, DoesNotOpen> {
        let plain = self.ring.open(&secret_row(webhook), sealed)?;
        std::str::from_utf8(&plain)
            .ok()
            .and_then(|text| Secret::parse(text).ok())
            .ok_or(DoesNotOpen)
    }

    /// `None` are no headers.
    pub fn open_headers(&self, webhook: WebhookId, sealed: Option<&[u8]>) -> Result<Vec<OwnHeader>, DoesNotOpen> {
        let Some(sealed) = sealed else { return Ok(Vec::new()) };
        let plain = self.ring.open(&headers_row(webhook), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| DoesNotOpen)
    }

    /// A key for another use, such as `cookies`; knowing it tells nothing about the root.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.root.0.as_slice())
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        mac.update(b"taskview-webhooks ");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

/// A webhook's secret, bound to its row.
pub fn seal_secret(key: &Sealer, webhook: WebhookId, secret: &Secret) -> Vec<u8> {
    key.seal(&secret_row(webhook), secret.expose().as_bytes())
}

/// A webhook's own headers, bound to its row.
pub fn seal_headers(key: &Sealer, webhook: WebhookId, headers: &[OwnHeader]) -> Vec<u8> {
    // Room for all of it at once: what a buffer leaves behind when it grows is not wiped.
    let room = headers
        .iter()
        .map(|one| 64 + 2 * (one.name.len() + one.value.len()))
        .sum();
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *plain, headers).unwrap_or_else(|_| unreachable!("texts are written into memory"));
    key.seal(&headers_row(webhook), &plain)
}

pub fn headers_row(webhook: WebhookId) -> String {
    format!("headers of webhook {webhook}")
}

pub fn secret_row(webhook: WebhookId) -> String {
    format!("webhook {webhook}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_into_the_file_later_is_found_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let old = key_file::make(&path).unwrap();
        let new = MasterKey::random();
        let ring = KeyRing::of_file(path.clone(), std::slice::from_ref(&old), Stamp::of(&path));

        let before = ring.key(new.id()).is_some();
        let mut held = key_file::Held::take(&path).unwrap();
        held.replace(std::slice::from_ref(&new)).unwrap();
        let after = ring.key(new.id()).is_some();
        std::fs::remove_file(&path).unwrap();

        assert_eq!((before, after), (false, true));
        assert_eq!(ring.ids(), [old.id(), new.id()], "the old one stays until the end");
        assert!(ring.key(MasterKey::random().id()).is_none());
    }

    #[test]
    fn a_file_that_is_damaged_meanwhile_takes_no_key_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let key = key_file::make(&path).unwrap();
        let ring = KeyRing::of_file(path.clone(), std::slice::from_ref(&key), Stamp::of(&path));

        std::fs::write(&path, "half a k").unwrap();
        let unknown = ring.key(MasterKey::random().id()).is_some();

        assert!(!unknown && ring.key(key.id()).is_some());
    }

    #[test]
    fn keys_derived_for_different_uses_differ_and_a_sealed_root_gives_the_same_ones() {
        let (old, new) = (MasterKey::random(), MasterKey::random());
        let ring = KeyRing::given(&[old.clone(), new.clone()]);
        let root = Root::random();
        let sealed = root.seal(&Sealer::new(&old));
        let anew = ring.seal_anew(ROOT_ROW, &sealed, &Sealer::new(&new)).unwrap();
        let reopened = Vault::new(KeyRing::given(&[new]), Root::open(&ring, &anew).unwrap());
        let vault = Vault::new(ring, root);

        assert_eq!(KeyId::of(&anew), Some(reopened.ring().ids()[0]));
        assert_eq!(*vault.derive("cookies"), *reopened.derive("cookies"));
        assert_ne!(*vault.derive("cookies"), *vault.derive("form tokens"));
    }

    #[test]
    fn headers_are_sealed_without_growing_a_buffer_that_holds_them() {
        let key = Sealer::new(&MasterKey::random());
        let hard = OwnHeader {
            name: "X".to_owned(),
            value: Zeroizing::new("\"\\".repeat(1_000)),
        };
        let written = serde_json::to_vec(std::slice::from_ref(&hard)).unwrap().len();

        let sealed = seal_headers(&key, WebhookId(1), std::slice::from_ref(&hard));

        assert!(written <= 64 + 2 * (1 + hard.value.len()));
        assert!(sealed.len() > written);
        assert_eq!(key.open(&headers_row(WebhookId(1)), &sealed).unwrap().len(), written);
    }
}
