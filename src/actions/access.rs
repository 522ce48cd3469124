//! Permissions. Everything of a project is reached through the caller's membership; what is returned is a proof of the
//! role, and only a proof can write to a project's audit log (`audit.rs`).

use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use crate::db::projects::Project;
use crate::db::{Db, Tx, api_tokens, memberships, sessions, users};
use crate::domain::ids::{ApiTokenId, MemberId, ProjectId, SessionId, UserId};
use crate::domain::moment::Moment;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::role::Role;
use crate::error::AppError;

/// So long after the password was shown, what opens doors or cannot be undone needs it again.
pub const FRESH: Duration = Duration::from_secs(12 * 3600);

/// Who does something, from where, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    /// The client's address, as far as it is known.
    pub address: Option<IpAddr>,
    pub scope: Scope,
    /// The one that it is done in; `None` with an API token, and on the command line.
    pub session: Option<SessionId>,
}

/// How much of what the account may do the actor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Somebody who signed in.
    Account,
    ApiToken {
        id: ApiTokenId,
        permissions: Permissions,
        /// `false`: only those on the token's list.
        every_project: bool,
    },
}

impl Actor {
    /// Somebody who signed in.
    pub const fn account(user: UserId, address: Option<IpAddr>) -> Self {
        Actor {
            user,
            address,
            scope: Scope::Account,
            session: None,
        }
    }

    #[must_use]
    pub const fn in_session(self, session: SessionId) -> Self {
        Actor {
            session: Some(session),
            ..self
        }
    }

    /// What the role gives, less what the token leaves out.
    pub fn permissions(&self, role: Role) -> Permissions {
        let own = Permissions::of_role(role);
        match self.scope {
            Scope::Account => own,
            Scope::ApiToken { permissions, .. } => own.both(permissions),
        }
    }

    /// Whether the token leaves one of these rights out.
    pub fn check_permissions(&self, needs: &[Permission]) -> Result<(), AppError> {
        let Scope::ApiToken { permissions, .. } = self.scope else {
            return Ok(());
        };
        match needs.iter().find(|one| !permissions.has(**one)) {
            Some(missing) => Err(AppError::TokenLacks(*missing)),
            None => Ok(()),
        }
    }

    /// Whether the token leaves this project out.
    fn check_project(&self, db: &mut Db, project: ProjectId) -> Result<(), AppError> {
        match self.scope {
            Scope::ApiToken {
                id,
                every_project: false,
                ..
            } if !api_tokens::lists(db, id, project)? => Err(AppError::NotFound),
            _ => Ok(()),
        }
    }
}

/// The actor is a member of the project, in whatever role.
#[derive(Debug, Clone)]
pub struct Member {
    pub project: Project,
    /// The id of the membership.
    pub member: MemberId,
    pub role: Role,
    pub actor: Actor,
}

/// The actor manages the project: manager or owner.
#[derive(Debug, Clone)]
pub struct Manager(Member);

/// The actor owns the project.
#[derive(Debug, Clone)]
pub struct Owner(Member);

/// The actor looks after the installation. It gives no right in any project.
#[derive(Debug, Clone, Copy)]
pub struct Administrator(());

/// Somebody who signed in with an administrator's account. Others are not told that there is something.
pub fn administrator(db: &mut Db, actor: &Actor) -> Result<Administrator, AppError> {
    if actor.scope == Scope::Account && users::is_administrator(db, actor.user)? {
        Ok(Administrator(()))
    } else {
        Err(AppError::NotFound)
    }
}

/// Anybody in the project; a stranger is told that there is nothing.
pub fn member(db: &mut Db, actor: &Actor, project: ProjectId, needs: Permission) -> Result<Member, AppError> {
    member_with(db, actor, project, &[needs])
}

/// As [`member`], for what needs several rights.
pub fn member_with(db: &mut Db, actor: &Actor, project: ProjectId, needs: &[Permission]) -> Result<Member, AppError> {
    let (project, member, role) = memberships::of_user(db, actor.user, project)?;
    actor.check_project(db, project.id)?;
    actor.check_permissions(needs)?;
    Ok(Member {
        project,
        member,
        role,
        actor: *actor,
    })
}

pub fn manager(db: &mut Db, actor: &Actor, project: ProjectId, needs: Permission) -> Result<Manager, AppError> {
    let member = member(db, actor, project, needs)?;
    if member.role >= Role::Manager {
        Ok(Manager(member))
    } else {
        Err(AppError::Forbidden(
            "Only the owner and the managers of the project can do this.",
        ))
    }
}

pub fn owner(db: &mut Db, actor: &Actor, project: ProjectId, needs: Permission) -> Result<Owner, AppError> {
    let member = member(db, actor, project, needs)?;
    if member.role == Role::Owner {
        Ok(Owner(member))
    } else {
        Err(AppError::Forbidden("Only the owner of the project can do this."))
    }
}

/// Whether the password was shown at this instant so long ago that it is to be shown again.
pub fn is_stale(authenticated_at: Moment, now: Moment) -> bool {
    now.since(authenticated_at) > FRESH
}

/// For what opens doors or cannot be undone: the password was shown in this session not long ago, and the session has not been ended
/// since the request came in.
pub fn fresh(tx: &mut Tx<'_>, actor: &Actor) -> Result<(), AppError> {
    // An API token is exempt: it has no password to show, works at night too, and was made by somebody who had just shown theirs. What
    // it may do is on it, and it can be revoked. The operator's commands have no session either.
    let Some(session) = actor.session else {
        return Ok(());
    };
    match sessions::authenticated_at(tx.db, actor.user, session, tx.now)? {
        None => Err(AppError::NotSignedIn),
        Some(at) if is_stale(at, tx.now) => Err(AppError::Forbidden(
            "You signed in more than 12 hours ago, and this needs a newer sign-in: sign in again, then do it.",
        )),
        Some(_) => Ok(()),
    }
}

/// Makes projects, which a token with a list of them cannot.
pub fn maker(actor: &Actor) -> Result<(), AppError> {
    actor.check_permissions(&[Permission::GoalCanEdit])?;
    match actor.scope {
        Scope::ApiToken {
            every_project: false, ..
        } => Err(AppError::Forbidden(
            "This API token is limited to some projects; it cannot make one.",
        )),
        _ => Ok(()),
    }
}

/// Which projects a list over all of the account's projects may show.
#[derive(Debug)]
pub struct Within(Option<Vec<ProjectId>>);

impl Within {
    pub fn shows(&self, project: ProjectId) -> bool {
        self.0.as_ref().is_none_or(|listed| listed.contains(&project))
    }
}

/// All, or those on the token's list.
pub fn within(db: &mut Db, actor: &Actor) -> Result<Within, AppError> {
    match actor.scope {
        Scope::ApiToken {
            id,
            every_project: false,
            ..
        } => {
            let listed = api_tokens::projects_of(db, &[id])?;
            Ok(Within(Some(listed.into_iter().map(|(_, project)| project).collect())))
        }
        _ => Ok(Within(None)),
    }
}

impl Member {
    /// What this actor may do here.
    pub fn permissions(&self) -> Permissions {
        self.actor.permissions(self.role)
    }

    /// Whether webhooks are shown with all that belongs to them, and with what changes them.
    pub fn manages(&self) -> bool {
        self.permissions().has(Permission::IntegrationsCanManage)
    }
}

impl Manager {
    /// What a page prints of it.
    pub fn member(self) -> Member {
        self.0
    }
}

impl Owner {
    /// What a page prints of it.
    pub fn member(self) -> Member {
        self.0
    }
}

impl Deref for Manager {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

impl Deref for Owner {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}
