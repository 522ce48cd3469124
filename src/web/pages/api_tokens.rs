//! One's own API tokens: seen, made (shown once), revoked.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::actions::api_tokens::{self, Listed, Made, NewApiToken};
use crate::actions::form_tokens::{self, Once};
use crate::context::Context;
use crate::db::Db;
use crate::domain::field_error::FieldError;
use crate::domain::form_token::Bound;
use crate::domain::ids::{ApiTokenId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::permission::Permission;
use crate::domain::quoted::quoted;
use crate::error::AppError;
use crate::web::confirm::{self, Confirm};
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::origin;
use crate::web::page::{Shell, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::{When, counted};

const LIST: &str = "/account/api-tokens";
/// What the form's token is bound to.
const ACTION: &str = "make an API token";

#[derive(Template)]
#[template(path = "api_tokens/list.html")]
struct ListPage {
    shell: Shell,
    tokens: Vec<TokenRow>,
}

#[derive(Template)]
#[template(path = "api_tokens/form.html")]
struct FormPage {
    shell: Shell,
    typed: Typed,
    groups: Vec<Group>,
    projects: Vec<Choice>,
    errors: FieldErrors,
    /// The form stood open for too long; nothing was done.
    stale: bool,
    confirm: Confirm,
    token: String,
}

#[derive(Template)]
#[template(path = "api_tokens/secret.html")]
struct SecretPage<'a> {
    shell: Shell,
    name: String,
    rights: String,
    projects: String,
    secret: &'a str,
    example: String,
}

#[derive(Template)]
#[template(path = "api_tokens/gone.html")]
struct GonePage {
    shell: Shell,
    at: When,
    /// `12:03`
    clock: String,
}

#[derive(Template)]
#[template(path = "api_tokens/revoke.html")]
struct RevokePage {
    shell: Shell,
    t: TokenRow,
}

/// A token as pages name it.
struct TokenRow {
    id: ApiTokenId,
    name: String,
    rights: String,
    projects: String,
    used: Option<When>,
    end: Option<When>,
    ended: bool,
}

struct Group {
    name: &'static str,
    rights: Vec<Choice>,
}

struct Choice {
    value: String,
    label: String,
    on: bool,
}

/// The form as browsers send it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    expires: String,
    rights: Vec<String>,
    projects: Vec<ProjectId>,
    token: String,
    /// Taken out before anything is shown again.
    password: Zeroizing<String>,
}

impl Typed {
    fn parse(&self) -> Result<NewApiToken, Vec<FieldError>> {
        let expires_at = match self.expires.trim() {
            "" => None,
            day => match Moment::parse(day) {
                Some(at) => Some(at),
                None => return Err(vec![FieldError::new("expires", "Enter a date: 2026-11-23.")]),
            },
        };
        Ok(NewApiToken {
            name: self.name.clone(),
            permissions: self.rights.clone(),
            projects: self.projects.clone(),
            expires_at,
        })
    }
}

pub async fn list(ctx: Data<Context>, who: SignedIn) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let page = ctx
        .read(move |db| {
            let listed = api_tokens::list(db, &who.actor)?;
            let shell = shell(db, &who, "API tokens")?;
            let tokens = listed.iter().map(|one| TokenRow::new(one, &shell, now)).collect();
            Ok(ListPage { shell, tokens })
        })
        .await?;
    html(&page)
}

pub async fn new(ctx: Data<Context>, who: SignedIn) -> Result<HttpResponse, PageError> {
    let page = ctx
        .clone()
        .read(move |db| form(db, &ctx, &who, Typed::default(), Vec::new()))
        .await?;
    html(&page)
}

