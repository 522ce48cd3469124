//! One-use tokens of forms whose answer shows a secret. Issuing one writes nothing: it is a signed note of who may do what,
//! and when the form was shown. That it is used once is the database's part (`db::form_tokens`).

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::domain::ids::{SessionId, UserId};
use crate::domain::moment::Moment;

/// A form that stood open for longer is shown again.
pub const GOOD_FOR: Duration = Duration::from_secs(3_600);

const NONCE: usize = 16;
const MAC: usize = 32;
const LENGTH: usize = 8 + NONCE + MAC;

/// What a token is bound to. `action` names the thing too: `rotate webhook 7`.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    pub session: SessionId,
    pub user: UserId,
    pub action: &'a str,
}

/// A token that was issued for exactly this and is not too old. The hash is what the database keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    pub hash: [u8; 32],
}

/// Hexadecimal: instant, nonce, MAC.
pub fn issue(key: &[u8; 32], bound: Bound<'_>, nonce: [u8; NONCE], now: Moment) -> String {
    let head = [&now.0.to_be_bytes()[..], &nonce].concat();
    let mac = mac(key, bound, &head).finalize().into_bytes();
    hex::encode([&head[..], &mac[..]].concat())
}

/// `None` for a token that is foreign, changed or too old: all that helps is to show the form again.
pub fn check(key: &[u8; 32], bound: Bound<'_>, token: &str, now: Moment) -> Option<Checked> {
    let bytes = hex::decode(token).ok().filter(|bytes| bytes.len() == LENGTH)?;
    let (head, tag) = bytes.split_at(LENGTH - MAC);
    mac(key, bound, head).verify_slice(tag).ok()?;
    let issued = Moment(i64::from_be_bytes(head[..8].try_into().ok()?));
    (now.since(issued) <= GOOD_FOR).then(|| Checked {
        hash: Sha256::digest(&bytes).into(),
    })
}

fn mac(key: &[u8; 32], bound: Bound<'_>, head: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(head);
    mac.update(&bound.session.0.to_be_bytes());
    mac.update(&bound.user.0.to_be_bytes());
    mac.update(bound.action.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Moment = Moment(1_774_180_800_000_000);
    const BOUND: Bound<'_> = Bound {
        session: SessionId(1),
        user: UserId(2),
        action: "rotate webhook 3",
    };

    #[test]
    fn a_token_is_good_for_its_session_account_and_action_for_an_hour() {
        let token = issue(&KEY, BOUND, [9; 16], NOW);

        assert!(check(&KEY, BOUND, &token, NOW + GOOD_FOR).is_some());
        assert_eq!(
            check(&KEY, BOUND, &token, NOW + GOOD_FOR + Duration::from_secs(1)),
            None
        );
        assert_eq!(
            check(
                &KEY,
                Bound {
                    session: SessionId(9),
                    ..BOUND
                },
                &token,
                NOW
            ),
            None
        );
        assert_eq!(
            check(
                &KEY,
                Bound {
                    user: UserId(9),
                    ..BOUND
                },
                &token,
                NOW
            ),
            None
        );
        assert_eq!(
            check(
                &KEY,
                Bound {
                    action: "rotate webhook 4",
                    ..BOUND
                },
                &token,
                NOW
            ),
            None
        );
        assert_eq!(check(&[8; 32], BOUND, &token, NOW), None);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = issue(&KEY, BOUND, [9; 16], NOW);

        for bad in [
            "",
            "zz",
            &token[2..],
            &token.replacen(&token[..1], "f", 1),
            &format!("{token}00"),
        ] {
            assert_eq!(check(&KEY, BOUND, bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn two_tokens_of_one_form_differ_and_so_do_their_hashes() {
        let hash = |nonce| check(&KEY, BOUND, &issue(&KEY, BOUND, nonce, NOW), NOW).unwrap().hash;

        assert_ne!(hash([1; 16]), hash([2; 16]));
    }
}
