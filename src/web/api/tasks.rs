//! Tasks over the API: created, read, changed, assigned and deleted, by the same actions as on the pages.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::{Deserialize, Serialize};

use super::{Envelope, ok};
use crate::actions::tasks;
use crate::context::Context;
use crate::db::tasks::{Filter, Order};
use crate::db::{Db, memberships};
use crate::domain::ids::{MemberId, ProjectId, TaskId, UserId};
use crate::domain::task::{MAX_DESCRIPTION, Task, TaskDraft, TaskPatch};
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;

/// Tasks on a page of the list.
const PAGE: i64 = 30;
/// What `unlimited` is in truth: a task's JSON may hold much text.
const UNLIMITED: i64 = 1_000;

type Answer = Result<HttpResponse, ApiError>;

/// A task, and the fields that TaskView's own client expects beside those of a payload. There are no lists, no history ids
/// and no order of one's own: tasks stand in the order in which they came.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TaskWithOrder)]
#[serde(rename_all = "camelCase")]
pub struct TaskAnswer {
    #[serde(flatten)]
    task: Task,
    /// The account that owns the project.
    owner: UserId,
    task_order: TaskId,
    kanban_order: TaskId,
    #[schema(required)]
    goal_list_id: Option<i64>,
    #[schema(required)]
    history_id: Option<i64>,
}

impl TaskAnswer {
    fn new(task: Task, owner: UserId) -> TaskAnswer {
        TaskAnswer {
            owner,
            task_order: task.id,
            kanban_order: task.id,
            goal_list_id: None,
            history_id: None,
            task,
        }
    }

    fn of(db: &mut Db, task: Task) -> Result<TaskAnswer, AppError> {
        let owner = memberships::owner(db, task.project_id)?;
        Ok(TaskAnswer::new(task, owner))
    }
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewTask {
    goal_id: ProjectId,
    #[serde(flatten)]
    fields: TaskPatch,
}

/// Make a task, or a subtask of `parentId`
#[utoipa::path(post, path = "/module/tasks", tag = "Tasks", operation_id = "createTask", request_body = NewTask, responses((status = 200, description = "OK", body = Envelope<TaskAnswer>)))]
pub async fn create(ctx: Data<Context>, caller: Caller, JsonBody(new): JsonBody<NewTask>) -> Answer {
    let draft = new.fields.onto(TaskDraft::blank()).map_err(AppError::Invalid)?;
    let answer = ctx
        .write(move |tx| {
            let (_, task) = tasks::add(tx, &caller.actor, new.goal_id, &draft)?;
            TaskAnswer::of(tx.db, task)
        })
        .await?;
    ok(answer)
}

/// What a list asks for, as TaskView's client writes it: `componentId` (lists) is ignored, flags are 0 or 1.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct ListQuery {
    goal_id: ProjectId,
    /// Counts from 0.
    page: Option<String>,
    show_completed: Option<String>,
    first_new: Option<String>,
    search_text: Option<String>,
    unlimited: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<Filter, AppError> {
        let flag = |given: &Option<String>| matches!(given.as_deref(), Some("1" | "true"));
        let page: i64 = match self.page.as_deref().filter(|page| !page.is_empty()) {
            Some(page) => page
                .parse()
                .map_err(|_| AppError::invalid("page", "A page is a number; the first is 0."))?,
            None => 0,
        };
        let text = self.search_text.as_deref().unwrap_or_default();
        // No description is longer, and SQLite refuses a pattern of 50,000 bytes.
        if text.chars().count() > MAX_DESCRIPTION {
            return Err(AppError::invalid(
                "searchText",
                format!("At most {MAX_DESCRIPTION} characters."),
            ));
        }
        let limit = if flag(&self.unlimited) { UNLIMITED } else { PAGE };
        Ok(Filter {
            // Asked for neither way, the list hides nothing.
            complete: match self.show_completed.as_deref() {
                Some("0" | "false") => Some(false),
                _ => None,
            },
            text: Some(text.to_owned()).filter(|text| !text.is_empty()),
            order: if flag(&self.first_new) {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            },
            limit: Some(limit),
            offset: page.max(0).saturating_mul(limit),
            ..Filter::default()
        })
    }
}

/// List the top-level tasks of a project
///
/// 30 a page, the oldest first unless `firstNew=1`.
#[utoipa::path(get, path = "/module/tasks", tag = "Tasks", operation_id = "listTasks", params(ListQuery), responses((status = 200, description = "OK", body = Envelope<Vec<TaskAnswer>>)))]
pub async fn list(ctx: Data<Context>, caller: Caller, query: Query<ListQuery>) -> Answer {
    let filter = query.filter()?;
    let answers: Vec<TaskAnswer> = ctx
        .read(move |db| {
            let (_, found) = tasks::list(db, &caller.actor, query.goal_id, &filter)?;
            let owner = memberships::owner(db, query.goal_id)?;
            Ok(found.into_iter().map(|task| TaskAnswer::new(task, owner)).collect())
        })
        .await?;
    ok(answers)
}

