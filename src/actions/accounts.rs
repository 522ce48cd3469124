//! Accounts: the first one, more of them, the own password, and what the operator does to them. Signing in is in `sign_ins`. Hashing
//! takes its time outside any transaction.

use std::net::IpAddr;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::actions::access::Actor;
use crate::actions::sign_ins::{self, Proven};
use crate::context::{Context, Store};
use crate::db::users::{NewUser, User};
use crate::db::{Db, Tx, api_tokens, audit_log, sessions, users};
use crate::domain::email;
use crate::domain::field_error::FieldError;
use crate::domain::ids::UserId;
use crate::domain::quoted::quoted;
use crate::domain::token::Token;
use crate::error::AppError;
use crate::gate::Gate;

pub const MIN_PASSWORD: usize = 10;
/// Longer ones are hashed no better and cost the server more.
pub const MAX_PASSWORD: usize = 1000;

/// What somebody typed. `Debug` is not derived: it holds a password.
#[derive(Clone)]
pub struct NewAccount {
    pub login: String,
    pub email: String,
    pub name: String,
    pub password: Zeroizing<String>,
}

/// Makes the first account. Outside laptop mode only with the set-up code that the log shows; when two try at once, one wins.
pub async fn create_first(
    context: &Context,
    new: NewAccount,
    code: Option<String>,
    address: Option<IpAddr>,
) -> Result<Proven, AppError> {
    let new = checked(new)?;
    if !context.config().laptop_mode() {
        context.gate().check_setup_code(code.as_deref().unwrap_or_default())?;
    }
    // Before a password is hashed for nothing: this form is open to everybody.
    if context.read(|db| Ok(users::any(db)?)).await? {
        return Err(there_is_one());
    }
    let hash = context.gate().hash(new.password.clone()).await?;
    context
        .write(move |tx| {
            users::lock(tx.db)?;
            if users::any(tx.db)? {
                return Err(there_is_one());
            }
            let user = insert(tx, &new, &hash, address)?;
            Ok(Proven::new(user, hash))
        })
        .await
}

fn there_is_one() -> AppError {
    AppError::Conflict("There is an account already: sign in with it.".into())
}

/// Adds an account, from the command line.
pub async fn add(store: &Store, gate: &Gate, new: NewAccount) -> Result<User, AppError> {
    let new = checked(new)?;
    let hash = gate.hash(new.password.clone()).await?;
    store
        .write(move |tx| insert(tx, &new, &hash, None))
        .await
        .map(|(user, _)| user)
}

/// Changes the own password, ends all sessions of the account but this one, and gives this one a new key: whoever had a copy of the
/// old one has nothing. A session that was ended meanwhile changes nothing.
pub async fn change_password(
    context: &Context,
    actor: Actor,
    old: Zeroizing<String>,
    new: Zeroizing<String>,
) -> Result<Token, AppError> {
    check_password("new_password", &new).map_err(|error| AppError::Invalid(vec![error]))?;
    let session = actor.session.ok_or(AppError::NotSignedIn)?;
    let proven = sign_ins::prove_again(context, &actor, old, "old_password").await?;
    let hash = context.gate().hash(new).await?;
    context
        .write(move |tx| {
            proven.must_hold(tx)?;
            users::set_password(tx.db, actor.user, &hash)?;
            let ended = sessions::end_others(tx.db, actor.user, session)?;
            let key = super::sessions::rekey(tx, actor.user, session)?;
            let detail = json!({ "sessionsEnded": ended });
            audit(tx, actor.user, "account.password_changed", &detail, actor.address)?;
            Ok(key)
        })
        .await
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
        let detail = json!({ "sessionsEnded": sessions::end_all(tx.db, user.id)? });
        audit(tx, user.id, "account.password_reset", &detail, None)
    });
    write.await.map(|_| ())
}

/// Nobody can sign in with it any more, and its sessions end.
pub async fn disable(store: &Store, login: String) -> Result<(), AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        users::disable(tx.db, user.id, tx.now)?;
        let detail = json!({ "sessionsEnded": sessions::end_all(tx.db, user.id)? });
        audit(tx, user.id, "account.disabled", &detail, None)
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
    let detail = json!({ "sessions": sessions, "apiTokens": api_tokens });
    audit(tx, user, "account.signed_out", &detail, None)?;
    Ok(SignedOut { sessions, api_tokens })
}

