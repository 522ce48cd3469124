//! The keys that seal: 32 bytes each, named by an id that tells nothing of them. XChaCha20-Poly1305; the row is bound in as
//! associated data, so that a sealed value that is moved to another row does not open. It knows no file, no database and no
//! ring: which key is whose turn is said elsewhere.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEAD: usize = 1 + KEY_ID + NONCE;
/// Keys that may be given at a time. Two are needed while one takes the place of the other.
const MOST: usize = 8;

/// The base64 of 32 bytes. `Debug` prints nothing of it.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Names a key without telling anything about it: the beginning of its SHA-256. 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID]);

impl MasterKey {
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut_slice());
        MasterKey(bytes)
    }

    /// Base64 of exactly 32 bytes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = Zeroizing::new(
            BASE64_STANDARD
                .decode(text.trim())
                .map_err(|_| "it is not base64".to_owned())?,
        );
        if bytes.len() != 32 {
            let sentence = format!("it has {} bytes; 32 are needed (openssl rand -base64 32)", bytes.len());
            return Err(sentence);
        }
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&bytes);
        Ok(MasterKey(key))
    }

    /// One or several, as `TASKVIEW_MASTER_KEY` and the key file hold them: between them spaces, lines or commas. What an
    /// editor of another system adds (a mark at the beginning, line ends of two characters) is passed over.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let words = text.trim_start_matches('\u{feff}');
        let words = words.split(|c: char| c == ',' || c.is_whitespace());
        let mut keys: Vec<MasterKey> = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            let key = Self::parse(word).map_err(|reason| match keys.len() {
                0 => reason,
                before => format!("of key number {}: {reason}", before + 1),
            })?;
            if keys.iter().all(|known| known.id() != key.id()) {
                keys.push(key);
            }
        }
        match keys.len() {
            0 => Err("there is no key in it; base64 of 32 bytes is needed (openssl rand -base64 32)".to_owned()),
            1..=MOST => Ok(keys),
            many => Err(format!("there are {many} keys in it; {MOST} are the most")),
        }
    }

    /// What goes into the key file.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_STANDARD.encode(self.0.as_slice()))
    }

    pub fn id(&self) -> KeyId {
        let digest = Sha256::digest(self.0.as_slice());
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        KeyId(id)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl KeyId {
    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; KEY_ID];
        hex::decode_to_slice(text, &mut id).ok()?;
        Some(KeyId(id))
    }

    /// Under which key this was sealed, if it was.
    pub fn of(sealed: &[u8]) -> Option<Self> {
        if sealed.len() < HEAD || sealed[0] != VERSION {
            return None;
        }
        sealed[1..=KEY_ID].try_into().ok().map(KeyId)
    }

    /// How everything begins that is sealed under it; for a search.
    pub fn head(self) -> Vec<u8> {
        [&[VERSION], &self.0[..]].concat()
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A sealed value that a key does not open: another key, another row, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open this secret")]
pub struct DoesNotOpen;

/// A key at work. The cipher keeps the key and wipes it in the end.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    id: KeyId,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.id)
    }
}

impl Sealer {
    pub fn new(key: &MasterKey) -> Self {
        let cipher = XChaCha20Poly1305::new_from_slice(key.0.as_slice()).unwrap_or_else(|_| unreachable!("32 bytes"));
        Sealer { cipher, id: key.id() }
    }

    pub fn id(&self) -> KeyId {
        self.id
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
        [&self.id.head()[..], &nonce[..], &sealed[..]].concat()
    }

    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        if KeyId::of(sealed) != Some(self.id) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey(Zeroizing::new([byte; 32]))
    }

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&key(byte))
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_key_and_row_only() {
        let sealed = sealer(1).seal("webhook 7", b"whsec_x");

        assert_eq!(sealer(1).open("webhook 7", &sealed).unwrap().as_slice(), b"whsec_x");
        assert_eq!(sealer(1).open("webhook 8", &sealed), Err(DoesNotOpen));
        assert_eq!(sealer(2).open("webhook 7", &sealed), Err(DoesNotOpen));
        assert_eq!(sealer(1).open("webhook 7", b""), Err(DoesNotOpen));
    }

    #[test]
    fn a_value_of_which_any_byte_was_changed_added_or_cut_off_does_not_open() {
        let sealed = sealer(1).seal("webhook 7", b"whsec_x");
        let refused = |bytes: &[u8]| assert_eq!(sealer(1).open("webhook 7", bytes), Err(DoesNotOpen), "{bytes:?}");

        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            refused(&changed);
            refused(&sealed[..place]);
        }
        refused(&[&sealed[..], b"x"].concat());
        for version in [0, 2, 255] {
            refused(&[&[version], &sealed[1..]].concat());
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        assert_ne!(sealer(1).seal("w", b"s"), sealer(1).seal("w", b"s"));
    }

    #[test]
    fn a_sealed_value_says_under_which_key_it_is() {
        let sealed = sealer(1).seal("w", b"s");

        assert_eq!(KeyId::of(&sealed), Some(key(1).id()));
        assert!(sealed.starts_with(&key(1).id().head()));
        assert_eq!(KeyId::parse(&key(1).id().to_string()), Some(key(1).id()));
        assert_eq!((KeyId::of(b""), KeyId::parse("12")), (None, None));
    }

    #[test]
    fn a_key_is_32_bytes_of_base64_and_is_never_printed() {
        let text = key(7).to_base64();

        assert_eq!(MasterKey::parse(&text).unwrap().id(), key(7).id());
        let printed = format!("{:?} {:?}", MasterKey::parse(&text).unwrap(), Sealer::new(&key(7)));
        assert_eq!(printed, format!("MasterKey(…) Sealer({})", key(7).id()));
        assert!(MasterKey::parse("AAAA").unwrap_err().contains("3 bytes"));
        assert!(MasterKey::parse("!").is_err());
    }

    #[test]
    fn several_keys_are_told_apart_and_what_editors_add_is_no_part_of_them() {
        let (a, b) = (key(1).to_base64(), key(2).to_base64());
        let ids = |text: &str| {
            let keys = MasterKey::parse_all(text).unwrap();
            keys.iter().map(MasterKey::id).collect::<Vec<_>>()
        };
        let both = [key(1).id(), key(2).id()];

        for text in [
            format!("{}\n{}\n", *a, *b),
            format!("{},{}", *a, *b),
            format!(" {} , {} ", *a, *b),
            format!("\u{feff}{}\r\n{}\r\n", *a, *b),
            format!("{}\t{} {}", *a, *b, *a),
        ] {
            assert_eq!(ids(&text), both, "{text:?}");
        }
        assert_eq!(ids(&format!("\u{feff}{}\r\n\r\n", *a)), both[..1]);
    }

    #[test]
    fn what_is_no_list_of_keys_is_refused_without_repeating_it() {
        let good = key(1).to_base64();
        let many: String = (0..9).map(|byte| format!("{}\n", *key(byte).to_base64())).collect();

        for (text, part) in [
            (String::new(), "no key"),
            (" \r\n".to_owned(), "no key"),
            (good[..20].to_owned(), "15 bytes"),
            (good[..21].to_owned(), "not base64"),
            (format!("{}\n{}", *good, &good[..20]), "key number 2"),
            (many, "9 keys"),
        ] {
            let refused = MasterKey::parse_all(&text).unwrap_err();
            assert!(refused.contains(part), "{text:?}: {refused}");
            assert!(!refused.contains(&good[..20]), "{refused}");
        }
    }
}
