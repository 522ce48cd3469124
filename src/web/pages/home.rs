//! `/`: leads to where somebody goes on. Without an account to set-up, without a session to sign-in, with projects to the
//! first of them, and without one to an invitation to make it.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use crate::context::Context;
use crate::db::users;
use crate::web::flash::redirect;
use crate::web::page::{Shell, html};
use crate::web::page_error::PageError;
use crate::web::signed_in::{SignInFirst, SignedIn};

/// The first page of somebody without a project.
#[derive(Template)]
#[template(path = "home/empty.html")]
struct Welcome {
    shell: Shell,
}

pub async fn show(ctx: Data<Context>, who: Result<SignedIn, SignInFirst>) -> Result<HttpResponse, PageError> {
    let Ok(who) = who else {
        let set_up = ctx.read(|db| Ok(users::any(db)?)).await?;
        return Ok(redirect(if set_up { "/sign-in" } else { "/setup" }));
    };
    let flash = who.flash.clone();
    let shell = ctx.read(move |db| who.shell(db, "Projects")).await?;
    // One that was put away is not what somebody comes for.
    let first = shell.projects.iter().min_by_key(|project| project.archived);
    match first {
        Some(first) => {
            let to = format!("/projects/{}", first.id);
            Ok(flash.map_or_else(|| redirect(&to), |flash| flash.on(&to)))
        }
        None => html(&Welcome { shell }),
    }
}
