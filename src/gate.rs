//! What stands between a stranger and an account: password hashes, the count of failed tries, and the set-up code of a server
//! that has no account yet. It knows no database and no request; time is an argument.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::domain::moment::Moment;
use crate::error::AppError;

/// Computations of Argon2 at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Failed tries are forgotten after this.
const WINDOW: Duration = Duration::from_secs(15 * 60);
const FAILURES_PER_ACCOUNT: usize = 10;
const FAILURES_PER_ADDRESS: usize = 100;
/// An account that strangers try from many addresses gets one try each so often, from wherever.
const FAILURES_FROM_ANYWHERE: usize = 100;
const SLOWED: Duration = Duration::from_secs(2);
/// Tries of the set-up code in a minute.
const CODE_TRIES: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");

pub struct Gate {
    permits: Arc<Semaphore>,
    failures: Mutex<HashMap<Tries, VecDeque<Moment>>>,
    setup_code: Zeroizing<String>,
    code_tries: DefaultDirectRateLimiter,
}

/// A try that was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// If it fails, the account has no more from this address for a while. Said of an account once in that while, however many
    /// addresses it is tried from.
    pub is_last: bool,
}

/// What failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Tries {
    Account(String, Option<IpAddr>),
    Address(Option<IpAddr>),
    Anywhere(String),
    /// Not counted: when it was said that an account had its last try from an address.
    Said(String),
}

impl Default for Gate {
    fn default() -> Self {
        Gate {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            failures: Mutex::default(),
            setup_code: Zeroizing::new(hex::encode(rand::random::<[u8; 16]>())),
            code_tries: RateLimiter::direct(Quota::per_minute(CODE_TRIES)),
        }
    }
}

impl Gate {
    /// The Argon2id hash of a password, in PHC form.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, AppError> {
        self.compute(move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| AppError::Internal(error.to_string()))
        })
        .await?
    }

    /// Whether the password belongs to the hash. Without one (there is no such account) it takes the same time and is no.
    pub async fn matches(&self, password: Zeroizing<String>, hash: Option<String>) -> Result<bool, AppError> {
        self.compute(move || {
            let Some(hash) = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok()) else {
                let _ = Argon2::default().hash_password(password.as_bytes());
                return false;
            };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        })
        .await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
        let closed = |error: &dyn std::fmt::Display| AppError::Internal(error.to_string());
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|error| closed(&error))?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .map_err(|error| closed(&error))
    }

    /// Refuses a try when too many have failed: 10 for this account from this address, 100 from this address, in 15 minutes.
    /// 100 for this account from anywhere only slow it down, or a stranger could lock somebody out. A try counts as failed
    /// until [`Gate::succeeded`] takes it back: of many at once, no more than these reach a password.
    pub fn admit(&self, login: &str, address: Option<IpAddr>, now: Moment) -> Result<Admitted, AppError> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever makes up logins must not fill the memory: what is forgotten anyway is swept when there is much of it.
        if failures.len() > 10_000 {
            failures.retain(|_, times| times.back().is_some_and(|at| now.since(*at) < WINDOW));
        }
        for (tries, most) in limits(login, address) {
            let Some(times) = failures.get_mut(&tries) else {
                continue;
            };
            times.retain(|at| now.since(*at) < WINDOW);
            if times.len() < most {
                continue;
            }
            let free_at = match (&tries, times.front(), times.back()) {
                (Tries::Anywhere(_), _, Some(last)) => *last + SLOWED,
                (_, Some(first), _) => *first + WINDOW,
                _ => now,
            };
            if free_at > now {
                return Err(too_many(free_at.since(now)));
            }
        }
        for (tries, _) in limits(login, address) {
            failures.entry(tries).or_default().push_back(now);
        }
        let from_here = failures.get(&Tries::Account(login.to_owned(), address));
        let mut is_last = from_here.is_some_and(|times| times.len() == FAILURES_PER_ACCOUNT);
        if is_last {
            let said = failures.entry(Tries::Said(login.to_owned())).or_default();
            is_last = said.back().is_none_or(|at| now.since(*at) >= WINDOW);
            if is_last {
                *said = VecDeque::from([now]);
            }
        }
        Ok(Admitted { is_last })
    }

    /// The try that was admitted was no failure.
    pub fn succeeded(&self, login: &str, address: Option<IpAddr>) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (tries, _) in limits(login, address) {
            if let Some(times) = failures.get_mut(&tries) {
                times.pop_back();
                if times.is_empty() {
                    failures.remove(&tries);
                }
            }
        }
    }

    /// How many more tries this account has from this address.
    pub fn left(&self, login: &str, address: Option<IpAddr>) -> usize {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = Tries::Account(login.to_owned(), address);
        FAILURES_PER_ACCOUNT.saturating_sub(failures.get(&tries).map_or(0, VecDeque::len))
    }

    /// What the log shows when the first account needs a code.
    pub fn setup_code(&self) -> &str {
        &self.setup_code
    }

    /// Checks the code in constant time; five tries a minute, from everywhere together.
    pub fn check_setup_code(&self, given: &str) -> Result<(), AppError> {
        if self.code_tries.check().is_err() {
            return Err(AppError::TooMany {
                message: "Too many tries of the set-up code. Wait a minute, then try again.".into(),
                retry_after: Duration::from_secs(60),
            });
        }
        let given = given.trim().to_ascii_lowercase();
        if bool::from(given.as_bytes().ct_eq(self.setup_code.as_bytes())) {
            Ok(())
        } else {
            Err(AppError::invalid(
                "code",
                "This is not the set-up code. The server printed it in its log when it started.",
            ))
        }
    }
}

