//! Why a signature does not verify: the mistakes that receivers make are made again, until the numbers agree.

use crate::domain::secret::Secret;
use crate::domain::signature::{body_signature, standard_signature};

/// What somebody who verifies has at hand.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// As it was copied, whatever became of it.
    pub secret: &'a str,
    pub body: &'a [u8],
    pub signature: Signature<'a>,
}

/// The header that is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature<'a> {
    /// `X-Webhook-Signature`
    Body(&'a str),
    /// `webhook-signature`, with the id and the timestamp it was made with. It may name several.
    Standard {
        id: &'a str,
        timestamp: i64,
        given: &'a str,
    },
}

/// What was done wrong, in a sentence with what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    NotASecret,
    SpaceAroundSecret,
    PrefixDropped,
    PaddingDropped,
    LineEndAdded,
    LineEndDropped,
    WrittenAgain,
    AnotherFormat,
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
            Mistake::LineEndAdded => {
                "The body has a line end that was not sent. Save and verify the bytes exactly as they came."
            }
            Mistake::LineEndDropped => {
                "The body lacks the line end that was sent. Save and verify the bytes exactly as they came."
            }
            Mistake::WrittenAgain => {
                "The body was parsed and written again, with other spaces. Verify the bytes as they came, before parsing them."
            }
            Mistake::AnotherFormat => {
                "The signature is written differently: it is sha256= and lower-case hexadecimal digits, or v1, and base64 in webhook-signature."
            }
            Mistake::Other => {
                "It was made with another secret or over another body. Was the secret rotated, or does this delivery belong to another webhook?"
            }
        }
    }
}

/// `Ok`: it verifies. Otherwise every mistake that together explain it; never none.
pub fn diagnose(claim: &Claim<'_>) -> Result<(), Vec<Mistake>> {
    let secrets = secrets(claim.secret);
    if secrets.is_empty() {
        return Err(vec![Mistake::NotASecret]);
    }
    for (secret, of_secret) in &secrets {
        for (body, of_body) in bodies(claim.body) {
            let Some(of_format) = agrees(secret, &body, claim.signature) else {
                continue;
            };
            let mistakes: Vec<Mistake> = [of_secret, &of_body, &of_format]
                .into_iter()
                .flatten()
                .copied()
                .collect();
            return if mistakes.is_empty() { Ok(()) } else { Err(mistakes) };
        }
    }
    Err(vec![Mistake::Other])
}

/// The secret as it is, and as it was before somebody damaged it.
fn secrets(held: &str) -> Vec<(Secret, Option<Mistake>)> {
    let trimmed = held.trim();
    let padded = format!(
        "{trimmed}{}",
        "=".repeat((4 - trimmed.trim_start_matches("whsec_").len() % 4) % 4)
    );
    [
        (held.to_owned(), None),
        (trimmed.to_owned(), Some(Mistake::SpaceAroundSecret)),
        (format!("whsec_{trimmed}"), Some(Mistake::PrefixDropped)),
        (padded, Some(Mistake::PaddingDropped)),
    ]
    .into_iter()
    .filter_map(|(text, mistake)| Some((Secret::parse(&text).ok()?, mistake)))
    .collect()
}

/// The body as it is, and as it may have been sent.
fn bodies(held: &[u8]) -> Vec<(Vec<u8>, Option<Mistake>)> {
    let without = held
        .strip_suffix(b"\n")
        .map(|body| body.strip_suffix(b"\r").unwrap_or(body));
    let compact = serde_json::from_slice::<serde_json::Value>(held)
        .ok()
        .and_then(|value| serde_json::to_vec(&value).ok());
    let mut bodies = vec![(held.to_vec(), None)];
    bodies.extend(without.map(|body| (body.to_vec(), Some(Mistake::LineEndAdded))));
    bodies.push(([held, b"\n"].concat(), Some(Mistake::LineEndDropped)));
    bodies.extend(compact.map(|body| (body, Some(Mistake::WrittenAgain))));
    bodies
}

