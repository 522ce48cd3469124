//! The one page that shows an invitation's link, the page that says that it was shown already, and the making of a new one.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions::form_tokens::{self, Once};
use crate::actions::invitations::{self, Link};
use crate::actions::members;
use crate::context::Context;
use crate::db::Db;
use crate::db::form_tokens::Spent;
use crate::domain::form_token::Bound;
use crate::domain::ids::{MemberId, ProjectId};
use crate::error::AppError;
use crate::web::origin;
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::When;

#[derive(Template)]
#[template(path = "members/link.html")]
struct LinkPage<'a> {
    shell: Shell,
    project: ProjectId,
    project_name: String,
    email: &'a str,
    role: &'static str,
    link: &'a str,
    until: When,
}

#[derive(Template)]
#[template(path = "members/link_gone.html")]
struct GonePage {
    shell: Shell,
    project: ProjectId,
    at: When,
    /// `12:03`
    clock: String,
}

#[derive(Template)]
#[template(path = "members/new_link.html")]
struct NewLinkPage {
    shell: Shell,
    project: ProjectId,
    id: MemberId,
    email: String,
    /// Until when the link that there is can be accepted.
    old: Option<When>,
    stale: bool,
    token: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Pressed {
    #[serde(default)]
    token: String,
}

/// The link, this once.
pub(super) async fn shown(
    ctx: &Context,
    who: SignedIn,
    request: &HttpRequest,
    project: ProjectId,
    made: Link,
) -> Result<HttpResponse, PageError> {
    let (shell, project_name) = ctx
        .read(move |db| {
            let (member, _) = members::list(db, &who.actor, project)?;
            let shell = who.shell_in(db, "Invitation", &member, Tab::Members)?;
            Ok((shell, member.project.name))
        })
        .await?;
    let mut response = html(&LinkPage {
        shell,
        project,
        project_name,
        email: &made.person.email,
        role: made.person.role.as_str(),
        link: &origin::invitation(request, &made.token),
        until: When::new(made.expires_at, ctx.now()),
    })?;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The same form came a second time: nothing was changed, and it says when the first one did.
pub(super) async fn gone(
    ctx: &Context,
    who: SignedIn,
    project: ProjectId,
    spent: Spent,
) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let page = ctx
        .read(move |db| {
            let (member, _) = members::list(db, &who.actor, project)?;
            Ok(GonePage {
                shell: who.shell_in(db, "Invitation", &member, Tab::Members)?,
                project,
                at: When::new(spent.at, now),
                clock: spent.at.datetime().format("%H:%M").to_string(),
            })
        })
        .await?;
    html_with(StatusCode::CONFLICT, &page)
}

pub async fn new_link_page(
    ctx: web::Data<Context>,
    who: SignedIn,
    path: web::Path<(ProjectId, MemberId)>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let page = ctx
        .clone()
        .read(move |db| question(db, &ctx, &who, project, id))
        .await?;
    html(&page)
}

pub async fn new_link(
    ctx: web::Data<Context>,
    who: SignedIn,
    request: HttpRequest,
    path: web::Path<(ProjectId, MemberId)>,
    pressed: web::Form<Pressed>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let bound = Bound {
        session: who.session,
        user: who.actor.user,
        action: &action(id),
    };
    let Some(token) = form_tokens::checked(ctx.vault(), bound, &pressed.token, ctx.now()) else {
        let page = ctx
            .clone()
            .read(move |db| {
                let page = question(db, &ctx, &who, project, id)?;
                Ok(NewLinkPage { stale: true, ..page })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let actor = who.actor;
    let made = ctx
        .write(move |tx| invitations::new_link_once(tx, &actor, project, id, token))
        .await?;
    match made {
        Once::Done(made) => shown(&ctx, who, &request, project, made).await,
        Once::Already(spent) => gone(&ctx, who, project, spent).await,
    }
}

fn question(
    db: &mut Db,
    ctx: &Context,
    who: &SignedIn,
    project: ProjectId,
    id: MemberId,
) -> Result<NewLinkPage, AppError> {
    let (manager, person) = invitations::find_waiting(db, &who.actor, project, id)?;
    let bound = Bound {
        session: who.session,
        user: who.actor.user,
        action: &action(id),
    };
    let now = ctx.now();
    Ok(NewLinkPage {
        old: invitations::links(db, &manager, now)?
            .get(&id)
            .map(|at| When::new(*at, now)),
        shell: who.shell_in(db, "New link", &manager, Tab::Members)?,
        project,
        id,
        email: person.email,
        stale: false,
        token: form_tokens::token(ctx.vault(), bound, now),
    })
}

/// What the form's token is bound to.
fn action(id: MemberId) -> String {
    format!("new link for member {id}")
}
