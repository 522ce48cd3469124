//! `/module/collaboration`: the members of a project. Their ids are what tasks list as assigned.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::{Envelope, ok};
use crate::actions::{invitations, members};
use crate::context::Context;
use crate::db::memberships::Person;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::role::Role;
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;
use crate::web::origin;

type Answer = Result<HttpResponse, ApiError>;

/// The only role that has a number; members have none, the owner has a flag.
const MANAGER: i64 = 1;

/// A member on the wire. TaskView's own client reads either spelling of a name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Member)]
pub struct Collaborator {
    id: MemberId,
    #[schema(example = "bob@example.com")]
    email: String,
    #[serde(rename = "invitationDate")]
    invited: Moment,
    #[serde(rename = "invitation_date")]
    invited_too: Moment,
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[serde(rename = "goal_id")]
    project_too: ProjectId,
    #[schema(example = json!([1]))]
    roles: Vec<i64>,
    #[serde(rename = "goalOwner")]
    owner: bool,
}

/// List the members of a project
///
/// The owner first, then managers, then members.
#[utoipa::path(get, path = "/module/collaboration/{goalId}", tag = "Members", operation_id = "listMembers", params(("goalId" = ProjectId, Path, description = "The project")), responses((status = 200, description = "OK", body = Envelope<Vec<Collaborator>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller, goal: Path<ProjectId>) -> Answer {
    let project = goal.into_inner();
    let (_, people) = ctx.read(move |db| members::list(db, &caller.actor, project)).await?;
    let collaborator = |person: Person| Collaborator::new(project, person);
    ok(people.into_iter().map(collaborator).collect::<Vec<_>>())
}

/// List the members of all projects that one owns
#[utoipa::path(get, path = "/module/collaboration", tag = "Members", operation_id = "listMembersOfOwnProjects", responses((status = 200, description = "OK", body = Envelope<Vec<Collaborator>>)))]
pub async fn list_own(ctx: Data<Context>, caller: Caller) -> Answer {
    let people = ctx.read(move |db| members::of_own_projects(db, &caller.actor)).await?;
    let collaborator = |(project, person)| Collaborator::new(project, person);
    ok(people.into_iter().map(collaborator).collect::<Vec<_>>())
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = NewMember)]
pub struct New {
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[schema(example = "bob@example.com")]
    email: String,
}

/// Add or invite a member by e-mail
///
/// Who has an account is a member at once; anybody else waits, and joins with the link that `POST /module/collaboration/link`
/// makes. Of somebody who is a member or invited already the answer is the same row, and nothing changes.
#[utoipa::path(post, path = "/module/collaboration", tag = "Members", operation_id = "addMember", request_body = New, responses((status = 200, description = "OK", body = Envelope<Collaborator>)))]
pub async fn add(ctx: Data<Context>, caller: Caller, JsonBody(New { project, email }): JsonBody<New>) -> Answer {
    let added = ctx
        .write(move |tx| members::add(tx, &caller.actor, project, &email, Role::Member))
        .await?;
    ok(Collaborator::new(project, added.person()))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichMember)]
pub struct One {
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[schema(value_type = i64, example = 2)]
    id: MemberId,
}

/// Remove a member
///
/// Unassigns them, with an event for each task. With one's own id one leaves. The owner cannot be removed: 403.
#[utoipa::path(delete, path = "/module/collaboration", tag = "Members", operation_id = "removeMember", request_body = One, responses((status = 200, description = "OK", body = Envelope<bool>)))]
pub async fn remove(ctx: Data<Context>, caller: Caller, JsonBody(One { project, id }): JsonBody<One>) -> Answer {
    ctx.write(move |tx| members::remove(tx, &caller.actor, project, id))
        .await?;
    ok(true)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = MemberRoles)]
pub struct Roles {
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[serde(rename = "userId")]
    #[schema(value_type = i64, example = 2)]
    id: MemberId,
    #[schema(example = json!([1]))]
    roles: Vec<i64>,
}

/// Set the role of a member
///
/// `[1]` makes a manager, `[]` a member.
#[utoipa::path(patch, path = "/module/collaboration", tag = "Members", operation_id = "setRoles", request_body = Roles, responses((status = 200, description = "OK", body = Envelope<Collaborator>)))]
pub async fn set_roles(
    ctx: Data<Context>,
    caller: Caller,
    JsonBody(Roles { project, id, roles }): JsonBody<Roles>,
) -> Answer {
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

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = InvitationLink)]
pub struct LinkAnswer {
    #[schema(example = "https://hooks.example.com/invitations/3f0c…")]
    url: String,
    #[serde(rename = "expiresAt")]
    expires_at: Moment,
}

/// Make an invitation link
///
/// For a member who has no account yet. It works once, for a week, and is in this answer only; the one before it stops
/// working. Who opens it makes an account, or joins with their own. Of a member who has an account: 409.
#[utoipa::path(post, path = "/module/collaboration/link", tag = "Members", operation_id = "makeInvitationLink", request_body = One, responses((status = 200, description = "OK", body = Envelope<LinkAnswer>)))]
pub async fn make_link(
    ctx: Data<Context>,
    caller: Caller,
    request: HttpRequest,
    JsonBody(One { project, id }): JsonBody<One>,
) -> Answer {
    let link = ctx
        .write(move |tx| invitations::new_link(tx, &caller.actor, project, id))
        .await?;
    ok(LinkAnswer {
        url: origin::invitation(&request, &link.token),
        expires_at: link.expires_at,
    })
}

/// Hand a project over
///
/// Makes a manager the owner, and the owner, who calls this, a manager. Answers with the new owner. With a sign-in older than 12 hours: 403.
#[utoipa::path(post, path = "/module/collaboration/owner", tag = "Members", operation_id = "handOver", request_body = One, responses((status = 200, description = "OK", body = Envelope<Collaborator>)))]
pub async fn hand_over(ctx: Data<Context>, caller: Caller, JsonBody(One { project, id }): JsonBody<One>) -> Answer {
    let heir = ctx
        .write(move |tx| members::hand_over(tx, &caller.actor, project, id))
        .await?;
    ok(Collaborator::new(project, heir))
}

/// A role on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Role)]
pub struct RoleAnswer {
    #[schema(example = 1)]
    id: i64,
    name: Role,
    #[serde(rename = "goalId")]
    project: ProjectId,
    #[serde(rename = "goal_id")]
    project_too: ProjectId,
    created: Moment,
}

/// List the roles that can be given
#[utoipa::path(get, path = "/module/collaborationroles/{goalId}", tag = "Members", operation_id = "listRoles", params(("goalId" = ProjectId, Path, description = "The project")), responses((status = 200, description = "OK", body = Envelope<Vec<RoleAnswer>>)))]
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
