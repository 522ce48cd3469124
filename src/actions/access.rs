//! Permissions. Everything of a project is reached through the caller's membership; what is returned is a proof of the
//! role, and only a proof can write to the audit log.

use std::net::IpAddr;
use std::ops::Deref;

use crate::db::projects::Project;
use crate::db::{Db, Tx, audit_log, memberships};
use crate::domain::ids::{MemberId, ProjectId, UserId};
use crate::domain::role::Role;
use crate::error::AppError;

/// Who does something, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    /// The client's address, as far as it is known.
    pub address: Option<IpAddr>,
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

/// Anybody in the project; a stranger is told that there is nothing.
pub fn member(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<Member, AppError> {
    let (project, member, role) = memberships::of_user(db, actor.user, project)?;
    Ok(Member {
        project,
        member,
        role,
        actor: *actor,
    })
}

pub fn manager(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<Manager, AppError> {
    let member = member(db, actor, project)?;
    if member.role >= Role::Manager {
        Ok(Manager(member))
    } else {
        Err(AppError::Forbidden(
            "Only the owner and the managers of the project can do this.",
        ))
    }
}

pub fn owner(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<Owner, AppError> {
    let member = member(db, actor, project)?;
    if member.role == Role::Owner {
        Ok(Owner(member))
    } else {
        Err(AppError::Forbidden("Only the owner of the project can do this."))
    }
}

impl Member {
    /// Whether pages show what changes webhooks and members.
    pub fn manages(&self) -> bool {
        self.role >= Role::Manager
    }

    /// Writes down who did what, in the transaction of the change. `detail` holds no secret: members' names, counts, hosts.
    pub fn audit(
        &self,
        tx: &mut Tx<'_>,
        action: &str,
        subject: Option<i64>,
        detail: &serde_json::Value,
    ) -> Result<(), AppError> {
        audit_log::insert(
            tx,
            &audit_log::NewEntry {
                project: Some(self.project.id),
                user: Some(self.actor.user),
                action,
                subject,
                detail: &detail.to_string(),
                address: self.actor.address.map(|address| address.to_string()),
            },
        )?;
        Ok(())
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
