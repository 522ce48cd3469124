//! What every run stands on: a database, the nodes that serve it, and parts in which a load is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Common;
use crate::api::Api;
use crate::database::Database;
use crate::generator::{Load, Published};
use crate::machine::{self, Meter, Used};
use crate::node::{self, Node};
use crate::notes::{Notes, Seen};
use crate::report::{Column, Table};

/// How long a part waits for what was accepted and has not arrived.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stage {
    pub database: Database,
    pub nodes: Vec<Node>,
    pub base: Instant,
}

impl Stage {
    /// A fresh database with one account.
    pub fn fresh(common: &Common) -> Stage {
        let database = Database::create(common.postgres.as_deref(), None);
        node::add_user(&database);
        Stage::on(database)
    }

    pub fn on(database: Database) -> Stage {
        Stage {
            database,
            nodes: Vec::new(),
            base: Instant::now(),
        }
    }

    pub fn start(&mut self, settings: &[(&str, &str)]) {
        let name = format!("node-{}", self.nodes.len() + 1);
        self.nodes.push(Node::start(&self.database, &name, settings));
    }

    /// SIGTERM to all; says what they had to say.
    pub fn stop(&mut self) {
        for node in self.nodes.drain(..) {
            let log = node.log();
            node.stop();
            if let Some(last) = log.lines().last() {
                println!("({} lines in the log, the last: {last})", log.lines().count());
            }
        }
    }

    /// For a server with so much in flight that it would take its ten seconds.
    pub fn kill(&mut self) {
        self.nodes.drain(..).for_each(Node::kill);
    }

    pub async fn api(&self) -> Api {
        Api::sign_in(self.nodes[0].port()).await
    }

    pub fn meter(&self) -> Meter {
        Meter::start(self.nodes.iter().map(Node::pid).collect(), self.database.postmaster)
    }

    pub fn memory_mb(&self) -> f64 {
        self.nodes.iter().map(|node| machine::memory_mb(node.pid())).sum()
    }
}

/// A load on its way to a receiver that notes what comes.
pub struct Measured<'a> {
    pub stage: &'a Stage,
    pub load: &'a Load,
    pub notes: &'a Arc<Notes>,
    /// Deliveries of each event.
    pub fan_out: usize,
}

#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many events a second.
    Paced(u32),
    /// So many clients, each as fast as it can.
    Saturated(usize),
}

/// What [`Measured::run`] fills in.
pub const COLUMNS: &[Column] = &[
    ("accepted/s", 0),
    ("delivered/s", 0),
    ("p50 ms", 2),
    ("p99 ms", 2),
    ("max ms", 1),
    ("CPU µs/del", 0),
    ("db µs/del", 0),
    ("own µs/del", 0),
    ("RSS MB", 1),
    ("twice", 0),
    ("lost", 0),
    ("others %", 1),
];

impl Measured<'_> {
    /// One line of the table; returns how many acknowledged deliveries did not arrive.
    pub async fn run(&self, name: &str, pace: Pace, time: Duration, table: &mut Table) -> usize {
        self.notes.begin(self.load.next_event());
        let meter = self.stage.meter();
        let began = Instant::now();
        let published = match pace {
            Pace::Paced(rate) => self.load.paced(16.min(rate as usize), rate, time).await,
            Pace::Saturated(clients) => self.load.saturated(clients, time).await,
        };
        let published_for = began.elapsed();
        let expected = published.accepted * self.fan_out;
        let arrived = self.notes.wait_for(expected, PATIENCE).await;
        let (used, seen) = (meter.read(), self.notes.take());
        let delivered_for = seen.last.map_or(published_for, |last| last - began).max(published_for);
        let lost = expected.saturating_sub(arrived);
        let mut values = vec![
            published.accepted as f64 / published_for.as_secs_f64(),
            arrived as f64 / delivered_for.as_secs_f64(),
        ];
        values.extend(latencies(&seen));
        values.extend(efforts(&used, arrived));
        values.extend([
            self.stage.memory_mb(),
            seen.repeated as f64,
            lost as f64,
            used.strangers * 100.0,
        ]);
        table.add(name, &values, remark(&used, published));
        lost
    }
}

fn latencies(seen: &Seen) -> [f64; 3] {
    [50.0, 99.0, 100.0].map(|percent| seen.percentile(percent))
}

/// Microseconds of processor time for each of `count`: of the server, of its database, of the harness.
pub fn efforts(used: &Used, count: usize) -> [f64; 3] {
    [used.nodes, used.database, used.harness].map(|time| time.as_secs_f64() * 1e6 / count.max(1) as f64)
}

fn remark(used: &Used, published: Published) -> &'static str {
    match (published.refused > 0, used.is_disturbed()) {
        (true, _) => "  REFUSED",
        (false, true) => DISTURBED,
        (false, false) => "",
    }
}

pub const DISTURBED: &str = "  DISTURBED";
