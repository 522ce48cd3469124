//! What requests and the engine share: the database, the clock, the settings, the vault, and the wires between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard, broadcast, mpsc};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::writer::{Turn, Writer};
use crate::db::{DatabaseUrl, Db, Due, Handed, Notes, Pool, PoolUse, Purpose, StoreUse, Tx, WriteError};
use crate::domain::delivery::Trigger;
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::gate::Gate;
use crate::limits::Limits;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::metrics::database::Use;
use crate::nodes::{Ears, Node, Others};
use crate::press_limit::PressLimit;
use crate::pulse::Pulse;
use crate::slots::Slots;
use crate::vault::Vault;

/// Connections that read at the same time.
const READERS: u32 = 8;
/// Connections that write at the same time, on PostgreSQL.
const WRITERS: u32 = 8;
/// Before an action that collided with another one is run again: at least this, at most twice as long.
const AFTER_A_COLLISION: Duration = Duration::from_millis(50);
/// Recorded attempts that a slow listener may fall behind before it must look into the database instead.
const RECORDED: usize = 4096;

/// An attempt was recorded; whoever waits for it can look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
    pub trigger: Trigger,
}

/// Reading and writing, whichever database it is.
#[derive(Clone)]
pub struct Store {
    readers: Pool,
    writers: Writers,
    clock: Clock,
    /// Where an engine may run beside it: for what transactions hand over to it.
    slots: Option<Slots>,
    limits: Limits,
    metrics: Metrics,
}

#[derive(Clone)]
enum Writers {
    Sqlite(Writer),
    Postgres(Pool),
}

impl Store {
    /// Opens the database, migrates it and starts what writes to it.
    pub fn open(url: &DatabaseUrl, clock: Clock) -> Result<Store, String> {
        let mut db = Db::open(url, Purpose::Write).map_err(|error| error.to_string())?;
        db.migrate()?;
        let metrics = Metrics::default();
        let pool = |purpose, most| Pool::open(url, purpose, most).map_err(|error| error.to_string());
        let writers = match url {
            DatabaseUrl::Sqlite(_) => {
                let writer = Writer::start(db, metrics.database.group());
                Writers::Sqlite(writer.map_err(|error| error.to_string())?)
            }
            DatabaseUrl::Postgres(_) => Writers::Postgres(pool(Purpose::Write, WRITERS)?),
        };
        Ok(Store {
            readers: pool(Purpose::Read, READERS)?,
            writers,
            clock,
            slots: None,
            limits: Limits::default(),
            metrics,
        })
    }

    /// What is written from now on keeps to these limits.
    #[must_use]
    pub fn under(self, limits: Limits) -> Store {
        Store { limits, ..self }
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    pub async fn read<T, F>(&self, query: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Db) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        let began = Instant::now();
        let pool = self.readers.clone();
        let result = tokio::task::spawn_blocking(move || query(&mut **pool.get()?)).await;
        let result = result.unwrap_or_else(|error| Err(AppError::Internal(error.to_string())));
        self.metrics.database.used(Use::Read, began.elapsed(), &result);
        result
    }

    /// Runs one action as one transaction. When this returns `Ok`, the change is on disk. An action that collides with another
    /// node's or request's is run once more from the start.
    pub async fn write<T, F>(&self, action: F) -> Result<(T, Notes), AppError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
        T: Send + 'static,
    {
        self.write_in_turn(Turn::Next, action).await
    }

    pub async fn write_in_turn<T, F>(&self, turn: Turn, action: F) -> Result<(T, Notes), AppError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
        T: Send + 'static,
    {
        let (clock, slots, limits) = (self.clock.clone(), self.slots.clone(), self.limits);
        let action = move |db: &mut Db| {
            let mut tx = Tx::new(db, clock.now(), slots.as_ref()).under(limits);
            let done = action(&mut tx)?;
            Ok::<_, AppError>((done, tx.into_notes()))
        };
        let began = Instant::now();
        let result = match &self.writers {
            Writers::Sqlite(writer) => writer.write(turn, action).await,
            Writers::Postgres(pool) => {
                let pool = pool.clone();
                let result = tokio::task::spawn_blocking(move || write_postgres(&pool, &action)).await;
                result.unwrap_or_else(|_| Err(WriteError::Panicked.into()))
            }
        };
        self.metrics.database.used(Use::Write, began.elapsed(), &result);
        result
    }

    fn in_use(&self) -> StoreUse {
        let (write, queued) = match &self.writers {
            Writers::Sqlite(writer) => (PoolUse::default(), writer.queued()),
            Writers::Postgres(pool) => (pool.usage(), 0),
        };
        StoreUse {
            pools: [self.readers.usage(), write],
            queued,
        }
    }
}

fn write_postgres<T, F>(pool: &Pool, action: &F) -> Result<T, AppError>
where
    F: FnOnce(&mut Db) -> Result<T, AppError> + Clone,
{
    let (mut vanished, mut collided) = (0, false);
    loop {
        let mut connection = pool.get()?;
        let mut begun = false;
        // A panic unwinds through the guard, and the pool throws the connection away.
        let done = diesel::Connection::transaction(&mut **connection, |db| {
            begun = true;
            action.clone()(db)
        });
        match done {
            Ok(done) => {
                connection.has_worked();
                return Ok(done);
            }
            // The server had gone away since this connection was used last; nothing has happened. Others may be as old.
            Err(AppError::Unavailable(_)) if !begun && vanished < WRITERS => {
                connection.doubt();
                vanished += 1;
            }
            Err(AppError::Collided(_)) if !collided => {
                collided = true;
                // The other one goes first now; at once, this one would take its locks from it again.
                std::thread::sleep(AFTER_A_COLLISION.mul_f64(rand::random_range(1.0..2.0)));
            }
            Err(error) => {
                connection.doubt();
                return Err(error);
            }
        }
    }
}