fn limits(login: &str, address: Option<IpAddr>) -> [(Tries, usize); 3] {
    [
        (Tries::Account(login.to_owned(), address), FAILURES_PER_ACCOUNT),
        (Tries::Address(address), FAILURES_PER_ADDRESS),
        (Tries::Anywhere(login.to_owned()), FAILURES_FROM_ANYWHERE),
    ]
}

fn too_many(wait: Duration) -> AppError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let words = if seconds <= 90 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds.div_ceil(60))
    };
    AppError::TooMany {
        message: format!("Too many failed tries to sign in. Try again in {words}."),
        retry_after: Duration::from_secs(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000_000_000);
    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let gate = Gate::default();

        let hash = gate.hash(secret("correct horse")).await.unwrap();

        assert!(hash.starts_with("$argon2id$"));
        assert!(gate.matches(secret("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!gate.matches(secret("battery staple"), Some(hash)).await.unwrap());
        assert!(!gate.matches(secret("correct horse"), None).await.unwrap());
    }

    #[test]
    fn ten_failures_lock_the_account_for_this_address_until_the_first_is_forgotten() {
        let gate = Gate::default();
        for left in (0..10).rev() {
            let admitted = gate.admit("ada", HERE, NOW).unwrap();
            assert_eq!(gate.left("ada", HERE), left);
            assert_eq!(admitted.is_last, left == 0);
        }

        assert!(matches!(gate.admit("ada", HERE, NOW), Err(AppError::TooMany { .. })));
        gate.admit("bob", HERE, NOW).unwrap();
        gate.admit("ada", None, NOW).unwrap();
        gate.admit("ada", HERE, NOW + WINDOW).unwrap();
    }

    #[test]
    fn the_last_try_of_an_account_is_told_once_in_a_while_from_however_many_addresses() {
        let gate = Gate::default();
        let mut told = 0;
        for (minute, number) in (0..30).zip(0..30u8) {
            let address = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, number)));
            let now = NOW + Duration::from_secs(60 * minute);
            let tries = (0..10).filter_map(|_| gate.admit("ada", address, now).ok());
            told += tries.filter(|admitted| admitted.is_last).count();
        }

        assert_eq!(told, 2);
    }

    #[test]
    fn a_hundred_failures_lock_the_address_for_all_accounts() {
        let gate = Gate::default();
        for number in 0..100 {
            gate.admit(&format!("user {number}"), HERE, NOW).unwrap();
        }

        assert!(gate.admit("somebody else", HERE, NOW).is_err());
        assert!(gate.admit("somebody else", None, NOW).is_ok());
    }

    #[test]
    fn only_failures_count() {
        let gate = Gate::default();
        for _ in 0..50 {
            gate.admit("ada", HERE, NOW).unwrap();
            gate.succeeded("ada", HERE);
        }

        assert_eq!(gate.left("ada", HERE), 10);
    }

    #[test]
    fn failures_from_many_addresses_slow_an_account_and_do_not_lock_it() {
        let gate = Gate::default();
        for number in 0..100u8 {
            let address = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, number)));
            gate.admit("ada", address, NOW).unwrap();
        }

        assert!(gate.admit("ada", HERE, NOW + Duration::from_secs(1)).is_err());
        gate.admit("ada", HERE, NOW + SLOWED).unwrap();
        assert!(gate.admit("ada", HERE, NOW + SLOWED + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn the_code_is_right_or_wrong_and_guessing_ends_after_five_tries() {
        let gate = Gate::default();
        let code = gate.setup_code().to_uppercase();

        gate.check_setup_code(&format!(" {code} ")).unwrap();
        for _ in 0..4 {
            assert!(matches!(gate.check_setup_code("0"), Err(AppError::Invalid(_))));
        }
        assert!(matches!(gate.check_setup_code(&code), Err(AppError::TooMany { .. })));
    }
}
