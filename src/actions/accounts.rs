//! Accounts: the first one, the own password, and what every new one must be. Signing in is in `sign_ins`, what the command line does in
//! `operator`. Hashing takes its time outside any transaction.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::actions::access::Actor;
use crate::actions::audit;
use crate::actions::sign_ins::{self, Proven};
use crate::context::Context;
use crate::db::users::{NewUser, User};
use crate::db::{Db, Tx, sessions, users};
use crate::domain::audit::{Action, Detail};
use crate::domain::email;
use crate::domain::field_error::FieldError;
use crate::domain::quoted::quoted;
use crate::domain::token::Token;
use crate::error::AppError;

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
            let user = insert(tx, &new, &hash, &By::Themselves(address))?;
            Ok(Proven::new(user, hash))
        })
        .await
}

fn there_is_one() -> AppError {
    AppError::Conflict("There is an account already: sign in with it.".into())
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
            let detail = Detail::default().fact("sessions", ended);
            actor.audit(tx, Action::PasswordChanged, Some(actor.user.0), &detail)?;
            Ok(key)
        })
        .await
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

/// Who makes an account.
pub(super) enum By {
    /// Whoever will use it, from this address.
    Themselves(Option<IpAddr>),
    /// Somebody at the command line.
    Operator,
}

/// The caller has locked the table. The first account of all is an administrator's.
pub(super) fn insert(tx: &mut Tx<'_>, new: &NewAccount, hash: &str, by: &By) -> Result<User, AppError> {
    must_be_free(tx.db, new)?;
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
    // Nothing that cannot be seen, or turns the direction of what is read.
    let allowed = |c: char| c.is_alphanumeric() || "._-+@'".contains(c);
    if login.is_empty() || login.chars().count() > 100 || !login.chars().all(allowed) {
        errors.push(FieldError::new(
            "login",
            "A login has 1 to 100 letters, digits and . _ - + @ and no blanks.",
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

pub(super) fn check_password(field: &str, password: &str) -> Result<(), FieldError> {
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
