//! Who belongs to a project: the list, adding by e-mail, roles, removing and leaving, each with its question.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions::members::{self, Added, Leaving};
use crate::context::Context;
use crate::db::Db;
use crate::db::memberships::Person;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::role::Role;
use crate::error::AppError;
use crate::web::flash::Flash;
use crate::web::form::FieldErrors;
use crate::web::page::{Shell, Tab, capital, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::{self, When};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    email: String,
    role: String,
}

#[derive(Debug, Deserialize)]
pub struct NewRole {
    role: String,
}

#[derive(Template)]
#[template(path = "members/list.html")]
struct ListPage {
    shell: Shell,
    project: ProjectId,
    manages: bool,
    people: Vec<Row>,
    typed: Typed,
    errors: FieldErrors,
}

struct Row {
    id: MemberId,
    name: String,
    email: String,
    initial: String,
    hue: i64,
    role: String,
    /// What a press of the button makes of them; nobody changes the owner.
    other_role: Option<&'static str>,
    since: When,
    is_me: bool,
    /// Invited and not here yet.
    waits: bool,
}

pub async fn list(
    ctx: web::Data<Context>,
    who: SignedIn,
    project: web::Path<ProjectId>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let now = ctx.now();
    let page = ctx
        .read(move |db| ListPage::of(db, &who, project, now, Typed::default(), FieldErrors::default()))
        .await?;
    html(&page)
}

pub async fn add(
    ctx: web::Data<Context>,
    who: SignedIn,
    project: web::Path<ProjectId>,
    typed: web::Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let typed = typed.into_inner();
    let (actor, email, role) = (who.actor, typed.email.clone(), role_of(&typed.role)?);
    match ctx
        .write(move |tx| match members::add(tx, &actor, project, &email, role)? {
            Added::New(person) => Ok(person),
            Added::Already(_) => Err(AppError::invalid("email", "This person is a member already.")),
        })
        .await
    {
        Ok(person) => Ok(Flash::good(format!("{} is a {} now.", person.name, person.role))
            .with("They see this project from their next click on.")
            .on(format!("/projects/{project}/members"))),
        Err(AppError::Invalid(errors)) => {
            let now = ctx.now();
            let page = ctx
                .read(move |db| ListPage::of(db, &who, project, now, typed, errors.into()))
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn set_role(
    ctx: web::Data<Context>,
    who: SignedIn,
    path: web::Path<(ProjectId, MemberId)>,
    form: web::Form<NewRole>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let role = role_of(&form.role)?;
    let person = ctx
        .write(move |tx| members::set_role(tx, &who.actor, project, id, role))
        .await?;
    Ok(Flash::good(format!("{} is a {} now.", person.name, person.role)).on(format!("/projects/{project}/members")))
}

#[derive(Template)]
#[template(path = "members/remove.html")]
struct RemovePage {
    shell: Shell,
    project: ProjectId,
    project_name: String,
    /// It is oneself who goes.
    leaving: bool,
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
    let flash = Flash::good(format!("{} is removed.", person.name)).with(match changed {
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
    let left = ctx.write(move |tx| members::leave(tx, &who.actor, project)).await?;
    Ok(Flash::plain(format!("You left “{}”.", left.project.name)).on("/"))
}

/// The form offers only words that are roles.
fn role_of(word: &str) -> Result<Role, AppError> {
    match word {
        "" => Ok(Role::Member),
        word => word
            .parse()
            .map_err(|()| AppError::invalid("role", "A role is manager or member.")),
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Typed {
    fn manager(&self) -> bool {
        self.role == Role::Manager.as_str()
    }
}

impl ListPage {
    fn of(
        db: &mut Db,
        who: &SignedIn,
        project: ProjectId,
        now: Moment,
        typed: Typed,
        errors: FieldErrors,
    ) -> Result<Self, AppError> {
        let (member, people) = members::list(db, &who.actor, project)?;
        let shell = who.shell_in(db, "Members", &member, Tab::Members)?;
        let row = |person: Person| Row {
            id: person.id,
            initial: words::initial(&person.name),
            hue: words::hue(person.user.map_or(person.id.0, |user| user.0)),
            name: person.name,
            email: person.email,
            role: capital(person.role.as_str()),
            other_role: match person.role {
                Role::Owner => None,
                Role::Manager => Some(Role::Member.as_str()),
                Role::Member => Some(Role::Manager.as_str()),
            },
            since: When::new(person.since, now),
            is_me: person.id == member.member,
            waits: person.user.is_none(),
        };
        Ok(ListPage {
            shell,
            project,
            manages: member.manages(),
            people: people.into_iter().map(row).collect(),
            typed,
            errors,
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
