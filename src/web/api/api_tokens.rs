//! `/module/api-tokens`: tokens for programs. Only somebody who signed in reaches them; an API token gets a 403.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Envelope, ok};
use crate::actions::api_tokens::{self, Listed, NewApiToken};
use crate::context::Context;
use crate::domain::ids::{ApiTokenId, ProjectId, UserId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permission;
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

type Answer = Result<HttpResponse, ApiError>;

/// A token on the wire, without itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApiToken)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    id: ApiTokenId,
    user_id: UserId,
    #[schema(example = "CI of the website")]
    name: String,
    /// Empty: all.
    #[schema(example = json!(["events_can_publish"]))]
    allowed_permissions: Vec<&'static str>,
    /// Empty: every project.
    allowed_goal_ids: Vec<ProjectId>,
    #[schema(required)]
    last_used_at: Option<Moment>,
    #[schema(required)]
    expires_at: Option<Moment>,
    created_at: Moment,
}

impl Item {
    fn new(listed: Listed) -> Item {
        let token = listed.token;
        Item {
            id: token.id,
            user_id: token.user_id,
            name: token.name,
            allowed_permissions: listed.permissions.into_iter().map(Permission::name).collect(),
            allowed_goal_ids: listed.projects,
            last_used_at: token.last_used_at,
            expires_at: token.expires_at,
            created_at: token.created_at,
        }
    }
}

/// List one's API tokens
#[utoipa::path(get, path = "/module/api-tokens", tag = "API tokens", operation_id = "listApiTokens", responses((status = 200, description = "OK", body = Envelope<Vec<Item>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller) -> Answer {
    let listed = ctx.read(move |db| api_tokens::list(db, &caller.actor)).await?;
    ok(listed.into_iter().map(Item::new).collect::<Vec<_>>())
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = NewApiToken)]
#[serde(rename_all = "camelCase")]
pub struct New {
    #[schema(example = "CI of the website", min_length = 1, max_length = 100)]
    name: String,
    #[schema(example = json!(["events_can_publish"]))]
    allowed_permissions: Option<Vec<String>>,
    #[schema(example = json!([1]))]
    allowed_goal_ids: Option<Vec<ProjectId>>,
    #[schema(value_type = Option<Moment>, example = "2099-12-31T00:00:00.000Z")]
    expires_at: Option<String>,
}

/// The only answer that holds the token. No `Debug`.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = MadeApiToken)]
pub struct Made {
    #[schema(value_type = String, example = "tvk_4445c3a2…")]
    token: Zeroizing<String>,
    item: Item,
}

/// Make an API token
///
/// The token is in this answer only. Empty lists mean no restriction: all that the role allows, in every project. With a sign-in older than 12 hours: 403.
#[utoipa::path(post, path = "/module/api-tokens", tag = "API tokens", operation_id = "createApiToken", request_body = New, responses((status = 200, description = "OK", body = Envelope<Made>)))]
pub async fn create(ctx: Data<Context>, caller: Caller, JsonBody(sent): JsonBody<New>) -> Answer {
    let expires_at = match sent.expires_at.as_deref().map(Moment::parse) {
        Some(None) => {
            let sentence = "Send an instant: 2026-11-23T14:46:44.651Z.";
            return Err(AppError::invalid("expiresAt", sentence).into());
        }
        given => given.flatten(),
    };
    let new = NewApiToken {
        name: sent.name,
        permissions: sent.allowed_permissions.unwrap_or_default(),
        projects: sent.allowed_goal_ids.unwrap_or_default(),
        expires_at,
    };
    new.check(ctx.now())?;
    let made = ctx.write(move |tx| api_tokens::create(tx, &caller.actor, &new)).await?;
    ok(Made {
        token: Zeroizing::new(made.shown.expose().to_owned()),
        item: Item::new(made.listed),
    })
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichApiToken)]
pub struct Which {
    id: ApiTokenId,
}

/// Revoke an API token
#[utoipa::path(delete, path = "/module/api-tokens", tag = "API tokens", operation_id = "revokeApiToken", request_body = Which, responses((status = 200, description = "OK", body = Envelope<bool>)))]
pub async fn revoke(ctx: Data<Context>, caller: Caller, JsonBody(Which { id }): JsonBody<Which>) -> Answer {
    ctx.write(move |tx| api_tokens::revoke(tx, &caller.actor, id)).await?;
    ok(true)
}

/// A right on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Permission)]
#[serde(rename_all = "camelCase")]
pub struct Right {
    #[schema(example = 15)]
    id: u32,
    #[schema(example = "events_can_publish")]
    name: &'static str,
    #[schema(example = "Publish events of a host application.")]
    description: &'static str,
    #[schema(example = "Webhooks")]
    permission_group: &'static str,
}

/// List the rights that a token can be given
#[utoipa::path(get, path = "/module/api-tokens/permissions", tag = "API tokens", operation_id = "listPermissions", responses((status = 200, description = "OK", body = Envelope<Vec<Right>>)))]
pub async fn permissions(ctx: Data<Context>, caller: Caller) -> Answer {
    // Refused like the other calls when it is an API token that asks.
    ctx.read(move |db| api_tokens::list(db, &caller.actor)).await?;
    let right = |one: &Permission| Right {
        id: one.number(),
        name: one.name(),
        description: one.about(),
        permission_group: one.group(),
    };
    ok(Permission::ALL.iter().map(right).collect::<Vec<_>>())
}
