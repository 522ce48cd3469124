//! Publishes events to whichever node answers, and keeps what was acknowledged. A refusal or a broken connection is no
//! acknowledgement: the event may be there or not.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Connection, request};
use crate::witness::{KINDS, certain};

/// Deliveries that are promised and have not come, at most. A storm is about what is in flight, not about a long queue, in
/// which an answer may wait for so long to be recorded that no fault explains a repetition any more.
const BEHIND: usize = 1_000;
/// A node that is paused answers nothing for long; somebody else may.
const PATIENCE: Duration = Duration::from_secs(3);

/// An event that the program promised to deliver.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// The publisher's number, which is in the body.
    pub event: u64,
    /// The row.
    pub id: i64,
    pub kind: &'static str,
    pub deliveries: usize,
}

/// What publishers and the storm share.
pub struct Desk {
    /// Where nodes answer just now.
    pub ports: Mutex<Vec<u16>>,
    pub token: String,
    pub project: i64,
    pub stop: AtomicBool,
    pub next: AtomicU64,
    pub acknowledged: Mutex<Vec<Acknowledged>>,
    /// Deliveries that were promised and come for certain, and those that have come.
    pub promised: AtomicUsize,
    pub arrived: Arc<AtomicUsize>,
    /// Answers that said no, and requests without an answer.
    pub refused: AtomicUsize,
    pub broken: AtomicUsize,
    /// Answers that no publisher should get, such as 500.
    pub odd: Mutex<Vec<String>>,
}

/// One client: an event every `gap` at most, until it is told to stop.
pub async fn run(desk: Arc<Desk>, client: usize, gap: Duration) {
    let mut connection = None;
    let mut turn = client;
    while !desk.stop.load(Ordering::Relaxed) {
        let pause = tokio::time::sleep(gap);
        if desk.promised.load(Ordering::Relaxed) > desk.arrived.load(Ordering::Relaxed) + BEHIND {
            pause.await;
            continue;
        }
        let event = desk.next.fetch_add(1, Ordering::Relaxed);
        let sent = tokio::time::timeout(PATIENCE, publish(&desk, &mut connection, turn, event)).await;
        if !matches!(sent, Ok(Some(()))) {
            desk.broken.fetch_add(1, Ordering::Relaxed);
            connection = None;
            turn += 1;
        }
        pause.await;
    }
}

/// `None` when no whole answer came.
async fn publish(desk: &Desk, connection: &mut Option<Connection>, turn: usize, event: u64) -> Option<()> {
    if connection.is_none() {
        let port = {
            let ports = desk.ports.lock().expect("no panic");
            *ports.get(turn % ports.len().max(1))?
        };
        *connection = Some(Connection::open(port).await.ok()?);
    }
    let kind = kind_of(event);
    let body = json!({ "goalId": desk.project, "event": kind, "data": { "id": event } }).to_string();
    let authorization = format!("Authorization: Bearer {}\r\n", desk.token);
    let request = request("POST", "/module/events", &authorization, &body);
    let answer = connection.as_mut()?.ask(&request).await.ok()?;
    match answer.status() {
        200 => {
            desk.promised.fetch_add(certain(kind), Ordering::Relaxed);
            let said: Value = serde_json::from_slice(answer.body).ok()?;
            desk.acknowledged.lock().expect("no panic").push(Acknowledged {
                event,
                id: said["response"]["eventId"].as_i64()?,
                kind,
                deliveries: usize::try_from(said["response"]["deliveries"].as_u64()?).ok()?,
            });
        }
        503 => {
            desk.refused.fetch_add(1, Ordering::Relaxed);
        }
        other => {
            let text = format!(
                "publishing was answered {other}: {}",
                String::from_utf8_lossy(answer.body)
            );
            desk.odd.lock().expect("no panic").push(text);
        }
    }
    Some(())
}

/// Dealt out by number, so that a storm can say afterwards what an event was.
fn kind_of(event: u64) -> &'static str {
    let mut place = event % KINDS.iter().map(|kind| kind.1).sum::<u64>();
    for (kind, share) in KINDS {
        if place < *share {
            return kind;
        }
        place -= share;
    }
    KINDS[0].0
}
