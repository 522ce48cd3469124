//! `/module/collaboration`: the members of a project. Their ids are what tasks list as assigned.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;

use super::ok;
use crate::actions::members;
use crate::context::Context;
use crate::db::memberships::Person;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::role::Role;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

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

pub async fn list(ctx: Data<Context>, caller: Caller, goal: Path<ProjectId>) -> Result<HttpResponse, ApiError> {
    let project = goal.into_inner();
    let (_, people) = ctx.read(move |db| members::list(db, &caller.actor, project)).await?;
    let collaborator = |person: Person| Collaborator::new(project, person);
    ok(people.into_iter().map(collaborator).collect::<Vec<_>>())
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