/// One task with its subtasks
#[utoipa::path(get, path = "/module/tasks/{taskId}", tag = "Tasks", operation_id = "getTask", params(("taskId" = TaskId, Path, description = "The task")), responses((status = 200, description = "OK", body = Envelope<TaskAnswer>)))]
pub async fn find(ctx: Data<Context>, caller: Caller, id: Path<TaskId>) -> Answer {
    let id = id.into_inner();
    let answer = ctx
        .read(move |db| {
            let (_, task) = tasks::get(db, &caller.actor, id)?;
            TaskAnswer::of(db, task)
        })
        .await?;
    ok(answer)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = TaskChange)]
#[serde(rename_all = "camelCase")]
pub struct EditTask {
    id: TaskId,
    #[serde(flatten)]
    fields: TaskPatch,
}

/// Change a task
///
/// Only what is sent; what changes nothing makes no event. With an API token each field needs its right. Nothing but the id: 403.
#[utoipa::path(patch, path = "/module/tasks", tag = "Tasks", operation_id = "editTask", request_body = EditTask, responses((status = 200, description = "OK", body = Envelope<TaskAnswer>)))]
pub async fn edit(ctx: Data<Context>, caller: Caller, JsonBody(edit): JsonBody<EditTask>) -> Answer {
    if edit.fields.is_empty() {
        return Err(AppError::Forbidden("There is nothing to change: send a field beside the id.").into());
    }
    edit.fields.check().map_err(AppError::Invalid)?;
    let answer = ctx
        .write(move |tx| {
            let (_, task) = tasks::edit(tx, &caller.actor, edit.id, &edit.fields, None)?;
            TaskAnswer::of(tx.db, task)
        })
        .await?;
    ok(answer)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = WhichTask)]
#[serde(rename_all = "camelCase")]
pub struct DeleteTask {
    task_id: TaskId,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeletedTask)]
pub struct Deleted {
    delete: bool,
}

/// Delete a task and its subtasks
///
/// Each with an event of its own.
#[utoipa::path(delete, path = "/module/tasks", tag = "Tasks", operation_id = "deleteTask", request_body = DeleteTask, responses((status = 200, description = "OK", body = Envelope<Deleted>)))]
pub async fn delete(ctx: Data<Context>, caller: Caller, JsonBody(gone): JsonBody<DeleteTask>) -> Answer {
    ctx.write(move |tx| tasks::delete(tx, &caller.actor, gone.task_id).map(drop))
        .await?;
    ok(Deleted { delete: true })
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = TaskAssignees)]
#[serde(rename_all = "camelCase")]
pub struct Assign {
    task_id: TaskId,
    #[schema(example = json!([1]))]
    user_ids: Vec<MemberId>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AssignedUsers)]
#[serde(rename_all = "camelCase")]
pub struct Assigned {
    user_ids: Vec<MemberId>,
}

/// Say who is assigned
///
/// Replaces the whole set. The ids are those that `/module/collaboration` lists.
#[utoipa::path(patch, path = "/module/tasks/task-users", tag = "Tasks", operation_id = "assignTask", request_body = Assign, responses((status = 200, description = "OK", body = Envelope<Assigned>)))]
pub async fn assign(ctx: Data<Context>, caller: Caller, JsonBody(new): JsonBody<Assign>) -> Answer {
    let user_ids = ctx
        .write(move |tx| {
            let (_, task) = tasks::edit(
                tx,
                &caller.actor,
                new.task_id,
                &TaskPatch::default(),
                Some(&new.user_ids),
            )?;
            Ok(task.assignees)
        })
        .await?;
    ok(Assigned { user_ids })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_beside_the_id_tells_absent_from_null() {
        let edit: EditTask = serde_json::from_str(r#"{"id":4,"statusId":null,"amount":3,"tags":[2]}"#).unwrap();

        assert_eq!((edit.fields.status_id, edit.fields.note), (Some(None), None));
        assert_eq!(edit.fields.tags.unwrap().len(), 1);
        assert!(
            serde_json::from_str::<EditTask>(r#"{"id":4,"color":"red"}"#)
                .unwrap()
                .fields
                .is_empty()
        );
    }

    #[test]
    fn an_answer_begins_with_the_keys_of_a_payload() {
        let task = crate::domain::task::sample();
        let payload = serde_json::to_string(&task).unwrap();

        let answer = serde_json::to_string(&TaskAnswer::new(task, UserId(9))).unwrap();

        let ours = r#","owner":9,"taskOrder":123,"kanbanOrder":123,"goalListId":null,"historyId":null}"#;
        assert_eq!(answer, format!("{}{ours}", payload.trim_end_matches('}')));
    }
}
