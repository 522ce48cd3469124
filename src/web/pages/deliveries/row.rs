//! A line of the history, ready to print.

use crate::actions::deliveries::{History, Place};
use crate::actions::webhooks::Seen;
use crate::db::history::Delivery;
use crate::domain::delivery::{Status, Trigger};
use crate::domain::ids::DeliveryId;
use crate::domain::moment::Moment;
use crate::web::delivery_words::{delivery_state, http, is_held, tries};
use crate::web::words::{When, duration};

/// A line of the history.
#[derive(Debug)]
pub struct Row {
    pub id: DeliveryId,
    pub href: String,
    /// Its webhook's name or URL, for the history of a whole project.
    pub webhook: String,
    /// By this person: it has failed and is no test.
    pub can_retry: bool,
    pub state: &'static str,
    pub words: &'static str,
    /// When the next attempt is due, while it waits for a retry.
    pub next: Option<When>,
    pub event: String,
    /// 0 when the event is about no task.
    pub task_id: i64,
    pub task: String,
    pub http_state: &'static str,
    pub http: String,
    pub squares: Vec<&'static str>,
    pub tries: String,
    pub duration: String,
    pub at: When,
}

impl Row {
    pub fn new(delivery: &Delivery, history: &History, now: Moment) -> Self {
        let seen = history.webhook_of(delivery);
        let (state, words) = delivery_state(delivery, seen);
        let (http_state, http) = http(delivery.outcome, delivery.response_code);
        let (squares, tries) = tries(delivery, seen.webhook.schedule);
        let task = history
            .tasks
            .iter()
            .find(|(event, _)| *event == delivery.event_id)
            .map(|(_, name)| name.clone());
        Row {
            id: delivery.id,
            href: format!(
                "{}/{}",
                Place::of(delivery.project_id, delivery.webhook_id).history(),
                delivery.id
            ),
            webhook: seen.title().to_owned(),
            can_retry: history.member.manages()
                && delivery.status == Status::Failed
                && delivery.trigger != Trigger::Test,
            state,
            words,
            next: next_attempt(delivery, seen, now),
            event: delivery.kind.to_string(),
            task_id: delivery.task_id.map_or(0, |task| task.0),
            task: if delivery.trigger == Trigger::Test {
                "test".to_owned()
            } else {
                task.unwrap_or_default()
            },
            http_state,
            http,
            squares,
            tries,
            duration: delivery.duration_us.map_or_else(|| "–".to_owned(), duration),
            at: When::new(delivery.last_attempt_at.unwrap_or(delivery.created_at), now),
        }
    }
}

/// Only what was tried before and waits its turn has a next attempt worth counting down to.
pub fn next_attempt(delivery: &Delivery, seen: &Seen, now: Moment) -> Option<When> {
    let waits = delivery.status == Status::Pending && delivery.lease_id.is_none() && !is_held(delivery, seen);
    (waits && delivery.attempts > 0 && delivery.due_at > now).then(|| When::new(delivery.due_at, now))
}
