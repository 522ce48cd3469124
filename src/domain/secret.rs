//! A webhook's signing secret. One displayed string serves both signatures: as it stands, and base64-decoded after its
//! prefix. `Debug` prints nothing of it and there is no `Serialize`; only one response page and one attempt may `expose` it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";

/// `whsec_` + padded base64, or 64 hexadecimal characters brought along from TaskView.
#[derive(Clone)]
pub struct Secret {
    shown: Zeroizing<String>,
}

impl Secret {
    /// A new secret from 32 random bytes.
    pub fn from_random(random: [u8; 32]) -> Secret {
        let random = Zeroizing::new(random);
        let encoded = Zeroizing::new(STANDARD.encode(*random));
        Secret {
            shown: Zeroizing::new(format!("{PREFIX}{}", *encoded)),
        }
    }

    /// A secret that somebody brings along, or one that comes out of its seal. The error is a sentence that does not repeat it.
    pub fn parse(text: &str) -> Result<Secret, &'static str> {
        let good = match text.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map(Zeroizing::new)
                .is_ok_and(|key| (24..=64).contains(&key.len())),
            None => text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        };
        if good {
            Ok(Secret {
                shown: Zeroizing::new(text.to_owned()),
            })
        } else {
            Err("A secret is whsec_ followed by the base64 of 24 to 64 bytes, or 64 hexadecimal characters.")
        }
    }

    /// The displayed string: what the owner copies, and the key of `X-Webhook-Signature`.
    pub fn expose(&self) -> &str {
        &self.shown
    }

    /// The key of `webhook-signature`: the decoded part after `whsec_`; of a hexadecimal secret the decoding of the whole
    /// string, which is what Standard Webhooks libraries make of it.
    pub(crate) fn standard_key(&self) -> Zeroizing<Vec<u8>> {
        let encoded = self.shown.strip_prefix(PREFIX).unwrap_or(&self.shown);
        Zeroizing::new(STANDARD.decode(encoded).unwrap_or_default())
    }

    /// The last four characters, by which pages let people recognise it.
    pub fn hint(&self) -> &str {
        // ASCII by construction.
        &self.shown[self.shown.len() - 4..]
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_a_prefix_and_padded_base64() {
        let secret = Secret::from_random([0xff; 32]);

        assert_eq!(secret.expose(), "whsec_//////////////////////////////////////////8=");
        assert_eq!(secret.hint(), "//8=");
        assert_eq!(*secret.standard_key(), [0xff; 32]);
        assert!(Secret::parse(secret.expose()).is_ok());
    }

    #[test]
    fn debug_prints_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::from_random([7; 32])), "Secret(••••)");
    }

    #[test]
    fn a_secret_can_be_brought_along_in_two_spellings() {
        let hex = "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789";
        let encoded = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![1u8; bytes]));
        for good in [hex.to_owned(), encoded(24), encoded(25), encoded(32), encoded(64)] {
            assert_eq!(Secret::parse(&good).unwrap().expose(), good);
        }
        assert_eq!(Secret::parse(hex).unwrap().standard_key().len(), 48);

        for bad in [
            "",
            "whsec_",
            "short",
            &hex[..63],
            &format!("{hex}0"),
            &encoded(23),
            &encoded(65),
            &hex.replace('0', "g"),
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_==",
            encoded(25).trim_end_matches('='),
            &format!(" {}", encoded(32)),
        ] {
            assert!(Secret::parse(bad).is_err(), "{bad}");
        }
    }
}
