//! Signing in and out. A wrong password keeps the login that was typed; too many of them wait.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::actions::{sessions, sign_ins};
use crate::context::Context;
use crate::db::users;
use crate::error::AppError;
use crate::web::client;
use crate::web::flash::{self, Flash, redirect};
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::{SignInFirst, SignedIn, safe_next};
use crate::web::{session, theme};

/// The frame of the pages that one sees before the sign-in: `door.html`.
pub struct DoorFrame {
    pub title: &'static str,
    pub theme: &'static str,
    pub flash: Option<Flash>,
}

impl DoorFrame {
    pub fn new(title: &'static str, request: &HttpRequest) -> Self {
        DoorFrame {
            title,
            theme: theme::of(request),
            flash: flash::of(request),
        }
    }
}

#[derive(Template)]
#[template(path = "people/sign_in.html")]
struct SignInPage {
    door: DoorFrame,
    login: String,
    next: String,
    /// What went wrong, above the fields.
    refused: Option<Refused>,
    errors: FieldErrors,
}

struct Refused {
    title: &'static str,
    text: String,
}

#[derive(Deserialize)]
pub struct Way {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: Zeroizing<String>,
    #[serde(default)]
    next: String,
}

pub async fn form(
    ctx: Data<Context>,
    request: HttpRequest,
    way: Query<Way>,
    who: Result<SignedIn, SignInFirst>,
) -> Result<HttpResponse, PageError> {
    let next = safe_next(&way.next).to_owned();
    if who.is_ok() {
        return Ok(redirect(next));
    }
    if !ctx.read(|db| Ok(users::any(db)?)).await? {
        return Ok(redirect("/setup"));
    }
    html(&SignInPage {
        door: DoorFrame::new("Sign in", &request),
        login: String::new(),
        next,
        refused: None,
        errors: FieldErrors::default(),
    })
}

pub async fn sign_in(
    ctx: Data<Context>,
    request: HttpRequest,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let address = client::address(&request);
    let next = safe_next(&typed.next).to_owned();
    let begun = match sign_ins::prove(&ctx, &typed.login, typed.password, address).await {
        Ok(proven) => {
            let device = client::device(&request);
            ctx.write(move |tx| sessions::begin_in_browser(tx, &proven, &device))
                .await
        }
        Err(error) => Err(error),
    };
    let error = match begun {
        Ok(key) => {
            session::begin(&session, &key)?;
            return Ok(redirect(next));
        }
        Err(error) => error,
    };
    let mut page = SignInPage {
        door: DoorFrame::new("Sign in", &request),
        login: typed.login,
        next,
        refused: None,
        errors: FieldErrors::default(),
    };
    match error {
        AppError::Invalid(fields) => {
            let text = fields
                .into_iter()
                .map(|field| field.message)
                .collect::<Vec<_>>()
                .join(" ");
            let (title, text) = match text.strip_prefix("Login or password is wrong. ") {
                Some(rest) => ("Login or password is wrong.", rest.to_owned()),
                None => ("Nobody was signed in.", text),
            };
            page.refused = Some(Refused { title, text });
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        AppError::TooMany { message, retry_after } => {
            page.refused = Some(Refused {
                title: "Wait a little.",
                text: message,
            });
            let mut response = html_with(StatusCode::TOO_MANY_REQUESTS, &page)?;
            response.headers_mut().insert(
                actix_web::http::header::RETRY_AFTER,
                actix_web::http::header::HeaderValue::from(retry_after.as_secs().max(1)),
            );
            Ok(response)
        }
        other => Err(other.into()),
    }
}

/// Ends the session itself, not only its cookie.
pub async fn sign_out(
    ctx: Data<Context>,
    session: Session,
    who: Result<SignedIn, SignInFirst>,
) -> Result<HttpResponse, PageError> {
    if let Ok(who) = who {
        ctx.write(move |tx| sessions::sign_out(tx, &who.actor, who.session))
            .await?;
    }
    session.purge();
    Ok(Flash::good("You are signed out.").on("/sign-in"))
}
