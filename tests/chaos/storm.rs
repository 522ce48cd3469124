//! One storm on one database, from the first event to the verdict.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use taskview_webhooks::clock::Clock;

use crate::Kind;
use crate::api::Api;
use crate::database::Database;
use crate::evidence::Evidence;
use crate::faults::{Fault, Hand};
use crate::node::{self, Node};
use crate::publisher::{self, Desk};
use crate::verdict::{Case, judge};
use crate::witness::{Manner, WEBHOOKS, Witness};

const CLIENTS: usize = 8;
/// After the last fault the program does its work again.
const RECOVERS_WITHIN: Duration = Duration::from_secs(20);

/// How much of it.
pub struct Storm {
    kind: Kind,
    seed: u64,
    /// Acknowledged events after which it ends, and the time after which it ends anyway.
    events: usize,
    most: Duration,
    /// Between two events of a client.
    gap: Duration,
    longest_pause: Duration,
    only: Vec<Fault>,
    /// For retries and leases to run out and everything to end afterwards.
    drain: Duration,
}

impl Storm {
    pub fn new(kind: Kind, seed: u64, long: bool, only: Vec<Fault>) -> Storm {
        if long {
            Storm {
                kind,
                seed,
                only,
                events: 100_000,
                most: Duration::from_secs(420),
                gap: Duration::from_millis(10),
                longest_pause: Duration::from_secs(24),
                drain: Duration::from_secs(120),
            }
        } else {
            Storm {
                kind,
                seed,
                only,
                events: usize::MAX,
                // A single node is away for ten seconds when it is replaced.
                most: Duration::from_secs(if kind == Kind::Sqlite { 30 } else { 20 }),
                gap: Duration::from_millis(60),
                longest_pause: Duration::from_secs(3),
                drain: Duration::from_secs(90),
            }
        }
    }

    /// Returns what disagrees.
    pub fn run(self) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let server = (self.kind == Kind::Postgres)
            .then(|| std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: scripts/chaos sets it"));
        let database = Database::create(server.as_deref(), None);
        node::add_user(&database);
        // On SQLite a second one is refused.
        let count = if database.is_sqlite() { 1 } else { 2 };
        let nodes: Vec<Node> = (0..count)
            .map(|number| Node::start(&database, &format!("first-{number}"), &[]))
            .collect();
        let witness = Witness::start();
        let (desk, first_webhook) = runtime.block_on(set_up(nodes[0].port(), &witness));
        let mut hand = Hand {
            database,
            desk: Arc::clone(&desk),
            nodes,
            chance: StdRng::seed_from_u64(self.seed),
            longest_pause: self.longest_pause,
            only: self.only.clone(),
            happened: Vec::new(),
            complaints: Vec::new(),
        };
        hand.publish_ports();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| runtime.spawn(publisher::run(Arc::clone(&desk), client, self.gap)))
            .collect();

        let began = Instant::now();
        hand.run(|desk| {
            desk.acknowledged.lock().expect("no panic").len() >= self.events || began.elapsed() > self.most
        });
        desk.stop.store(true, Ordering::Relaxed);
        for client in clients {
            runtime.block_on(client).expect("a client that does not panic");
        }
        let stormed = began.elapsed();
        let mut complaints = std::mem::take(&mut hand.complaints);
        complaints.extend(self.calm(&hand, &runtime, first_webhook));
        let drained = began.elapsed().saturating_sub(stormed);
        for node in hand.nodes.drain(..) {
            let status = node.stop();
            if !status.success() {
                complaints.push(format!("at the end it stopped with {status}"));
            }
        }
        complaints.append(&mut desk.odd.lock().expect("no panic"));

