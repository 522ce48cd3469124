//! A tag is added, changed, removed. Every member may; a removal asks first, because it changes tasks.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::list::{Refused, again};
use super::path_of;
use crate::actions::tags::{self, Found};
use crate::context::Context;
use crate::db::Db;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, TagId};
use crate::domain::quoted::quoted;
use crate::domain::tag::TagDraft;
use crate::error::AppError;
use crate::web::colors::{self, Color};
use crate::web::flash::{Flash, redirect};
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words;

/// What stands in the form, checked or not.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TypedTag {
    pub name: String,
    pub color: String,
}

impl TypedTag {
    fn draft(&self) -> Result<TagDraft, AppError> {
        TagDraft::check(&self.name, &self.color).map_err(AppError::Invalid)
    }
}

pub async fn add(
    ctx: Data<Context>,
    who: SignedIn,
    project: Path<ProjectId>,
    Form(typed): Form<TypedTag>,
) -> Result<HttpResponse, PageError> {
    let (project, actor) = (project.into_inner(), who.actor);
    let added = match typed.draft() {
        Ok(draft) => ctx.write(move |tx| tags::create(tx, &actor, project, &draft)).await,
        Err(error) => Err(error),
    };
    let errors = match added {
        // Back in the field, for the next one.
        Ok(_) => return Ok(redirect(format!("{}#tag", path_of(project)))),
        Err(AppError::Invalid(errors)) => errors,
        Err(AppError::Conflict(sentence)) => vec![FieldError::new("name", sentence)],
        Err(error) => return Err(error.into()),
    };
    again(&ctx, who, project, Refused::Tag(typed, errors)).await
}

#[derive(Template)]
#[template(path = "labels/tag.html")]
struct TagPage {
    shell: Shell,
    labels: String,
    href: String,
    /// As it is, whatever was typed.
    name: String,
    typed: TypedTag,
    colors: Vec<Color>,
    errors: FieldErrors,
}

pub async fn edit_page(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TagId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| {
            let found = tags::find_in(db, &who.actor, project, id)?;
            let typed = TypedTag {
                name: found.tag.name.clone(),
                color: found.tag.color.clone(),
            };
            tag_page(db, &who, found, typed, FieldErrors::default())
        })
        .await?;
    html(&page)
}

pub async fn edit(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TagId)>,
    Form(typed): Form<TypedTag>,
) -> Result<HttpResponse, PageError> {
    let ((project, id), actor) = (path.into_inner(), who.actor);
    let saved = match typed.draft() {
        Ok(draft) => {
            ctx.write(move |tx| {
                tags::find_in(tx.db, &actor, project, id)?;
                tags::edit(tx, &actor, id, &draft).map(drop)
            })
            .await
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => Ok(Flash::good("Saved.").on(path_of(project))),
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .read(move |db| {
                    let found = tags::find_in(db, &who.actor, project, id)?;
                    tag_page(db, &who, found, typed, errors.into())
                })
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn tag_page(
    db: &mut Db,
    who: &SignedIn,
    found: Found,
    typed: TypedTag,
    errors: FieldErrors,
) -> Result<TagPage, AppError> {
    let project = found.member.project.id;
    Ok(TagPage {
        shell: who.shell_in(db, "Change a tag", &found.member, Tab::Tasks)?,
        labels: path_of(project),
        href: format!("/projects/{project}/tags/{}", found.tag.id),
        name: found.tag.name,
        colors: colors::offered(&typed.color),
        typed,
        errors,
    })
}

#[derive(Template)]
#[template(path = "labels/remove_tag.html")]
struct RemovePage {
    shell: Shell,
    labels: String,
    href: String,
    name: String,
    color: String,
    /// Empty when no task has it.
    tasks: String,
    archived: bool,
}

pub async fn ask_remove(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TagId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| {
            let found = tags::find_in(db, &who.actor, project, id)?;
            Ok::<_, AppError>(RemovePage {
                shell: who.shell_in(db, "Remove a tag", &found.member, Tab::Tasks)?,
                labels: path_of(project),
                href: format!("/projects/{project}/tags/{id}"),
                name: found.tag.name,
                color: found.tag.color,
                tasks: match found.tasks {
                    0 => String::new(),
                    n => words::counted(n as i64, "task", "tasks"),
                },
                archived: found.member.project.archived_at.is_some(),
            })
        })
        .await?;
    html(&page)
}

pub async fn remove(
    ctx: Data<Context>,
    who: SignedIn,
    path: Path<(ProjectId, TagId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let (tag, tasks) = ctx
        .write(move |tx| {
            let found = tags::find_in(tx.db, &who.actor, project, id)?;
            let changed = tags::delete(tx, &who.actor, id)?;
            Ok((found.tag, changed))
        })
        .await?;
    let flash = Flash::good(format!("The tag {} is removed.", quoted(&tag.name))).with(match tasks {
        0 => "No task had it.".to_owned(),
        n => format!("It was taken off {}.", words::counted(n as i64, "task", "tasks")),
    });
    Ok(flash.on(path_of(project)))
}
