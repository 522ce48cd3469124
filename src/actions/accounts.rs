//! Accounts: the first one, more of them, signing in, the own password. Hashing takes its time outside any transaction.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::actions::access::Actor;
use crate::actions::audit;
use crate::context::{Context, Store};
use crate::db::users::{NewUser, User};
use crate::db::{Tx, sessions, users};
use crate::domain::audit::{Action, Detail};
use crate::domain::email;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::quoted::quoted;
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
) -> Result<User, AppError> {
    let new = checked(new)?;
    if !context.config().laptop_mode() {
        context.gate().check_setup_code(code.as_deref().unwrap_or_default())?;
    }
    let hash = context.gate().hash(new.password.clone()).await?;
    context
        .write(move |tx| {
            users::lock(tx.db)?;
            if users::any(tx.db)? {
                return Err(AppError::Conflict(
                    "There is an account already: sign in with it.".into(),
                ));
            }
            insert(tx, &new, &hash, &By::Themselves(address))
        })
        .await
}

/// Adds an account, from the command line.
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

/// The account behind a login (or e-mail) and its password. Wrong ones are told apart neither in words nor in time.
pub async fn sign_in(
    context: &Context,
    name: &str,
    password: Zeroizing<String>,
    address: Option<IpAddr>,
) -> Result<User, AppError> {
    let name = name.trim().to_lowercase();
    let gate = context.gate();
    let admitted = gate.admit(&name, address, context.now())?;
    let signed_in = match proven(context, name.clone(), password).await {
        Ok(Some(user)) => note_sign_in(context, user, address).await.map(Some),
        other => other,
    };
    match signed_in {
        Ok(Some(user)) => {
            gate.succeeded(&name, address);
            Ok(user)
        }
        Ok(None) => {
            tracing::info!(?address, "a sign-in failed");
            if admitted.is_last {
                note_refusal(context.clone(), name.clone(), address);
            }
            Err(AppError::invalid("password", wrong(gate.left(&name, address))))
        }
        Err(ours) => {
            gate.succeeded(&name, address);
            Err(ours)
        }
    }
}

async fn note_sign_in(context: &Context, user: User, address: Option<IpAddr>) -> Result<User, AppError> {
    context
        .write(move |tx| {
            let actor = Actor::account(user.id, address);
            actor.audit(tx, Action::SignedIn, Some(user.id.0), &Detail::default())?;
            Ok(user)
        })
        .await
}

/// Of an account that exists: strangers cannot fill the log with made-up ones. Nobody waits for it, or the time that the answer
/// takes would tell which accounts exist.
fn note_refusal(context: Context, name: String, address: Option<IpAddr>) {
    tokio::spawn(async move {
        let write = context.write(move |tx| match users::find_by_name(tx.db, &name)? {
            Some(user) => audit::sign_ins_refused(tx, user.id, address),
            None => Ok(()),
        });
        if let Err(error) = write.await {
            tracing::error!(
                detail = error.detail(),
                "refused sign-ins could not be written down: {error}"
            );
        }
    });
}

/// The account, when the password is its own.
async fn proven(context: &Context, name: String, password: Zeroizing<String>) -> Result<Option<User>, AppError> {
    let found = context
        .read(move |db| {
            let user = users::find_by_name(db, &name)?.filter(|user| user.disabled_at.is_none());
            let hash = user
                .as_ref()
                .map(|user| users::password_hash(db, user.id))
                .transpose()?;
            Ok(user.zip(hash))
        })
        .await?;
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let matches = context.gate().matches(password, hash).await?;
    Ok(found.filter(|_| matches).map(|(user, _)| user))
}

/// Changes the own password and ends all sessions of the account but this one.
pub async fn change_password(
    context: &Context,
    user: UserId,
    keep: SessionId,
    old: Zeroizing<String>,
    new: Zeroizing<String>,
    address: Option<IpAddr>,
) -> Result<(), AppError> {
    check_password("new_password", &new).map_err(|error| AppError::Invalid(vec![error]))?;
    let login = format!("password of {user}");
    context.gate().admit(&login, address, context.now())?;
    let hash = context.read(move |db| Ok(users::password_hash(db, user)?)).await?;
    if !context.gate().matches(old, Some(hash)).await? {
        return Err(AppError::invalid("old_password", "This is not your password now."));
    }
    context.gate().succeeded(&login, address);
    let hash = context.gate().hash(new).await?;
    context
        .write(move |tx| {
            users::set_password(tx.db, user, &hash)?;
            sessions::end_others(tx.db, user, keep)?;
            let actor = Actor::account(user, address);
            actor.audit(tx, Action::PasswordChanged, Some(user.0), &Detail::default())
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
        sessions::end_all(tx.db, user.id)?;
        audit::by_operator(tx, Action::PasswordReset, user.id.0, Detail::default())
    });
    write.await.map(|_| ())
}

/// Nobody can sign in with it any more, and its sessions end.
pub async fn disable(store: &Store, login: String) -> Result<(), AppError> {
    let write = store.write(move |tx| {
        let user = named(tx, &login)?;
        users::disable(tx.db, user.id, tx.now)?;
        sessions::end_all(tx.db, user.id)?;
        audit::by_operator(tx, Action::AccountDisabled, user.id.0, Detail::default())
    });
    write.await.map(|_| ())
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

/// Who makes an account.
pub(super) enum By {
    /// Whoever will use it, from this address.
    Themselves(Option<IpAddr>),
    /// Somebody at the command line.
    Operator,
}

/// The caller has locked the table. The first account of all is an administrator's.
pub(super) fn insert(tx: &mut Tx<'_>, new: &NewAccount, hash: &str, by: &By) -> Result<User, AppError> {
    let (login_taken, email_taken) = users::taken(tx.db, &new.login, &new.email)?;
    let mut errors = Vec::new();
    if login_taken {
        errors.push(FieldError::new("login", format!("{} is taken.", quoted(&new.login))));
    }
    if email_taken {
        errors.push(FieldError::new("email", "An account with this e-mail exists."));
    }
    if !errors.is_empty() {
        return Err(AppError::Invalid(errors));
    }
    let row = NewUser {
        login: &new.login,
        email: &new.email,
        name: &new.name,
        password_hash: hash,
        administrator: !users::any(tx.db)?,
    };
    let id = users::insert(tx.db, &row, tx.now)?;
    let detail = Detail::default()
        .made("login", row.login)
        .made("email", row.email)
        .made("name", row.name)
        .made("administrator", row.administrator);
    match by {
        By::Themselves(address) => {
            Actor::account(id, *address).audit(tx, Action::AccountAdded, Some(id.0), &detail)?;
        }
        By::Operator => audit::by_operator(tx, Action::AccountAdded, id.0, detail)?,
    }
    Ok(users::find(tx.db, id)?)
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

fn wrong(left: usize) -> String {
    match left {
        0 => "Login or password is wrong. Wait 15 minutes before the next try.".to_owned(),
        1 => "Login or password is wrong. 1 more try in the next 15 minutes.".to_owned(),
        left => format!("Login or password is wrong. {left} more tries in the next 15 minutes."),
    }
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
