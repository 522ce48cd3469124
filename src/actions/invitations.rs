//! Inviting somebody who has no account here: a membership that waits, and a link that the inviter copies. Whoever has the link joins with the
//! account that they signed in with, or makes one with it. It works once, for a week; a new link ends the one before it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::actions::access::{self, Actor, Manager, Member};
use crate::actions::accounts::{self, By, NewAccount};
use crate::actions::form_tokens::{self, Once};
use crate::actions::members::{self, Added};
use crate::actions::sign_ins::Proven;
use crate::context::Context;
use crate::db::invitations::{self, Invitation};
use crate::db::memberships::{self, Person};
use crate::db::users;
use crate::db::{Db, Tx, projects};
use crate::domain::audit::{Action, Detail};
use crate::domain::form_token::Checked;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permission;
use crate::domain::quoted::quoted;
use crate::domain::role::Role;
use crate::domain::token::{Token, hash};
use crate::error::AppError;

const GOOD_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// A link that was just made; it is known this once.
#[derive(Debug, Clone)]
pub struct Link {
    pub person: Person,
    pub token: Token,
    pub expires_at: Moment,
}

/// What came of the form that adds people.
#[derive(Debug)]
pub enum Welcomed {
    /// They had an account.
    Member(Person),
    Invited(Link),
}

/// Adds who has an account, invites who has none.
pub fn welcome_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    email: &str,
    role: Role,
    token: Checked,
) -> Result<Once<Welcomed>, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    if let Some(spent) = form_tokens::spent(tx.db, actor.user, token)? {
        return Ok(Once::Already(spent));
    }
    let person = match members::add(tx, actor, project, email, role)? {
        Added::New(person) => person,
        Added::Already(person) if person.user.is_none() => {
            let sentence = "This person is invited already. Make a new link below if the first one is lost.";
            return Err(AppError::invalid("email", sentence));
        }
        Added::Already(_) => return Err(AppError::invalid("email", "This person is a member already.")),
    };
    if person.user.is_some() {
        return Ok(Once::Done(Welcomed::Member(person)));
    }
    let link = make(tx, &manager, person)?;
    form_tokens::spend(tx, actor.user, token, "member.invited", link.person.id.0)?;
    Ok(Once::Done(Welcomed::Invited(link)))
}

/// Somebody who waits, before they get a new link.
pub fn find_waiting(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    id: MemberId,
) -> Result<(Manager, Person), AppError> {
    let manager = access::manager(db, actor, project, Permission::GoalCanManageUsers)?;
    let person = memberships::find(db, project, id)?;
    if person.user.is_some() {
        return Err(AppError::Conflict(format!("{} is a member already.", person.name)));
    }
    Ok((manager, person))
}

pub fn new_link(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: MemberId) -> Result<Link, AppError> {
    access::manager(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    // Who accepts the old link at this moment is a member, or this is found out here.
    memberships::lock(tx.db, id)?;
    let (manager, person) = find_waiting(tx.db, actor, project, id)?;
    make(tx, &manager, person)
}

/// The form's way to a new link: its token is spent in the same transaction.
pub fn new_link_once(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: MemberId,
    token: Checked,
) -> Result<Once<Link>, AppError> {
    access::manager(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    if let Some(spent) = form_tokens::spent(tx.db, actor.user, token)? {
        return Ok(Once::Already(spent));
    }
    let link = new_link(tx, actor, project, id)?;
    form_tokens::spend(tx, actor.user, token, "invitation.made", id.0)?;
    Ok(Once::Done(link))
}

/// What a link invites to; `NotFound` when it was used, replaced or withdrawn, or ran out.
pub fn find(db: &mut Db, shown: &str, now: Moment) -> Result<Invitation, AppError> {
    invitations::find(db, &hash(shown), now)?.ok_or(AppError::NotFound)
}

/// Until when each link of the project can be accepted, of those that can be now.
pub fn links(db: &mut Db, member: &Member, now: Moment) -> Result<HashMap<MemberId, Moment>, AppError> {
    Ok(invitations::of_project(db, member.project.id, now)?)
}

/// Whether the invited person could sign in instead of making an account.
pub fn has_account(db: &mut Db, invitation: &Invitation) -> Result<bool, AppError> {
    Ok(users::find_by_email(db, &invitation.email)?.is_some())
}

/// Joins with the account that is signed in.
pub fn accept(tx: &mut Tx<'_>, actor: &Actor, shown: &str) -> Result<Member, AppError> {
    let invitation = find(tx.db, shown, tx.now)?;
    // Of two who accept at once the second finds the link used.
    projects::lock(tx.db, invitation.project)?;
    memberships::lock(tx.db, invitation.member)?;
    let invitation = find(tx.db, shown, tx.now)?;
    if memberships::is_member(tx.db, actor.user, invitation.project)? {
        return Err(AppError::Conflict(format!(
            "You are a member of {} already. The invitation can still be accepted with another account.",
            quoted(&invitation.project_name)
        )));
    }
    invitations::delete(tx.db, invitation.member)?;
    memberships::accept(tx.db, invitation.member, actor.user)?;
    let member = access::member(tx.db, actor, invitation.project, Permission::ComponentCanWatchContent)?;
    let detail = Detail::default()
        .fact("invited", invitation.email)
        .made("role", member.role);
    member.audit(tx, Action::MemberJoined, Some(member.member.0), &detail)?;
    Ok(member)
}

/// Makes an account with the invited e-mail, and joins with it. `new.email` is not looked at: a link must not make an account in the name of
/// somebody whom nobody invited.
pub async fn accept_with_new_account(
    context: &Context,
    shown: String,
    new: NewAccount,
    address: Option<IpAddr>,
) -> Result<(Proven, Member), AppError> {
    let (now, asked) = (context.now(), shown.clone());
    let invitation = context.read(move |db| find(db, &asked, now)).await?;
    let email = invitation.email;
    let new = accounts::checked(NewAccount { email, ..new })?;
    // A link is good for many tries of this form; a password is hashed only for one that can succeed.
    let wanted = new.clone();
    context.read(move |db| accounts::must_be_free(db, &wanted)).await?;
    let hash = context.gate().hash(new.password.clone()).await?;
    context
        .write(move |tx| {
            users::lock(tx.db)?;
            let user = accounts::insert(tx, &new, &hash, &By::Themselves(address))?;
            let member = accept(tx, &Actor::account(user.id, address), &shown)?;
            Ok((Proven::new(user, hash), member))
        })
        .await
}

fn make(tx: &mut Tx<'_>, manager: &Manager, person: Person) -> Result<Link, AppError> {
    let token = Token::random(&mut rand::rng());
    let expires_at = tx.now + GOOD_FOR;
    invitations::replace(tx.db, person.id, &token.hash(), manager.actor.user, tx.now, expires_at)?;
    let detail = Detail::default().fact("name", &person.email).fact("until", expires_at);
    manager.audit(tx, Action::InvitationMade, Some(person.id.0), &detail)?;
    Ok(Link {
        person,
        token,
        expires_at,
    })
}
