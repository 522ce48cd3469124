//! People at work: every second or so somebody adds a task, moves it, assigns it, completes it or throws it away.

use std::time::Duration;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::sample::Sample;
use crate::actions::access::Actor;
use crate::actions::tasks::{self, Board};
use crate::context::Context;
use crate::db::Tx;
use crate::db::tasks::Filter;
use crate::domain::ids::ProjectId;
use crate::domain::task::{Priority, Task, TaskDraft, TaskPatch};
use crate::error::AppError;

/// More would make the list long and the pages slow to read.
const MOST_TASKS: usize = 40;
const FEWEST_TASKS: usize = 4;

/// Changes at once when it opens: enough failures in a row that a webhook is turned off while somebody looks.
const OPENING: u32 = 14;

const TEXTS: &[&str] = &[
    "Call the customer back",
    "Update the price list",
    "Button is cut off on phones",
    "Renew the certificate",
    "Search finds deleted products",
    "Translate the imprint",
    "Invoice 4711 is missing",
    "Typo on the landing page",
    "Back up the old server",
    "Sort the pallets in hall 2",
];

/// Until the task is dropped.
pub(super) async fn flow(context: Context, sample: Sample) {
    let mut changes = 0_u32;
    loop {
        let (actor, project) = {
            let mut rng = rand::rng();
            match (sample.actors.choose(&mut rng), sample.projects.choose(&mut rng)) {
                (Some(actor), Some(project)) => (*actor, *project),
                _ => return,
            }
        };
        // What is refused is refused to people too; the next change will do.
        if let Err(error) = context.write(move |tx| change(tx, &actor, project)).await {
            tracing::debug!("the demo's change was refused: {error}");
        }
        changes = changes.saturating_add(1);
        let pause = if changes < OPENING { 50..150 } else { 400..1_500 };
        let pause = Duration::from_millis(rand::random_range(pause));
        actix_rt::time::sleep(pause).await;
    }
}

/// One change of one task.
fn change(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId) -> Result<(), AppError> {
    let board = tasks::board(tx.db, actor, project, |_| vec![Filter::default()])?;
    let mut rng = rand::rng();
    let Some(task) = board
        .tasks
        .choose(&mut rng)
        .filter(|_| board.tasks.len() >= FEWEST_TASKS)
    else {
        return add(tx, actor, project);
    };
    match rng.random_range(0..16) {
        _ if board.tasks.len() > MOST_TASKS => tasks::delete(tx, actor, task.id).map(drop),
        0..4 => add(tx, actor, project),
        4 => tasks::delete(tx, actor, task.id).map(drop),
        5..7 => assign(tx, actor, &board, task),
        _ => edit(tx, actor, &board, task),
    }
}

fn add(tx: &mut Tx<'_>, actor: &Actor, project: ProjectId) -> Result<(), AppError> {
    let mut rng = rand::rng();
    let priorities = [Priority::Low, Priority::Medium, Priority::High];
    let draft = TaskDraft {
        description: TEXTS.choose(&mut rng).copied().unwrap_or("A task").to_owned(),
        priority: priorities.choose(&mut rng).copied().unwrap_or(Priority::Low),
        ..TaskDraft::blank()
    };
    tasks::add(tx, actor, project, &draft).map(drop)
}

fn edit(tx: &mut Tx<'_>, actor: &Actor, board: &Board, task: &Task) -> Result<(), AppError> {
    let mut rng = rand::rng();
    let mut patch = TaskPatch::default();
    match rng.random_range(0..3) {
        0 => patch.complete = Some(!task.complete),
        1 => patch.status_id = board.statuses.choose(&mut rng).map(|status| Some(status.id)),
        _ => patch.tags = board.tags.choose(&mut rng).map(|tag| vec![tag.id]),
    }
    tasks::edit(tx, actor, task.id, &patch, None).map(drop)
}

fn assign(tx: &mut Tx<'_>, actor: &Actor, board: &Board, task: &Task) -> Result<(), AppError> {
    let somebody: Vec<_> = board
        .people
        .choose(&mut rand::rng())
        .map(|person| person.id)
        .into_iter()
        .collect();
    tasks::edit(tx, actor, task.id, &TaskPatch::default(), Some(&somebody)).map(drop)
}
