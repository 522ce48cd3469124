//! Why a signature does not verify: the mistakes that receivers make are made again, until the numbers agree. Two questions are asked of
//! each header. Is the signature that came right for the body and the secret at hand? And if the receiver says what it
//! computed itself: how does one come to that number?

mod bodies;
mod computed;
mod headers;
mod mistake;
mod received;
#[cfg(test)]
mod tests;

pub use self::bodies::{Difference, difference};
pub use self::headers::Headers;
pub use self::mistake::{Mistake, Mistakes};

use self::computed::Key;
use crate::domain::secret::Secret;

/// What somebody who verifies has at hand.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// As it was copied, whatever became of it.
    pub secret: &'a str,
    /// One that was in use before.
    pub old_secret: Option<&'a str>,
    pub body: &'a [u8],
    pub headers: &'a Headers,
    /// What the receiver's own code came to.
    pub computed: Option<&'a str>,
}

/// The two headers that carry a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    Own,
    Standard,
}

impl Header {
    pub fn name(self) -> &'static str {
        match self {
            Header::Own => "X-Webhook-Signature",
            Header::Standard => "webhook-signature",
        }
    }
}

/// What was found out.
#[derive(Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Of each signature that came.
    pub received: Vec<(Header, Result<(), Mistakes>)>,
    pub computed: Option<Computed>,
}

/// How somebody comes to what was computed.
#[derive(Debug, PartialEq, Eq)]
pub enum Computed {
    /// It is the value of this header.
    Right(Header),
    Wrong(Header, Mistakes),
    /// It is not a code of 32 bytes at all.
    NoCode(&'static str),
    /// No mistake that is known leads there.
    Unknown,
}

impl Computed {
    /// For somebody who wants to know what to do.
    pub fn sentence(&self) -> String {
        match self {
            Computed::Right(header) => format!(
                "This is the right value of {}. Compare it with the whole header, in constant time.",
                header.name()
            ),
            Computed::Wrong(header, mistakes) => {
                format!("It is meant for {}. {}", header.name(), mistakes.sentences())
            }
            Computed::NoCode(sentence) => (*sentence).to_owned(),
            Computed::Unknown => "No mistake that is known leads to this value. Was it computed with the secret of this webhook, and over the body of this delivery?".to_owned(),
        }
    }
}

pub fn diagnose(claim: &Claim<'_>) -> Diagnosis {
    let mut received = Vec::new();
    let mut agreed = None;
    for header in [Header::Own, Header::Standard] {
        let Some(found) = received::check(claim, header) else {
            continue;
        };
        received.push((
            header,
            match found {
                Ok(found) => {
                    let mistakes = found.mistakes.clone();
                    agreed.get_or_insert(found);
                    Mistakes::of(mistakes)
                }
                Err(mistake) => Err(Mistakes::one(mistake)),
            },
        ));
    }
    let computed = claim.computed.map(str::trim).filter(|text| !text.is_empty());
    Diagnosis {
        computed: computed.map(|text| {
            // The secret and the body as they were when the signature was made, as far as that is known.
            let (secret, sent) = match agreed {
                Some(agreed) => (Some(agreed.secret), agreed.body),
                None => (received::best_secret(claim), claim.body.to_vec()),
            };
            secret.map_or(Computed::Unknown, |secret| explain(claim, text, &secret, &sent))
        }),
        received,
    }
}

fn explain(claim: &Claim<'_>, text: &str, secret: &Secret, sent: &[u8]) -> Computed {
    let shown = match computed::Code::read(text) {
        Ok(shown) => shown,
        Err(sentence) => return Computed::NoCode(sentence),
    };
    let mut secrets = vec![(secret.clone(), None)];
    let old = claim.old_secret.and_then(|old| Secret::parse(old.trim()).ok());
    let held = received::best_secret(claim);
    let others = [(old, Mistake::OldSecret), (held, Mistake::SignedWithOld)];
    for (other, mistake) in others {
        let other = other.filter(|other| other.expose() != secret.expose());
        secrets.extend(other.map(|other| (other, Some(mistake))));
    }
    let keys: Vec<Key> = secrets
        .iter()
        .flat_map(|(secret, old)| computed::keys(secret, *old))
        .collect();
    let mut bodies = vec![(sent.to_vec(), None)];
    if claim.body != sent {
        bodies.push((claim.body.to_vec(), Some(Mistake::AnotherBody)));
    }
    bodies.extend(
        bodies::damaged(sent)
            .into_iter()
            .map(|(body, mistake)| (body, Some(mistake))),
    );
    let found = [Header::Own, Header::Standard]
        .into_iter()
        .filter_map(|header| {
            Some((
                header,
                computed::explain(&shown, header, &keys, &bodies, claim.headers)?,
            ))
        })
        // The simplest explanation.
        .min_by_key(|(_, mistakes)| mistakes.len());
    match found.map(|(header, mistakes)| (header, Mistakes::of(mistakes))) {
        Some((header, Ok(()))) => Computed::Right(header),
        Some((header, Err(mistakes))) => Computed::Wrong(header, mistakes),
        None => Computed::Unknown,
    }
}
