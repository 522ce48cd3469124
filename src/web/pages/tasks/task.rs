//! One task: all its fields, its subtasks, what was sent because of it, and the way to delete it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::asked::{Asked, ListQuery};
use super::fired;
use super::form::TaskForm;
use super::view::{self, Choice, Row};
use crate::actions::{deliveries, tasks};
use crate::context::Context;
use crate::db::Db;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, TaskId};
use crate::domain::moment::Moment;
use crate::domain::task::{Priority, TaskDraft, TaskPatch};
use crate::error::AppError;
use crate::web::flash::{Flash, redirect};
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, capital, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::{self, When};

/// The newest events of a task that its page explains.
const EVENTS: i64 = 10;

const REMOVED: &str = "A status, a tag or a person chosen here was removed meanwhile. Look at them and save again.";

#[derive(Template)]
#[template(path = "tasks/task.html")]
struct TaskPage {
    shell: Shell,
    project_href: String,
    href: String,
    /// Address and number of the task above.
    parent: Option<Choice>,
    id: TaskId,
    name: String,
    typed: TaskForm,
    errors: FieldErrors,
    /// `None` for a subtask, which has none.
    subtasks_done: Option<String>,
    subtasks: Vec<Row>,
    /// Typed as a new subtask and refused.
    subtask: String,
    back: String,
    fired: Vec<fired::Event>,
    /// All deliveries of this task.
    history: String,
    /// The list by a tag, whose id comes next.
    tagged: String,
    statuses: Vec<Choice>,
    priorities: Vec<Choice>,
    people: Vec<Choice>,
    /// With their colors.
    tags: Vec<(Choice, String)>,
    creator: String,
    created: When,
    edited: When,
}

pub async fn show(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TaskId)>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), now) = (path.into_inner(), ctx.now());
    let kept_since = now - ctx.config().kept.age();
    let page = ctx
        .read(move |db| task_page(db, &who, project, id, now, kept_since, None))
        .await?;
    html(&page)
}

pub async fn save(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TaskId)>,
    Form(form): Form<TaskForm>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let (actor, typed) = (who.actor, form.clone());
    let saved = ctx
        .write(move |tx| {
            let (_, before) = tasks::get_in(tx.db, &actor, project, id)?;
            let saved = tasks::edit(tx, &actor, id, &form.patch(&before), Some(&form.assignees));
            saved.map(drop).map_err(|error| match error {
                // The task itself was there a line above.
                AppError::NotFound => AppError::invalid("", REMOVED),
                error => error,
            })
        })
        .await;
    match saved {
        Ok(()) => Ok(Flash::good("Saved.").on(format!("/projects/{project}/tasks/{id}"))),
        Err(AppError::Invalid(errors)) => again(&ctx, who, project, id, Refused::Edit(Box::new(typed), errors)).await,
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Deserialize)]
pub struct Tick {
    /// What the task shall be: a second press of the same button changes nothing.
    complete: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Back {
    /// The page of this task is where the button was; otherwise it was the list.
    task: Option<TaskId>,
}

pub async fn complete(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TaskId)>,
    back: Query<Back>,
    list: Query<ListQuery>,
    Form(tick): Form<Tick>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    ctx.write(move |tx| {
        tasks::get_in(tx.db, &who.actor, project, id)?;
        let patch = TaskPatch {
            complete: Some(tick.complete),
            ..TaskPatch::default()
        };
        tasks::edit(tx, &who.actor, id, &patch, None).map(drop)
    })
    .await?;
    let list = Asked::from(list.into_inner()).query();
    Ok(redirect(match back.task {
        Some(task) => format!("/projects/{project}/tasks/{task}#t-{id}"),
        None => format!("/projects/{project}{list}#t-{id}"),
    }))
}

#[derive(Debug, Deserialize)]
pub struct NewSubtask {
    subtask: String,
}

