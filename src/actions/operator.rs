//! What the operator does to accounts, from the command line and beside a running server. Whoever has the database and the program needs
//! no permission here; each change leaves an entry in the installation's audit log.

use zeroize::Zeroizing;

use crate::actions::accounts::{By, NewAccount, check_password, checked, insert};
use crate::actions::audit;
use crate::db::users::User;
use crate::db::{Tx, api_tokens, sessions, users};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::UserId;
use crate::error::AppError;
use crate::gate::Gate;
use crate::store::Store;

/// Adds an account.
pub async fn add(store: &Store, gate: &Gate, new: NewAccount) -> Result<User, AppError> {
    let new = checked(new)?;
    let hash = gate.hash(new.password.clone()).await?;
    let write = store.write(move |tx| {
        users::lock(tx.db)?;
        insert(tx, &new, &hash, &By::Operator)
    });
    write.await.map(|(user, _)| user)
}

/// As [`add`], and the account is an administrator's whether it is the first or not.
pub async fn add_administrator(store: &Store, gate: &Gate, new: NewAccount) -> Result<User, AppError> {
    let new = checked(new)?;
    let hash = gate.hash(new.password.clone()).await?;
    let write = store.write(move |tx| {
        users::lock(tx.db)?;
        let user = insert(tx, &new, &hash, &By::Operator)?;
        change_administrator(tx, &user, true)
    });
    write.await.map(|(user, _)| user)
}

/// Sets a lost password from the command line; every session of the account ends.
pub async fn reset_password(
    store: &Store,
    gate: &Gate,
    login: String,
    password: Zeroizing<String>,
) -> Result<(), AppError> {
    check_password("password", &password).map_err(|error| AppError::Invalid(vec![error]))?;
    let hash = gate.hash(password).await?;
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        users::set_password(tx.db, user.id, &hash)?;
        let detail = Detail::default().fact("sessions", sessions::end_all(tx.db, user.id)?);
        audit::by_operator(tx, Action::PasswordReset, user.id.0, detail)
    });
    write.await.map(|_| ())
}

/// Who has to be left to look after the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Somebody,
    Nobody,
}

/// Nobody can sign in with it any more, and its sessions end.
pub async fn disable(store: &Store, login: String, left: Left) -> Result<(), AppError> {
    let write = store.write(move |tx| {
        users::lock(tx.db)?;
        let user = named(tx, &login)?;
        if left == Left::Somebody && user.administrator && users::other_administrators(tx.db, user.id)? == 0 {
            return Err(AppError::Conflict(format!(
                "{} is the only administrator: make somebody else one first (user admin), or give --force.",
                user.login
            )));
        }
        users::disable(tx.db, user.id, tx.now)?;
        let detail = Detail::default().fact("sessions", sessions::end_all(tx.db, user.id)?);
        audit::by_operator(tx, Action::AccountDisabled, user.id.0, detail)
    });
    write.await.map(|_| ())
}

/// It can be signed in to again, with the password that it had.
pub async fn enable(store: &Store, login: String) -> Result<(), AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        if user.disabled_at.is_none() {
            return Ok(());
        }
        users::enable(tx.db, user.id)?;
        audit::by_operator(tx, Action::AccountEnabled, user.id.0, Detail::default())
    });
    write.await.map(|_| ())
}

/// What the operator ended of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedOut {
    pub sessions: usize,
    pub api_tokens: usize,
}

/// Ends all sessions of an account; its API tokens go on.
pub async fn sign_out(store: &Store, login: String) -> Result<SignedOut, AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        ended(tx, user.id, 0)
    });
    write.await.map(|(ended, _)| ended)
}

/// Ends all sessions of an account and revokes its API tokens.
pub async fn sign_out_programs_too(store: &Store, login: String) -> Result<SignedOut, AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        let revoked = api_tokens::delete_all(tx.db, user.id)?;
        ended(tx, user.id, revoked)
    });
    write.await.map(|(ended, _)| ended)
}

fn ended(tx: &mut Tx<'_>, user: UserId, api_tokens: usize) -> Result<SignedOut, AppError> {
    let sessions = sessions::end_all(tx.db, user)?;
    let detail = Detail::default()
        .fact("sessions", sessions)
        .fact("apiTokens", api_tokens);
    audit::by_operator(tx, Action::SessionsEnded, user.0, detail)?;
    Ok(SignedOut { sessions, api_tokens })
}

/// The account may look after the installation from now on; nothing happens when it may already.
pub async fn make_administrator(store: &Store, login: String) -> Result<User, AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        change_administrator(tx, &user, true)
    });
    write.await.map(|(user, _)| user)
}

/// It may not any more.
pub async fn unmake_administrator(store: &Store, login: String) -> Result<User, AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        change_administrator(tx, &user, false)
    });
    write.await.map(|(user, _)| user)
}

fn change_administrator(tx: &mut Tx<'_>, user: &User, wanted: bool) -> Result<User, AppError> {
    if user.administrator != wanted {
        users::set_administrator(tx.db, user.id, wanted)?;
        let action = if wanted {
            Action::AdministratorMade
        } else {
            Action::AdministratorUnmade
        };
        audit::by_operator(tx, action, user.id.0, Detail::default())?;
    }
    Ok(users::find(tx.db, user.id)?)
}

fn named(tx: &mut Tx<'_>, login: &str) -> Result<User, AppError> {
    users::find_by_name(tx.db, &login.trim().to_lowercase())?.ok_or_else(|| {
        AppError::Conflict(format!(
            "There is no account {login}; taskview-webhooks user list shows them."
        ))
    })
}
