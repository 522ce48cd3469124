//! What a receiver repeats of the webhook's secret and of the values of its own headers is taken out of what is kept of its answer: the
//! history is read by more people than know them, and lies in the database as it is. Short values are left: they would be found
//! everywhere, and keep nothing secret.

use memchr::memmem;
use zeroize::Zeroizing;

use crate::domain::own_header::{MASK, OwnHeader};
use crate::domain::secret::Secret;

/// Bytes.
const SHORTEST: usize = 8;

/// What is not to be kept.
pub struct Redactor(Vec<Zeroizing<Vec<u8>>>);

impl Redactor {
    pub fn new(secret: &Secret, own: &[OwnHeader]) -> Redactor {
        let bare = secret.expose().trim_start_matches("whsec_");
        let mut all = Redactor(Vec::new());
        all.add(bare);
        for header in own {
            let value = header.value.as_str();
            // `Bearer …`: what follows is the secret, and may be repeated without it.
            all.add(value.split_once(' ').map_or(value, |(_, rest)| rest));
            all.add(value);
        }
        // The longest first, or a part of it would be left.
        all.0.sort_by_key(|one| std::cmp::Reverse(one.len()));
        all
    }

    fn add(&mut self, text: &str) {
        if text.len() < SHORTEST {
            return;
        }
        self.0.push(Zeroizing::new(text.as_bytes().to_vec()));
        // As some write JSON.
        if text.contains('/') {
            self.0.push(Zeroizing::new(text.replace('/', "\\/").into_bytes()));
        }
    }

    pub fn bytes(&self, mut kept: Vec<u8>) -> Vec<u8> {
        for secret in &self.0 {
            if memmem::find(&kept, secret).is_none() {
                continue;
            }
            let mut without = Vec::with_capacity(kept.len());
            let mut rest = kept.as_slice();
            while let Some(at) = memmem::find(rest, secret) {
                without.extend_from_slice(&rest[..at]);
                without.extend_from_slice(MASK.as_bytes());
                rest = &rest[at + secret.len()..];
            }
            without.extend_from_slice(rest);
            kept = without;
        }
        kept
    }

    pub fn text(&self, kept: &mut String) {
        let found = |secret: &Zeroizing<Vec<u8>>| memmem::find(kept.as_bytes(), secret).is_some();
        if self.0.iter().any(found) {
            let without = self.bytes(std::mem::take(kept).into_bytes());
            *kept = String::from_utf8_lossy(&without).into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_goes_in_every_spelling_and_short_values_stay() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL/Sw").unwrap();
        let header = |name: &str, value: &str| OwnHeader {
            name: name.to_owned(),
            value: Zeroizing::new(value.to_owned()),
        };
        let redactor = Redactor::new(&secret, &[header("a", "Bearer 0123456789"), header("t", "blue")]);

        for (answer, kept) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL/Sw!", "whsec_••••!"),
            (r#"{"s":"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL\/Sw"}"#, r#"{"s":"••••"}"#),
            ("Bearer 0123456789 0123456789", "•••• ••••"),
            ("blue", "blue"),
            ("", ""),
        ] {
            assert_eq!(redactor.bytes(answer.as_bytes().to_vec()), kept.as_bytes(), "{answer}");
            let mut text = answer.to_owned();
            redactor.text(&mut text);
            assert_eq!(text, kept);
        }
    }
}
