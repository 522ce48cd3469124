//! What requests and the engine share: the database, the clock, the settings, the vault, and the wires between them.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, broadcast, mpsc};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::writer::Turn;
use crate::db::{Db, Due, Handed, StoreUse, Tx};
use crate::domain::delivery::Trigger;
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::gate::Gate;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::nodes::{Ears, Node, Others};
use crate::press_limit::PressLimit;
use crate::pulse::Pulse;
use crate::slots::Slots;
use crate::store::Store;
use crate::traces::Traces;
use crate::vault::Vault;

/// Recorded attempts that a slow listener may fall behind before it must look into the database instead.
const RECORDED: usize = 4096;

/// An attempt was recorded; whoever waits for it can look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
    pub trigger: Trigger,
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
    pub fn new(store: Store, config: Config, vault: Vault) -> (Context, Wires) {
        let (due, due_end) = mpsc::unbounded_channel();
        let (handed, handed_end) = mpsc::unbounded_channel();
        let slots = Slots::new(config.budget, config.timing.lease);
        let store = store.beside(slots.clone()).under(config.limits);
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
        self.shared.store.clock()
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
        self.shared.store.metrics()
    }

    pub fn traces(&self) -> &Traces {
        self.shared.store.traces()
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
