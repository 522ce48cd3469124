//! What is not counted as it happens but looked at when somebody scrapes: the queue, the webhooks, the budgets, the database, the
//! nodes. Looks into the database are kept for a few seconds, however many scrape, and none takes longer than a page.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::table::{Gauge, Table};
use crate::context::Context;
use crate::db::{DatabaseUrl, figures};
use crate::node_role::NodeRole;

/// For so long a look into the database holds.
const FRESH: Duration = Duration::from_secs(5);
/// PostgreSQL walks all files of the database to say how large it is.
const SIZE_FRESH: Duration = Duration::from_secs(60);
const ROLES: [NodeRole; 3] = [NodeRole::All, NodeRole::Web, NodeRole::Worker];

pub struct Figures {
    looked: Mutex<Looked>,
    waiting: [Gauge; 3],
    oldest: Gauge,
    webhooks: [Gauge; 4],
    in_flight: [Gauge; 3],
    in_flight_limit: [Gauge; 3],
    round_age: Gauge,
    reachable: Gauge,
    bytes: [Gauge; 2],
    connections: [Gauge; 4],
    writer_queue: Gauge,
    streams: Gauge,
    nodes: [Gauge; 3],
    clock: Gauge,
}

/// When the database was asked last.
#[derive(Default)]
struct Looked {
    queue: Option<Instant>,
    size: Option<Instant>,
}

impl Figures {
    pub(super) fn new(table: &mut Table) -> Self {
        Figures {
            looked: Mutex::default(),
            waiting: table.gauges(
                "taskview_deliveries_waiting",
                ["state"],
                [["due"], ["later"], ["held"]],
                "Automatic deliveries that are not over, each counted up to 10,000: due or on their way, waiting for a later attempt, \
                 held because the webhook is off. Of the database: every node says the same",
            ),
            oldest: table.gauge(
                "taskview_oldest_due_seconds",
                "For how long the first delivery that is due has been waiting; 0 when none is",
            ),
            webhooks: table.gauges(
                "taskview_webhooks",
                ["state"],
                [["active"], ["failing"], ["off"], ["turned_off"]],
                "Webhooks: on, on while the last delivery failed, turned off by somebody, turned off automatically",
            ),
            in_flight: table.gauges(
                "taskview_attempts_in_flight",
                ["budget"],
                [["all"], ["slow"], ["direct"]],
                "Attempts on their way on this node: of events, those among them whose receiver is not known to be quick, and those \
                 that a person waits for",
            ),
            in_flight_limit: table.gauges(
                "taskview_attempts_in_flight_limit",
                ["budget"],
                [["all"], ["slow"], ["direct"]],
                "How many there may be of them; past the one of slow receivers each of these still gets one at a time",
            ),
            round_age: table.gauge(
                "taskview_engine_round_age_seconds",
                "For how long the engine of this node has not looked whether there is something to do; 0 without an engine",
            ),
            reachable: table.gauge(
                "taskview_database_reachable",
                "1 when the database could be asked for these figures, else 0, and what it did not say is NaN",
            ),
            bytes: table.gauges(
                "taskview_database_bytes",
                ["part"],
                [["data"], ["wal"]],
                "Size of the database; wal is the file in front of an embedded one, and 0 for PostgreSQL",
            ),
            connections: table.gauges(
                "taskview_database_connections",
                ["pool", "state"],
                [["read", "in_use"], ["read", "waiting"], ["write", "in_use"], ["write", "waiting"]],
                "Connections that are in use, of at most 8 to read and 8 to write (an embedded database has a writer instead), and \
                 who waits for one",
            ),
            writer_queue: table.gauge(
                "taskview_writer_queue",
                "Actions that wait for the writer of an embedded database",
            ),
            streams: table.gauge("taskview_streams", "Open pages that keep themselves up to date"),
            nodes: table.gauges(
                "taskview_nodes",
                ["role"],
                [["all"], ["web"], ["worker"]],
                "Nodes that this one knows of, itself included",
            ),
            clock: table.gauge(
                "taskview_clock_offset_seconds",
                "By how much the clock of this machine is ahead of that of PostgreSQL",
            ),
        }
    }

    pub(super) async fn update(&self, ctx: &Context) {
        self.look_at_memory(ctx);
        let mut looked = self.looked.lock().await;
        let is_fresh = |at: Option<Instant>, time| at.is_some_and(|at| at.elapsed() < time);
        if !is_fresh(looked.queue, FRESH) {
            let reached = self.look_at_queue(ctx).await;
            self.reachable.set(f64::from(u8::from(reached)));
            looked.queue = Some(Instant::now());
        }
        match &ctx.config().database {
            DatabaseUrl::Sqlite(path) => {
                let wal = PathBuf::from(format!("{}-wal", path.display()));
                self.bytes[0].set(bytes(path));
                self.bytes[1].set(bytes(&wal));
            }
            DatabaseUrl::Postgres(_) if !is_fresh(looked.size, SIZE_FRESH) => {
                let size = ctx.read(|db| Ok(figures::size(db)?)).await;
                self.bytes[0].set(size.map_or(f64::NAN, |size| size as f64));
                looked.size = Some(Instant::now());
            }
            DatabaseUrl::Postgres(_) => {}
        }
    }

    /// `false`: the database cannot be asked.
    async fn look_at_queue(&self, ctx: &Context) -> bool {
        let now = ctx.now();
        let read = ctx
            .read(move |db| Ok((figures::queue(db, now)?, figures::webhooks(db)?)))
            .await;
        let Ok((queue, webhooks)) = read else {
            let unknown = self.waiting.iter().chain(&self.webhooks).chain([&self.oldest]);
            for gauge in unknown {
                gauge.set(f64::NAN);
            }
            return false;
        };
        set(&self.waiting, [queue.due, queue.later, queue.held]);
        self.oldest
            .set(queue.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()));
        let figures::Webhooks {
            active,
            failing,
            off,
            turned_off,
        } = webhooks;
        set(&self.webhooks, [active, failing, off, turned_off]);
        true
    }

    fn look_at_memory(&self, ctx: &Context) {
        {
            let ledger = ctx.slots().lock();
            let budget = ledger.budget;
            set(
                &self.in_flight,
                [ledger.running, ledger.suspect, ledger.direct].map(count),
            );
            let limits = [budget.in_all, budget.slow(), budget.direct];
            set(&self.in_flight_limit, limits.map(count));
        }
        let delivers = ctx.config().role.delivers();
        self.round_age
            .set(if delivers { ctx.pulse().age().as_secs_f64() } else { 0.0 });
        let store = ctx.store_use();
        let [read, write] = store.pools;
        set(
            &self.connections,
            [read.in_use, read.waiting, write.in_use, write.waiting].map(count),
        );
        self.writer_queue.set(store.queued as f64);
        self.streams.set(ctx.live().streams() as f64);
        let nodes = ctx.nodes();
        let of = |role| nodes.iter().filter(|node| node.role == role).count();
        set(&self.nodes, ROLES.map(of).map(count));
        let ahead = ctx.others().map_or(0, |others| others.ahead_micros());
        self.clock.set(ahead as f64 / 1_000_000.0);
    }
}

fn set<const N: usize>(gauges: &[Gauge; N], values: [i64; N]) {
    for (gauge, value) in gauges.iter().zip(values) {
        gauge.set(value as f64);
    }
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// A file that is not there has none.
fn bytes(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |file| file.len() as f64)
}
