//! What somebody sees who follows an invitation's link. Looking changes nothing; joining is a press of a button, by somebody who signed in
//! or who makes an account here.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::sign_in::DoorFrame;
use crate::actions::accounts::NewAccount;
use crate::actions::{invitations, sessions};
use crate::context::Context;
use crate::db::invitations::Invitation;
use crate::domain::quoted::quoted;
use crate::error::AppError;
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::html_with;
use crate::web::page_error::PageError;
use crate::web::signed_in::{SignInFirst, SignedIn};
use crate::web::words::When;
use crate::web::{client, session};

#[derive(Template)]
#[template(path = "invitations/show.html")]
struct ShowPage<'a> {
    door: DoorFrame,
    token: &'a str,
    invitation: &'a Invitation,
    until: When,
    /// Name and login of who is signed in.
    me: Option<(String, String)>,
    /// The invited e-mail belongs to an account, so that no other can be made with it.
    has_account: bool,
    typed: Typed,
    errors: FieldErrors,
}

#[derive(Template)]
#[template(path = "invitations/gone.html")]
struct GonePage {
    door: DoorFrame,
}

#[derive(Default, Deserialize)]
pub struct Typed {
    #[serde(default)]
    login: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: Zeroizing<String>,
}

pub async fn show(
    ctx: Data<Context>,
    request: HttpRequest,
    token: Path<String>,
    who: Result<SignedIn, SignInFirst>,
) -> Result<HttpResponse, PageError> {
    page(
        &ctx,
        &request,
        &token,
        who.ok(),
        Typed::default(),
        FieldErrors::default(),
    )
    .await
}

pub async fn accept(
    ctx: Data<Context>,
    request: HttpRequest,
    token: Path<String>,
    who: Result<SignedIn, SignInFirst>,
) -> Result<HttpResponse, PageError> {
    let token = token.into_inner();
    let Ok(who) = who else {
        // The session ran out while the page was open: after the sign-in the button is pressed again.
        return Ok(SignInFirst::and_return_to(format!("/invitations/{token}")).error_response());
    };
    match ctx.write(move |tx| invitations::accept(tx, &who.actor, &token)).await {
        Ok(member) => Ok(welcome(&member)),
        Err(AppError::NotFound) => gone(&request),
        Err(other) => Err(other.into()),
    }
}

pub async fn create_account(
    ctx: Data<Context>,
    request: HttpRequest,
    token: Path<String>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let new = NewAccount {
        login: typed.login.clone(),
        name: typed.name.clone(),
        email: String::new(),
        password: typed.password.clone(),
    };
    let address = client::address(&request);
    match invitations::accept_with_new_account(&ctx, token.clone(), new, address).await {
        Ok((proven, member)) => {
            let device = client::device(&request);
            let begun = ctx.write(move |tx| sessions::begin_in_browser(tx, &proven, &device));
            session::begin(&session, &begun.await?)?;
            Ok(welcome(&member))
        }
        Err(AppError::NotFound) => gone(&request),
        Err(AppError::Invalid(errors)) => page(&ctx, &request, &token, None, typed, errors.into()).await,
        Err(other) => Err(other.into()),
    }
}

fn welcome(member: &crate::actions::access::Member) -> HttpResponse {
    Flash::good(format!("Welcome to {}.", quoted(&member.project.name)))
        .with(format!("You are a {} of this project.", member.role))
        .on(format!("/projects/{}", member.project.id))
}

async fn page(
    ctx: &Context,
    request: &HttpRequest,
    token: &str,
    who: Option<SignedIn>,
    typed: Typed,
    errors: FieldErrors,
) -> Result<HttpResponse, PageError> {
    let (shown, now) = (token.to_owned(), ctx.now());
    let found = ctx
        .read(move |db| {
            let invitation = invitations::find(db, &shown, now)?;
            let has_account = invitations::has_account(db, &invitation)?;
            Ok((invitation, has_account))
        })
        .await;
    let (invitation, has_account) = match found {
        Err(AppError::NotFound) => return gone(request),
        found => found?,
    };
    let status = if errors.any() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let page = ShowPage {
        door: DoorFrame::new("Invitation", request),
        token,
        invitation: &invitation,
        until: When::new(invitation.expires_at, now),
        me: who.map(|who| (who.name, who.login)),
        has_account,
        typed,
        errors,
    };
    Ok(kept_nowhere(html_with(status, &page)?))
}

/// It was used, replaced or withdrawn, or ran out, or never was one; which of these is nobody's business.
fn gone(request: &HttpRequest) -> Result<HttpResponse, PageError> {
    tracing::info!("somebody followed an invitation that cannot be used");
    let door = DoorFrame::new("Invitation", request);
    html_with(StatusCode::NOT_FOUND, &GonePage { door }).map(kept_nowhere)
}

fn kept_nowhere(mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
