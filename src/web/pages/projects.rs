//! A project's own pages: make one, edit it, put it away, delete it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions::access::Member;
use crate::actions::projects::{self, COUNTED, Edit, Losses};
use crate::context::Context;
use crate::db::Db;
use crate::domain::ids::ProjectId;
use crate::domain::project::{ProjectDraft, ProjectPatch};
use crate::domain::quoted::quoted;
use crate::domain::role::Role;
use crate::error::AppError;
use crate::web::colors::{self, Color};
use crate::web::confirm::{self, Confirm};
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words;

/// What stands in the form, checked or not.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    description: String,
    color: String,
}

#[derive(Debug, Deserialize)]
pub struct Archive {
    archived: u8,
}

#[derive(Template)]
#[template(path = "projects/form.html")]
struct FormPage {
    shell: Shell,
    editing: Option<Editing>,
    typed: Typed,
    errors: FieldErrors,
    colors: Vec<Color>,
}

/// The project as it is, whatever was typed.
struct Editing {
    id: ProjectId,
    name: String,
    archived: bool,
    owns: bool,
}

pub async fn new(ctx: web::Data<Context>, who: SignedIn) -> Result<HttpResponse, PageError> {
    let page = ctx
        .read(move |db| {
            let shell = who.shell(db, "New project")?;
            let color = colors::next(shell.projects.len()).to_owned();
            let typed = Typed {
                color,
                ..Typed::default()
            };
            Ok::<_, AppError>(FormPage::new(shell, None, typed, FieldErrors::default()))
        })
        .await?;
    html(&page)
}

