//! What people do with projects: make one, which they then own, edit it, put it away, delete it. Each change leaves an audit
//! row in its transaction.

use crate::actions::access::{self, Actor, Member};
use crate::db::projects::{self, Project};
use crate::db::{Db, Tx, backlog, memberships, statuses, tags, users, webhooks};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::{ProjectId, UserId};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::project::{ProjectDraft, ProjectPatch};
use crate::domain::role::Role;
use crate::error::AppError;
use crate::limits;

/// Deliveries are counted up to here: `10,000+`.
pub const COUNTED: i64 = 10_000;

/// A project as the sidebar shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub project: Project,
    pub role: Role,
    /// What the one who asks may do in it.
    pub permissions: Permissions,
    pub owner: UserId,
    /// Top-level tasks that are not complete.
    pub open: i64,
    /// Webhooks that are failing or turned themselves off.
    pub alerts: i64,
}

/// What a person changes about a project; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub patch: ProjectPatch,
    /// An archived project has no events.
    pub archived: Option<bool>,
}

/// What goes with a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Losses {
    pub tasks: i64,
    /// Without the owner.
    pub members: usize,
    pub webhooks: usize,
    /// Counted up to [`COUNTED`] + 1.
    pub deliveries: i64,
}

/// The person's projects: the own ones, then the shared; the oldest first.
pub fn list(db: &mut Db, actor: &Actor) -> Result<Vec<Listed>, AppError> {
    let mut rows = projects::of_user(db, actor.user)?;
    let within = access::within(db, actor)?;
    rows.retain(|(project, _)| within.shows(project.id));
    let ids: Vec<ProjectId> = rows.iter().map(|(project, _)| project.id).collect();
    let open = projects::open_tasks(db, &ids)?;
    let alerts = projects::alerts(db, &ids)?;
    let owners = memberships::owners(db, &ids)?;
    let listed = rows.into_iter().map(|(project, role)| Listed {
        owner: owners.get(&project.id).copied().unwrap_or(project.creator_id),
        open: open.get(&project.id).copied().unwrap_or(0),
        alerts: alerts.get(&project.id).copied().unwrap_or(0),
        permissions: actor.permissions(role),
        project,
        role,
    });
    Ok(listed.collect())
}

/// A project, for a form that changes it.
pub fn find_to_change(db: &mut Db, actor: &Actor, id: ProjectId) -> Result<Member, AppError> {
    Ok(access::manager(db, actor, id, Permission::GoalCanEdit)?.member())
}

/// What deleting it would take away; for its owner.
pub fn losses(db: &mut Db, actor: &Actor, id: ProjectId) -> Result<(Member, Losses), AppError> {
    let owner = access::owner(db, actor, id, Permission::GoalCanDelete)?;
    let hooks = webhooks::list(db, actor.user, id)?;
    let mut deliveries = 0;
    for hook in &hooks {
        deliveries += backlog::all(db, hook.id, COUNTED + 1 - deliveries)?;
    }
    let losses = Losses {
        tasks: projects::count_tasks(db, id)?,
        members: memberships::people(db, id)?.len() - 1,
        webhooks: hooks.len(),
        deliveries,
    };
    Ok((owner.member(), losses))
}

/// A new project with the statuses and tags that every project begins with. Who makes it, owns it.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, draft: &ProjectDraft) -> Result<Member, AppError> {
    access::maker(actor)?;
    // Of two at once the second finds the first one's project.
    users::lock_one(tx.db, actor.user)?;
    let most = tx.limits.projects;
    if memberships::count_owned(tx.db, actor.user)? >= most {
        let there_are = format!("You own {}", limits::some(most, "project"));
        return Err(limits::reached(
            &there_are,
            "Delete one or hand one over first",
            "TASKVIEW_MAX_PROJECTS",
        ));
    }
    let project = projects::insert(tx.db, draft, actor.user, tx.now)?;
    memberships::insert(tx.db, project.id, actor.user, Role::Owner, tx.now)?;
    statuses::insert_defaults(tx.db, project.id)?;
    tags::insert_defaults(tx.db, project.id)?;

    let owner = access::owner(tx.db, actor, project.id, Permission::GoalCanEdit)?;
    let detail = Detail::default()
        .made("name", &project.name)
        .made(
            "description",
            Some(&project.description).filter(|text| !text.is_empty()),
        )
        .made("color", &project.color);
    owner.audit(tx, Action::ProjectAdded, Some(project.id.0), &detail)?;
    Ok(owner.member())
}

/// An edit that changes nothing writes nothing.
pub fn edit(tx: &mut Tx<'_>, actor: &Actor, id: ProjectId, edit: &Edit) -> Result<Member, AppError> {
    let manager = access::manager(tx.db, actor, id, Permission::GoalCanEdit)?;
    // What is read from here on is what is edited.
    projects::lock(tx.db, id)?;
    let mut member = access::member(tx.db, actor, id, Permission::GoalCanEdit)?;
    let before = member.project.clone();
    let draft = edit.patch.onto(before.draft()).map_err(AppError::Invalid)?;

    let after = &mut member.project;
    after.name = draft.name;
    after.description = draft.description;
    after.color = draft.color;
    if let Some(archived) = edit
        .archived
        .filter(|&archived| archived != before.archived_at.is_some())
    {
        after.archived_at = archived.then_some(tx.now);
        let action = if archived {
            Action::ProjectArchived
        } else {
            Action::ProjectUnarchived
        };
        manager.audit(tx, action, Some(id.0), &Detail::default().fact("name", &after.name))?;
    }
    if after.draft() != before.draft() {
        let detail = Detail::default()
            .changed("name", &before.name, &after.name)
            .changed("description", &before.description, &after.description)
            .changed("color", &before.color, &after.color);
        manager.audit(tx, Action::ProjectEdited, Some(id.0), &detail)?;
    }
    if *after != before {
        after.edited_at = tx.now;
        projects::update(tx.db, after)?;
    }
    Ok(member)
}

/// Nobody sees it any more, its webhooks are gone with their secrets, and there are no events. The rows go in slices.
pub fn delete(tx: &mut Tx<'_>, actor: &Actor, id: ProjectId) -> Result<Project, AppError> {
    let owner = access::owner(tx.db, actor, id, Permission::GoalCanDelete)?;
    access::fresh(tx, actor)?;
    projects::hide(tx.db, id, tx.now)?;
    let detail = Detail::default().gone("name", &owner.project.name);
    owner.audit(tx, Action::ProjectDeleted, Some(id.0), &detail)?;
    Ok(owner.project.clone())
}
