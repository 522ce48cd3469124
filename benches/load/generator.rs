//! Publishes events: as fast as the server takes them, or at a pace that does not wait for answers (open loop), so that a
//! slow answer is not hidden by a late next question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::{Connection, request};

/// The size of a published task, which is most of the delivered body.
pub const BODY_SIZE: usize = 500;

#[derive(Clone)]
pub struct Load {
    pub port: u16,
    pub token: String,
    pub project: i64,
    pub base: Instant,
}

impl Load {
    fn publish(&self, id: u64, sent: Instant) -> Vec<u8> {
        let sent = sent.duration_since(self.base).as_nanos();
        let padding = "x".repeat(BODY_SIZE - 60);
        let body = format!(
            r#"{{"goalId":{},"event":"task.created","task":{{"id":{id},"sent":{sent},"description":"{padding}"}}}}"#,
            self.project
        );
        request("POST", "/module/events", &self.token, &body)
    }
}

/// Each client sends its next event when the last was acknowledged. Returns how many were.
pub async fn saturated(load: &Load, clients: usize, duration: Duration) -> usize {
    let until = Instant::now() + duration;
    let ids = Arc::new(AtomicU64::new(1));
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (load, ids) = (load.clone(), Arc::clone(&ids));
            tokio::spawn(async move {
                let mut connection = Connection::open(load.port).await.expect("the server answers");
                let mut accepted = 0;
                while Instant::now() < until {
                    let id = ids.fetch_add(1, Ordering::Relaxed);
                    accepted += usize::from(publish_one(&load, &mut connection, id, Instant::now()).await);
                }
                accepted
            })
        })
        .collect();
    sum(tasks).await
}

/// `rate` events a second, each at its own instant whatever became of those before.
pub async fn paced(load: &Load, clients: usize, rate: u32, duration: Duration) -> usize {
    let began = Instant::now();
    let gap = Duration::from_secs(1) / rate;
    let total = u64::from(rate) * duration.as_secs();
    let tasks: Vec<_> = (0..clients as u64)
        .map(|client| {
            let load = load.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(load.port).await.expect("the server answers");
                let mut accepted = 0;
                for id in (client..total).step_by(clients) {
                    let due = began + gap * u32::try_from(id).expect("a short run");
                    tokio::time::sleep_until(due.into()).await;
                    // Latency counts from when it was due, unless the timer itself came late.
                    let sent = if due.elapsed() < Duration::from_millis(2) {
                        Instant::now()
                    } else {
                        due
                    };
                    accepted += usize::from(publish_one(&load, &mut connection, id, sent).await);
                }
                accepted
            })
        })
        .collect();
    sum(tasks).await
}

async fn publish_one(load: &Load, connection: &mut Connection, id: u64, sent: Instant) -> bool {
    connection
        .write(&load.publish(id, sent))
        .await
        .expect("the server reads");
    let answer = connection
        .read()
        .await
        .expect("the server answers")
        .expect("the server stays");
    if answer.status() != 200 {
        eprintln!("{}: {}", answer.first_line, String::from_utf8_lossy(&answer.body));
    }
    answer.status() == 200
}

async fn sum(tasks: Vec<tokio::task::JoinHandle<usize>>) -> usize {
    let mut total = 0;
    for task in tasks {
        total += task.await.expect("a client that does not panic");
    }
    total
}
