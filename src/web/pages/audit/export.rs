//! The filtered audit log as a file, with everything that was before and after.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path, Query};
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;

use super::asked::Asked;
use super::row::{called, what, who};
use crate::actions::access::Actor;
use crate::actions::audit::{self, Log, Wanted};
use crate::actions::sessions;
use crate::context::Context;
use crate::db::audit_log::{Entry, Filter, Of};
use crate::db::history::Start;
use crate::domain::ids::{ApiTokenId, AuditId, ProjectId, SessionId, UserId};
use crate::error::AppError;
use crate::web::export::{As, Format, harmless};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;

/// Entries that are read and written at a time.
const PIECE: i64 = 200;

/// A line. The order of the fields is that of the columns.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<D> {
    id: AuditId,
    at: String,
    account_id: Option<UserId>,
    who: String,
    api_token_id: Option<ApiTokenId>,
    api_token: Option<String>,
    address: Option<String>,
    action: String,
    what: String,
    project_id: Option<ProjectId>,
    subject_id: Option<i64>,
    subject: String,
    /// An object in JSON lines, its text in a cell.
    detail: D,
}

/// The names of a line's fields.
const COLUMNS: [&str; 13] = [
    "id",
    "at",
    "accountId",
    "who",
    "apiTokenId",
    "apiToken",
    "address",
    "action",
    "what",
    "projectId",
    "subjectId",
    "subject",
    "detail",
];

pub async fn of_project(
    who: SignedIn,
    ctx: Data<Context>,
    path: Path<ProjectId>,
    asked: Query<Asked>,
    kind: Query<As>,
) -> Result<HttpResponse, PageError> {
    let project = path.into_inner();
    let name = format!("audit-log-of-project-{project}");
    export(who, ctx, Of::Project(project), &asked, kind.format, &name).await
}

pub async fn of_installation(
    who: SignedIn,
    ctx: Data<Context>,
    asked: Query<Asked>,
    kind: Query<As>,
) -> Result<HttpResponse, PageError> {
    export(who, ctx, Of::Installation, &asked, kind.format, "audit-log").await
}

async fn export(
    who: SignedIn,
    ctx: Data<Context>,
    of: Of,
    asked: &Asked,
    format: Format,
    name: &str,
) -> Result<HttpResponse, PageError> {
    let mut reading = Reading {
        filter: asked.filter(of, ctx.now()).map_err(AppError::Invalid)?,
        actor: who.actor,
        session: who.session,
        of,
        format,
        next: Some(Start::Newest),
        is_first: true,
        ctx,
    };
    // Before the answer begins: afterwards an error could only cut it off.
    let first = reading.piece().await?.unwrap_or_default();
    let rest = stream::try_unfold(reading, |mut reading| async move {
        let piece = reading.piece().await.map_err(PageError)?;
        Ok::<_, PageError>(piece.map(|piece| (piece, reading)))
    });
    Ok(format.attached(name, first, rest))
}

/// How far a file is written.
struct Reading {
    ctx: Data<Context>,
    actor: Actor,
    session: SessionId,
    of: Of,
    filter: Filter,
    format: Format,
    next: Option<Start<AuditId>>,
    is_first: bool,
}

impl Reading {
    /// The next lines; `None` when all is written. Ids fall from piece to piece, so it ends.
    async fn piece(&mut self) -> Result<Option<Bytes>, AppError> {
        let Some(start) = self.next else { return Ok(None) };
        let (actor, of, session, now) = (self.actor, self.of, self.session, self.ctx.now());
        let wanted = Wanted {
            filter: self.filter.clone(),
            start,
            limit: PIECE,
        };
        let _turn = self.ctx.live().turn().await;
        let log = self
            .ctx
            .read(move |db| {
                sessions::must_go_on(db, &actor, session, now)?;
                audit::read_far(db, &actor, of, &wanted)
            })
            .await?;
        let page = &log.page;
        self.next = match (page.searched_to, page.rows.last()) {
            (Some(edge), _) => Some(Start::Before(edge)),
            (None, Some(last)) if page.more => Some(Start::Before(last.id)),
            _ => None,
        };
        let is_first = std::mem::take(&mut self.is_first);
        let rows = page.rows.iter();
        let written = match self.format {
            Format::Csv => {
                let lines = rows.map(|entry| Line::new(entry, &log, |json| harmless(&json)).harmless());
                self.format.lines(lines, &COLUMNS, is_first)
            }
            Format::Jsonl => {
                let lines = rows.map(|entry| Line::new(entry, &log, |json| RawValue::from_string(json).ok()));
                self.format.lines(lines, &COLUMNS, is_first)
            }
        };
        written.map(Some)
    }
}

impl<D> Line<D> {
    fn new(entry: &Entry, log: &Log, detail: impl Fn(String) -> D) -> Self {
        let told = log.detail(entry);
        Line {
            id: entry.id,
            at: entry.created_at.iso(),
            account_id: entry.user_id,
            who: who(entry, log, &told),
            api_token_id: entry.api_token_id,
            api_token: entry.api_token.clone(),
            address: entry.address.clone(),
            action: entry.action.clone(),
            what: what(entry, &told),
            project_id: entry.project_id,
            subject_id: entry.subject_id,
            subject: called(entry, log, &told),
            detail: detail(told.json()),
        }
    }

    /// For a spreadsheet.
    fn harmless(mut self) -> Self {
        for text in [&mut self.who, &mut self.action, &mut self.what, &mut self.subject] {
            *text = harmless(text);
        }
        self.api_token = self.api_token.as_deref().map(harmless);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_fields() {
        let line = Line {
            id: AuditId(1),
            at: String::new(),
            account_id: None,
            who: String::new(),
            api_token_id: None,
            api_token: None,
            address: None,
            action: String::new(),
            what: String::new(),
            project_id: None,
            subject_id: None,
            subject: String::new(),
            detail: String::new(),
        };

        let json = serde_json::to_value(&line).expect("JSON");

        let names: Vec<_> = json.as_object().expect("an object").keys().collect();
        assert_eq!(names, COLUMNS);
    }
}
