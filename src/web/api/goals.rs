//! `/module/goals`: projects as TaskView's own client knows them.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Envelope, ok};
use crate::actions::access::Member;
use crate::actions::projects::{self, Edit, Listed};
use crate::context::Context;
use crate::db::projects::Project;
use crate::db::{Db, memberships};
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, UserId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permissions;
use crate::domain::project::{ProjectDraft, ProjectPatch};
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

/// A project on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Project)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    id: ProjectId,
    #[schema(example = "Website")]
    name: String,
    #[schema(example = "")]
    description: String,
    #[schema(example = "#3f6fd1")]
    color: String,
    date_creation: Moment,
    /// The account that owns it.
    owner: UserId,
    creator_id: UserId,
    edit_date: Moment,
    /// 0 or 1
    #[schema(minimum = 0, maximum = 1, example = 0)]
    archive: u8,
    /// What the caller may do: `true` each, what is missing is not allowed.
    #[schema(value_type = std::collections::BTreeMap<String, bool>, example = json!({"goal_can_edit": true, "integrations_can_view": true}))]
    permissions: Map<String, Value>,
}

/// Make a project
///
/// Who makes it owns it.
#[utoipa::path(post, path = "/module/goals", tag = "Projects", operation_id = "createProject", request_body = ProjectPatch, responses((status = 200, description = "OK", body = Envelope<Goal>)))]
pub async fn create(
    ctx: Data<Context>,
    caller: Caller,
    JsonBody(patch): JsonBody<ProjectPatch>,
) -> Result<HttpResponse, ApiError> {
    let draft = patch.onto(ProjectDraft::blank()).map_err(AppError::Invalid)?;
    let goal = ctx
        .write(move |tx| {
            let made = projects::create(tx, &caller.actor, &draft)?;
            Goal::of(tx.db, made)
        })
        .await?;
    ok(goal)
}

/// List one's projects
///
/// The own ones, then the shared; the oldest first.
#[utoipa::path(get, path = "/module/goals", tag = "Projects", operation_id = "listProjects", responses((status = 200, description = "OK", body = Envelope<Vec<Goal>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let listed = ctx.read(move |db| projects::list(db, &caller.actor)).await?;
    let goal = |one: Listed| Goal::new(one.project, one.permissions, one.owner);
    ok(listed.into_iter().map(goal).collect::<Vec<_>>())
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = ProjectChange)]
pub struct Change {
    id: ProjectId,
    #[schema(minimum = 0, maximum = 1, example = 0)]
    archive: Option<u8>,
    #[serde(flatten)]
    patch: ProjectPatch,
}

/// Change a project
///
/// What is not sent stays. An archived project has no events.
#[utoipa::path(patch, path = "/module/goals", tag = "Projects", operation_id = "editProject", request_body = Change, responses((status = 200, description = "OK", body = Envelope<Goal>)))]
pub async fn edit(
    ctx: Data<Context>,
    caller: Caller,
    JsonBody(change): JsonBody<Change>,
) -> Result<HttpResponse, ApiError> {
    let Change { id, archive, patch } = change;
    let mut errors = patch.check().err().unwrap_or_default();
    if archive.is_some_and(|flag| flag > 1) {
        errors.push(FieldError::new("archive", "0 or 1."));
    }
    if !errors.is_empty() {
        return Err(AppError::Invalid(errors).into());
    }
    let edit = Edit {
        patch,
        archived: archive.map(|flag| flag == 1),
    };
    let goal = ctx
        .write(move |tx| {
            let edited = projects::edit(tx, &caller.actor, id, &edit)?;
            Goal::of(tx.db, edited)
        })
        .await?;
    ok(goal)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichProject)]
#[serde(rename_all = "camelCase")]
pub struct Which {
    goal_id: ProjectId,
}

/// Delete a project
///
/// With its tasks, webhooks and their history. There are no events of it. With a sign-in older than 12 hours: 403.
#[utoipa::path(delete, path = "/module/goals", tag = "Projects", operation_id = "deleteProject", request_body = Which, responses((status = 200, description = "OK", body = Envelope<bool>)))]
pub async fn delete(
    ctx: Data<Context>,
    caller: Caller,
    JsonBody(which): JsonBody<Which>,
) -> Result<HttpResponse, ApiError> {
    let goal = which.goal_id;
    ctx.write(move |tx| projects::delete(tx, &caller.actor, goal)).await?;
    ok(true)
}

impl Goal {
    fn of(db: &mut Db, member: Member) -> Result<Goal, AppError> {
        let owner = memberships::owner(db, member.project.id)?;
        Ok(Goal::new(member.project.clone(), member.permissions(), owner))
    }

    fn new(project: Project, permissions: Permissions, owner: UserId) -> Goal {
        Goal {
            id: project.id,
            name: project.name,
            description: project.description,
            color: project.color,
            date_creation: project.created_at,
            owner,
            creator_id: project.creator_id,
            edit_date: project.edited_at,
            archive: project.archived_at.is_some().into(),
            permissions: permissions
                .iter()
                .map(|one| (one.name().to_owned(), true.into()))
                .collect(),
        }
    }
}
