//! The tasks of a project: grouped by where they stand, with filters and a line for a new one on top.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::asked::{Asked, Chip, ListQuery};
use super::view::{self, Choice, Face, Group, TagName};
use crate::actions::tasks;
use crate::context::Context;
use crate::db::Db;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, StatusId};
use crate::domain::moment::Moment;
use crate::domain::task::{TaskDraft, TaskPatch};
use crate::error::AppError;
use crate::web::flash::{Flash, redirect};
use crate::web::form::{FieldErrors, Form};
use crate::web::page::{Shell, Tab, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;

/// Open tasks that one page shows.
pub const MOST: i64 = 500;
/// Completed tasks below the open ones, and on their own page.
pub const RECENT: i64 = 10;
pub const COMPLETED: i64 = 100;

#[derive(Template)]
#[template(path = "tasks/list.html")]
struct ListPage {
    shell: Shell,
    here: String,
    archived: bool,
    open: i64,
    /// Nothing to filter: no task yet, and no filter either.
    bare: bool,
    shows: Vec<Choice>,
    by_tag: Vec<Choice>,
    by_status: Vec<Choice>,
    by_person: Vec<Choice>,
    chips: Vec<Chip>,
    statuses: Vec<Choice>,
    /// What a new task gets from the filters.
    new_tag: Option<TagName>,
    new_face: Option<Face>,
    groups: Vec<Group>,
    /// What an empty page says: first words, second words.
    empty: (&'static str, &'static str),
    /// What the page leaves out.
    more: String,
    errors: FieldErrors,
    typed: String,
    /// Where a tick and a new task lead.
    back: String,
    /// The list by a tag, whose id comes next.
    tagged: String,
}

pub async fn list(
    ctx: Data<Context>,
    who: SignedIn,
    project: Path<ProjectId>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, PageError> {
    let (project, now) = (project.into_inner(), ctx.now());
    let asked = query.into_inner().into();
    let page = ctx
        .read(move |db| list_page(db, &who, project, asked, now, None))
        .await?;
    html(&page)
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuickTask {
    description: String,
    #[serde(default)]
    status_id: String,
}

/// What the list is filtered by, the new task gets: it would be out of sight at once.
pub async fn add(
    ctx: Data<Context>,
    who: SignedIn,
    project: Path<ProjectId>,
    query: Query<ListQuery>,
    Form(quick): Form<QuickTask>,
) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let asked: Asked = query.into_inner().into();
    let standing = quick.status_id.parse().ok();
    let patch = TaskPatch {
        description: Some(quick.description.clone()),
        status_id: Some(standing),
        tags: asked.tag.map(|tag| vec![tag]),
        ..TaskPatch::default()
    };
    let added = match patch.onto(TaskDraft::blank()) {
        Ok(draft) => {
            let actor = who.actor;
            ctx.write(move |tx| {
                let (member, task) = tasks::add(tx, &actor, project, &draft)?;
                if let Some(Some(theirs)) = asked.whose(member.member) {
                    tasks::edit(tx, &actor, task.id, &TaskPatch::default(), Some(&[theirs]))?;
                }
                Ok(())
            })
            .await
        }
        Err(errors) => Err(AppError::Invalid(errors)),
    };
    let errors = match added {
        Ok(()) => {
            // Back in the field, for the next one.
            let back = format!("/projects/{project}{}#description", asked.query());
            return Ok(if asked.shows_new(standing) {
                redirect(back)
            } else {
                Flash::good("The task was added.")
                    .with("It is not in this list: it is open, and stands where you put it.")
                    .on(back)
            });
        }
        Err(AppError::Invalid(errors)) => errors,
        // A stranger finds nothing on the page either.
        Err(AppError::NotFound) => vec![FieldError::new(
            "statusId",
            "The status, the tag or the person of this list was removed meanwhile. Choose again.",
        )],
        Err(error) => return Err(error.into()),
    };
    let now = ctx.now();
    let page = ctx
        .read(move |db| list_page(db, &who, project, asked, now, Some((quick, errors))))
        .await?;
    html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn list_page(
    db: &mut Db,
    who: &SignedIn,
    project: ProjectId,
    asked: Asked,
    now: Moment,
    refused: Option<(QuickTask, Vec<FieldError>)>,
) -> Result<ListPage, AppError> {
    let board = tasks::board(db, &who.actor, project, |me| asked.filters(me, now))?;
    let here = format!("/projects/{project}");
    let left_out = board.tasks.iter().filter(|task| !task.complete).count() as i64 >= MOST;
    let first = board.statuses.first().map(|status| status.id);
    let known = |id: StatusId| board.statuses.iter().any(|status| status.id == id);
    let standing = match asked.status {
        Some(status) => status.filter(|&id| known(id)),
        None => first,
    };
    let standing = standing.map(|id| id.to_string()).unwrap_or_default();
    let (quick, errors) = refused.unwrap_or_else(|| {
        let fresh = QuickTask {
            description: String::new(),
            status_id: standing,
        };
        (fresh, Vec::new())
    });
    let new_tag = board.tags.iter().find(|tag| Some(tag.id) == asked.tag);
    let theirs = asked.whose(board.member.member).flatten();
    let new_person = board.people.iter().find(|person| Some(person.id) == theirs);
    Ok(ListPage {
        shell: who.shell_in(db, board.member.project.name.clone(), &board.member, Tab::Tasks)?,
        archived: board.member.project.archived_at.is_some(),
        open: board.open,
        bare: board.tasks.is_empty() && asked == Asked::default(),
        shows: asked.shows(),
        by_tag: asked.tags(&board),
        by_status: asked.statuses(&board),
        by_person: asked.people(&board),
        chips: asked.chips(&board, &here),
        statuses: view::statuses(&board, &quick.status_id),
        new_tag: new_tag.map(TagName::of),
        new_face: new_person.map(Face::of),
        groups: view::groups(&board, now),
        empty: asked.empty(),
        more: if left_out {
            format!("Only the first {MOST} open tasks are shown.")
        } else {
            String::new()
        },
        errors: errors.into(),
        typed: quick.description,
        back: asked.query(),
        tagged: format!("{here}{}", asked.query_of_tag()),
        here,
    })
}
