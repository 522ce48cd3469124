//! The questions before somebody goes, and before the project is handed over.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::actions::members::{self, Leaving};
use crate::context::Context;
use crate::db::Db;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::quoted::{quoted, unturned};
use crate::error::AppError;
use crate::web::confirm::{self, Confirm};
use crate::web::flash::Flash;
use crate::web::form::Form;
use crate::web::page::{Shell, Tab, capital, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words;

#[derive(Template)]
#[template(path = "members/remove.html")]
struct RemovePage {
    shell: Shell,
    project: ProjectId,
    project_name: String,
    /// It is oneself who goes.
    leaving: bool,
    /// Who goes was invited and has not accepted.
    waits: bool,
    id: MemberId,
    name: String,
    email: String,
    role: String,
    tasks: String,
}

pub async fn confirm_remove(
    ctx: web::Data<Context>,
    who: SignedIn,
    path: web::Path<(ProjectId, MemberId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| {
            let going = members::find_to_remove(db, &who.actor, project, id)?;
            let shell = who.shell_in(db, "Remove member", &going.member, Tab::Members)?;
            Ok::<_, AppError>(RemovePage::new(shell, going, false))
        })
        .await?;
    html(&page)
}

pub async fn remove(
    ctx: web::Data<Context>,
    who: SignedIn,
    path: web::Path<(ProjectId, MemberId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let myself = who.actor.user;
    let (person, changed) = ctx
        .write(move |tx| members::remove(tx, &who.actor, project, id))
        .await?;
    let done = match person.user {
        Some(_) => format!("{} is removed.", unturned(&person.name)),
        None => format!("The invitation of {} is withdrawn.", person.name),
    };
    let flash = Flash::good(done).with(match changed {
        0 => "No task was assigned to them.".to_owned(),
        n => format!("They were taken off {}.", words::counted(count(n), "task", "tasks")),
    });
    let to = if person.user == Some(myself) {
        "/".to_owned()
    } else {
        format!("/projects/{project}/members")
    };
    Ok(flash.on(to))
}

pub async fn confirm_leave(
    ctx: web::Data<Context>,
    who: SignedIn,
    project: web::Path<ProjectId>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let page = ctx
        .read(move |db| {
            let going = members::find_to_leave(db, &who.actor, project)?;
            let shell = who.shell_in(db, "Leave project", &going.member, Tab::Members)?;
            Ok::<_, AppError>(RemovePage::new(shell, going, true))
        })
        .await?;
    html(&page)
}

pub async fn leave(
    ctx: web::Data<Context>,
    who: SignedIn,
    project: web::Path<ProjectId>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let (left, _) = ctx.write(move |tx| members::leave(tx, &who.actor, project)).await?;
    Ok(Flash::plain(format!("You left {}.", quoted(&left.project.name))).on("/"))
}

#[derive(Template)]
#[template(path = "members/hand_over.html")]
struct HandOverPage {
    shell: Shell,
    project: ProjectId,
    project_name: String,
    id: MemberId,
    name: String,
    email: String,
    confirm: Confirm,
}

pub async fn confirm_hand_over(
    ctx: web::Data<Context>,
    who: SignedIn,
    path: web::Path<(ProjectId, MemberId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .read(move |db| HandOverPage::of(db, &who, project, id, Confirm::of(&who)))
        .await?;
    html(&page)
}

pub async fn hand_over(
    ctx: web::Data<Context>,
    who: SignedIn,
    path: web::Path<(ProjectId, MemberId)>,
    Form(typed): Form<confirm::Typed>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    if let Some(confirm) = confirm::ask_again(&ctx, &who, typed.password).await? {
        let page = ctx
            .read(move |db| HandOverPage::of(db, &who, project, id, confirm))
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let heir = ctx
        .write(move |tx| members::hand_over(tx, &who.actor, project, id))
        .await?;
    Ok(Flash::good(format!("{} owns the project now.", unturned(&heir.name)))
        .with("You are a manager of it.")
        .on(format!("/projects/{project}/members")))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl HandOverPage {
    fn of(
        db: &mut Db,
        who: &SignedIn,
        project: ProjectId,
        id: MemberId,
        confirm: Confirm,
    ) -> Result<HandOverPage, AppError> {
        let (member, heir) = members::find_heir(db, &who.actor, project, id)?;
        Ok(HandOverPage {
            shell: who.shell_in(db, "Hand over", &member, Tab::Members)?,
            project,
            project_name: member.project.name,
            id,
            name: heir.name,
            email: heir.email,
            confirm,
        })
    }
}

impl RemovePage {
    fn new(shell: Shell, going: Leaving, leaving: bool) -> Self {
        let Leaving { member, person, tasks } = going;
        let whom = if leaving { "you" } else { "them" };
        RemovePage {
            shell,
            project: member.project.id,
            project_name: member.project.name,
            leaving,
            waits: person.user.is_none(),
            id: person.id,
            name: person.name,
            email: person.email,
            role: capital(person.role.as_str()),
            tasks: match tasks {
                0 => format!("none is assigned to {whom}"),
                1 => format!("1 is assigned to {whom}; it is unassigned, with an event"),
                n => format!("{n} are assigned to {whom}; each is unassigned, with an event of its own"),
            },
        }
    }
}
