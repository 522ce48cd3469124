//! The list of a project's webhooks, and what is done from there by one press: on, off, a test.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::view::{Row, Tested, path_of};
use crate::actions::webhooks::TurnOn;
use crate::actions::{deliveries, webhooks};
use crate::context::Context;
use crate::db::Db;
use crate::domain::event::{EventKind, KNOWN};
use crate::domain::event_docs;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::quoted::quoted;
use crate::error::AppError;
use crate::web::attempt_wait::{self, Requested};
use crate::web::flash::{Flash, redirect};
use crate::web::json_tree::JsonTree;
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::counted;

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct ListPage {
    shell: Shell,
    project: String,
    path: String,
    manages: bool,
    rows: Vec<Row>,
    most: i64,
    /// Which webhooks fail, in a sentence.
    attention: String,
    /// What will be sent, while there is no webhook.
    example: Option<JsonTree>,
    /// A receiver on this machine may be asked.
    laptop: bool,
}

/// The test whose result is shown at its webhook.
#[derive(Debug, Deserialize)]
pub struct Shown {
    pub tested: Option<DeliveryId>,
}

pub async fn list(
    who: SignedIn,
    ctx: web::Data<Context>,
    project: web::Path<ProjectId>,
    shown: web::Query<Shown>,
) -> Result<HttpResponse, PageError> {
    let (project, now) = (*project, ctx.now());
    let pending = attempt_wait::reason(&ctx);
    let most = ctx.config().limits.webhooks;
    let laptop = ctx.config().allow.allows_loopback();
    let page = ctx
        .read(move |db| {
            let (member, seen) = webhooks::list(db, &who.actor, project)?;
            let mut rows = Vec::with_capacity(seen.len());
            let charts = webhooks::charts(db, &seen, now)?;
            for seen in &seen {
                let chart = charts.get(&seen.webhook.id).copied().unwrap_or_default();
                rows.push(Row::new(seen, &webhooks::recent(db, seen)?, &chart, now));
            }
            if let Some((webhook, tested)) = tested(db, &who, project, shown.tested, now, pending)?
                && let Some(row) = rows.iter_mut().find(|row| row.id == webhook)
            {
                row.tested = Some(tested);
            }
            let mut shell = who.shell_without_banner(db, "Webhooks", &member, Tab::Webhooks)?;
            if let Some(webhook) = shell.flash.as_ref().and_then(|flash| flash.webhook)
                && let Some(row) = rows.iter_mut().find(|row| row.id == webhook)
            {
                row.flash = shell.flash.take();
            }
            Ok(ListPage {
                shell,
                project: member.project.name.clone(),
                path: path_of(project),
                manages: member.manages(),
                attention: attention(&rows),
                example: if rows.is_empty() { example() } else { None },
                laptop,
                rows,
                most,
            })
        })
        .await?;
    html(&page)
}

/// The result of the test that an address names; nothing for one that is not there (any more) or not for this person.
pub(in crate::web::pages) fn tested(
    db: &mut Db,
    who: &SignedIn,
    project: ProjectId,
    delivery: Option<DeliveryId>,
    now: Moment,
    pending: &str,
) -> Result<Option<(WebhookId, Tested)>, AppError> {
    let Some(delivery) = delivery else { return Ok(None) };
    let found = deliveries::place_of(db, &who.actor, delivery).and_then(|(place, webhook)| {
        if place == project {
            deliveries::find(db, &who.actor, project, webhook, delivery)
        } else {
            Err(AppError::NotFound)
        }
    });
    match found {
        Ok(detail) => Ok(Some((detail.webhook.webhook.id, Tested::new(&detail, now, pending)))),
        Err(AppError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn example() -> Option<JsonTree> {
    let updated = KNOWN.iter().find(|known| known.kind == EventKind::TASK_UPDATED)?;
    JsonTree::parse(&event_docs::example(updated))
}

fn attention(rows: &[Row]) -> String {
    let titles: Vec<String> = rows
        .iter()
        .filter(|row| row.needs_a_look())
        .map(|row| quoted(&row.title))
        .collect();
    match titles.as_slice() {
        [] => String::new(),
        [one] => format!("{one} needs a look."),
        [some @ .., last] if titles.len() < 4 => format!("{} and {last} need a look.", some.join(", ")),
        _ => format!("{} need a look.", counted(titles.len() as i64, "webhook", "webhooks")),
    }
}

#[derive(Debug, Deserialize)]
pub struct Switch {
    /// What it should be afterwards: pressing twice does not turn it back.
    active: bool,
}

pub async fn toggle(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    switch: web::Form<Switch>,
) -> Result<HttpResponse, PageError> {
    let (project, id) = path.into_inner();
    let back = format!("{}#w-{id}", path_of(project));
    let actor = who.actor;
    let title = title(&ctx, who, project, id).await?;
    if !switch.active {
        ctx.write(move |tx| webhooks::turn_off(tx, &actor, project, id)).await?;
        return Ok(Flash::good(format!("{} is off.", quoted(&title)))
            .with("What happens from now on is held, not lost.")
            .beside(id)
            .on(back));
    }
    match ctx.write(move |tx| webhooks::turn_on(tx, &actor, project, id)).await? {
        TurnOn::Done => Ok(Flash::good(format!("{} is on.", quoted(&title))).beside(id).on(back)),
        TurnOn::AskFirst => Ok(redirect(format!("{}/{id}/turn-on", path_of(project)))),
    }
}

/// What a webhook is called, for the sentence after a change; also the first proof that the person may change it.
pub(super) async fn title(ctx: &Context, who: SignedIn, project: ProjectId, id: WebhookId) -> Result<String, AppError> {
    ctx.read(move |db| {
        let (_, seen) = webhooks::find_to_change(db, &who.actor, project, id)?;
        Ok(seen.title().to_owned())
    })
    .await
}

#[derive(Debug, Deserialize)]
pub struct TestForm {
    /// `deliveries` when the button was pressed there.
    back: Option<String>,
}

pub async fn test(
    who: SignedIn,
    ctx: web::Data<Context>,
    path: web::Path<(ProjectId, WebhookId)>,
    form: web::Form<TestForm>,
) -> Result<HttpResponse, PageError> {
    let (project, webhook) = path.into_inner();
    let list = path_of(project);
    let from_history = form.back.as_deref() == Some("deliveries");
    let actor = who.actor;
    let presses = ctx.presses().clone();
    let settled = attempt_wait::attempt(&ctx, actor, move |tx| {
        let delivery = deliveries::test(tx, &actor, project, webhook, &presses)?;
        Ok(Requested {
            project,
            webhook,
            delivery,
        })
    });
    let delivery = match settled.await {
        Err(AppError::TooMany { message, .. }) => {
            let back = if from_history {
                format!("{list}/{webhook}/deliveries")
            } else {
                format!("{list}#w-{webhook}")
            };
            return Ok(Flash::bad(message).beside(webhook).on(back));
        }
        sent => sent?.id,
    };
    Ok(redirect(if from_history {
        format!("{list}/{webhook}/deliveries?tested={delivery}")
    } else {
        format!("{list}?tested={delivery}#w-{webhook}")
    }))
}
