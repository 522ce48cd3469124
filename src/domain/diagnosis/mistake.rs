//! What can be done wrong, each in a sentence with what to do.

/// One thing that was done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    // The secret, as it is held.
    NotASecret,
    SpaceAroundSecret,
    PrefixDropped,
    PaddingDropped,
    OldSecret,
    SignedWithOld,
    // The body, as it is held or was signed.
    LineEndAdded,
    LineEndDropped,
    WrittenAgain,
    AnotherBody,
    // How the header is written.
    AnotherFormat,
    // How the receiver's code comes to its value.
    KeyWithoutPrefix,
    KeyDecoded,
    KeyNotDecoded,
    KeyDecodedWithPrefix,
    KeyWithLineEnd,
    SignedForTheOther,
    BodyAlone,
    IdLeftOut,
    TimestampLeftOut,
    DotsLeftOut,
    PlainHash,
    UpperCase,
    Base64ForHex,
    HexForBase64,
    StartMissing,
    /// None of the above makes it agree.
    Other,
}

impl Mistake {
    pub fn sentence(self) -> &'static str {
        match self {
            Mistake::NotASecret => {
                "The secret is none: it is whsec_ followed by the base64 of 24 to 64 bytes, or 64 hexadecimal characters. Copy it whole."
            }
            Mistake::SpaceAroundSecret => {
                "There is white space around the secret, such as the line end of a file. Trim it."
            }
            Mistake::PrefixDropped => {
                "The secret lacks its whsec_. X-Webhook-Signature is keyed with the whole string as it is shown."
            }
            Mistake::PaddingDropped => {
                "The secret lacks the = at its end. It is keyed with the whole string as it is shown."
            }
            Mistake::OldSecret => "The secret is the one from before the rotation. Use the new one.",
            Mistake::SignedWithOld => {
                "It was signed with the secret from before the rotation. What is sent again is signed with the new one."
            }
            Mistake::LineEndAdded => "The body has a line end that was not sent. Take the bytes exactly as they came.",
            Mistake::LineEndDropped => {
                "The body lacks the line end that was sent. Take the bytes exactly as they came."
            }
            Mistake::WrittenAgain => {
                "The body was parsed and written again, with other spaces, escapes or order. Take the bytes as they came, before parsing them."
            }
            Mistake::AnotherBody => "It was computed over the body as it is here, which is not what was sent.",
            Mistake::AnotherFormat => {
                "The signature is written differently: it is sha256= and lower-case hexadecimal digits, or v1, and base64 in webhook-signature."
            }
            Mistake::KeyWithoutPrefix => {
                "The key is the part of the secret after whsec_, as text. Use the whole string as it is shown."
            }
            Mistake::KeyDecoded => {
                "The key is the decoded secret, which is that of webhook-signature. Here it is the whole string as it is shown, whsec_ included."
            }
            Mistake::KeyNotDecoded => {
                "The key is the secret as text. Here it is what the part after whsec_ decodes to in base64."
            }
            Mistake::KeyDecodedWithPrefix => {
                "The key is the whole secret decoded as base64, whsec_ included. Take whsec_ off before decoding."
            }
            Mistake::KeyWithLineEnd => "The key ends with a line end, such as that of a file. Trim the secret.",
            Mistake::SignedForTheOther => {
                "The signed text is id.timestamp.body, which is that of webhook-signature. Here it is the body alone."
            }
            Mistake::BodyAlone => {
                "The signed text is the body alone. Here it is webhook-id.webhook-timestamp.body, with dots."
            }
            Mistake::IdLeftOut => {
                "The signed text lacks the webhook-id. It is webhook-id.webhook-timestamp.body, with dots."
            }
            Mistake::TimestampLeftOut => {
                "The signed text lacks the webhook-timestamp. It is webhook-id.webhook-timestamp.body, with dots."
            }
            Mistake::DotsLeftOut => "The signed text lacks its dots. It is webhook-id.webhook-timestamp.body.",
            Mistake::PlainHash => "It is a plain SHA-256 and no HMAC. Use HMAC-SHA256, with the secret as the key.",
            Mistake::UpperCase => "Its digits are upper-case; the header's are lower-case.",
            Mistake::Base64ForHex => "It is written in base64; this header is written in hexadecimal digits.",
            Mistake::HexForBase64 => "It is written in hexadecimal digits; this header is written in base64.",
            Mistake::StartMissing => {
                "It lacks what the header begins with: sha256= or v1, stands before it. Add that before comparing, or take it off the header."
            }
            Mistake::Other => {
                "It was made with another secret or over another body. Was the secret rotated, or does this delivery belong to another webhook?"
            }
        }
    }
}

/// All that together explain it; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub fn one(mistake: Mistake) -> Self {
        Mistakes(vec![mistake])
    }

    /// `Ok` when there is none.
    pub fn of(mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Mistakes(mistakes))
        }
    }

    pub fn is(&self, mistake: Mistake) -> bool {
        self.0 == [mistake]
    }

    pub fn sentences(&self) -> String {
        self.0
            .iter()
            .map(|mistake| mistake.sentence())
            .collect::<Vec<_>>()
            .join(" ")
    }
}
