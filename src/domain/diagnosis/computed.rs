//! How a receiver's code comes to the value that it computed: with which key, over which text, in which spelling.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Header, Headers, Mistake};
use crate::domain::secret::Secret;
use crate::domain::signature::hmac;

/// A value of 32 bytes, and how it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    bytes: [u8; 32],
    base64: bool,
    upper_case: bool,
    /// As the header writes it: base64 of the standard alphabet with its padding.
    standard_base64: bool,
    /// `sha256=` or `v1,` stands before it.
    started: Option<Header>,
}

impl Code {
    /// The error is a sentence.
    pub fn read(text: &str) -> Result<Code, &'static str> {
        let (started, digits) = if let Some(rest) = text.strip_prefix("sha256=") {
            (Some(Header::Own), rest)
        } else if let Some(rest) = text.strip_prefix("v1,") {
            (Some(Header::Standard), rest)
        } else {
            (None, text)
        };
        let hexadecimal = digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let decoded = if hexadecimal {
            hex::decode(digits).ok()
        } else {
            let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            let alike = digits.replace('-', "+").replace('_', "/");
            GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(alike).ok()
        };
        let decoded = decoded.ok_or("It is neither hexadecimal digits nor base64.")?;
        match <[u8; 32]>::try_from(decoded.as_slice()) {
            Ok(bytes) => Ok(Code {
                bytes,
                base64: !hexadecimal,
                upper_case: hexadecimal && digits.bytes().any(|byte| byte.is_ascii_uppercase()),
                standard_base64: STANDARD.encode(bytes) == digits,
                started,
            }),
            Err(_) => Err(match decoded.len() {
                16 | 20 | 48 | 64 => {
                    "It has the length of another hash (MD5, SHA-1, SHA-384 or SHA-512). Use HMAC-SHA256, which has 32 bytes."
                }
                _ => "It has not the 32 bytes of an HMAC-SHA256. Copy it whole.",
            }),
        }
    }

    fn spelling(&self, header: Header) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        match header {
            Header::Own if self.base64 => mistakes.push(Mistake::Base64ForHex),
            Header::Own if self.upper_case => mistakes.push(Mistake::UpperCase),
            Header::Standard if !self.base64 => mistakes.push(Mistake::HexForBase64),
            Header::Standard if !self.standard_base64 => mistakes.push(Mistake::AnotherFormat),
            _ => {}
        }
        if self.started != Some(header) {
            mistakes.push(Mistake::StartMissing);
        }
        mistakes
    }
}

/// A key that somebody may use, and what is wrong with it for each header.
pub(super) struct Key {
    bytes: Zeroizing<Vec<u8>>,
    own: Vec<Mistake>,
    standard: Vec<Mistake>,
}

/// What receivers make of a secret.
pub(super) fn keys(secret: &Secret, old: Option<Mistake>) -> Vec<Key> {
    use Mistake::{KeyDecoded, KeyDecodedWithPrefix, KeyNotDecoded, KeyWithLineEnd, KeyWithoutPrefix};
    let shown = secret.expose();
    let bare = shown.trim_start_matches("whsec_");
    // As Node.js decodes it, which takes both alphabets and passes over what does not fit.
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let mut alike = shown.trim_end_matches('=').replace('_', "/");
    if alike.len() % 4 == 1 {
        alike.pop();
    }
    let with_prefix = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(alike);
    let key = |bytes: Vec<u8>, own: Option<Mistake>, standard: Option<Mistake>| Key {
        bytes: Zeroizing::new(bytes),
        own: [old, own].into_iter().flatten().collect(),
        standard: [old, standard].into_iter().flatten().collect(),
    };
    let mut keys = vec![
        key(shown.as_bytes().to_vec(), None, Some(KeyNotDecoded)),
        key(secret.standard_key().to_vec(), Some(KeyDecoded), None),
    ];
    if bare != shown {
        let text = bare.as_bytes().to_vec();
        keys.push(key(text, Some(KeyWithoutPrefix), Some(KeyNotDecoded)));
        keys.extend(
            with_prefix
                .ok()
                .map(|bytes| key(bytes, Some(KeyDecodedWithPrefix), Some(KeyDecodedWithPrefix))),
        );
    }
    for end in ["\n", "\r\n"] {
        let bytes = [shown, end].concat().into_bytes();
        keys.push(key(bytes, Some(KeyWithLineEnd), Some(KeyWithLineEnd)));
    }
    keys
}

/// The fewest mistakes that lead to the code; `None` when no two of them do.
pub(super) fn explain(
    code: &Code,
    header: Header,
    keys: &[Key],
    bodies: &[(Vec<u8>, Option<Mistake>)],
    headers: &Headers,
) -> Option<Vec<Mistake>> {
    let mut best: Option<Vec<Mistake>> = None;
    for (body, of_body) in bodies {
        for (text, of_text) in texts(header, body, headers) {
            for key in keys {
                let of_key = match header {
                    Header::Own => &key.own,
                    Header::Standard => &key.standard,
                };
                let mistakes: Vec<Mistake> = of_key.iter().copied().chain(of_text).chain(*of_body).collect();
                // More than two at once nobody finds out of by being told.
                if mistakes.len() > 2 || best.as_ref().is_some_and(|best| best.len() <= mistakes.len()) {
                    continue;
                }
                let parts: Vec<&[u8]> = text.iter().map(AsRef::as_ref).collect();
                if hmac(&key.bytes, &parts) == code.bytes {
                    best = Some(mistakes);
                }
            }
        }
        if best.is_none() && is_plain_hash(code, keys, body) {
            best = Some(vec![Mistake::PlainHash]);
        }
    }
    best.map(|mut mistakes| {
        mistakes.extend(code.spelling(header));
        mistakes
    })
}

type Text<'a> = Vec<std::borrow::Cow<'a, [u8]>>;

/// What may be signed, in parts.
fn texts<'a>(header: Header, body: &'a [u8], headers: &Headers) -> Vec<(Text<'a>, Option<Mistake>)> {
    use std::borrow::Cow;
    let with = |head: String| vec![Cow::Owned(head.into_bytes()), Cow::Borrowed(body)];
    let alone = vec![Cow::Borrowed(body)];
    let mut texts = match header {
        Header::Own => vec![(alone, None)],
        Header::Standard => vec![(alone, Some(Mistake::BodyAlone))],
    };
    let (Some(id), Some(time)) = (&headers.id, headers.timestamp) else {
        // Without them nobody can tell what is right for this header.
        return if header == Header::Own { texts } else { Vec::new() };
    };
    match header {
        Header::Own => texts.push((with(format!("{id}.{time}.")), Some(Mistake::SignedForTheOther))),
        Header::Standard => texts.extend([
            (with(format!("{id}.{time}.")), None),
            (with(format!("{time}.")), Some(Mistake::IdLeftOut)),
            (with(format!("{id}.")), Some(Mistake::TimestampLeftOut)),
            (with(format!("{id}{time}")), Some(Mistake::DotsLeftOut)),
        ]),
    }
    texts
}

fn is_plain_hash(code: &Code, keys: &[Key], body: &[u8]) -> bool {
    let hash =
        |parts: [&[u8]; 2]| <[u8; 32]>::from(Sha256::new().chain_update(parts[0]).chain_update(parts[1]).finalize());
    hash([body, b""]) == code.bytes
        || keys
            .iter()
            .any(|key| hash([&key.bytes, body]) == code.bytes || hash([body, &key.bytes]) == code.bytes)
}
