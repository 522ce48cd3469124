//! The tasks of a project: grouped by where they stand, with a line for a new one on top.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::view::{self, Choice, Group};
use crate::actions::tasks;
use crate::context::Context;
use crate::db::Db;
use crate::db::tasks::{Filter, Order};
use crate::domain::calendar::Date;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{MemberId, ProjectId};
use crate::domain::moment::Moment;
use crate::domain::task::{TaskDraft, TaskPatch};
use crate::error::AppError;
use crate::web::flash::redirect;
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;

/// Open tasks that one page shows.
const MOST: i64 = 500;
/// Completed tasks below the open ones, and on their own page.
const RECENT: i64 = 10;
const COMPLETED: i64 = 100;

#[derive(Template)]
#[template(path = "tasks/list.html")]
struct ListPage {
    shell: Shell,
    here: String,
    archived: bool,
    open: i64,
    shows: Vec<Choice>,
    statuses: Vec<Choice>,
    groups: Vec<Group>,
    /// What an empty page says: first words, second words.
    empty: (&'static str, &'static str),
    /// What the page leaves out.
    more: String,
    errors: FieldErrors,
    typed: String,
    /// Where a tick leads.
    back: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    show: String,
}

pub async fn list(
    ctx: Data<Context>,
    who: SignedIn,
    project: Path<ProjectId>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, PageError> {
    let (project, now) = (project.into_inner(), ctx.now());
    let show = query.into_inner().show;
    let page = ctx
        .read(move |db| list_page(db, &who, project, &show, now, Vec::new(), String::new()))
        .await?;
    html(&page)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuickTask {
    description: String,
    #[serde(default)]
    status_id: String,
}

pub async fn add(
    ctx: Data<Context>,
    who: SignedIn,
    project: Path<ProjectId>,
    Form(quick): Form<QuickTask>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let patch = TaskPatch {
        description: Some(quick.description.clone()),
        status_id: Some(quick.status_id.parse().ok()),
        ..TaskPatch::default()
    };
    let added = match patch.onto(TaskDraft::blank()) {
        Ok(draft) => {
            let actor = who.actor;
            ctx.write(move |tx| tasks::add(tx, &actor, project, &draft).map(drop))
                .await
        }
        Err(errors) => Err(AppError::Invalid(errors)),
    };
    match added {
        Ok(()) => Ok(redirect(format!("/projects/{project}"))),
        Err(AppError::Invalid(errors)) => {
            let now = ctx.now();
            let page = ctx
                .read(move |db| list_page(db, &who, project, "", now, errors, quick.description))
                .await?;
            html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(error.into()),
    }
}

fn list_page(
    db: &mut Db,
    who: &SignedIn,
    project: ProjectId,
    show: &str,
    now: Moment,
    errors: Vec<FieldError>,
    typed: String,
) -> Result<ListPage, AppError> {
    let shown = Show::of(show);
    let board = tasks::board(db, &who.actor, project, |member| shown.filters(member, now))?;
    let left_out = board.tasks.iter().filter(|task| !task.complete).count() as i64 >= MOST;
    let standing = board
        .statuses
        .first()
        .map(|status| status.id.to_string())
        .unwrap_or_default();
    Ok(ListPage {
        shell: who.shell_in(db, board.member.project.name.clone(), &board.member, Tab::Tasks)?,
        here: format!("/projects/{project}"),
        archived: board.member.project.archived_at.is_some(),
        open: board.open,
        shows: Show::ALL.iter().map(|one| one.choice(shown)).collect(),
        statuses: view::statuses(&board, &standing),
        groups: view::groups(&board, now),
        empty: shown.empty(),
        more: if left_out {
            format!("Only the first {MOST} open tasks are shown.")
        } else {
            String::new()
        },
        errors: errors.into(),
        typed,
        back: if shown == Show::Open {
            String::new()
        } else {
            format!("?show={}", shown.value())
        },
    })
}

/// Which tasks the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Open,
    Mine,
    Late,
    Completed,
}

impl Show {
    const ALL: [Show; 4] = [Show::Open, Show::Mine, Show::Late, Show::Completed];

    pub(super) fn of(word: &str) -> Show {
        Show::ALL
            .into_iter()
            .find(|show| show.value() == word)
            .unwrap_or(Show::Open)
    }

    pub(super) fn value(self) -> &'static str {
        match self {
            Show::Open => "open",
            Show::Mine => "mine",
            Show::Late => "late",
            Show::Completed => "completed",
        }
    }

    fn choice(self, chosen: Show) -> Choice {
        let label = match self {
            Show::Open => "Open and recent",
            Show::Mine => "Only mine",
            Show::Late => "Late",
            Show::Completed => "Completed",
        };
        Choice {
            value: self.value().to_owned(),
            label: label.to_owned(),
            selected: self == chosen,
        }
    }

    fn filters(self, member: MemberId, now: Moment) -> Vec<Filter> {
        let open = Filter {
            complete: Some(false),
            limit: Some(MOST),
            ..Filter::default()
        };
        let completed = |limit| Filter {
            complete: Some(true),
            limit: Some(limit),
            order: Order::LastCompleted,
            ..Filter::default()
        };
        match self {
            Show::Open => vec![open, completed(RECENT)],
            Show::Mine => vec![Filter {
                assignee: Some(member),
                ..open
            }],
            Show::Late => vec![Filter {
                ends_before: Some(Date::of(now)),
                ..open
            }],
            Show::Completed => vec![completed(COMPLETED)],
        }
    }

    fn empty(self) -> (&'static str, &'static str) {
        match self {
            Show::Open => (
                "Nothing to do yet",
                "Type the first task above. Every change of a task becomes an event that a webhook can send on.",
            ),
            Show::Mine => ("Nothing is yours", "No open task is assigned to you."),
            Show::Late => ("Nothing is late", "No open task is past its deadline."),
            Show::Completed => ("Nothing is complete yet", "Tick a task, and it moves here."),
        }
    }
}