        let (sightings, rows) = (witness.sightings(), Evidence::collect(&hand.database));
        let acknowledged = std::mem::take(&mut *desk.acknowledged.lock().expect("no panic"));
        let verdict = judge(&Case {
            first_webhook,
            acknowledged: &acknowledged,
            sightings: &sightings,
            rows: &rows,
            happened: &hand.happened,
        });
        println!(
            "{:?}: {} events acknowledged in {:.0} s ({} refused, {} broken off), {} deliveries, {} requests, {} of them again; \
             faults: {}; calm after {:.0} s",
            self.kind,
            acknowledged.len(),
            stormed.as_secs_f64(),
            desk.refused.load(Ordering::Relaxed),
            desk.broken.load(Ordering::Relaxed),
            rows.deliveries.len(),
            sightings.len(),
            verdict.excused,
            counted(&hand),
            drained.as_secs_f64(),
        );
        if acknowledged.len() < hand.happened.len() {
            complaints.push(format!("the load was no load: {} events", acknowledged.len()));
        }
        complaints.extend(verdict.complaints);
        if !complaints.is_empty() {
            complaints.push(format!(
                "the logs of the nodes are in {}",
                keep_logs(&hand.database).display()
            ));
        }
        complaints
    }

    /// Waits until nothing is on its way any more. What waits for receivers that never succeed is held back first.
    fn calm(&self, hand: &Hand, runtime: &tokio::runtime::Runtime, first: i64) -> Option<String> {
        let endless: Vec<i64> = (first..)
            .zip(WEBHOOKS)
            .filter(|(_, webhook)| webhook.0.succeeds_at().is_none())
            .map(|(id, _)| id)
            .collect();
        let api = Api {
            port: hand.nodes[0].port(),
            token: hand.desk.token.clone(),
        };
        for id in &endless {
            let off = json!({ "id": id, "isActive": false });
            let began = Instant::now();
            // The last fault may have been a moment ago.
            while let Err(error) = runtime.block_on(api.try_call("PATCH", "/module/webhooks", &off)) {
                if began.elapsed() > RECOVERS_WITHIN {
                    return Some(format!(
                        "{RECOVERS_WITHIN:?} after the storm a webhook cannot be turned off: {error}"
                    ));
                }
                sleep(Duration::from_millis(250));
            }
        }
        let endless: Vec<String> = endless.iter().map(ToString::to_string).collect();
        // What a process had claimed that was killed is free once the lease has run out; a webhook that is off keeps it so.
        let open = |now: i64| {
            let endless = endless.join(", ");
            hand.database.number(&format!(
                "(SELECT count(*) FROM deliveries WHERE status = 0 AND (leased_until > {now} OR webhook_id NOT IN ({endless})))"
            ))
        };
        let clock = Clock::default();
        let began = Instant::now();
        loop {
            let left = open(clock.now().0);
            if left == 0 {
                return None;
            }
            if began.elapsed() > self.drain {
                return Some(format!(
                    "{left} deliveries are still open {:?} after the storm",
                    self.drain
                ));
            }
            sleep(Duration::from_millis(250));
        }
    }
}

/// The project, its webhooks in the order of [`WEBHOOKS`], and the desk of the publishers; the first webhook's id.
async fn set_up(port: u16, witness: &Witness) -> (Arc<Desk>, i64) {
    let api = Api::sign_in(port).await;
    let project = api.project("Storm").await;
    let mut first = 0;
    for (number, (_, kind)) in WEBHOOKS.iter().enumerate() {
        let new = json!({ "goalId": project, "url": witness.url(number), "events": [kind] });
        let made = api.call("POST", "/module/webhooks", &new).await;
        let id = made["response"]["webhook"]["id"].as_i64().expect("an id");
        first = if number == 0 { id } else { first };
        assert_eq!(id, first + number as i64, "webhooks are numbered in a row");
    }
    let desk = Desk {
        ports: Mutex::default(),
        token: api.token,
        project,
        stop: AtomicBool::new(false),
        next: AtomicU64::new(1),
        acknowledged: Mutex::default(),
        promised: AtomicUsize::new(0),
        arrived: Arc::clone(&witness.arrived),
        refused: AtomicUsize::new(0),
        broken: AtomicUsize::new(0),
        odd: Mutex::default(),
    };
    (Arc::new(desk), first)
}

/// The database's folder goes at the end; what the nodes had to say about a storm that failed does not.
fn keep_logs(database: &Database) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos");
    std::fs::create_dir_all(&place).expect("a place for the logs");
    for entry in std::fs::read_dir(database.folder()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log") {
            let name = format!("{}-{name}", database.describe().replace(' ', "-"));
            std::fs::copy(entry.path(), place.join(name)).expect("a copy of a log");
        }
    }
    place
}

/// `3 Kill, 2 Pause`
fn counted(hand: &Hand) -> String {
    let mut kinds: Vec<Fault> = hand.happened.iter().map(|happened| happened.fault).collect();
    kinds.sort_unstable();
    let counts = kinds
        .chunk_by(|a, b| a == b)
        .map(|same| format!("{} {:?}", same.len(), same[0]));
    counts.collect::<Vec<_>>().join(", ")
}

/// Whether a webhook's deliveries can end well at all.
pub fn manner(webhook: usize) -> Manner {
    WEBHOOKS[webhook].0
}
