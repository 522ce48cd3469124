//! Who belongs to a project. The owner and the managers add, change and remove people; everybody but the owner can leave.
//! Nobody changes the owner, who can hand the project to a manager. Who goes is unassigned first, with an event for each task.

use crate::actions::access::{self, Actor, Manager, Member};
use crate::actions::tasks::unassign_member;
use crate::db::memberships::{self, Person};
use crate::db::{Db, Tx, invitations, projects, tasks, users};
use crate::domain::audit::{Action, Detail};
use crate::domain::email;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::permission::Permission;
use crate::domain::role::Role;
use crate::error::AppError;
use crate::limits;

/// A member who may go, and what that changes.
#[derive(Debug)]
pub struct Leaving {
    pub member: Member,
    pub person: Person,
    /// Tasks that are assigned to them.
    pub tasks: usize,
}

/// Owner first, then managers, then members.
pub fn list(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<(Member, Vec<Person>), AppError> {
    let member = access::member(db, actor, project, Permission::ComponentCanWatchContent)?;
    let people = memberships::people(db, project)?;
    Ok((member, people))
}

/// What removing somebody would change, for the question before it.
pub fn find_to_remove(db: &mut Db, actor: &Actor, project: ProjectId, id: MemberId) -> Result<Leaving, AppError> {
    let manager = access::manager(db, actor, project, Permission::GoalCanManageUsers)?;
    let person = removable(db, &manager, id)?;
    let tasks = tasks::assigned_to(db, id)?.len();
    let member = manager.member();
    Ok(Leaving { member, person, tasks })
}

/// What leaving would change, for the question before it.
pub fn find_to_leave(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<Leaving, AppError> {
    let member = may_leave(db, actor, project)?;
    let person = memberships::find(db, project, member.member)?;
    let tasks = tasks::assigned_to(db, member.member)?.len();
    Ok(Leaving { member, person, tasks })
}

/// What came of adding somebody.
#[derive(Debug)]
pub enum Added {
    New(Person),
    /// A member already, in whatever role; nothing changed.
    Already(Person),
}

impl Added {
    pub fn person(self) -> Person {
        let (Added::New(person) | Added::Already(person)) = self;
        person
    }
}

/// Those of all the projects that the actor owns, project by project.
pub fn of_own_projects(db: &mut Db, actor: &Actor) -> Result<Vec<(ProjectId, Person)>, AppError> {
    actor.check_permissions(&[Permission::ComponentCanWatchContent])?;
    let within = access::within(db, actor)?;
    let mut people = Vec::new();
    for (project, role) in projects::of_user(db, actor.user)? {
        if role == Role::Owner && within.shows(project.id) {
            let members = memberships::people(db, project.id)?;
            people.extend(members.into_iter().map(|person| (project.id, person)));
        }
    }
    Ok(people)
}

/// Makes an account with this e-mail a member. Without one the membership waits, with the e-mail, until an invitation is
/// accepted.
pub fn add(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, email: &str, role: Role) -> Result<Added, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    let role = not_owner(role)?;
    let email = email::normal(email);
    email::check(&email).map_err(|sentence| AppError::invalid("email", sentence))?;
    let account = users::find_by_email(tx.db, &email)?;
    if account.as_ref().is_some_and(|account| account.disabled_at.is_some()) {
        return Err(AppError::invalid("email", "The account with this e-mail is disabled."));
    }
    let user = account.map(|account| account.id);
    // Of two who add the same person at once, the second finds the first one's row.
    projects::lock(tx.db, project)?;
    let people = memberships::people(tx.db, project)?;
    let (there_are, most) = (people.len(), tx.limits.members);
    if let Some(member) = people
        .iter()
        .find(|person| person.user.is_some() && person.user == user)
    {
        return Ok(Added::Already(member.clone()));
    }
    let waiting = people
        .into_iter()
        .find(|person| person.user.is_none() && person.email == email);
    if waiting.is_none() && there_are >= most {
        let members = limits::some(i64::try_from(most).unwrap_or(i64::MAX), "member");
        let there_are = format!("This project has {members}, those who are invited included");
        return Err(limits::reached(
            &there_are,
            "Remove somebody first",
            "TASKVIEW_MAX_MEMBERS",
        ));
    }
    let id = match (waiting, user) {
        (Some(waiting), None) => return Ok(Added::Already(waiting)),
        // The account was made after the invitation, whose role it keeps.
        (Some(waiting), Some(user)) => {
            memberships::lock(tx.db, waiting.id)?;
            invitations::delete(tx.db, waiting.id)?;
            memberships::accept(tx.db, waiting.id, user)?;
            memberships::set_role(tx.db, waiting.id, role.max(waiting.role))?;
            waiting.id
        }
        (None, Some(user)) => memberships::insert(tx.db, project, user, role, tx.now)?,
        (None, None) => memberships::insert_invited(tx.db, project, &email, role, tx.now)?,
    };

    let person = memberships::find(tx.db, project, id)?;
    let detail = Detail::default().fact("name", &person.name).made("role", person.role);
    let action = if user.is_some() {
        Action::MemberAdded
    } else {
        Action::MemberInvited
    };
    manager.audit(tx, action, Some(id.0), &detail)?;
    Ok(Added::New(person))
}

/// Manager or member; the same role again changes nothing.
pub fn set_role(
    tx: &mut Tx<'_>,
    actor: &Actor,
    project: ProjectId,
    id: MemberId,
    role: Role,
) -> Result<Person, AppError> {
    let manager = access::manager(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    let role = not_owner(role)?;
    memberships::lock(tx.db, id)?;
    let mut person = removable(tx.db, &manager, id)?;
    if person.role != role {
        memberships::set_role(tx.db, id, role)?;
        let detail = Detail::default()
            .fact("name", &person.name)
            .changed("role", person.role, role);
        manager.audit(tx, Action::MemberRoleChanged, Some(id.0), &detail)?;
        person.role = role;
    }
    Ok(person)
}

/// Returns who went and how many tasks changed. Whoever removes themselves leaves.
pub fn remove(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: MemberId) -> Result<(Person, usize), AppError> {
    let member = access::member(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    if member.member == id {
        let person = memberships::find(tx.db, project, id)?;
        return leave(tx, actor, project).map(|(_, changed)| (person, changed));
    }
    let manager = access::manager(tx.db, actor, project, Permission::GoalCanManageUsers)?;
    memberships::lock(tx.db, id)?;
    let person = removable(tx.db, &manager, id)?;
    let changed = take_out(tx, &manager, id)?;
    let detail = Detail::default()
        .fact("name", &person.name)
        .gone("role", person.role)
        .fact("tasks", changed);
    manager.audit(tx, Action::MemberRemoved, Some(id.0), &detail)?;
    Ok((person, changed))
}

/// Returns the project that was left, and how many tasks changed.
pub fn leave(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId) -> Result<(Member, usize), AppError> {
    let member = may_leave(tx.db, actor, project)?;
    memberships::lock(tx.db, member.member)?;
    // Who has just been made the owner must stay.
    let member = may_leave(tx.db, actor, project)?;
    let changed = take_out(tx, &member, member.member)?;
    let detail = Detail::default().gone("role", member.role).fact("tasks", changed);
    member.audit(tx, Action::MemberLeft, Some(member.member.0), &detail)?;
    Ok((member, changed))
}

/// The manager who would own the project.
pub fn find_heir(db: &mut Db, actor: &Actor, project: ProjectId, id: MemberId) -> Result<(Member, Person), AppError> {
    let owner = access::owner(db, actor, project, Permission::GoalCanDelete)?;
    let person = memberships::find(db, project, id)?;
    if person.role != Role::Manager || person.user.is_none() {
        return Err(AppError::Conflict(format!(
            "Only a manager can become the owner, and {} is none. Change the role first.",
            person.name
        )));
    }
    if let Some(user) = person.user
        && users::find(db, user)?.disabled_at.is_some()
    {
        return Err(AppError::Conflict(format!(
            "The account of {} is disabled; nobody could sign in as the owner.",
            person.name
        )));
    }
    Ok((owner.member(), person))
}

/// Makes a manager the owner, and the owner a manager.
pub fn hand_over(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId, id: MemberId) -> Result<Person, AppError> {
    let (_, heir) = find_heir(tx.db, actor, project, id)?;
    access::fresh(tx, actor)?;
    if let Some(user) = heir.user {
        users::lock_one(tx.db, user)?;
        let most = tx.limits.projects;
        if memberships::count_owned(tx.db, user)? >= most {
            let there_are = format!("{} owns {}", heir.name, limits::some(most, "project"));
            let what_to_do = "Choose somebody else";
            return Err(limits::reached(&there_are, what_to_do, "TASKVIEW_MAX_PROJECTS"));
        }
    }
    // Of two at once the second finds that the project is somebody else's.
    projects::lock(tx.db, project)?;
    memberships::lock(tx.db, id)?;
    let (owner, mut heir) = find_heir(tx.db, actor, project, id)?;
    memberships::set_role(tx.db, owner.member, Role::Manager)?;
    memberships::set_role(tx.db, id, Role::Owner)?;
    let detail = Detail::default()
        .fact("name", &heir.name)
        .changed("role", heir.role, Role::Owner);
    owner.audit(tx, Action::ProjectHandedOver, Some(id.0), &detail)?;
    heir.role = Role::Owner;
    Ok(heir)
}

/// The membership is locked: nobody is assigned to them in between, which would vanish without its event.
fn take_out(tx: &mut Tx<'_>, by: &Member, id: MemberId) -> Result<usize, AppError> {
    let changed = unassign_member(tx, &by.project, id, by.actor.user)?;
    memberships::delete(tx.db, id)?;
    Ok(changed)
}

fn removable(db: &mut Db, manager: &Manager, id: MemberId) -> Result<Person, AppError> {
    let person = memberships::find(db, manager.project.id, id)?;
    if person.role == Role::Owner {
        return Err(AppError::Forbidden(
            "Nobody can change or remove the owner of the project.",
        ));
    }
    Ok(person)
}

fn may_leave(db: &mut Db, actor: &Actor, project: ProjectId) -> Result<Member, AppError> {
    let member = access::member(db, actor, project, Permission::GoalCanManageUsers)?;
    if member.role == Role::Owner {
        return Err(AppError::Forbidden(
            "The owner cannot leave the project, but can hand it to a manager or delete it.",
        ));
    }
    Ok(member)
}

fn not_owner(role: Role) -> Result<Role, AppError> {
    if role == Role::Owner {
        return Err(AppError::invalid(
            "role",
            "Choose Manager or Member: a project has one owner.",
        ));
    }
    Ok(role)
}