pub async fn create(
    ctx: Data<Context>,
    who: SignedIn,
    request: HttpRequest,
    Form(mut typed): Form<Typed>,
) -> Result<HttpResponse, PageError> {
    let Some(token) = form_tokens::checked(ctx.vault(), bound(&who), &typed.token, ctx.now()) else {
        let page = ctx
            .clone()
            .read(move |db| {
                Ok(FormPage {
                    stale: true,
                    ..form(db, &ctx, &who, typed, Vec::new())?
                })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let password = std::mem::take(&mut typed.password);
    if let Some(confirm) = confirm::ask_again(&ctx, &who, password).await? {
        let page = ctx
            .clone()
            .read(move |db| {
                // The form is long: what is wrong at its end is said at its top, too.
                let errors = vec![FieldError::new("password", confirm.error.clone())];
                Ok(FormPage {
                    confirm,
                    ..form(db, &ctx, &who, typed, errors)?
                })
            })
            .await?;
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    // It was new enough, or is now.
    let who = SignedIn {
        authenticated_at: who.now,
        ..who
    };
    let made = match typed.parse() {
        Ok(new) => {
            let actor = who.actor;
            ctx.write(move |tx| api_tokens::create_once(tx, &actor, &new, token))
                .await
        }
        Err(errors) => Err(AppError::Invalid(errors)),
    };
    match made {
        Ok(Once::Done(made)) => shown(&ctx, who, made, &origin::of(&request)).await,
        Ok(Once::Already(spent)) => {
            let now = ctx.now();
            let page = ctx
                .read(move |db| {
                    Ok(GonePage {
                        shell: shell(db, &who, "API tokens")?,
                        at: When::new(spent.at, now),
                        clock: spent.at.datetime().format("%H:%M").to_string(),
                    })
                })
                .await?;
            html_with(StatusCode::CONFLICT, &page)
        }
        Err(AppError::Invalid(errors)) => {
            let page = ctx.clone().read(move |db| form(db, &ctx, &who, typed, errors)).await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

/// The token, this once.
async fn shown(ctx: &Context, who: SignedIn, made: Made, origin: &str) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let (shell, row) = ctx
        .read(move |db| {
            let shell = shell(db, &who, "API token")?;
            let row = TokenRow::new(&made.listed, &shell, now);
            Ok((shell, row))
        })
        .await?;
    let secret = made.shown.expose();
    let mut response = html(&SecretPage {
        shell,
        name: row.name,
        rights: row.rights,
        projects: row.projects,
        secret,
        example: format!("curl -H 'Authorization: Bearer TOKEN' {origin}/module/goals"),
    })?;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub async fn confirm_revoke(
    ctx: Data<Context>,
    who: SignedIn,
    id: Path<ApiTokenId>,
) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let page = ctx
        .read(move |db| {
            let listed = api_tokens::find(db, &who.actor, *id)?;
            let shell = shell(db, &who, "Revoke an API token")?;
            let t = TokenRow::new(&listed, &shell, now);
            Ok(RevokePage { shell, t })
        })
        .await?;
    html(&page)
}

pub async fn revoke(ctx: Data<Context>, who: SignedIn, id: Path<ApiTokenId>) -> Result<HttpResponse, PageError> {
    let id = *id;
    let name = ctx.write(move |tx| api_tokens::revoke(tx, &who.actor, id)).await?;
    Ok(Flash::good(format!("{} is revoked.", quoted(&name)))
        .with("Programs that call the API with it are refused.")
        .on(LIST))
}

fn bound(who: &SignedIn) -> Bound<'static> {
    Bound {
        session: who.session,
        user: who.actor.user,
        action: ACTION,
    }
}

fn shell(db: &mut Db, who: &SignedIn, title: &str) -> Result<Shell, AppError> {
    let mut shell = who.shell(db, title)?;
    shell.on_account = true;
    Ok(shell)
}

fn form(
    db: &mut Db,
    ctx: &Context,
    who: &SignedIn,
    typed: Typed,
    errors: Vec<FieldError>,
) -> Result<FormPage, AppError> {
    let shell = shell(db, who, "New API token")?;
    let projects = shell.projects.iter().map(|project| Choice {
        value: project.id.to_string(),
        label: project.name.clone(),
        on: typed.projects.contains(&project.id),
    });
    // The form's own name of the field.
    let errors = errors.into_iter().map(|error| match error.name.as_str() {
        "expiresAt" => FieldError::new("expires", error.message),
        _ => error,
    });
    Ok(FormPage {
        projects: projects.collect(),
        groups: groups(&typed),
        errors: errors.collect::<Vec<_>>().into(),
        stale: false,
        confirm: Confirm::of(who),
        token: form_tokens::token(ctx.vault(), bound(who), ctx.now()),
        shell,
        typed,
    })
}

fn groups(typed: &Typed) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for right in Permission::ALL {
        let choice = Choice {
            value: right.name().to_owned(),
            label: right.about().to_owned(),
            on: typed.rights.iter().any(|name| name == right.name()),
        };
        match groups.iter_mut().find(|group| group.name == right.group()) {
            Some(group) => group.rights.push(choice),
            None => groups.push(Group {
                name: right.group(),
                rights: vec![choice],
            }),
        }
    }
    groups
}

impl TokenRow {
    fn new(listed: &Listed, shell: &Shell, now: Moment) -> TokenRow {
        let token = &listed.token;
        let rights: Vec<&str> = listed.permissions.iter().map(|right| right.name()).collect();
        // One that was left or deleted is counted and not named.
        let named = shell
            .projects
            .iter()
            .filter(|project| listed.projects.contains(&project.id));
        let named: Vec<&str> = named.map(|project| project.name.as_str()).collect();
        let gone = listed.projects.len() - named.len();
        let mut projects = named.join(", ");
        if gone > 0 {
            let words = counted(gone as i64, "project that is gone", "projects that are gone");
            projects = if named.is_empty() {
                words
            } else {
                format!("{projects} and {words}")
            };
        }
        TokenRow {
            id: token.id,
            name: token.name.clone(),
            rights: if token.permissions.is_none() {
                "all rights of your role".to_owned()
            } else {
                rights.join(", ")
            },
            projects: if token.every_project {
                "every project".to_owned()
            } else {
                projects
            },
            used: token.last_used_at.map(|at| When::new(at, now)),
            end: token.expires_at.map(|at| When::new(at, now)),
            ended: token.expires_at.is_some_and(|at| at <= now),
        }
    }
}