fn named(tx: &mut Tx<'_>, login: &str) -> Result<User, AppError> {
    users::find_by_name(tx.db, &login.trim().to_lowercase())?.ok_or_else(|| {
        AppError::Conflict(format!(
            "There is no account {login}; taskview-webhooks user list shows them."
        ))
    })
}

/// Neither the login nor the e-mail may belong to somebody.
pub(super) fn must_be_free(db: &mut Db, new: &NewAccount) -> Result<(), AppError> {
    let (login_taken, email_taken) = users::taken(db, &new.login, &new.email)?;
    let mut errors = Vec::new();
    if login_taken {
        errors.push(FieldError::new("login", format!("{} is taken.", quoted(&new.login))));
    }
    if email_taken {
        errors.push(FieldError::new("email", "An account with this e-mail exists."));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(AppError::Invalid(errors))
    }
}

pub(super) fn insert(tx: &mut Tx<'_>, new: &NewAccount, hash: &str, address: Option<IpAddr>) -> Result<User, AppError> {
    must_be_free(tx.db, new)?;
    let row = NewUser {
        login: &new.login,
        email: &new.email,
        name: &new.name,
        password_hash: hash,
    };
    let id = users::insert(tx.db, &row, tx.now)?;
    audit(tx, id, "account.added", &json!({}), address)?;
    Ok(users::find(tx.db, id)?)
}

/// What happened to an account belongs to no project.
pub(super) fn audit(
    tx: &mut Tx<'_>,
    user: UserId,
    action: &str,
    detail: &Value,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    let entry = audit_log::NewEntry {
        project: None,
        user: Some(user),
        action,
        subject: Some(user.0),
        detail: &detail.to_string(),
        address: address.map(|address| address.to_string()),
    };
    Ok(audit_log::insert(tx, &entry)?)
}

/// In lower case and without surrounding blanks, or what is wrong with each field.
pub(super) fn checked(new: NewAccount) -> Result<NewAccount, AppError> {
    let login = new.login.trim().to_lowercase();
    let email = email::normal(&new.email);
    let name = Some(new.name.trim())
        .filter(|name| !name.is_empty())
        .unwrap_or(&login)
        .to_owned();
    let mut errors = Vec::new();
    if login.is_empty() || login.chars().count() > 100 || login.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        errors.push(FieldError::new(
            "login",
            "A login has 1 to 100 characters and no blanks.",
        ));
    }
    if let Err(message) = email::check(&email) {
        errors.push(FieldError::new("email", message));
    }
    if name.chars().count() > 100 || name.contains(char::is_control) {
        errors.push(FieldError::new("name", "A display name has at most 100 characters."));
    }
    errors.extend(check_password("password", &new.password).err());
    if errors.is_empty() {
        Ok(NewAccount {
            login,
            email,
            name,
            password: new.password,
        })
    } else {
        Err(AppError::Invalid(errors))
    }
}

fn check_password(field: &str, password: &str) -> Result<(), FieldError> {
    let length = password.chars().count();
    if (MIN_PASSWORD..=MAX_PASSWORD).contains(&length) {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        format!("A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters; this one has {length}."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(login: &str, email: &str, name: &str, password: &str) -> NewAccount {
        NewAccount {
            login: login.into(),
            email: email.into(),
            name: name.into(),
            password: Zeroizing::new(password.into()),
        }
    }

    #[test]
    fn an_account_is_checked_field_by_field() {
        let Err(AppError::Invalid(errors)) = checked(account("a b", "lead@example", &"x".repeat(101), "short")) else {
            panic!("accepted");
        };

        let names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
        assert_eq!(names, ["login", "email", "name", "password"]);
        assert!(errors[1].message.contains("no domain ending"));
    }

    #[test]
    fn logins_and_emails_are_kept_in_lower_case_and_a_missing_name_is_the_login() {
        let kept = checked(account(" Ada ", "Ada@Example.COM", " ", "long enough here"))
            .ok()
            .unwrap();

        assert_eq!(
            (kept.login.as_str(), kept.email.as_str(), kept.name.as_str()),
            ("ada", "ada@example.com", "ada")
        );
    }
}
