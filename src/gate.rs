//! What stands between a stranger and an account: password hashes, and the set-up code of a server that has no account yet. Failed
//! tries are counted in `tries`. It knows no database and no request; time is an argument.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::tries::{Tries, Whose};

/// Computations of Argon2 at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Others that may wait for one. More would wait for longer than they stay.
const WAITING: usize = 64;
/// Nobody waits for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// When who was not let in may try again.
const AGAIN: Duration = Duration::from_secs(2);
/// Tries of the set-up code in a minute.
const CODE_TRIES: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");

pub struct Gate {
    /// Who computes.
    permits: Arc<Semaphore>,
    /// Who computes or waits.
    places: Arc<Semaphore>,
    patience: Duration,
    tries: Tries,
    setup_code: Zeroizing<String>,
    code_tries: DefaultDirectRateLimiter,
}

impl Default for Gate {
    fn default() -> Self {
        Gate {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            patience: PATIENCE,
            tries: Tries::default(),
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

    /// A few at a time, and a few more in line: a flood of sign-ins is told to come back, and whoever comes in between still gets
    /// through.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
        let closed = |error: &dyn std::fmt::Display| AppError::Internal(error.to_string());
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(crowded());
        };
        let permit = timeout(self.patience, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| crowded())?
            .map_err(|error| closed(&error))?;
        // Whoever asked may go away meanwhile; what has begun is computed to its end, and counts until then.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, place));
            done
        })
        .await
        .map_err(|error| closed(&error))
    }

    /// Refuses a try when too many have failed: see [`Tries::admit`].
    pub fn admit(&self, whose: Whose, address: Option<IpAddr>, now: Moment) -> Result<(), AppError> {
        self.tries.admit(whose, address, now).map_err(too_many)
    }

    pub fn tries(&self) -> &Tries {
        &self.tries
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

fn crowded() -> AppError {
    AppError::TooMany {
        message: "Many passwords are being checked at this moment, so this one was not. Try again in a few seconds."
            .into(),
        retry_after: AGAIN,
    }
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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

    #[tokio::test]
    async fn a_flood_of_passwords_waits_in_a_line_that_ends() {
        let gate = Gate::default();
        let busy = Arc::clone(&gate.permits).acquire_many_owned(2).await.unwrap();

        let mut waiting: Vec<_> = (0..WAITING + AT_ONCE).map(|_| Box::pin(gate.compute(|| ()))).collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        let refused = gate.compute(|| ()).await;
        // Who goes away leaves a place.
        waiting.pop();
        let mut next = Box::pin(gate.compute(|| ()));
        let waits = futures_util::poll!(&mut next).is_pending();
        drop(busy);
        let served = futures_util::future::join_all(waiting).await;

        assert!(matches!(refused, Err(AppError::TooMany { .. })));
        assert!(waits);
        assert!(next.await.is_ok() && served.iter().all(Result::is_ok));
        assert_eq!(gate.places.available_permits(), WAITING + AT_ONCE);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_check_for_ever() {
        let gate = Gate {
            patience: Duration::ZERO,
            ..Gate::default()
        };
        let _busy = Arc::clone(&gate.permits).acquire_many_owned(2).await.unwrap();

        let refused = gate.compute(|| ()).await;

        assert!(matches!(refused, Err(AppError::TooMany { .. })));
        assert_eq!(gate.places.available_permits(), WAITING + AT_ONCE);
    }

    #[tokio::test]
    async fn no_more_than_two_are_computed_at_once() {
        let gate = Gate::default();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));

        let all = (0..20).map(|_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            gate.compute(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            })
        });
        futures_util::future::join_all(all).await;

        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
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
