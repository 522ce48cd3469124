//! What goes wrong in a storm, one thing after the other, chosen by chance. Each fault is kept with its time: only what was in
//! flight at one may be sent again.

use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use rand::Rng;
use rand::rngs::StdRng;

use crate::database::Database;
use crate::node::Node;
use crate::publisher::Desk;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Fault {
    /// SIGKILL, and a new process in its place.
    Kill,
    /// SIGSTOP, then SIGCONT.
    Pause,
    /// SIGTERM, and a new process in its place: requests in flight finish, unless a receiver hangs.
    Replace,
    /// PostgreSQL ends without last words and recovers.
    CrashDatabase,
    /// PostgreSQL restarts in good order.
    RestartDatabase,
    /// Every connection to the database is cut.
    CutConnections,
}

/// A fault and how long it lasted.
#[derive(Debug, Clone, Copy)]
pub struct Happened {
    pub fault: Fault,
    pub from: Instant,
    pub to: Instant,
}

/// Each fault and its share. A stop in good order takes ten seconds when a receiver hangs, in which a single node takes no
/// events.
const ON_SQLITE: &[(Fault, u32)] = &[(Fault::Kill, 12), (Fault::Pause, 4), (Fault::Replace, 1)];
const ON_POSTGRES: &[(Fault, u32)] = &[
    (Fault::Kill, 2),
    (Fault::Pause, 1),
    (Fault::Replace, 1),
    (Fault::CrashDatabase, 1),
    (Fault::RestartDatabase, 1),
    (Fault::CutConnections, 1),
];

/// How long a node may take to be there again, its database with it.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The nodes of a storm and the hand that harms them.
pub struct Hand {
    pub database: Database,
    pub desk: Arc<Desk>,
    pub nodes: Vec<Node>,
    pub chance: StdRng,
    /// The longest pause; longer than a lease in the long form.
    pub longest_pause: Duration,
    /// Only these [default: all that the database knows]
    pub only: Vec<Fault>,
    pub happened: Vec<Happened>,
    /// What went wrong that should not, such as an exit code.
    pub complaints: Vec<String>,
}

impl Hand {
    /// Harms until then, and until each fault was there once.
    pub fn run(&mut self, until: impl Fn(&Desk) -> bool) {
        let shares = if self.database.is_sqlite() {
            ON_SQLITE
        } else {
            ON_POSTGRES
        };
        let wanted = |fault: &Fault| self.only.is_empty() || self.only.contains(fault);
        let shares: Vec<_> = shares.iter().filter(|share| wanted(&share.0)).copied().collect();
        let mut first: Vec<Fault> = shares.iter().map(|share| share.0).collect();
        let mut first_pause = true;
        while !(first.is_empty() && until(&self.desk)) {
            sleep(Duration::from_millis(self.chance.random_range(300..1_500)));
            let fault = if first.is_empty() {
                by_share(&shares, &mut self.chance)
            } else {
                first.swap_remove(self.chance.random_range(0..first.len()))
            };
            let from = Instant::now();
            match fault {
                Fault::Kill => self.kill(),
                Fault::Pause => {
                    self.pause(first_pause);
                    first_pause = false;
                }
                Fault::Replace => self.replace(),
                Fault::CrashDatabase => restart_database("immediate"),
                Fault::RestartDatabase => restart_database("fast"),
                Fault::CutConnections => self.cut_connections(),
            }
            let to = Instant::now();
            self.happened.push(Happened { fault, from, to });
        }
    }

    fn any(&mut self) -> usize {
        self.chance.random_range(0..self.nodes.len())
    }

    fn kill(&mut self) {
        let victim = self.any();
        self.nodes.swap_remove(victim).kill();
        self.publish_ports();
        sleep(Duration::from_millis(self.chance.random_range(0..1_000)));
        self.start();
    }

    fn pause(&mut self, longest: bool) {
        let victim = self.any();
        let most = u64::try_from(self.longest_pause.as_millis()).unwrap_or(u64::MAX);
        // One of the longest is in every storm; most are short, or there would be no time for anything else.
        let time = if longest {
            most
        } else {
            self.chance.random_range(100..most.min(4_000))
        };
        self.nodes[victim].signal("STOP");
        sleep(Duration::from_millis(time));
        self.nodes[victim].signal("CONT");
    }

    fn replace(&mut self) {
        let victim = self.any();
        let node = self.nodes.swap_remove(victim);
        self.publish_ports();
        let status = node.stop();
        if !status.success() {
            self.complaints.push(format!("after SIGTERM it ended with {status}"));
        }
        self.start();
    }

    fn cut_connections(&mut self) {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.database.open().batch_execute(cut).expect("connections can be cut");
    }

    fn start(&mut self) {
        let name = format!("node-{}", self.happened.len());
        let began = Instant::now();
        loop {
            match Node::try_start(&self.database, &name, &[]) {
                Ok(node) => {
                    self.nodes.push(node);
                    break self.publish_ports();
                }
                Err(log) => assert!(began.elapsed() < BACK_WITHIN, "no new process starts:\n{log}"),
            }
            sleep(Duration::from_millis(200));
        }
    }

    pub fn publish_ports(&self) {
        *self.desk.ports.lock().expect("no panic") = self.nodes.iter().map(Node::port).collect();
    }
}

fn by_share(shares: &[(Fault, u32)], chance: &mut StdRng) -> Fault {
    let mut place = chance.random_range(0..shares.iter().map(|share| share.1).sum());
    for (fault, share) in shares {
        if place < *share {
            return *fault;
        }
        place -= share;
    }
    shares[0].0
}

/// `PG_CTL` is the command that scripts/postgres leaves.
fn restart_database(mode: &str) {
    let command = std::env::var("PG_CTL").expect("PG_CTL: scripts/chaos sets it");
    let restarted = Command::new("sh")
        .args([
            "-c",
            &format!("cd / && {command} restart -m {mode} </dev/null >/dev/null 2>&1"),
        ])
        .status()
        .expect("sh runs");
    assert!(
        restarted.success(),
        "PostgreSQL did not come back from a restart -m {mode}"
    );
}
