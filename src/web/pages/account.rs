//! One's own account: who one is here, the password, and where one is signed in.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::actions::{accounts, sessions};
use crate::context::Context;
use crate::db::sessions::{self as stored, SessionKind};
use crate::db::users::{self, User};
use crate::domain::field_error::FieldError;
use crate::domain::ids::SessionId;
use crate::domain::moment::Moment;
use crate::domain::user_agent;
use crate::error::AppError;
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, html_with};
use crate::web::page_error::PageError;
use crate::web::session;
use crate::web::signed_in::SignedIn;
use crate::web::words::{When, counted};

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    shell: Shell,
    user: User,
    since: When,
    sessions: Vec<SessionRow>,
    /// There are more than this one.
    others: bool,
    errors: FieldErrors,
}

struct SessionRow {
    id: SessionId,
    /// `Firefox on Linux`
    what: String,
    /// Of the API, and not a browser.
    program: bool,
    /// Empty when it is not known.
    address: String,
    began: When,
    seen: When,
    this: bool,
}

#[derive(Deserialize)]
pub struct Passwords {
    #[serde(default)]
    old_password: Zeroizing<String>,
    #[serde(default)]
    new_password: Zeroizing<String>,
    #[serde(default)]
    new_password_again: Zeroizing<String>,
}

pub async fn show(ctx: Data<Context>, who: SignedIn) -> Result<HttpResponse, PageError> {
    page(&ctx, who, StatusCode::OK, FieldErrors::default()).await
}

pub async fn change_password(
    ctx: Data<Context>,
    who: SignedIn,
    session: Session,
    Form(typed): Form<Passwords>,
) -> Result<HttpResponse, PageError> {
    let changed = if typed.new_password == typed.new_password_again {
        accounts::change_password(&ctx, who.actor, typed.old_password, typed.new_password).await
    } else {
        let sentence = "This is not the same password as above.";
        Err(AppError::Invalid(vec![FieldError::new("new_password_again", sentence)]))
    };
    match changed {
        Ok(key) => {
            session::begin(&session, &key)?;
            Ok(Flash::good("The password is changed.")
                .with("You are signed out everywhere else.")
                .on("/account"))
        }
        Err(AppError::Invalid(fields)) => page(&ctx, who, StatusCode::UNPROCESSABLE_ENTITY, fields.into()).await,
        Err(other) => Err(other.into()),
    }
}

pub async fn end_session(ctx: Data<Context>, who: SignedIn, path: Path<SessionId>) -> Result<HttpResponse, PageError> {
    let id = path.into_inner();
    ctx.write(move |tx| sessions::end(tx, &who.actor, id)).await?;
    Ok(Flash::good("The session is ended.").on("/account"))
}

pub async fn end_others(ctx: Data<Context>, who: SignedIn) -> Result<HttpResponse, PageError> {
    let ended = ctx.write(move |tx| sessions::end_others(tx, &who.actor)).await?;
    let flash = if ended == 0 {
        Flash::plain("You were signed in nowhere else.")
    } else {
        Flash::good(format!("{} ended.", other_sessions(ended))).with("You are signed in here only.")
    };
    Ok(flash.on("/account"))
}

pub async fn end_all(ctx: Data<Context>, who: SignedIn, session: Session) -> Result<HttpResponse, PageError> {
    let ended = ctx.write(move |tx| sessions::end_all(tx, &who.actor)).await?;
    session.purge();
    let flash = Flash::good("You are signed out everywhere.");
    Ok(match ended {
        0 | 1 => flash,
        // This one is not counted.
        n => flash.with(format!("Beside this one, {} ended.", other_sessions(n - 1))),
    }
    .on("/sign-in"))
}

/// `1 other session is`, `3 other sessions are`
fn other_sessions(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    let words = counted(
        i64::try_from(count).unwrap_or(i64::MAX),
        "other session",
        "other sessions",
    );
    format!("{words} {verb}")
}

async fn page(
    ctx: &Context,
    who: SignedIn,
    status: StatusCode,
    errors: FieldErrors,
) -> Result<HttpResponse, PageError> {
    let now = ctx.now();
    let page = ctx
        .read(move |db| {
            let user = users::find(db, who.actor.user)?;
            let list = sessions::list(db, &who.actor, now)?;
            let row = |session| SessionRow::new(session, who.session, now);
            let sessions: Vec<SessionRow> = list.into_iter().map(row).collect();
            let mut shell = who.shell(db, "Account")?;
            shell.on_account = true;
            Ok(AccountPage {
                shell,
                since: When::new(user.created_at, now),
                user,
                others: sessions.len() > 1,
                sessions,
                errors,
            })
        })
        .await?;
    html_with(status, &page)
}

impl SessionRow {
    fn new(session: stored::Session, this: SessionId, now: Moment) -> Self {
        let program = session.kind == SessionKind::Api;
        let unknown = if program { "Unknown program" } else { "Unknown browser" };
        SessionRow {
            id: session.id,
            what: session
                .user_agent
                .as_deref()
                .and_then(user_agent::describe)
                .unwrap_or_else(|| unknown.to_owned()),
            program,
            address: session.address.unwrap_or_default(),
            began: When::new(session.created_at, now),
            seen: When::new(session.last_seen_at, now),
            this: session.id == this,
        }
    }
}
