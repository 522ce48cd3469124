//! The receivers of a storm: what each of them does with a request, and everything that they saw.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::receiver::{Answer, Receiver, Request};

/// What the receiver behind a webhook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Healthy,
    /// 500 up to and including this attempt, then 200.
    FailsUpTo(u32),
    AlwaysFails,
    Hangs,
}

/// The webhooks of a storm by number: manner, and the kind of event they subscribe to. `storm.all` is every event's first
/// webhook; the others come more rarely, because a receiver that hangs takes its time.
pub const WEBHOOKS: &[(Manner, &str)] = &[
    (Manner::Healthy, "storm.all"),
    (Manner::Healthy, "storm.all"),
    (Manner::FailsUpTo(1), "storm.all"),
    (Manner::FailsUpTo(2), "storm.some"),
    (Manner::Healthy, "storm.some"),
    (Manner::AlwaysFails, "storm.few"),
    (Manner::Hangs, "storm.few"),
    (Manner::Healthy, "storm.few"),
];

/// A kind and how many of twenty events have it.
pub const KINDS: &[(&str, u64)] = &[("storm.all", 16), ("storm.some", 3), ("storm.few", 1)];

impl Manner {
    fn answer(self, attempt: u32) -> Answer {
        match self {
            Manner::Hangs => Answer::Hang,
            Manner::AlwaysFails => Answer::Fail,
            Manner::FailsUpTo(last) if attempt <= last => Answer::Fail,
            Manner::Healthy | Manner::FailsUpTo(_) => Answer::Ok,
        }
    }

    /// The status code that its answer to this attempt has; none when it hangs.
    pub fn code(self, attempt: u32) -> Option<i32> {
        match self.answer(attempt) {
            Answer::Ok => Some(200),
            Answer::Fail => Some(500),
            _ => None,
        }
    }

    /// The attempt that succeeds.
    pub fn succeeds_at(self) -> Option<u32> {
        match self {
            Manner::Healthy => Some(1),
            Manner::FailsUpTo(last) => Some(last + 1),
            Manner::AlwaysFails | Manner::Hangs => None,
        }
    }
}

/// A request that a receiver saw.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Its number in [`WEBHOOKS`].
    pub webhook: usize,
    pub event: u64,
    pub message_id: String,
    pub attempt: u32,
    pub at: Instant,
}

/// How many of its deliveries come for certain.
pub fn certain(kind: &str) -> usize {
    let subscribed = WEBHOOKS.iter().filter(|webhook| webhook.1 == kind);
    subscribed.filter(|webhook| webhook.0.succeeds_at().is_some()).count()
}

/// All receivers of a storm, at one port.
pub struct Witness {
    receiver: Receiver,
    seen: Arc<Mutex<Vec<Sighting>>>,
    /// Different deliveries that come for certain and have come.
    pub arrived: Arc<AtomicUsize>,
}

impl Witness {
    pub fn start() -> Witness {
        let seen: Arc<Mutex<Vec<Sighting>>> = Arc::default();
        let arrived: Arc<AtomicUsize> = Arc::default();
        let (kept, count) = (Arc::clone(&seen), Arc::clone(&arrived));
        let known: Mutex<HashSet<String>> = Mutex::default();
        let receiver = Receiver::start(move |request: &Request<'_>| {
            let sighting = Sighting {
                webhook: request.webhook() as usize,
                event: request.event(),
                message_id: request.header("webhook-id").to_owned(),
                attempt: request.attempt(),
                at: request.at,
            };
            let manner = WEBHOOKS
                .get(sighting.webhook)
                .map_or(Manner::AlwaysFails, |webhook| webhook.0);
            if manner.succeeds_at().is_some()
                && known
                    .lock()
                    .expect("no panic while noting")
                    .insert(sighting.message_id.clone())
            {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let answer = manner.answer(sighting.attempt);
            kept.lock().expect("no panic while noting").push(sighting);
            answer
        });
        Witness {
            receiver,
            seen,
            arrived,
        }
    }

    pub fn url(&self, webhook: usize) -> String {
        format!("http://127.0.0.1:{}/{webhook}", self.receiver.port())
    }

    /// In the order of arrival.
    pub fn sightings(&self) -> Vec<Sighting> {
        self.seen.lock().expect("no panic while noting").clone()
    }
}
