//! Who belongs to a project: the list, adding and inviting by e-mail, roles.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::link;
use crate::actions::form_tokens::{self, Once};
use crate::actions::invitations::{self, Welcomed};
use crate::actions::{access, members};
use crate::context::Context;
use crate::db::Db;
use crate::db::memberships::Person;
use crate::domain::form_token::Bound;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::permission::Permission;
use crate::domain::quoted::unturned;
use crate::domain::role::Role;
use crate::error::AppError;
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, capital, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::{self, When};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    email: String,
    role: String,
    token: String,
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
    owns: bool,
    people: Vec<Row>,
    typed: Typed,
    errors: FieldErrors,
    /// The form stood open for too long; nothing was done.
    stale: bool,
    token: String,
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
    /// Until when the invitation can be accepted; `None` when there is no link.
    link: Option<When>,
}

pub async fn list(
    ctx: web::Data<Context>,
    who: SignedIn,
    project: web::Path<ProjectId>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let page = ctx
        .clone()
        .read(move |db| ListPage::of(db, &ctx, &who, project, Typed::default(), FieldErrors::default()))
        .await?;
    html(&page)
}

/// Who has an account is a member at once; for anybody else the answer shows a link, this once.
pub async fn add(
    ctx: web::Data<Context>,
    who: SignedIn,
    request: HttpRequest,
    project: web::Path<ProjectId>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let bound = Bound {
        session: who.session,
        user: who.actor.user,
        action: &action(project),
    };
    let Some(token) = form_tokens::checked(ctx.vault(), bound, &typed.token, ctx.now()) else {
        let page = ctx
            .clone()
            .read(move |db| {
                access::manager(db, &who.actor, project, Permission::GoalCanManageUsers)?;
                let page = ListPage::of(db, &ctx, &who, project, typed, FieldErrors::default())?;
                Ok(ListPage { stale: true, ..page })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let (actor, email, role) = (who.actor, typed.email.clone(), role_of(&typed.role)?);
    let done = ctx
        .write(move |tx| invitations::welcome_once(tx, &actor, project, &email, role, token))
        .await;
    match done {
        Ok(Once::Done(Welcomed::Member(person))) => {
            Ok(
                Flash::good(format!("{} is a {} now.", unturned(&person.name), person.role))
                    .with("They see this project from their next click on.")
                    .on(format!("/projects/{project}/members")),
            )
        }
        Ok(Once::Done(Welcomed::Invited(made))) => link::shown(&ctx, who, &request, project, made).await,
        Ok(Once::Already(spent)) => link::gone(&ctx, who, project, spent).await,
        Err(AppError::Invalid(errors)) => {
            let page = ctx
                .clone()
                .read(move |db| ListPage::of(db, &ctx, &who, project, typed, errors.into()))
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
    Ok(
        Flash::good(format!("{} is a {} now.", unturned(&person.name), person.role))
            .on(format!("/projects/{project}/members")),
    )
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

impl Typed {
    fn manager(&self) -> bool {
        self.role == Role::Manager.as_str()
    }
}

/// What the form's token is bound to.
fn action(project: ProjectId) -> String {
    format!("add to project {project}")
}

impl ListPage {
    fn of(
        db: &mut Db,
        ctx: &Context,
        who: &SignedIn,
        project: ProjectId,
        typed: Typed,
        errors: FieldErrors,
    ) -> Result<Self, AppError> {
        let now = ctx.now();
        let (member, people) = members::list(db, &who.actor, project)?;
        let links = invitations::links(db, &member, now)?;
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
            link: links.get(&person.id).map(|at| When::new(*at, now)),
        };
        let bound = Bound {
            session: who.session,
            user: who.actor.user,
            action: &action(project),
        };
        Ok(ListPage {
            token: form_tokens::token(ctx.vault(), bound, now),
            stale: false,
            shell,
            project,
            manages: member.manages(),
            owns: member.role == Role::Owner,
            people: people.into_iter().map(row).collect(),
            typed,
            errors,
        })
    }
}
