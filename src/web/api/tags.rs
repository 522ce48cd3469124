//! `/module/tags`: the tags of the caller's projects.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use super::{Envelope, ok};
use crate::actions::tags;
use crate::context::Context;
use crate::db::tags::Tag;
use crate::db::{Db, memberships};
use crate::domain::ids::{ProjectId, TagId, TaskId, UserId};
use crate::domain::tag::TagDraft;
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

type Answer = Result<HttpResponse, ApiError>;

/// A tag on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Tag)]
#[serde(rename_all = "camelCase")]
pub struct TagAnswer {
    id: TagId,
    #[schema(example = "bug")]
    name: String,
    #[schema(example = "#cf4b3f")]
    color: String,
    /// The account that owns the project.
    #[schema(required)]
    owner: Option<UserId>,
    goal_id: ProjectId,
}

impl TagAnswer {
    fn of(db: &mut Db, tags: Vec<Tag>) -> Result<Vec<TagAnswer>, AppError> {
        let projects: Vec<ProjectId> = tags.iter().map(|tag| tag.project_id).collect();
        let owners = memberships::owners(db, &projects)?;
        let answer = |tag: Tag| TagAnswer {
            id: tag.id,
            name: tag.name,
            color: tag.color,
            owner: owners.get(&tag.project_id).copied(),
            goal_id: tag.project_id,
        };
        Ok(tags.into_iter().map(answer).collect())
    }

    fn one(db: &mut Db, tag: Tag) -> Result<Option<TagAnswer>, AppError> {
        Ok(Self::of(db, vec![tag])?.pop())
    }
}

/// List the tags of all one's projects
#[utoipa::path(get, path = "/module/tags", tag = "Tags", operation_id = "listTags", responses((status = 200, description = "OK", body = Envelope<Vec<TagAnswer>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller) -> Answer {
    let tags = ctx
        .read(move |db| {
            let tags = tags::list(db, &caller.actor)?;
            TagAnswer::of(db, tags)
        })
        .await?;
    ok(tags)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = NewTag)]
#[serde(rename_all = "camelCase")]
pub struct New {
    #[schema(example = "urgent", min_length = 1, max_length = 50)]
    name: String,
    #[schema(example = "#cf4b3f", pattern = "^#[0-9A-Fa-f]{6}$")]
    color: String,
    goal_id: ProjectId,
}

/// Make a tag
#[utoipa::path(post, path = "/module/tags", tag = "Tags", operation_id = "createTag", request_body = New, responses((status = 200, description = "OK", body = Envelope<TagAnswer>)))]
pub async fn create(ctx: Data<Context>, caller: Caller, JsonBody(new): JsonBody<New>) -> Answer {
    let draft = TagDraft::check(&new.name, &new.color).map_err(AppError::Invalid)?;
    let project = new.goal_id;
    let made = ctx
        .write(move |tx| {
            let tag = tags::create(tx, &caller.actor, project, &draft)?;
            TagAnswer::one(tx.db, tag)
        })
        .await?;
    ok(made)
}

/// `goalId` is sent along, and a tag never moves.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = TagChange)]
pub struct Change {
    id: TagId,
    #[schema(example = "defect", min_length = 1, max_length = 50)]
    name: String,
    #[schema(example = "#cf4b3f", pattern = "^#[0-9A-Fa-f]{6}$")]
    color: String,
}

/// Change a tag's name and color
///
/// It stays in its project, whatever `goalId` says. No task changes by it.
#[utoipa::path(patch, path = "/module/tags", tag = "Tags", operation_id = "editTag", request_body = Change, responses((status = 200, description = "OK", body = Envelope<TagAnswer>)))]
pub async fn edit(ctx: Data<Context>, caller: Caller, JsonBody(change): JsonBody<Change>) -> Answer {
    let draft = TagDraft::check(&change.name, &change.color).map_err(AppError::Invalid)?;
    let id = change.id;
    let changed = ctx
        .write(move |tx| {
            let tag = tags::edit(tx, &caller.actor, id, &draft)?;
            TagAnswer::one(tx.db, tag)
        })
        .await?;
    ok(changed)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichTag)]
pub struct Which {
    #[serde(rename = "tagId")]
    tag: TagId,
}

/// Delete a tag
///
/// The tasks that have it lose it, with an event for each.
#[utoipa::path(delete, path = "/module/tags", tag = "Tags", operation_id = "deleteTag", request_body = Which, responses((status = 200, description = "OK", body = Envelope<bool>)))]
pub async fn delete(ctx: Data<Context>, caller: Caller, JsonBody(Which { tag }): JsonBody<Which>) -> Answer {
    ctx.write(move |tx| tags::delete(tx, &caller.actor, tag)).await?;
    ok(true)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = ToggleTag)]
pub struct Toggle {
    #[serde(rename = "tagId")]
    tag: TagId,
    #[serde(rename = "taskId")]
    task: TaskId,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ToggledTag)]
pub struct Toggled {
    #[schema(example = "add")]
    action: &'static str,
}

/// Give a task a tag, or take it away
///
/// A `task.updated` with `changes.tags`.
#[utoipa::path(patch, path = "/module/tags/toggle", tag = "Tags", operation_id = "toggleTag", request_body = Toggle, responses((status = 200, description = "OK", body = Envelope<Toggled>)))]
pub async fn toggle(ctx: Data<Context>, caller: Caller, JsonBody(Toggle { tag, task }): JsonBody<Toggle>) -> Answer {
    let has_it = ctx.write(move |tx| tags::toggle(tx, &caller.actor, tag, task)).await?;
    ok(Toggled {
        action: if has_it { "add" } else { "delete" },
    })
}
