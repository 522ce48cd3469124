//! `verify` and the page that checks a signature. Lines: the secret as it is held, webhook-id, webhook-timestamp, the two signatures, what
//! the receiver computed; the rest is the body. `{o}` and `{s}` stand for the signatures that are right, so that an input can come
//! close to them. Right is what HMAC-SHA256, written out here after RFC 2104, says.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::first_line;
use crate::domain::diagnosis::{Claim, Computed, Header, Headers, diagnose};
use crate::domain::secret::Secret;

/// Longer than any header.
const LONGEST: usize = 4 * 1024;

pub fn check(input: &[u8]) {
    let mut rest = input;
    let mut line = || {
        let (line, more) = first_line(rest);
        rest = more;
        std::str::from_utf8(line).ok().filter(|line| line.len() <= LONGEST)
    };
    let lines = (line(), line(), line(), line(), line(), line());
    let (Some(held), Some(id), Some(timestamp), Some(own), Some(standard), Some(computed)) = lines else {
        return;
    };
    let body = rest;
    let timestamp = timestamp.parse::<i64>().unwrap_or(0);
    let right = Right::of(held, id, timestamp, body);
    let headers = Headers {
        own: Some(right.fill(own)),
        standard: Some(right.fill(standard)),
        id: Some(id.to_owned()),
        timestamp: Some(timestamp),
    };
    let computed = right.fill(computed);
    let found = diagnose(&Claim {
        secret: held,
        old_secret: None,
        body,
        headers: &headers,
        computed: Some(&computed),
    });

    let good = Secret::parse(held).is_ok();
    for (header, result) in &found.received {
        let plain = good
            && match header {
                Header::Own => right.accepts_own(headers.own.as_deref().unwrap_or_default()),
                Header::Standard => right.accepts_standard(headers.standard.as_deref().unwrap_or_default()),
            };
        assert_eq!(result.is_ok(), plain, "{header:?}: {headers:?}");
        if let Err(mistakes) = result {
            assert!(!mistakes.sentences().is_empty());
            assert!(held.len() < 24 || !mistakes.sentences().contains(held));
        }
    }
    assert_eq!(found.received.len(), 2);
    if let Some(Computed::Right(header)) = found.computed {
        let value = match header {
            Header::Own => &right.own,
            Header::Standard => &right.standard,
        };
        let repaired = found.received.iter().any(|(_, result)| result.is_err());
        assert!(repaired || computed.trim() == value, "{computed:?} is not {value}");
    }

    as_noted_down(&headers);
}

/// Header lines that are written plainly are read as they are.
fn as_noted_down(headers: &Headers) {
    let plain = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=".contains(&byte));
    let (own, id) = (headers.own.as_deref().unwrap_or_default(), headers.id.as_deref().unwrap_or_default());
    let time = headers.timestamp.unwrap_or_default();
    if !plain(own) || !plain(id) {
        return;
    }
    let noted = format!("x-webhook-signature: {own}\r\nwebhook-id: {id}\nWebhook-Timestamp: {time}\n");
    let read = Headers::read(&noted).expect("a number of seconds");
    assert_eq!((read.own.as_deref(), read.id.as_deref()), (Some(own), Some(id)));
    assert_eq!((read.timestamp, read.standard), (Some(time), None));
}

struct Right {
    own: String,
    standard: String,
}

impl Right {
    fn of(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Right {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).unwrap_or_default();
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        Right {
            own: format!("sha256={}", hex::encode(hmac(secret.as_bytes(), body))),
            standard: format!("v1,{}", BASE64_STANDARD.encode(hmac(&key, &signed))),
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{o}", &self.own).replace("{s}", &self.standard)
    }

    /// As the documentation's receiver does it; HTTP takes off what stands around a value, and a file has a line end.
    fn accepts_own(&self, value: &str) -> bool {
        value.trim_matches(blank) == self.own
    }

    /// As the libraries of Standard Webhooks do it: any of several.
    fn accepts_standard(&self, value: &str) -> bool {
        value.trim_matches(blank).split(' ').any(|one| one == self.standard)
    }
}

fn blank(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// RFC 2104 with SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |byte: u8| block.map(|key| key ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}
