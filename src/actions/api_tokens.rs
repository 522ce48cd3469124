//! API tokens: made by somebody who signed in, for a program. A token can do what the account can at that moment, less what it
//! leaves out. It is shown once; only its hash is kept.

use crate::actions::access::{self, Actor, Scope};
use crate::actions::form_tokens::{self, Once};
use crate::db::api_tokens::{self, ApiToken};
use crate::db::{Db, Tx, projects, users};
use crate::domain::audit::{Action, Detail};
use crate::domain::field_error::FieldError;
use crate::domain::form_token::Checked;
use crate::domain::ids::{ApiTokenId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::token::Token;
use crate::error::AppError;
use crate::limits;

/// Characters.
const LONGEST_NAME: usize = 100;

/// What a form or a call asks for.
#[derive(Debug, Clone, Default)]
pub struct NewApiToken {
    pub name: String,
    /// Names of rights; none is no restriction.
    pub permissions: Vec<String>,
    /// None is no restriction.
    pub projects: Vec<ProjectId>,
    pub expires_at: Option<Moment>,
}

/// A token as its owner sees it later.
#[derive(Debug, Clone)]
pub struct Listed {
    pub token: ApiToken,
    /// Empty: all.
    pub permissions: Vec<Permission>,
    /// Empty: every one.
    pub projects: Vec<ProjectId>,
}

/// A new token with what is shown this once.
#[derive(Debug)]
pub struct Made {
    pub shown: Token,
    pub listed: Listed,
}

impl NewApiToken {
    /// All that is wrong with it, under the names that calls use; nothing is looked up.
    pub fn check(&self, now: Moment) -> Result<(), AppError> {
        let mut errors = Vec::new();
        let name = self.name.trim();
        if name.is_empty() {
            errors.push(FieldError::new(
                "name",
                "Enter a name, so that you know later what the token is for.",
            ));
        } else if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            let sentence = format!("A name is one line of at most {LONGEST_NAME} characters.");
            errors.push(FieldError::new("name", sentence));
        }
        if let Some(unknown) = self.permissions.iter().find(|name| name.parse::<Permission>().is_err()) {
            let shown: String = unknown.chars().take(60).collect();
            let sentence = format!("There is no right “{shown}”; GET /module/api-tokens/permissions lists them.");
            errors.push(FieldError::new("allowedPermissions", sentence));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            errors.push(FieldError::new("expiresAt", "This lies in the past."));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(AppError::Invalid(errors))
        }
    }
}

/// One's own, the newest first.
pub fn list(db: &mut Db, actor: &Actor) -> Result<Vec<Listed>, AppError> {
    signed_in(actor)?;
    let tokens = api_tokens::of_user(db, actor.user)?;
    let ids: Vec<ApiTokenId> = tokens.iter().map(|token| token.id).collect();
    let projects = api_tokens::projects_of(db, &ids)?;
    let listed = tokens.into_iter().map(|token| Listed {
        permissions: names(token.permissions.as_deref()).collect(),
        projects: projects
            .iter()
            .filter(|(of, _)| *of == token.id)
            .map(|(_, project)| *project)
            .collect(),
        token,
    });
    Ok(listed.collect())
}

/// One of one's own.
pub fn find(db: &mut Db, actor: &Actor, id: ApiTokenId) -> Result<Listed, AppError> {
    let found = list(db, actor)?.into_iter().find(|listed| listed.token.id == id);
    found.ok_or(AppError::NotFound)
}

pub fn create(tx: &mut Tx<'_>, actor: &Actor, new: &NewApiToken) -> Result<Made, AppError> {
    signed_in(actor)?;
    access::fresh(tx, actor)?;
    new.check(tx.now)?;
    let mut listed = new.projects.clone();
    listed.sort_unstable();
    listed.dedup();
    if !listed.is_empty() {
        let own = projects::of_user(tx.db, actor.user)?;
        if !listed.iter().all(|id| own.iter().any(|(project, _)| project.id == *id)) {
            return Err(AppError::NotFound);
        }
    }
    let most = tx.limits.api_tokens;
    // Of two forms at once the second finds the first one's token.
    users::lock_one(tx.db, actor.user)?;
    if api_tokens::count(tx.db, actor.user)? >= most {
        let there_are = format!("You have {}", limits::some(most, "API token"));
        return Err(limits::reached(
            &there_are,
            "Revoke one first",
            "TASKVIEW_MAX_API_TOKENS",
        ));
    }
    let chosen: Permissions = new.permissions.iter().filter_map(|name| name.parse().ok()).collect();
    let permissions: Vec<Permission> = chosen.iter().collect();
    let words = permissions.iter().map(|one| one.name()).collect::<Vec<_>>().join(" ");
    let shown = Token::for_program(&mut rand::rng());
    let row = api_tokens::NewApiToken {
        user: actor.user,
        name: new.name.trim(),
        token_hash: &shown.hash(),
        permissions: (!words.is_empty()).then_some(&*words),
        projects: (!listed.is_empty()).then_some(&*listed),
        expires_at: new.expires_at,
    };
    let token = api_tokens::insert(tx.db, &row, tx.now)?;
    let detail = Detail::default()
        .made("name", &token.name)
        .made(
            "rights",
            row.permissions
                .map(|_| permissions.iter().map(|one| one.name()).collect::<Vec<_>>()),
        )
        .made("projects", row.projects)
        .made("expires", token.expires_at);
    actor.audit(tx, Action::TokenAdded, Some(token.id.0), &detail)?;
    Ok(Made {
        shown,
        listed: Listed {
            token,
            permissions,
            projects: listed,
        },
    })
}

/// The form's way to make one: its token is spent in the same transaction.
pub fn create_once(tx: &mut Tx<'_>, actor: &Actor, new: &NewApiToken, token: Checked) -> Result<Once<Made>, AppError> {
    signed_in(actor)?;
    if let Some(spent) = form_tokens::spent(tx.db, actor.user, token)? {
        return Ok(Once::Already(spent));
    }
    let made = create(tx, actor, new)?;
    form_tokens::spend(tx, actor.user, token, "api_token.added", made.listed.token.id.0)?;
    Ok(Once::Done(made))
}

/// From now on it opens nothing. Returns what it was called.
pub fn revoke(tx: &mut Tx<'_>, actor: &Actor, id: ApiTokenId) -> Result<String, AppError> {
    signed_in(actor)?;
    let name = api_tokens::delete_own(tx.db, actor.user, id)?.ok_or(AppError::NotFound)?;
    let detail = Detail::default().gone("name", &name);
    actor.audit(tx, Action::TokenRevoked, Some(id.0), &detail)?;
    Ok(name)
}

/// What a stored token lets its holder do.
pub(super) fn scope(token: &ApiToken) -> Scope {
    Scope::ApiToken {
        id: token.id,
        permissions: match token.permissions.as_deref() {
            None => Permissions::all(),
            some => names(some).collect::<Permissions>().with_implied(),
        },
        every_project: token.every_project,
    }
}

fn names(stored: Option<&str>) -> impl Iterator<Item = Permission> {
    let words = stored.unwrap_or_default().split_whitespace();
    words.filter_map(|name| name.parse().ok())
}

/// A token that is lost must not be able to make others.
fn signed_in(actor: &Actor) -> Result<(), AppError> {
    match actor.scope {
        Scope::Account => Ok(()),
        Scope::ApiToken { .. } => Err(AppError::Forbidden(
            "API tokens are seen, made and revoked by somebody who signed in, not with another API token.",
        )),
    }
}
