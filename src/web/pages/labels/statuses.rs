//! A status is added, changed, moved up or down, removed. A removal asks first where its tasks shall go.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::list::{Kind, Refused, again};
use super::path_of;
use crate::actions::statuses::{self, Found};
use crate::context::Context;
use crate::db::Db;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, StatusId};
use crate::domain::quoted::quoted;
use crate::domain::status::{StatusDraft, Step};
use crate::error::AppError;
use crate::web::flash::{Flash, redirect};
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words;

/// What stands in the form, checked or not.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TypedStatus {
    pub name: String,
    pub category: String,
}

impl TypedStatus {
    fn draft(&self) -> Result<StatusDraft, AppError> {
        StatusDraft::check(&self.name, &self.category).map_err(AppError::Invalid)
    }
}

pub async fn add(
    ctx: Data<Context>,
    who: SignedIn,
    project: Path<ProjectId>,
    Form(typed): Form<TypedStatus>,
) -> Result<HttpResponse, PageError> {
    let (project, actor) = (project.into_inner(), who.actor);
    let added = match typed.draft() {
        Ok(draft) => ctx.write(move |tx| statuses::create(tx, &actor, project, &draft)).await,
        Err(error) => Err(error),
    };
    let errors = match added {
        // Back in the field, for the next one.
        Ok(_) => return Ok(redirect(format!("{}#status", path_of(project)))),
        Err(AppError::Invalid(errors)) => errors,
        Err(AppError::Conflict(sentence)) => vec![FieldError::new("name", sentence)],
        Err(error) => return Err(error.into()),
    };
    // Who may not add one is told that, not what is wrong with it.
    ctx.read(move |db| statuses::maker(db, &actor, project)).await?;
    again(&ctx, who, project, Refused::Status(typed, errors)).await
}

#[derive(Template)]
#[template(path = "labels/status.html")]
struct StatusPage {
    shell: Shell,
    labels: String,
    href: String,
    /// As it is, whatever was typed.
    name: String,
    can_go: bool,
    typed: TypedStatus,
    categories: Vec<Kind>,
    errors: FieldErrors,
}

pub async fn edit_page(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, StatusId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| {
            let found = statuses::find_to_change(db, &who.actor, project, id)?;
            let typed = TypedStatus {
                name: found.status.name.clone(),
                category: found.status.category.to_string(),
            };
            status_page(db, &who, found, typed, FieldErrors::default())
        })
        .await?;
    html(&page)
}

pub async fn edit(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, StatusId)>,
    Form(typed): Form<TypedStatus>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), actor) = (path.into_inner(), who.actor);
    let saved = match typed.draft() {
        Ok(draft) => {
            ctx.write(move |tx| statuses::edit(tx, &actor, project, id, &draft))
                .await
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => Ok(Flash::good("Saved.").on(path_of(project))),
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .read(move |db| {
                    let found = statuses::find_to_change(db, &who.actor, project, id)?;
                    status_page(db, &who, found, typed, errors.into())
                })
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn status_page(
    db: &mut Db,
    who: &SignedIn,
    found: Found,
    typed: TypedStatus,
    errors: FieldErrors,
) -> Result<StatusPage, AppError> {
    let project = found.member.project.id;
    Ok(StatusPage {
        shell: who.shell_in(db, "Change a status", &found.member, Tab::Tasks)?,
        labels: path_of(project),
        href: format!("/projects/{project}/statuses/{}", found.status.id),
        can_go: found.can_go(),
        name: found.status.name,
        categories: Kind::all(&typed.category),
        typed,
        errors,
    })
}

#[derive(Debug, Deserialize)]
pub struct Move {
    to: Way,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Up,
    Down,
}

pub async fn reorder(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, StatusId)>,
    Form(pressed): Form<Move>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let (step, button) = match pressed.to {
        Way::Up => (Step::Up, "up"),
        Way::Down => (Step::Down, "down"),
    };
    ctx.write(move |tx| statuses::reorder(tx, &who.actor, project, id, step))
        .await?;
    // Back on the button, for the next step.
    Ok(redirect(format!("{}#{button}-{id}", path_of(project))))
}

#[derive(Template)]
#[template(path = "labels/remove_status.html")]
struct RemovePage {
    shell: Shell,
    labels: String,
    href: String,
    name: String,
    kind: Kind,
    /// Empty when no task stands there.
    tasks: String,
    /// Id, name, and whether it is chosen.
    others: Vec<(StatusId, String, bool)>,
    archived: bool,
    errors: FieldErrors,
}

/// Where the tasks shall go; nothing is sent when there are none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Where {
    to: String,
}

pub async fn ask_remove(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, StatusId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| remove_page(db, &who, project, id, FieldErrors::default()))
        .await;
    match page {
        Ok(page) => html(&page),
        Err(AppError::Conflict(sentence)) => Ok(Flash::bad(sentence).on(path_of(project))),
        Err(error) => Err(error.into()),
    }
}

pub async fn remove(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, StatusId)>,
    Form(form): Form<Where>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), actor) = (path.into_inner(), who.actor);
    // What is no number is no status either.
    let to = (!form.to.is_empty()).then(|| form.to.parse().unwrap_or(StatusId(0)));
    let removed = ctx.write(move |tx| statuses::delete(tx, &actor, project, id, to)).await;
    match removed {
        Ok(gone) => {
            let told = match gone.tasks {
                0 => "No task stood there.".to_owned(),
                1 => format!("1 task is {} now.", quoted(&gone.to.name)),
                n => format!(
                    "{} tasks are {} now.",
                    words::thousands(n as i64),
                    quoted(&gone.to.name)
                ),
            };
            let flash = Flash::good(format!("The status {} is removed.", quoted(&gone.status.name))).with(told);
            Ok(flash.on(path_of(project)))
        }
        Err(AppError::Conflict(sentence)) => Ok(Flash::bad(sentence).on(path_of(project))),
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .read(move |db| remove_page(db, &who, project, id, errors.into()))
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn remove_page(
    db: &mut Db,
    who: &SignedIn,
    project: ProjectId,
    id: StatusId,
    errors: FieldErrors,
) -> Result<RemovePage, AppError> {
    let found = statuses::find_to_remove(db, &who.actor, project, id)?;
    let others = found.others.into_iter().enumerate();
    Ok(RemovePage {
        shell: who.shell_in(db, "Remove a status", &found.member, Tab::Tasks)?,
        labels: path_of(project),
        href: format!("/projects/{project}/statuses/{id}"),
        name: found.status.name,
        kind: Kind::of(found.status.category),
        tasks: match found.tasks {
            0 => String::new(),
            n => words::counted(n as i64, "task", "tasks"),
        },
        others: others
            .map(|(place, other)| (other.id, other.name, place == 0))
            .collect(),
        archived: found.member.project.archived_at.is_some(),
        errors,
    })
}
