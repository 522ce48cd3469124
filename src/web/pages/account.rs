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
use crate::db::sessions::SessionKind;
use crate::db::users::{self, User};
use crate::domain::field_error::FieldError;
use crate::domain::ids::SessionId;
use crate::error::AppError;
use crate::web::flash::Flash;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, html_with};
use crate::web::page_error::PageError;
use crate::web::session;
use crate::web::signed_in::SignedIn;
use crate::web::words::When;

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    shell: Shell,
    user: User,
    since: When,
    sessions: Vec<SessionRow>,
    errors: FieldErrors,
}

struct SessionRow {
    id: SessionId,
    kind: &'static str,
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
        let (user, keep, address) = (who.actor.user, who.session, who.actor.address);
        accounts::change_password(&ctx, user, keep, typed.old_password, typed.new_password, address).await
    } else {
        let sentence = "This is not the same password as above.";
        Err(AppError::Invalid(vec![FieldError::new("new_password_again", sentence)]))
    };
    match changed {
        Ok(()) => {
            // A new key for this browser too: whoever had a copy of the old one is signed out.
            session::begin(&session, who.actor.user)?;
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
            let row = |session: crate::db::sessions::Session| SessionRow {
                id: session.id,
                kind: match session.kind {
                    SessionKind::Browser => "Browser",
                    SessionKind::Api => "Program (API)",
                },
                began: When::new(session.created_at, now),
                seen: When::new(session.last_seen_at, now),
                this: session.id == who.session,
            };
            let mut shell = who.shell(db, "Account")?;
            shell.on_account = true;
            Ok(AccountPage {
                shell,
                since: When::new(user.created_at, now),
                user,
                sessions: list.into_iter().map(row).collect(),
                errors,
            })
        })
        .await?;
    html_with(status, &page)
}
