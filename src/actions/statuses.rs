//! The statuses of a project: everybody sees them, its owner and managers make, change, order and remove them. One that is removed
//! moves its tasks to another, with an event for each.

use crate::actions::access::{self, Actor, Manager, Member};
use crate::actions::tasks;
use crate::db::statuses::{self, Status};
use crate::db::{Db, Tx, projects};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::{ProjectId, StatusId};
use crate::domain::permission::Permission;
use crate::domain::status::{Category, StatusDraft, Step, shift, will_do};
use crate::error::AppError;

/// Statuses of one project.
const MOST: usize = 50;

const ONE_OPEN: &str = "A project keeps at least one status for tasks that are not done.";

/// In their order, and how many tasks stand where.
pub fn list(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<(Member, Vec<(Status, i64)>), AppError> {
    let member = access::member(db, actor, project, Permission::ComponentCanWatchContent)?;
    let counts = statuses::counts(db, project)?;
    let counted = |status: Status| {
        let tasks = counts.get(&status.id).copied().unwrap_or(0);
        (status, tasks)
    };
    let found = statuses::of_project(db, project)?;
    Ok((member, found.into_iter().map(counted).collect()))
}

/// For a form that makes one.
pub fn maker(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<Member, AppError> {
    Ok(access::manager(db, actor, project, Permission::GoalCanEdit)?.member())
}

/// A status that is about to be changed or removed.
#[derive(Debug)]
pub struct Found {
    pub member: Member,
    pub status: Status,
    /// Those that stand there.
    pub tasks: usize,
    /// Where they can go, in order.
    pub others: Vec<Status>,
}

impl Found {
    /// Whether the project can do without it.
    pub fn can_go(&self) -> bool {
        will_do(categories(&self.others))
    }
}

pub fn find_to_change(db: &mut Db, actor: &Actor, project: ProjectId, id: StatusId) -> Result<Found, AppError> {
    let manager = access::manager(db, actor, project, Permission::GoalCanEdit)?;
    let (status, others) = pick(db, project, id)?;
    let tasks = statuses::standing(db, id)?.len();
    Ok(Found {
        member: manager.member(),
        status,
        tasks,
        others,
    })
}

/// As [`find_to_change`], unless the project cannot do without it.
pub fn find_to_remove(db: &mut Db, actor: &Actor, project: ProjectId, id: StatusId) -> Result<Found, AppError> {
    let found = find_to_change(db, actor, project, id)?;
    if found.can_go() {
        Ok(found)
    } else {
        Err(AppError::Conflict(ONE_OPEN.to_owned()))
    }
}

/// A new one stands last.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, draft: &StatusDraft) -> Result<StatusId, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::GoalCanEdit)?;
    // Of two who make the same one at once, the second finds the first one's row.
    projects::lock(tx.db, project)?;
    let all = statuses::of_project(tx.db, project)?;
    free_name(&all, draft)?;
    if all.len() >= MOST {
        return Err(AppError::Conflict(format!("A project has at most {MOST} statuses.")));
    }
    let id = statuses::insert(tx.db, project, draft)?;
    let detail = Detail::default().made("name", &draft.name).made("kind", draft.category);
    manager.audit(tx, Action::StatusAdded, Some(id.0), &detail)?;
    Ok(id)
}

/// Another name or kind is no change of the tasks that stand there: they hold its id.
pub fn edit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: StatusId,
    draft: &StatusDraft,
) -> Result<(), AppError> {
    let (manager, status, others) = open(tx, actor, project, id)?;
    free_name(&others, draft)?;
    if !will_do(categories(&others).chain([draft.category])) {
        return Err(AppError::invalid("category", ONE_OPEN));
    }
    let detail =
        Detail::default()
            .changed("name", &status.name, &draft.name)
            .changed("kind", status.category, draft.category);
    if detail.has_changes() {
        statuses::update(tx.db, id, draft)?;
        manager.audit(tx, Action::StatusEdited, Some(id.0), &detail.fact("name", &draft.name))?;
    }
    Ok(())
}

/// Moves it one place in the order; at the end of it nothing happens.
pub fn reorder(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: StatusId, step: Step) -> Result<(), AppError> {
    let (manager, status, _) = open(tx, actor, project, id)?;
    let all = statuses::of_project(tx.db, project)?;
    let mut order: Vec<StatusId> = all.into_iter().map(|one| one.id).collect();
    let place = |order: &[StatusId]| order.iter().position(|one| *one == id).map(|place| place + 1);
    let before = place(&order);
    if shift(&mut order, &id, step) {
        statuses::set_order(tx.db, &order)?;
        let detail = Detail::default()
            .fact("name", &status.name)
            .changed("place", before, place(&order));
        manager.audit(tx, Action::StatusMoved, Some(id.0), &detail)?;
    }
    Ok(())
}

/// What a removal came to.
#[derive(Debug)]
pub struct Removed {
    pub status: Status,
    /// Where its tasks are now.
    pub to: Status,
    pub tasks: usize,
}

/// Its tasks go to `to`; where nobody said, to the first of the others.
pub fn delete(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: StatusId,
    to: Option<StatusId>,
) -> Result<Removed, AppError> {
    let (manager, status, others) = open(tx, actor, project, id)?;
    if !will_do(categories(&others)) {
        return Err(AppError::Conflict(ONE_OPEN.to_owned()));
    }
    let to = others
        .into_iter()
        .find(|other| to.is_none_or(|to| other.id == to))
        .ok_or_else(|| AppError::invalid("to", "Choose another status of this project."))?;
    // Nobody uses it in between: the task would refer to what is gone.
    statuses::lock(tx.db, id)?;
    let standing = statuses::standing(tx.db, id)?;
    let tasks = tasks::restatus(tx, &manager.project, &standing, (id, to.id), actor.user)?;
    statuses::delete(tx.db, id)?;
    let detail = Detail::default()
        .gone("name", &status.name)
        .gone("kind", status.category)
        .fact("to", &to.name)
        .fact("tasks", tasks);
    manager.audit(tx, Action::StatusRemoved, Some(id.0), &detail)?;
    Ok(Removed { status, to, tasks })
}

/// The permission, the lock that keeps the project's statuses as they are, and the status among them.
fn open(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: StatusId,
) -> Result<(Manager, Status, Vec<Status>), AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::GoalCanEdit)?;
    projects::lock(tx.db, project)?;
    let (status, others) = pick(tx.db, project, id)?;
    Ok((manager, status, others))
}

fn pick(db: &mut Db, project: ProjectId, id: StatusId) -> Result<(Status, Vec<Status>), AppError> {
    let mut all = statuses::of_project(db, project)?;
    let place = all.iter().position(|one| one.id == id).ok_or(AppError::NotFound)?;
    let status = all.remove(place);
    Ok((status, all))
}

fn categories(statuses: &[Status]) -> impl Iterator<Item = Category> {
    statuses.iter().map(|status| status.category)
}

fn free_name(others: &[Status], draft: &StatusDraft) -> Result<(), AppError> {
    if others.iter().any(|other| other.name == draft.name) {
        return Err(AppError::invalid(
            "name",
            "The project has a status with this name already.",
        ));
    }
    Ok(())
}
