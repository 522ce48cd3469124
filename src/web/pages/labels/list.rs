//! The page itself: both lists, and under each the line that adds to it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

use super::statuses::TypedStatus;
use super::tags::TypedTag;
use crate::actions::{statuses, tags};
use crate::context::Context;
use crate::db::Db;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{ProjectId, StatusId, TagId};
use crate::domain::permission::Permission;
use crate::domain::status::{Category, will_do};
use crate::error::AppError;
use crate::web::colors::{self, Color};
use crate::web::form::FieldErrors;
use crate::web::page::{Shell, Tab, capital, html, html_with};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words;

#[derive(Template)]
#[template(path = "labels/list.html")]
struct LabelsPage {
    shell: Shell,
    /// Of the project.
    here: String,
    /// May change statuses; tags are everybody's.
    manages: bool,
    tags: Vec<TagRow>,
    statuses: Vec<StatusRow>,
    tag: TypedTag,
    colors: Vec<Color>,
    status: TypedStatus,
    categories: Vec<Kind>,
    errors: FieldErrors,
}

struct TagRow {
    id: TagId,
    name: String,
    color: String,
    tasks: String,
}

struct StatusRow {
    id: StatusId,
    name: String,
    kind: Kind,
    tasks: String,
    /// The project cannot do without it.
    stays: bool,
}

/// What a status means, as a choice.
#[derive(Debug)]
pub struct Kind {
    pub value: &'static str,
    pub label: String,
    /// The number of the icon.
    pub icon: i16,
    pub chosen: bool,
}

impl Kind {
    pub fn of(category: Category) -> Kind {
        Kind {
            value: category.as_str(),
            label: capital(category.as_str()),
            icon: category as i16,
            chosen: false,
        }
    }

    /// All of them; an unknown word chooses the first.
    pub fn all(chosen: &str) -> Vec<Kind> {
        let chosen = chosen.parse().unwrap_or(Category::ToDo);
        let kind = |&category| Kind {
            chosen: category == chosen,
            ..Kind::of(category)
        };
        Category::ALL.iter().map(kind).collect()
    }
}

/// One of the two lines that add, as it was typed and refused.
pub enum Refused {
    Tag(TypedTag, Vec<FieldError>),
    Status(TypedStatus, Vec<FieldError>),
}

pub async fn list(ctx: Data<Context>, who: SignedIn, project: Path<ProjectId>) -> Result<HttpResponse, PageError> {
    let project = project.into_inner();
    let page = ctx.read(move |db| labels_page(db, &who, project, None)).await?;
    html(&page)
}

/// The page again, with what was typed and the errors beside it.
pub async fn again(
    ctx: &Context,
    who: SignedIn,
    project: ProjectId,
    refused: Refused,
) -> Result<HttpResponse, PageError> {
    let page = ctx
        .read(move |db| labels_page(db, &who, project, Some(refused)))
        .await?;
    html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn labels_page(
    db: &mut Db,
    who: &SignedIn,
    project: ProjectId,
    refused: Option<Refused>,
) -> Result<LabelsPage, AppError> {
    let (member, tags) = tags::of_project(db, &who.actor, project)?;
    let (_, statuses) = statuses::list(db, &who.actor, project)?;
    let fresh = TypedTag {
        color: colors::next(tags.len()).to_owned(),
        ..TypedTag::default()
    };
    // Both lines have a field `name`; on this page each has an id of its own.
    let beside = |errors: Vec<FieldError>, field: &str| -> FieldErrors {
        let place = |error: FieldError| match error.name.as_str() {
            "name" => FieldError::new(field, error.message),
            _ => error,
        };
        errors.into_iter().map(place).collect::<Vec<_>>().into()
    };
    let (tag, status, errors) = match refused {
        None => (fresh, TypedStatus::default(), FieldErrors::default()),
        Some(Refused::Tag(tag, errors)) => (tag, TypedStatus::default(), beside(errors, "tag")),
        Some(Refused::Status(status, errors)) => (fresh, status, beside(errors, "status")),
    };
    let row = |place: usize| {
        let (status, tasks) = &statuses[place];
        let others = statuses.iter().filter(|(other, _)| other.id != status.id);
        StatusRow {
            id: status.id,
            name: status.name.clone(),
            kind: Kind::of(status.category),
            tasks: counted(*tasks),
            stays: !will_do(others.map(|(other, _)| other.category)),
        }
    };
    Ok(LabelsPage {
        shell: who.shell_in(db, "Tags and statuses", &member, Tab::Tasks)?,
        here: format!("/projects/{project}"),
        manages: member.permissions().has(Permission::GoalCanEdit),
        statuses: (0..statuses.len()).map(row).collect(),
        tags: tags
            .into_iter()
            .map(|(tag, tasks)| TagRow {
                id: tag.id,
                name: tag.name,
                color: tag.color,
                tasks: counted(tasks),
            })
            .collect(),
        colors: colors::offered(&tag.color),
        tag,
        categories: Kind::all(&status.category),
        status,
        errors,
    })
}

fn counted(tasks: i64) -> String {
    match tasks {
        0 => "no task".to_owned(),
        n => words::counted(n, "task", "tasks"),
    }
}
