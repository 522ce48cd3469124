//! What requests and the engine share: the database, the clock, the settings, the vault, and the wires between them.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::writer::Writer;
use crate::db::{DatabaseUrl, Db, Due, Pool, Purpose, Tx, WriteError};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::gate::Gate;
use crate::press_limit::PressLimit;
use crate::vault::Vault;

/// Connections that read at the same time.
const READERS: u32 = 8;
/// Connections that write at the same time, on PostgreSQL.
const WRITERS: u32 = 8;
/// Recorded attempts that a slow listener may fall behind before it must look into the database instead.
const RECORDED: usize = 4096;

/// An attempt was recorded; whoever waits for it can look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
}

/// Reading and writing, whichever database it is.
#[derive(Clone)]
pub struct Store {
    readers: Pool,
    writers: Writers,
    clock: Clock,
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
        let pool = |purpose, most| Pool::open(url, purpose, most).map_err(|error| error.to_string());
        let writers = match url {
            DatabaseUrl::Sqlite(_) => Writers::Sqlite(Writer::start(db).map_err(|error| error.to_string())?),
            DatabaseUrl::Postgres(_) => Writers::Postgres(pool(Purpose::Write, WRITERS)?),
        };
        Ok(Store {
            readers: pool(Purpose::Read, READERS)?,
            writers,
            clock,
        })
    }

    pub async fn read<T, F>(&self, query: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Db) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        let pool = self.readers.clone();
        let result = tokio::task::spawn_blocking(move || query(&mut *pool.get()?)).await;
        result.unwrap_or_else(|error| Err(AppError::Internal(error.to_string())))
    }

    /// Runs one action as one transaction. When this returns `Ok`, the change is on disk.
    pub async fn write<T, F>(&self, action: F) -> Result<(T, Vec<Due>), AppError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        let clock = self.clock.clone();
        let action = move |db: &mut Db| {
            let mut tx = Tx::new(db, clock.now());
            let done = action(&mut tx)?;
            Ok::<_, AppError>((done, tx.into_due()))
        };
        match &self.writers {
            Writers::Sqlite(writer) => writer.write(action).await,
            Writers::Postgres(pool) => {
                let pool = pool.clone();
                let result = tokio::task::spawn_blocking(move || {
                    let mut db = pool.get()?;
                    // A panic unwinds through the guard, and the pool throws the connection away.
                    diesel::Connection::transaction(&mut *db, action)
                })
                .await;
                result.unwrap_or_else(|_| Err(WriteError::Panicked.into()))
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
    due: mpsc::UnboundedSender<Vec<Due>>,
    recorded: broadcast::Sender<Recorded>,
}

impl Context {
    /// The second part is the engine's end of the wire.
    pub fn new(store: Store, config: Config, vault: Vault) -> (Context, mpsc::UnboundedReceiver<Vec<Due>>) {
        let (due, wire) = mpsc::unbounded_channel();
        let (recorded, _) = broadcast::channel(RECORDED);
        (
            Context {
                shared: Arc::new(Shared {
                    store,
                    config,
                    vault,
                    gate: Gate::default(),
                    presses: PressLimit::default(),
                    due,
                    recorded,
                }),
            },
            wire,
        )
    }

    pub async fn read<T, F>(&self, query: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Db) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        self.shared.store.read(query).await
    }

    /// One action, one transaction; what became due reaches the engine after the commit.
    pub async fn write<T, F>(&self, action: F) -> Result<T, AppError>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        let (done, due) = self.shared.store.write(action).await?;
        if !due.is_empty() {
            self.nudge(due);
        }
        Ok(done)
    }

    pub fn now(&self) -> Moment {
        self.shared.store.clock.now()
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

    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Wakes the engine; an empty list makes it look at the time again. Without an engine on this node nobody listens.
    pub fn nudge(&self, due: Vec<Due>) {
        let _ = self.shared.due.send(due);
    }

    /// Every attempt that is recorded from now on. Who falls behind by more than a few thousand gets `Lagged`.
    pub fn recorded(&self) -> broadcast::Receiver<Recorded> {
        self.shared.recorded.subscribe()
    }

    /// Tells whoever listens; the engine calls it after the commit.
    pub fn announce(&self, recorded: Recorded) {
        let _ = self.shared.recorded.send(recorded);
    }
}
