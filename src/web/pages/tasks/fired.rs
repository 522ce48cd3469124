//! The events of a task, ready to print: what each webhook of the project got of them, or why it got nothing.

use crate::actions::deliveries::{Decision, Fired, Place};
use crate::actions::webhooks::Seen;
use crate::db::history::Delivery;
use crate::domain::moment::Moment;
use crate::web::delivery_words::{delivery_state, http};
use crate::web::words::{When, counted};

/// An event, and what was decided for each webhook.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub by: String,
    pub at: When,
    /// `2 delivered, 1 failed`
    pub summary: String,
    /// Something went wrong, or is not over.
    pub open: bool,
    pub decisions: Vec<Line>,
}

/// What one webhook got.
#[derive(Debug)]
pub struct Line {
    pub webhook: String,
    /// Of the delivery; empty when there is none.
    pub href: String,
    /// Empty when there is no delivery.
    pub state: &'static str,
    pub words: String,
    pub http_state: &'static str,
    pub http: String,
}

pub fn events(fired: &[Fired], now: Moment) -> Vec<Event> {
    fired.iter().map(|fired| event(fired, now)).collect()
}

fn event(fired: &Fired, now: Moment) -> Event {
    let decisions: Vec<Line> = fired
        .decisions
        .iter()
        .map(|(seen, decision)| line(seen, decision))
        .collect();
    let count = |state: &str| decisions.iter().filter(|line| line.state == state).count();
    let parts = [
        ("success", "delivered"),
        ("failed", "failed"),
        ("pending", "pending"),
        ("held", "held"),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter_map(|(state, words)| Some(count(state)).filter(|&n| n > 0).map(|n| format!("{n} {words}")))
        .collect();
    let others = count("");
    let is_known = !fired
        .decisions
        .iter()
        .any(|(_, decision)| matches!(decision, Decision::NotKept));
    Event {
        name: fired.event.kind.to_string(),
        by: fired.by.clone().unwrap_or_default(),
        at: When::new(fired.event.occurred_at, now),
        summary: match (told.is_empty(), others) {
            (true, 0) => "no webhook".to_owned(),
            (true, _) if !is_known => "not kept any more".to_owned(),
            (true, n) => format!("sent to none of {}", counted(n as i64, "webhook", "webhooks")),
            (false, _) => told.join(", "),
        },
        open: count("failed") + count("pending") + count("held") > 0,
        decisions,
    }
}

fn line(seen: &Seen, decision: &Decision) -> Line {
    let webhook = seen.title().to_owned();
    let without = |words: &str| Line {
        webhook: seen.title().to_owned(),
        href: String::new(),
        state: "",
        words: words.to_owned(),
        http_state: "",
        http: String::new(),
    };
    match decision {
        Decision::Made(delivery) => made(webhook, seen, delivery),
        Decision::NotSubscribed => without("not subscribed to this event"),
        Decision::NotSubscribedThen => without("not subscribed when it happened"),
        Decision::NotThereYet => without("added after it happened"),
        Decision::NotKept => without("nothing, or not kept any more"),
    }
}

fn made(webhook: String, seen: &Seen, delivery: &Delivery) -> Line {
    let (state, words) = delivery_state(delivery, seen);
    let (http_state, http) = http(delivery.outcome, delivery.response_code);
    Line {
        webhook,
        href: format!(
            "{}/{}",
            Place::of(delivery.project_id, delivery.webhook_id).history(),
            delivery.id
        ),
        state,
        words: words.to_owned(),
        http_state,
        http,
    }
}
