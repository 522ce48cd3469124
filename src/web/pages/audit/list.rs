//! A page of the audit log: filters as a form whose address can be shared, entries with what was before and after, and the way to
//! older ones.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;

use super::asked::Asked;
use super::path_of;
use super::row::Row;
use crate::actions::audit::{self, Wanted};
use crate::context::Context;
use crate::db::Db;
use crate::db::audit_log::{Of, Page};
use crate::domain::ids::ProjectId;
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::filters::{Chip, Choice};
use crate::web::form::FieldErrors;
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::pager::{Read, Ways};
use crate::web::signed_in::SignedIn;
use crate::web::words::counted;

const PAGE: i64 = 30;

#[derive(Template)]
#[template(path = "audit/list.html")]
struct AuditPage {
    shell: Shell,
    /// Of this log.
    path: String,
    of_installation: bool,
    /// `365 days`
    kept: String,
    asked: Asked,
    errors: FieldErrors,
    whos: Vec<Choice>,
    whats: Vec<Choice>,
    times: Vec<Choice>,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    ways: Ways,
    /// The same entries and all older ones as a file; its format is still to be added.
    export: String,
    /// Nothing is kept here.
    is_empty: bool,
}

pub async fn of_project(
    who: SignedIn,
    ctx: Data<Context>,
    path: Path<ProjectId>,
    asked: Query<Asked>,
) -> Result<HttpResponse, PageError> {
    show(who, &ctx, Of::Project(path.into_inner()), asked.into_inner()).await
}

pub async fn of_installation(
    who: SignedIn,
    ctx: Data<Context>,
    asked: Query<Asked>,
) -> Result<HttpResponse, PageError> {
    show(who, &ctx, Of::Installation, asked.into_inner()).await
}

async fn show(who: SignedIn, ctx: &Context, of: Of, asked: Asked) -> Result<HttpResponse, PageError> {
    let (now, kept_for) = (ctx.now(), ctx.config().audit_kept_for);
    let page = ctx.read(move |db| page_of(db, &who, of, asked, now, kept_for)).await?;
    html(&page)
}

fn page_of(
    db: &mut Db,
    who: &SignedIn,
    of: Of,
    asked: Asked,
    now: Moment,
    kept_for: Duration,
) -> Result<AuditPage, AppError> {
    let (filter, errors) = match asked.filter(of, now) {
        Ok(filter) => (filter, Vec::new()),
        Err(errors) => (Default::default(), errors),
    };
    let wanted = Wanted {
        filter,
        start: asked.start(),
        limit: PAGE,
    };
    let mut log = audit::read(db, &who.actor, of, &wanted)?;
    if !errors.is_empty() {
        // Nothing, when it was not understood what is looked for.
        log.page = Page::default();
    }
    let mut shell = match &log.member {
        Some(member) => who.shell_in(db, "Audit log", member, Tab::Audit)?,
        None => who.shell(db, "Audit log")?,
    };
    if of == Of::Installation {
        shell.on_installation = "audit";
    }
    let rows: Vec<Row> = log
        .page
        .rows
        .iter()
        .map(|entry| Row::new(entry, &log, &asked, of, now))
        .collect();
    let path = path_of(of);
    let read = Read {
        start: asked.start(),
        first: rows.first().map(|row| row.id),
        last: rows.last().map(|row| row.id),
        more: log.page.more,
        searched_to: log.page.searched_to,
    };
    let ways = read.ways(|word, id| format!("{path}{}", asked.query_with(of, word, &id.to_string())));
    Ok(AuditPage {
        shell,
        of_installation: of == Of::Installation,
        kept: counted(
            i64::try_from(kept_for.as_secs() / 86_400).unwrap_or(i64::MAX),
            "day",
            "days",
        ),
        whos: asked.whos(&log),
        whats: asked.whats(of),
        times: asked.times(),
        // A filter that was not understood is not applied.
        chips: if errors.is_empty() {
            asked.chips(of, &path, &log)
        } else {
            Vec::new()
        },
        export: format!("{path}/export{}", asked.query_with(of, "format", "")),
        is_empty: rows.is_empty() && !asked.is_filtered(of) && ways.newer.is_empty() && errors.is_empty(),
        errors: errors.into(),
        asked,
        rows,
        ways,
        path,
    })
}
