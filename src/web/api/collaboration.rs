//! `/module/collaboration`: the members of a project. Their ids are what tasks list as assigned.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};

use super::ok;
use crate::actions::members;
use crate::context::Context;
use crate::db::memberships::Person;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::role::Role;
use crate::error::AppError;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

type Answer = Result<HttpResponse, ApiError>;

/// The only role that has a number; members have none, the owner has a flag.
const MANAGER: i64 = 1;

/// A member on the wire. TaskView's own client reads either spelling of a name.
#[derive(Debug, Serialize)]
struct Collaborator {
    id: MemberId,
    email: String,
    #[serde(rename = "invitationDate")]
    invited: Moment,
    #[serde(rename = "invitation_date")]
    invited_too: Moment,
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[serde(rename = "goal_id")]
    project_too: ProjectId,
    roles: Vec<i64>,
    #[serde(rename = "goalOwner")]
    owner: bool,
}

pub async fn list(ctx: Data<Context>, caller: Caller, goal: Path<ProjectId>) -> Answer {
    let project = goal.into_inner();
    let (_, people) = ctx.read(move |db| members::list(db, &caller.actor, project)).await?;
    let collaborator = |person: Person| Collaborator::new(project, person);
    ok(people.into_iter().map(collaborator).collect::<Vec<_>>())
}

pub async fn list_own(ctx: Data<Context>, caller: Caller) -> Answer {
    let people = ctx.read(move |db| members::of_own_projects(db, &caller.actor)).await?;
    let collaborator = |(project, person)| Collaborator::new(project, person);
    ok(people.into_iter().map(collaborator).collect::<Vec<_>>())
}

#[derive(Debug, Deserialize)]
pub struct New {
    #[serde(rename = "goalId")]
    project: ProjectId,
    email: String,
}

/// Who is a member already is answered as it is.
pub async fn add(ctx: Data<Context>, caller: Caller, Json(New { project, email }): Json<New>) -> Answer {
    let added = ctx
        .write(move |tx| members::add(tx, &caller.actor, project, &email, Role::Member))
        .await?;
    ok(Collaborator::new(project, added.person()))
}

#[derive(Debug, Deserialize)]
pub struct One {
    #[serde(rename = "goalId")]
    project: ProjectId,
    id: MemberId,
}

pub async fn remove(ctx: Data<Context>, caller: Caller, Json(One { project, id }): Json<One>) -> Answer {
    ctx.write(move |tx| members::remove(tx, &caller.actor, project, id))
        .await?;
    ok(true)
}

#[derive(Debug, Deserialize)]
pub struct Roles {
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[serde(rename = "userId")]
    id: MemberId,
    roles: Vec<i64>,
}

pub async fn set_roles(ctx: Data<Context>, caller: Caller, Json(Roles { project, id, roles }): Json<Roles>) -> Answer {
    let role = match roles.as_slice() {
        [] => Role::Member,
        [MANAGER] => Role::Manager,
        _ => return Err(AppError::invalid("roles", "[1] makes a manager, [] a member.").into()),
    };
    let person = ctx
        .write(move |tx| members::set_role(tx, &caller.actor, project, id, role))
        .await?;
    ok(Collaborator::new(project, person))
}

/// A role on the wire.
#[derive(Debug, Serialize)]
struct RoleAnswer {
    id: i64,
    name: Role,
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[serde(rename = "goal_id")]
    project_too: ProjectId,
    created: Moment,
}

/// The roles that somebody can be given; they are the same in every project.
pub async fn roles(ctx: Data<Context>, caller: Caller, goal: Path<ProjectId>) -> Answer {
    let id = goal.into_inner();
    let (member, _) = ctx.read(move |db| members::list(db, &caller.actor, id)).await?;
    ok([RoleAnswer {
        id: MANAGER,
        name: Role::Manager,
        project: id,
        project_too: id,
        created: member.project.created_at,
    }])
}

impl Collaborator {
    fn new(project: ProjectId, person: Person) -> Collaborator {
        Collaborator {
            id: person.id,
            email: person.email,
            invited: person.since,
            invited_too: person.since,
            project,
            project_too: project,
            roles: if person.role == Role::Manager {
                vec![MANAGER]
            } else {
                Vec::new()
            },
            owner: person.role == Role::Owner,
        }
    }
}
