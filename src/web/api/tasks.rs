//! Tasks over the API: created, read, changed, assigned and deleted, by the same actions as on the pages.

use actix_web::web::{Data, Path, Query};
use serde::{Deserialize, Serialize};

use super::{Caller, Input, Response};
use crate::actions::access::Member;
use crate::actions::tasks;
use crate::context::Context;
use crate::db::tasks::{Filter, Order};
use crate::db::{Db, memberships};
use crate::domain::ids::{MemberId, ProjectId, TaskId, UserId};
use crate::domain::task::{Task, TaskDraft, TaskPatch};
use crate::error::AppError;
use crate::web::api_error::ApiError;

/// Tasks on a page of the list.
const PAGE: i64 = 30;

/// A task, and the fields that TaskView's own client expects beside those of a payload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskAnswer {
    #[serde(flatten)]
    task: Task,
    /// The account that owns the project.
    owner: UserId,
    task_order: TaskId,
    kanban_order: TaskId,
    goal_list_id: Option<i64>,
    history_id: Option<i64>,
}

impl TaskAnswer {
    fn new(task: Task, owner: UserId) -> TaskAnswer {
        // There are no lists, no history ids and no order of one's own: tasks stand in the order in which they came.
        TaskAnswer { owner, task_order: task.id, kanban_order: task.id, goal_list_id: None, history_id: None, task }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct New {
    goal_id: ProjectId,
    #[serde(flatten)]
    fields: TaskPatch,
}

pub async fn create(ctx: Data<Context>, caller: Caller, new: Input<New>) -> Result<Response<TaskAnswer>, ApiError> {
    let New { goal_id, fields } = new.into_inner();
    let draft = fields.onto(TaskDraft::blank()).map_err(AppError::Invalid)?;
    let answer = ctx
        .write(move |tx| {
            let (member, task) = tasks::add(tx, &caller.actor, goal_id, &draft)?;
            answer(tx.db, &member, task)
        })
        .await?;
    Ok(Response(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    goal_id: ProjectId,
    /// Counts from 0.
    #[serde(default)]
    page: i64,
    show_completed: Option<u8>,
    first_new: Option<u8>,
    search_text: Option<String>,
    unlimited: Option<String>,
}