/// `Some` when the signature is that of this body; with the mistake of its spelling, if there is one.
fn agrees(secret: &Secret, body: &[u8], signature: Signature<'_>) -> Option<Option<Mistake>> {
    match signature {
        Signature::Body(given) => {
            let right = body_signature(secret, body);
            if given == right {
                return Some(None);
            }
            let digits = given.trim().trim_start_matches("sha256=");
            let same = right
                .strip_prefix("sha256=")
                .is_some_and(|right| right.eq_ignore_ascii_case(digits));
            same.then_some(Some(Mistake::AnotherFormat))
        }
        Signature::Standard { id, timestamp, given } => {
            let right = standard_signature(secret, id, timestamp, body);
            if given.split(' ').any(|one| one == right) {
                return Some(None);
            }
            let bare = given.trim().trim_start_matches("v1,");
            (right.strip_prefix("v1,") == Some(bare)).then_some(Some(Mistake::AnotherFormat))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA=";
    const BODY: &[u8] = br#"{"event":"task.created","task":{"z":1,"a":"\u00e4"}}"#;

    fn found(secret: &str, body: &[u8], change: impl Fn(String) -> String) -> [Vec<Mistake>; 2] {
        let key = Secret::parse(SECRET).unwrap();
        let own = change(body_signature(&key, BODY));
        let standard = change(standard_signature(&key, "msg_1", 1_700_000_000, BODY));
        let of = |signature| {
            diagnose(&Claim {
                secret,
                body,
                signature,
            })
            .err()
            .unwrap_or_default()
        };
        [
            of(Signature::Body(&own)),
            of(Signature::Standard {
                id: "msg_1",
                timestamp: 1_700_000_000,
                given: &standard,
            }),
        ]
    }

    #[test]
    fn each_mistake_is_named() {
        use Mistake::*;
        let same = |text: String| text;
        let spaced = br#"{ "event": "task.created", "task": {"z": 1, "a": "\u00e4"} }"#;
        let plain = br#"{"event":"task.created","task":{"z":1}}"#;
        let other = format!("whsec_{}", "A".repeat(32));
        let hex = "0".repeat(64);
        let without_prefix = SECRET.trim_start_matches("whsec_");
        let line = [BODY, b"\n"].concat();
        let windows_line = [BODY, b"\r\n"].concat();

        let table: [(&str, &[u8], &[Mistake]); 9] = [
            (SECRET, BODY, &[]),
            (&format!("{SECRET}\n"), BODY, &[SpaceAroundSecret]),
            (without_prefix, BODY, &[PrefixDropped]),
            (SECRET.trim_end_matches('='), BODY, &[PaddingDropped]),
            ("whsec_", BODY, &[NotASecret]),
            (SECRET, &line, &[LineEndAdded]),
            (SECRET, &windows_line, &[LineEndAdded]),
            (&other, BODY, &[Other]),
            (&hex, BODY, &[Other]),
        ];
        for (secret, body, expected) in table {
            assert_eq!(found(secret, body, same), [expected, expected], "{secret} {body:?}");
        }
        assert_eq!(found(SECRET, plain, same)[0], [Other]);
        // What escapes is written as characters by most who write it again; only the spaces can be taken back.
        let key = Secret::parse(SECRET).unwrap();
        let compact = serde_json::to_vec(&serde_json::from_slice::<serde_json::Value>(spaced).unwrap()).unwrap();
        let claim = Claim {
            secret: SECRET,
            body: spaced,
            signature: Signature::Body(&body_signature(&key, &compact)),
        };
        assert_eq!(diagnose(&claim), Err(vec![WrittenAgain]));
        let sent_with_line = Claim {
            body: BODY,
            signature: Signature::Body(&body_signature(&key, &line)),
            ..claim
        };
        assert_eq!(diagnose(&sent_with_line), Err(vec![LineEndDropped]));
    }

    #[test]
    fn another_spelling_of_the_signature_is_told_from_a_wrong_one() {
        let bare = |text: String| text.trim_start_matches("sha256=").trim_start_matches("v1,").to_owned();
        let expected = vec![Mistake::AnotherFormat];

        assert_eq!(found(SECRET, BODY, bare), [expected.clone(), expected.clone()]);
        assert_eq!(found(SECRET, BODY, |text| text.to_uppercase())[0], [Mistake::Other]);
        let loud = |text: String| text.replace("sha256=", "").to_uppercase();
        assert_eq!(found(SECRET, BODY, loud)[0], expected);
        let two = |text: String| format!("v1,AAAA {text}");
        assert_eq!(found(SECRET, BODY, two)[1], [], "several may be named");
    }

    #[test]
    fn two_mistakes_at_once_are_both_named() {
        let line = [BODY, b"\n"].concat();

        let [own, standard] = found(&format!(" {SECRET}"), &line, |text| text);

        let expected = [Mistake::SpaceAroundSecret, Mistake::LineEndAdded];
        assert_eq!((own, standard), (expected.to_vec(), expected.to_vec()));
    }
}
