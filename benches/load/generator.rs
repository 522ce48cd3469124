//! Publishes events: as fast as the server takes them, or at a pace that does not wait for answers (open loop), so that a
//! slow answer is not hidden by a late next question. A request is a template in which two numbers are overwritten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::{Connection, find, request};

/// The size of a published task, which is most of the delivered body.
pub const BODY_SIZE: usize = 500;
/// Events are numbered from here, so that all numbers have as many digits.
pub const FIRST_EVENT: u64 = 1_000_000_000;
const ID_DIGITS: usize = 10;
const SENT_DIGITS: usize = 20;

/// Where events are published and as what. Clones share the numbers.
#[derive(Clone)]
pub struct Load {
    /// The nodes that take events; clients are spread over them.
    ports: Vec<u16>,
    /// Taken in turn.
    templates: Arc<Vec<Template>>,
    next: Arc<AtomicU64>,
    base: Instant,
}

/// How many events were acknowledged, and how many were not.
#[derive(Debug, Default, Clone, Copy)]
pub struct Published {
    pub accepted: usize,
    pub refused: usize,
}

/// A kind of event of a project.
#[derive(Debug, Clone)]
pub struct Target {
    pub project: i64,
    pub kind: String,
}

struct Template {
    bytes: Vec<u8>,
    id: usize,
    sent: usize,
}

impl Template {
    fn new(target: &Target, token: &str) -> Template {
        let noun = if target.kind.starts_with("task.") {
            "task"
        } else {
            "data"
        };
        let padding = "x".repeat(BODY_SIZE - 80);
        let body = format!(
            r#"{{"goalId":{},"event":"{}","{noun}":{{"id":{FIRST_EVENT},"sent":"{:020}","description":"{padding}"}}}}"#,
            target.project, target.kind, 0
        );
        let authorization = format!("Authorization: Bearer {token}\r\n");
        let bytes = request("POST", "/module/events", &authorization, &body);
        let at = |text: &[u8]| find(&bytes, text).map_or(0, |at| at + text.len());
        let (id, sent) = (at(b"{\"id\":"), at(b",\"sent\":\""));
        Template { bytes, id, sent }
    }

    fn fill(&self, buffer: &mut Vec<u8>, id: u64, sent: u128) {
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        digits(&mut buffer[self.id..self.id + ID_DIGITS], u128::from(id));
        digits(&mut buffer[self.sent..self.sent + SENT_DIGITS], sent);
    }
}

fn digits(place: &mut [u8], mut number: u128) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl Load {
    pub fn new(ports: Vec<u16>, token: &str, targets: &[Target], base: Instant) -> Load {
        Load {
            ports,
            templates: Arc::new(targets.iter().map(|target| Template::new(target, token)).collect()),
            next: Arc::new(AtomicU64::new(FIRST_EVENT)),
            base,
        }
    }

    /// The number of the event after all that were published.
    pub fn next_event(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Each client sends its next event when the last was acknowledged.
    pub async fn saturated(&self, clients: usize, duration: Duration) -> Published {
        let until = Instant::now() + duration;
        self.with_clients(clients, async move |mut client: Client, _| {
            while Instant::now() < until {
                client.publish(Instant::now()).await;
            }
            client.published
        })
        .await
    }

    /// `rate` events a second, each at its own instant whatever became of those before.
    pub async fn paced(&self, clients: usize, rate: u32, duration: Duration) -> Published {
        let began = Instant::now();
        let gap = Duration::from_secs(1) / rate;
        let total = rate * u32::try_from(duration.as_secs()).expect("a short run");
        self.with_clients(clients, async move |mut client: Client, number| {
            for turn in (number..total).step_by(clients) {
                let due = began + gap * turn;
                tokio::time::sleep_until(due.into()).await;
                // Latency counts from when it was due, unless the timer itself came late.
                let now = Instant::now();
                let sent = if now - due < Duration::from_millis(2) { now } else { due };
                client.publish(sent).await;
            }
            client.published
        })
        .await
    }

    async fn with_clients<F>(&self, clients: usize, work: F) -> Published
    where
        F: AsyncFn(Client, u32) -> Published,
    {
        let work = &work;
        let all = (0..clients).map(|number| async move {
            let port = self.ports[number % self.ports.len()];
            let client = Client {
                connection: Connection::open(port).await.expect("the server answers"),
                buffer: Vec::with_capacity(2 * BODY_SIZE),
                load: self.clone(),
                published: Published::default(),
            };
            work(client, u32::try_from(number).expect("few clients")).await
        });
        futures_util::future::join_all(all)
            .await
            .into_iter()
            .fold(Published::default(), |sum, one| Published {
                accepted: sum.accepted + one.accepted,
                refused: sum.refused + one.refused,
            })
    }
}

struct Client {
    connection: Connection,
    buffer: Vec<u8>,
    load: Load,
    published: Published,
}

impl Client {
    async fn publish(&mut self, sent: Instant) {
        let id = self.load.next.fetch_add(1, Ordering::Relaxed);
        let template = &self.load.templates[id as usize % self.load.templates.len()];
        template.fill(&mut self.buffer, id, sent.duration_since(self.load.base).as_nanos());
        let answer = self.connection.ask(&self.buffer).await.expect("the server stays");
        if answer.status() == 200 {
            self.published.accepted += 1;
            return;
        }
        if self.published.refused == 0 {
            eprintln!("{}: {}", answer.status(), String::from_utf8_lossy(answer.body));
        }
        self.published.refused += 1;
    }
}