pub async fn create(
    ctx: web::Data<Context>,
    who: SignedIn,
    typed: web::Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let typed = typed.into_inner();
    let actor = who.actor;
    let result = match typed.patch().onto(ProjectDraft::blank()) {
        Ok(draft) => ctx.write(move |tx| projects::create(tx, &actor, &draft)).await,
        Err(errors) => Err(AppError::Invalid(errors)),
    };
    match result {
        Ok(made) => Ok(Flash::good(format!("{} is ready.", quoted(&made.project.name)))
            .with("Add its first task, or a webhook that listens.")
            .on(format!("/projects/{}", made.project.id))),
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .read(move |db| Ok(FormPage::new(who.shell(db, "New project")?, None, typed, errors.into())))
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn edit(ctx: web::Data<Context>, who: SignedIn, id: web::Path<ProjectId>) -> Result<HttpResponse, PageError> {
    let id = id.into_inner();
    let page = ctx
        .read(move |db| {
            let member = projects::find_to_change(db, &who.actor, id)?;
            let typed = Typed::of(member.project.draft());
            FormPage::of(db, &who, &member, typed, FieldErrors::default())
        })
        .await?;
    html(&page)
}

pub async fn save(
    ctx: web::Data<Context>,
    who: SignedIn,
    id: web::Path<ProjectId>,
    typed: web::Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let id = id.into_inner();
    let typed = typed.into_inner();
    let actor = who.actor;
    let change = Edit {
        patch: typed.patch(),
        archived: None,
    };
    match ctx.write(move |tx| projects::edit(tx, &actor, id, &change)).await {
        Ok(_) => Ok(Flash::good("Saved.").on(format!("/projects/{id}"))),
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .read(move |db| {
                    let member = projects::find_to_change(db, &who.actor, id)?;
                    FormPage::of(db, &who, &member, typed, errors.into())
                })
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn archive(
    ctx: web::Data<Context>,
    who: SignedIn,
    id: web::Path<ProjectId>,
    form: web::Form<Archive>,
) -> Result<HttpResponse, PageError> {
    let id = id.into_inner();
    let archived = form.archived != 0;
    let change = Edit {
        patch: ProjectPatch::default(),
        archived: Some(archived),
    };
    let member = ctx.write(move |tx| projects::edit(tx, &who.actor, id, &change)).await?;
    let name = member.project.name;
    let flash = if archived {
        Flash::plain(format!("{} is archived.", quoted(&name)))
            .with("Changes of its tasks make no events until you take it back.")
    } else {
        Flash::good(format!("{} is back.", quoted(&name))).with("Changes of its tasks make events again.")
    };
    Ok(flash.on(format!("/projects/{id}/edit")))
}

#[derive(Template)]
#[template(path = "projects/delete.html")]
struct DeletePage {
    shell: Shell,
    id: ProjectId,
    name: String,
    archived: bool,
    tasks: String,
    webhooks: usize,
    /// Empty when there are none.
    deliveries: String,
    members: String,
    confirm: Confirm,
}

pub async fn confirm_delete(
    ctx: web::Data<Context>,
    who: SignedIn,
    id: web::Path<ProjectId>,
) -> Result<HttpResponse, PageError> {
    let id = id.into_inner();
    let page = ctx.read(move |db| to_delete(db, &who, id, Confirm::of(&who))).await?;
    html(&page)
}

pub async fn delete(
    ctx: web::Data<Context>,
    who: SignedIn,
    id: web::Path<ProjectId>,
    Form(typed): Form<confirm::Typed>,
) -> Result<HttpResponse, PageError> {
    let id = id.into_inner();
    if let Some(confirm) = confirm::ask_again(&ctx, &who, typed.password).await? {
        let page = ctx.read(move |db| to_delete(db, &who, id, confirm)).await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let gone = ctx.write(move |tx| projects::delete(tx, &who.actor, id)).await?;
    Ok(Flash::plain(format!("{} is deleted.", quoted(&gone.name))).on("/"))
}

impl Typed {
    fn of(draft: ProjectDraft) -> Self {
        Typed {
            name: draft.name,
            description: draft.description,
            color: draft.color,
        }
    }

    fn patch(&self) -> ProjectPatch {
        ProjectPatch {
            name: Some(self.name.clone()),
            description: Some(self.description.clone()),
            color: Some(self.color.clone()),
        }
    }
}

impl FormPage {
    fn new(shell: Shell, editing: Option<Editing>, typed: Typed, errors: FieldErrors) -> Self {
        FormPage {
            shell,
            editing,
            colors: colors::offered(&typed.color),
            typed,
            errors,
        }
    }

    fn of(db: &mut Db, who: &SignedIn, member: &Member, typed: Typed, errors: FieldErrors) -> Result<Self, AppError> {
        let editing = Editing {
            id: member.project.id,
            name: member.project.name.clone(),
            archived: member.project.archived_at.is_some(),
            owns: member.role == Role::Owner,
        };
        let shell = who.shell_in(db, "Edit project", member, Tab::Other)?;
        Ok(FormPage::new(shell, Some(editing), typed, errors))
    }
}

fn to_delete(db: &mut Db, who: &SignedIn, id: ProjectId, confirm: Confirm) -> Result<DeletePage, AppError> {
    let (owner, losses) = projects::losses(db, &who.actor, id)?;
    let shell = who.shell_in(db, "Delete project", &owner, Tab::Other)?;
    Ok(DeletePage::new(shell, &owner, &losses, confirm))
}

impl DeletePage {
    fn new(shell: Shell, owner: &Member, losses: &Losses, confirm: Confirm) -> Self {
        let deliveries = match losses.deliveries {
            0 => String::new(),
            n if n > COUNTED => format!("{}+ deliveries", words::thousands(COUNTED)),
            n => words::counted(n, "delivery", "deliveries"),
        };
        DeletePage {
            shell,
            id: owner.project.id,
            name: owner.project.name.clone(),
            archived: owner.project.archived_at.is_some(),
            tasks: words::thousands(losses.tasks),
            webhooks: losses.webhooks,
            deliveries,
            members: match losses.members {
                0 => "only you".to_owned(),
                1 => "you and 1 other".to_owned(),
                n => format!("you and {n} others"),
            },
            confirm,
        }
    }
}
