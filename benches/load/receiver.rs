//! A receiver that answers 200 at once and notes when each body came. Every body carries the instant at which its publishing
//! began.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::http::Connection;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub struct Receiver {
    port: u16,
    base: Instant,
    arrived: AtomicUsize,
    seen: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// Milliseconds from the request that published to the body.
    latencies: Vec<f64>,
    ids: HashSet<String>,
    repeated: usize,
    last: Option<Instant>,
}

/// What came during a part.
pub struct Seen {
    latencies: Vec<f64>,
    pub repeated: usize,
    /// From the beginning of the part to the last body.
    pub last: Duration,
}

impl Seen {
    pub fn percentile(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies
            .get((last as f64 * percent / 100.0).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }
}

impl Receiver {
    /// Listens on a thread of its own, so that a busy generator does not delay what is measured.
    pub fn start(base: Instant) -> Arc<Receiver> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener without blocking");
        let port = listener.local_addr().expect("its address").port();
        let receiver = Arc::new(Receiver {
            port,
            base,
            arrived: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let shared = Arc::clone(&receiver);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Arc::clone(&shared).answer(Connection::new(stream)));
                }
            });
        });
        receiver
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn forget(&self) {
        *self.seen.lock().expect("no panic while noting") = Notes::default();
        self.arrived.store(0, Ordering::Relaxed);
    }

    /// Waits until `count` different deliveries have come, or for `most`; returns how many did.
    pub async fn wait_for(&self, count: usize, most: Duration) -> usize {
        let began = Instant::now();
        while self.arrived.load(Ordering::Relaxed) < count && began.elapsed() < most {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.arrived.load(Ordering::Relaxed)
    }

    pub fn take(&self, began: Instant) -> Seen {
        let mut notes = std::mem::take(&mut *self.seen.lock().expect("no panic while noting"));
        notes.latencies.sort_by(f64::total_cmp);
        let last = notes
            .last
            .map_or(Duration::ZERO, |last| last.saturating_duration_since(began));
        Seen {
            latencies: notes.latencies,
            repeated: notes.repeated,
            last,
        }
    }

    async fn answer(self: Arc<Self>, mut connection: Connection) {
        while let Ok(Some(message)) = connection.read().await {
            let now = Instant::now();
            if connection.write(ANSWER).await.is_err() {
                return;
            }
            let id = header(&message.head, "webhook-id").to_owned();
            let sent = sent_at(&message.body).unwrap_or(0);
            let latency = now.duration_since(self.base).as_nanos() as f64 - sent as f64;
            let mut notes = self.seen.lock().expect("no panic while noting");
            if notes.ids.insert(id) {
                notes.latencies.push(latency / 1e6);
                notes.last = Some(now);
                self.arrived.fetch_add(1, Ordering::Relaxed);
            } else {
                notes.repeated += 1;
            }
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head
        .lines()
        .find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name));
    line.and_then(|line| line.split_once(':'))
        .map_or("", |(_, value)| value.trim())
}

/// The generator writes `"sent":NANOSECONDS` into the task.
fn sent_at(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let rest = text.split_once("\"sent\":")?.1;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}
