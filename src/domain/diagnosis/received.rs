//! Whether a signature that came belongs to the secret and the body at hand, and if not, what became of these.

use super::{Claim, Header, Mistake, bodies};
use crate::domain::secret::Secret;
use crate::domain::signature::{body_signature, standard_signature};

/// What the signature was made with, and what is wrong with what is at hand.
pub(super) struct Agreed {
    pub secret: Secret,
    pub body: Vec<u8>,
    pub mistakes: Vec<Mistake>,
}

/// `None` when this header did not come, or not all that it is checked with.
pub(super) fn check(claim: &Claim<'_>, header: Header) -> Option<Result<Agreed, Mistake>> {
    let headers = claim.headers;
    let given = match header {
        Header::Own => headers.own.as_deref()?,
        Header::Standard => {
            headers.id.as_ref().zip(headers.timestamp)?;
            headers.standard.as_deref()?
        }
    };
    let secrets = secrets(claim);
    if secrets.is_empty() {
        return Some(Err(Mistake::NotASecret));
    }
    let mut bodies = vec![(claim.body.to_vec(), None)];
    bodies.extend(
        bodies::repaired(claim.body)
            .into_iter()
            .map(|(body, mistake)| (body, Some(mistake))),
    );
    for (secret, of_secret) in &secrets {
        for (body, of_body) in &bodies {
            let right = match header {
                Header::Own => body_signature(secret, body),
                Header::Standard => {
                    let (id, timestamp) = (headers.id.as_deref()?, headers.timestamp?);
                    standard_signature(secret, id, timestamp, body)
                }
            };
            if let Some(of_format) = spelled(header, given, &right) {
                return Some(Ok(Agreed {
                    secret: secret.clone(),
                    body: body.clone(),
                    mistakes: [*of_secret, *of_body, of_format].into_iter().flatten().collect(),
                }));
            }
        }
    }
    Some(Err(Mistake::Other))
}

/// `Some` when it is this signature, with the mistake of its spelling if there is one.
fn spelled(header: Header, given: &str, right: &str) -> Option<Option<Mistake>> {
    let given = given.trim_matches(|c: char| c.is_ascii_whitespace());
    let exact = match header {
        Header::Own => given == right,
        // Several may be named, with spaces in between.
        Header::Standard => given.split(' ').any(|one| one == right),
    };
    if exact {
        return Some(None);
    }
    let same = match header {
        Header::Own => right
            .trim_start_matches("sha256=")
            .eq_ignore_ascii_case(given.trim_start_matches("sha256=")),
        Header::Standard => right.trim_start_matches("v1,") == given.trim_start_matches("v1,"),
    };
    same.then_some(Some(Mistake::AnotherFormat))
}

/// The secret as it is or can be repaired.
pub(super) fn best_secret(claim: &Claim<'_>) -> Option<Secret> {
    secrets(claim).into_iter().next().map(|(secret, _)| secret)
}

/// The secret as it is, as it was before somebody damaged it, and the one from before a rotation.
fn secrets(claim: &Claim<'_>) -> Vec<(Secret, Option<Mistake>)> {
    let held = claim.secret;
    let trimmed = held.trim();
    let padded = format!(
        "{trimmed}{}",
        "=".repeat((4 - trimmed.trim_start_matches("whsec_").len() % 4) % 4)
    );
    let mut spellings = vec![
        (held.to_owned(), None),
        (trimmed.to_owned(), Some(Mistake::SpaceAroundSecret)),
        (format!("whsec_{trimmed}"), Some(Mistake::PrefixDropped)),
        (padded, Some(Mistake::PaddingDropped)),
    ];
    // The other way round: who holds the old secret has made the mistake.
    let old = claim.old_secret.map(|old| old.trim().to_owned());
    spellings.extend(old.map(|old| (old, Some(Mistake::SignedWithOld))));
    spellings
        .into_iter()
        .filter_map(|(text, mistake)| Some((Secret::parse(&text).ok()?, mistake)))
        .collect()
}