pub async fn add_subtask(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TaskId)>,
    Form(new): Form<NewSubtask>,
) -> Result<HttpResponse, PageError> {
    let (project, parent) = path.into_inner();
    let patch = TaskPatch {
        description: Some(new.subtask.clone()),
        parent_id: Some(Some(parent)),
        ..TaskPatch::default()
    };
    let actor = who.actor;
    let added = match patch.onto(TaskDraft::blank()) {
        Ok(draft) => {
            ctx.write(move |tx| tasks::add(tx, &actor, project, &draft).map(drop))
                .await
        }
        Err(errors) => Err(AppError::Invalid(errors)),
    };
    match added {
        // Back in the field, for the next one.
        Ok(()) => Ok(redirect(format!("/projects/{project}/tasks/{parent}#subtask"))),
        Err(AppError::Invalid(errors)) => {
            let refused = Refused::Subtask(new.subtask, errors);
            again(&ctx, who, project, parent, refused).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What somebody typed and what is wrong with it.
enum Refused {
    Edit(Box<TaskForm>, Vec<FieldError>),
    Subtask(String, Vec<FieldError>),
}

/// The page again, with what was typed and the errors beside it.
async fn again(
    ctx: &Context,
    who: SignedIn,
    project: ProjectId,
    id: TaskId,
    refused: Refused,
) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let kept_since = now - ctx.config().kept.age();
    let page = ctx
        .read(move |db| task_page(db, &who, project, id, now, kept_since, Some(refused)))
        .await?;
    html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

#[derive(Template)]
#[template(path = "tasks/delete.html")]
struct DeletePage {
    shell: Shell,
    project_href: String,
    href: String,
    id: TaskId,
    name: String,
    /// `3 subtasks`, empty without any.
    subtasks: String,
}

pub async fn ask_delete(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TaskId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| {
            let board = tasks::page_of(db, &who.actor, project, id)?;
            let task = &board.tasks[0];
            let below = task.subtasks.len() as i64;
            Ok(DeletePage {
                shell: who.shell_in(db, "Delete a task", &board.member, Tab::Tasks)?,
                project_href: format!("/projects/{project}"),
                href: format!("/projects/{project}/tasks/{id}"),
                id,
                name: task.description.clone(),
                subtasks: if below == 0 {
                    String::new()
                } else {
                    words::counted(below, "subtask", "subtasks")
                },
            })
        })
        .await?;
    html(&page)
}

pub async fn delete(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TaskId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let gone = ctx
        .write(move |tx| {
            tasks::get_in(tx.db, &who.actor, project, id)?;
            tasks::delete(tx, &who.actor, id)
        })
        .await?
        .1;
    Ok(
        Flash::good(format!("{} deleted.", words::counted(gone as i64, "task", "tasks")))
            .on(format!("/projects/{project}")),
    )
}

fn task_page(
    db: &mut Db,
    who: &SignedIn,
    project: ProjectId,
    id: TaskId,
    now: Moment,
    kept_since: Moment,
    refused: Option<Refused>,
) -> Result<TaskPage, AppError> {
    let board = tasks::page_of(db, &who.actor, project, id)?;
    let fired = deliveries::of_task(db, &who.actor, &board.member, id, EVENTS, kept_since)?;
    let task = &board.tasks[0];
    let (typed, subtask, errors) = match refused {
        None => (TaskForm::of(task), String::new(), Vec::new()),
        Some(Refused::Edit(typed, errors)) => (*typed, String::new(), errors),
        Some(Refused::Subtask(subtask, errors)) => {
            let beside = errors
                .into_iter()
                .map(|error| FieldError::new("subtask", error.message));
            (TaskForm::of(task), subtask, beside.collect())
        }
    };
    let row = view::row(task, &board, now);
    let creator = board.people.iter().find(|person| person.user == Some(task.creator_id));
    Ok(TaskPage {
        shell: who.shell_in(db, task.description.clone(), &board.member, Tab::Tasks)?,
        project_href: format!("/projects/{project}"),
        href: row.href,
        parent: task.parent_id.map(|parent| Choice {
            value: format!("/projects/{project}/tasks/{parent}"),
            label: format!("#{parent}"),
            selected: false,
        }),
        id,
        name: row.name,
        subtasks_done: task.parent_id.is_none().then(|| {
            if row.subtasks_done.is_empty() {
                String::new()
            } else {
                format!("{} done", row.subtasks_done)
            }
        }),
        subtasks: row.subtasks,
        subtask,
        back: format!("?task={id}"),
        fired: fired::events(&fired, now),
        history: format!("/projects/{project}/deliveries?id={id}"),
        tagged: format!("/projects/{project}?tag="),
        statuses: view::statuses(&board, &typed.status_id),
        priorities: Priority::ALL
            .iter()
            .map(|priority| Choice {
                value: priority.number().to_string(),
                label: capital(priority.as_str()),
                selected: priority.number().to_string() == typed.priority_id,
            })
            .collect(),
        people: board
            .people
            .iter()
            .map(|person| Choice {
                value: person.id.to_string(),
                label: person.name.clone(),
                selected: typed.assignees.contains(&person.id),
            })
            .collect(),
        tags: board
            .tags
            .iter()
            .map(|tag| {
                let selected = typed.tags.contains(&tag.id);
                (
                    Choice {
                        value: tag.id.to_string(),
                        label: tag.name.clone(),
                        selected,
                    },
                    tag.color.clone(),
                )
            })
            .collect(),
        creator: creator.map(|person| person.name.clone()).unwrap_or_default(),
        created: When::new(task.created_at, now),
        edited: When::new(task.edited_at, now),
        typed,
        errors: errors.into(),
    })
}
