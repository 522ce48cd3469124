//! `/module/goals`: projects as TaskView's own client knows them.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ok;
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
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

/// A project on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Goal {
    id: ProjectId,
    name: String,
    description: String,
    color: String,
    date_creation: Moment,
    /// The account that owns it.
    owner: UserId,
    creator_id: UserId,
    edit_date: Moment,
    /// 0 or 1
    archive: u8,
    /// What the caller may do: `true` each, what is missing is not allowed.
    permissions: Map<String, Value>,
}

pub async fn create(ctx: Data<Context>, caller: Caller, patch: Json<ProjectPatch>) -> Result<HttpResponse, ApiError> {
    let draft = patch.onto(ProjectDraft::blank()).map_err(AppError::Invalid)?;
    let goal = ctx
        .write(move |tx| {
            let made = projects::create(tx, &caller.actor, &draft)?;
            Goal::of(tx.db, made)
        })
        .await?;
    ok(goal)
}

pub async fn list(ctx: Data<Context>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let listed = ctx.read(move |db| projects::list(db, &caller.actor)).await?;
    let goal = |one: Listed| Goal::new(one.project, one.permissions, one.owner);
    ok(listed.into_iter().map(goal).collect::<Vec<_>>())
}

#[derive(Debug, Deserialize)]
pub struct Change {
    id: ProjectId,
    archive: Option<u8>,
    #[serde(flatten)]
    patch: ProjectPatch,
}

pub async fn edit(ctx: Data<Context>, caller: Caller, change: Json<Change>) -> Result<HttpResponse, ApiError> {
    let Change { id, archive, patch } = change.into_inner();
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Which {
    goal_id: ProjectId,
}

pub async fn delete(ctx: Data<Context>, caller: Caller, which: Json<Which>) -> Result<HttpResponse, ApiError> {
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