#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    config: Config,
    vault: Vault,
    gate: Gate,
    presses: PressLimit,
    checks: PressLimit,
    check_turn: Arc<Mutex<()>>,
    live: Live,
    /// The ways to this node's engine and to whoever waits on this node.
    own: Ears,
    /// The nodes that share the database; an embedded one is not shared.
    others: Option<Arc<Others>>,
    slots: Slots,
    pulse: Pulse,
    handed: mpsc::UnboundedSender<Vec<Handed>>,
}

/// The engine's ends of the wires on which commits tell it what became due and give it what they have claimed for it.
pub struct Wires {
    pub due: mpsc::UnboundedReceiver<Vec<Due>>,
    pub handed: mpsc::UnboundedReceiver<Vec<Handed>>,
}

impl Context {
    pub fn new(mut store: Store, config: Config, vault: Vault) -> (Context, Wires) {
        let (due, due_end) = mpsc::unbounded_channel();
        let (handed, handed_end) = mpsc::unbounded_channel();
        let slots = Slots::new(config.budget, config.timing.lease);
        store.slots = Some(slots.clone());
        store.limits = config.limits;
        let live = Live::new(&config.limits);
        let (recorded, _) = broadcast::channel(RECORDED);
        let others = (!config.database.is_sqlite()).then(Arc::default);
        (
            Context {
                shared: Arc::new(Shared {
                    store,
                    config,
                    vault,
                    gate: Gate::default(),
                    presses: PressLimit::of_sending(),
                    checks: PressLimit::of_checking(),
                    check_turn: Arc::default(),
                    live,
                    own: Ears { due, recorded },
                    others,
                    slots,
                    pulse: Pulse::default(),
                    handed,
                }),
            },
            Wires {
                due: due_end,
                handed: handed_end,
            },
        )
    }

    pub async fn read<T, F>(&self, query: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Db) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        self.shared.store.read(query).await
    }

    /// One action, one transaction; what became due, or was claimed for the engine, reaches it after the commit.
    pub async fn write<T, F>(&self, action: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
        T: Send + 'static,
    {
        self.write_in_turn(Turn::Next, action).await
    }

    pub async fn write_in_turn<T, F>(&self, turn: Turn, action: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
        T: Send + 'static,
    {
        let (done, notes) = self.shared.store.write_in_turn(turn, action).await?;
        self.metrics().deliveries.published(notes.events);
        if !notes.due.is_empty() {
            self.nudge(notes.due);
        }
        if !notes.handed.is_empty() {
            // Without an engine nothing is handed over; one that has just ended leaves leases that run out.
            let _ = self.shared.handed.send(notes.handed);
        }
        Ok(done)
    }

    /// For what is done without the engine: nothing that becomes due here reaches it at once.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    pub fn now(&self) -> Moment {
        self.shared.store.now()
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.store.clock
    }

    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    pub fn vault(&self) -> &Vault {
        &self.shared.vault
    }

    pub fn presses(&self) -> &PressLimit {
        &self.shared.presses
    }

    pub fn checks(&self) -> &PressLimit {
        &self.shared.checks
    }

    /// Checks of what somebody pasted take a core for a moment; this node makes one at a time.
    pub async fn check_turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.shared.check_turn).lock_owned().await
    }

    /// The pages that watch a history.
    pub fn live(&self) -> &Live {
        &self.shared.live
    }

    pub fn slots(&self) -> &Slots {
        &self.shared.slots
    }

    pub fn metrics(&self) -> &Metrics {
        &self.shared.store.metrics
    }

    /// The engine beats; who looks at this node listens.
    pub fn pulse(&self) -> &Pulse {
        &self.shared.pulse
    }

    pub fn store_use(&self) -> StoreUse {
        self.shared.store.in_use()
    }

    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Wakes the engine, and those of other nodes; an empty list makes it look at the time again. Without an engine on this
    /// node nobody here listens.
    pub fn nudge(&self, due: Vec<Due>) {
        if let Some(others) = &self.shared.others {
            others.tell_due(&due, self.now());
        }
        for due in &due {
            self.shared.live.touch(due.webhook);
        }
        let _ = self.shared.own.due.send(due);
    }

    /// Every attempt that is recorded from now on. Who falls behind by more than a few thousand gets `Lagged`.
    pub fn recorded(&self) -> broadcast::Receiver<Recorded> {
        self.shared.own.recorded.subscribe()
    }

    /// Tells whoever listens; the engine calls it after the commit. Other nodes hear of what a person may be waiting for.
    pub fn announce(&self, recorded: Recorded) {
        if recorded.trigger != Trigger::Automatic
            && let Some(others) = &self.shared.others
        {
            others.tell_recorded(recorded);
        }
        self.shared.live.touch(recorded.webhook);
        let _ = self.shared.own.recorded.send(recorded);
    }

    /// The other nodes; `None` with an embedded database, which has none.
    pub fn others(&self) -> Option<&Arc<Others>> {
        self.shared.others.as_ref()
    }

    /// This node first, then those that it knows of.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = vec![Node::own(self.config().role)];
        nodes.extend(self.others().map_or_else(Vec::new, |others| others.known()));
        nodes
    }

    /// This node has no engine and has heard of none.
    pub fn nobody_delivers(&self) -> bool {
        self.others().is_some_and(|others| others.nobody_delivers())
    }

    /// Where news from other nodes is passed on to.
    pub fn ears(&self) -> Ears {
        self.shared.own.clone()
    }
}
