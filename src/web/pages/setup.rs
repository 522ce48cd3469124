//! The first start: whoever opens the server makes the first account. Outside of laptop mode that takes the code from the log.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::sign_in::DoorFrame;
use crate::actions::accounts::{self, NewAccount};
use crate::actions::sessions;
use crate::context::Context;
use crate::db::users;
use crate::error::AppError;
use crate::web::client;
use crate::web::flash::{Flash, redirect};
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{html, html_with};
use crate::web::page_error::PageError;
use crate::web::session;

#[derive(Template)]
#[template(path = "people/setup.html")]
struct SetupPage {
    door: DoorFrame,
    wants_code: bool,
    typed: Typed,
    errors: FieldErrors,
}

#[derive(Default, Deserialize)]
pub struct Typed {
    #[serde(default)]
    code: String,
    #[serde(default)]
    login: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: Zeroizing<String>,
}

pub async fn form(ctx: Data<Context>, request: HttpRequest) -> Result<HttpResponse, PageError> {
    if ctx.read(|db| Ok(users::any(db)?)).await? {
        return Ok(redirect("/sign-in"));
    }
    html(&SetupPage {
        door: DoorFrame::new("First start", &request),
        wants_code: !ctx.config().laptop_mode(),
        typed: Typed::default(),
        errors: FieldErrors::default(),
    })
}

pub async fn create(
    ctx: Data<Context>,
    request: HttpRequest,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let new = NewAccount {
        login: typed.login.clone(),
        email: typed.email.clone(),
        name: typed.name.clone(),
        password: typed.password.clone(),
    };
    let address = client::address(&request);
    match accounts::create_first(&ctx, new, Some(typed.code.clone()), address).await {
        Ok(proven) => {
            let device = client::device(&request);
            let begun = ctx.write(move |tx| sessions::begin_in_browser(tx, &proven, &device));
            session::begin(&session, &begun.await?)?;
            Ok(redirect("/"))
        }
        Err(AppError::Invalid(fields)) => html_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &SetupPage {
                door: DoorFrame::new("First start", &request),
                wants_code: !ctx.config().laptop_mode(),
                typed,
                errors: fields.into(),
            },
        ),
        // Somebody was quicker.
        Err(AppError::Conflict(sentence)) => Ok(Flash::bad(sentence).on("/sign-in")),
        Err(other) => Err(other.into()),
    }
}
