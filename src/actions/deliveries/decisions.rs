//! Why did it fire, why did it not: what was decided about each event of a task for each webhook that the project has now.

use std::collections::HashMap;

use crate::actions::access::{Actor, Member};
use crate::actions::webhooks::{self, Seen};
use crate::db::events::{self, Happened};
use crate::db::history::{self, Delivery};
use crate::db::{Db, webhooks as hooks};
use crate::domain::event::EventKind;
use crate::domain::ids::{EventId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::error::AppError;

/// An event of the task with what was decided, in the order of the project's webhooks.
#[derive(Debug)]
pub struct Fired {
    pub event: Happened,
    pub by: Option<String>,
    pub decisions: Vec<(Seen, Decision)>,
}

/// What became of an event for one webhook.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It is delivered, waits, or has failed.
    Made(Box<Delivery>),
    NotSubscribed,
    /// It is subscribed now, and was not when it happened.
    NotSubscribedThen,
    /// The webhook was added later.
    NotThereYet,
    /// It was not subscribed, or what it got is not kept any more: nobody knows.
    NotKept,
}

/// The newest events of a task of the member's project. None were made while the project was archived. Deliveries from before `kept_since` may
/// have been removed.
pub fn of_task(
    db: &mut Db,
    actor: &Actor,
    member: &Member,
    task: TaskId,
    limit: i64,
    kept_since: Moment,
) -> Result<Vec<Fired>, AppError> {
    let project = member.project.id;
    let (_, webhooks) = webhooks::list_uncounted(db, actor, project)?;
    let events = events::of_task(db, project, task, limit)?;
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let deliveries = history::of_events(db, project, &ids)?;
    let mut people: HashMap<i64, Option<String>> = HashMap::new();
    let mut fired = Vec::with_capacity(events.len());
    for event in events {
        let by = match event.initiator_id {
            Some(user) => match people.get(&user) {
                Some(known) => known.clone(),
                None => {
                    let name = hooks::person(db, UserId(user))?;
                    people.insert(user, name.clone());
                    name
                }
            },
            None => None,
        };
        let decisions = webhooks.iter().map(|seen| {
            let made = deliveries
                .iter()
                .find(|made| made.event_id == event.id && made.webhook_id == seen.webhook.id);
            let decision = match made {
                Some(made) => Decision::Made(Box::new(made.clone())),
                None if event.occurred_at < kept_since || event.id <= seen.webhook.pruned_to => gone(&event, seen),
                None => unmade(&event.kind, event.occurred_at, &seen.events, seen.webhook.created_at),
            };
            (seen.clone(), decision)
        });
        fired.push(Fired {
            decisions: decisions.collect(),
            by,
            event,
        });
    }
    Ok(fired)
}

/// Of an event whose deliveries may have been removed.
fn gone(event: &Happened, seen: &Seen) -> Decision {
    if seen.webhook.created_at > event.occurred_at {
        Decision::NotThereYet
    } else {
        Decision::NotKept
    }
}

fn unmade(kind: &EventKind, happened: Moment, subscribed: &[EventKind], added: Moment) -> Decision {
    if added > happened {
        Decision::NotThereYet
    } else if subscribed.contains(kind) {
        Decision::NotSubscribedThen
    } else {
        Decision::NotSubscribed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_made_no_delivery_has_a_reason() {
        let decided =
            |subscribed: &[EventKind], added| unmade(&EventKind::TASK_CREATED, Moment(5), subscribed, Moment(added));

        assert!(matches!(decided(&[], 1), Decision::NotSubscribed));
        assert!(matches!(
            decided(&[EventKind::TASK_UPDATED], 5),
            Decision::NotSubscribed
        ));
        assert!(matches!(
            decided(&[EventKind::TASK_CREATED], 1),
            Decision::NotSubscribedThen
        ));
        assert!(matches!(decided(&[EventKind::TASK_CREATED], 6), Decision::NotThereYet));
    }
}
