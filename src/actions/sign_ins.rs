//! Showing a password: at the door, and again before what opens doors or cannot be undone. Every check of one goes through here, so
//! that all wrong ones count for the same account, and none is told apart in words or in time. Sessions are made elsewhere, by who
//! holds the proof.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::actions::access::Actor;
use crate::actions::accounts::MAX_PASSWORD;
use crate::actions::audit;
use crate::context::Context;
use crate::db::users::{self, User};
use crate::db::{Tx, sessions};
use crate::domain::ids::UserId;
use crate::error::AppError;
use crate::metrics::requests::SignIn;
use crate::tries::Whose;

/// No login and no e-mail is longer, in bytes.
const LONGEST_NAME: usize = 400;

/// An account whose password was just shown. No `Debug`: it holds the hash, by which it is found out whether it still is the one.
#[derive(Clone)]
pub struct Proven {
    pub user: User,
    hash: String,
    /// Where the password was entered.
    field: String,
}

impl Proven {
    /// Of an account that was made with this hash.
    pub(super) fn new(user: User, hash: String) -> Self {
        Proven::at("password", user, hash)
    }

    fn at(field: &str, user: User, hash: String) -> Self {
        Proven {
            user,
            hash,
            field: field.to_owned(),
        }
    }

    /// In the transaction that acts on it: somebody may have changed the password, or disabled the account, while this one was
    /// checked. From here on nobody does until the transaction ends.
    pub(super) fn must_hold(&self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        users::lock_one(tx.db, self.user.id)?;
        let is_disabled = users::find(tx.db, self.user.id)?.disabled_at.is_some();
        if !is_disabled && users::password_hash(tx.db, self.user.id)? == self.hash {
            return Ok(());
        }
        let sentence = "The password was changed, or the account disabled, at this very moment. Nothing was done.";
        Err(AppError::invalid(&self.field, sentence))
    }
}

/// The account behind a login (or e-mail) and its password. Both count by themselves.
pub async fn prove(
    context: &Context,
    name: &str,
    password: Zeroizing<String>,
    address: Option<IpAddr>,
) -> Result<Proven, AppError> {
    let name = name.trim().to_lowercase();
    let found = if name.len() > LONGEST_NAME {
        None
    } else {
        let name = name.clone();
        context.read(move |db| Ok(users::find_to_sign_in(db, &name)?)).await?
    };
    let whose = Whose::named(&name);
    let account = found.as_ref().map(|(user, _)| user.id);
    let found = found.filter(|(user, _)| user.disabled_at.is_none());
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let right = is_right(context, whose, account, password, hash, address).await?;
    match found.filter(|_| right) {
        Some((user, hash)) => Ok(Proven::new(user, hash)),
        None => {
            tracing::info!(address = address.map(|ip| ip.to_string()), "a sign-in failed");
            let left = context.gate().tries().left(whose, address);
            Err(AppError::invalid("password", wrong(left)))
        }
    }
}

/// Somebody who is signed in shows the password again. What is wrong is told at `field`.
pub async fn prove_again(
    context: &Context,
    actor: &Actor,
    password: Zeroizing<String>,
    field: &str,
) -> Result<Proven, AppError> {
    let id = actor.user;
    let (user, hash) = context
        .read(move |db| Ok((users::find(db, id)?, users::password_hash(db, id)?)))
        .await?;
    let whose = Whose::Account(id);
    if is_right(context, whose, Some(id), password, Some(hash.clone()), actor.address).await? {
        return Ok(Proven::at(field, user, hash));
    }
    tracing::info!(user = id.0, "a password that was asked for again was wrong");
    Err(AppError::invalid(field, "This is not your password now."))
}

/// The session of the actor is as good as one that was just begun: the password was shown in it.
pub async fn confirm(
    context: &Context,
    actor: &Actor,
    password: Zeroizing<String>,
    field: &str,
) -> Result<(), AppError> {
    let actor = *actor;
    let session = actor.session.ok_or(AppError::NotSignedIn)?;
    let proven = prove_again(context, &actor, password, field).await?;
    context
        .write(move |tx| {
            proven.must_hold(tx)?;
            if sessions::authenticate(tx.db, actor.user, session, tx.now)? {
                Ok(())
            } else {
                Err(AppError::NotSignedIn)
            }
        })
        .await
}

/// Whether the password belongs to the hash, after the count of failed tries let it through. What failed on our side does not count.
async fn is_right(
    context: &Context,
    whose: Whose,
    account: Option<UserId>,
    password: Zeroizing<String>,
    hash: Option<String>,
    address: Option<IpAddr>,
) -> Result<bool, AppError> {
    let gate = context.gate();
    let counts = &context.metrics().requests;
    if let Err(refused) = gate.admit(whose, address, context.now()) {
        counts.sign_in(SignIn::Refused);
        return Err(refused);
    }
    // Nobody's password is that long, so nothing about anybody is told by not looking.
    if password.chars().count() > MAX_PASSWORD {
        counts.sign_in(SignIn::Wrong);
        return Ok(false);
    }
    let right = gate.matches(password, hash).await;
    counts.sign_in(match right {
        Ok(true) => SignIn::Right,
        Ok(false) => SignIn::Wrong,
        Err(_) => SignIn::Refused,
    });
    match right {
        Ok(true) => gate.tries().succeeded(whose, address, context.now()),
        Ok(false) => refused(context, whose, account, address),
        Err(_) => gate.tries().take_back(whose, address),
    }
    right
}

/// Writes down that an account has no more tries from an address. Only of one that exists: strangers cannot fill the log with made-up
/// ones. Nobody waits for it, or the time that the answer takes would tell which accounts exist.
fn refused(context: &Context, whose: Whose, account: Option<UserId>, address: Option<IpAddr>) {
    let (tries, now) = (context.gate().tries(), context.now());
    let Some(user) = account else { return };
    if tries.left(whose, address) > 0 || !tries.is_news(user, now) {
        return;
    }
    let context = context.clone();
    tokio::spawn(async move {
        let written = context
            .write(move |tx| audit::sign_ins_refused(tx, user, address))
            .await;
        if let Err(error) = written {
            tracing::error!(
                detail = error.detail(),
                "refused sign-ins could not be written down: {error}"
            );
        }
    });
}

fn wrong(left: usize) -> String {
    match left {
        0 => "Login or password is wrong. Wait 15 minutes before the next try.".to_owned(),
        1 => "Login or password is wrong. 1 more try in the next 15 minutes.".to_owned(),
        left => format!("Login or password is wrong. {left} more tries in the next 15 minutes."),
    }
}
