//! Reading and writing, whichever database it is: each action is one transaction, which is told to whoever counts and traces.

use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::db::writer::{Turn, Writer};
use crate::db::{DatabaseUrl, Db, Notes, Pool, PoolUse, Purpose, StoreUse, Tx, WriteError};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::metrics::database::Use;
use crate::slots::Slots;
use crate::traces::Traces;

/// Connections that read at the same time.
const READERS: u32 = 8;
/// Connections that write at the same time, on PostgreSQL.
const WRITERS: u32 = 8;
/// Before an action that collided with another one is run again: at least this, at most twice as long.
const AFTER_A_COLLISION: Duration = Duration::from_millis(50);

/// The database with what belongs to its use. Clones share it.
#[derive(Clone)]
pub struct Store {
    readers: Pool,
    writers: Writers,
    clock: Clock,
    /// Where an engine may run beside it: for what transactions hand over to it.
    slots: Option<Slots>,
    limits: Limits,
    metrics: Metrics,
    traces: Traces,
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
            traces: Traces::default(),
        })
    }

    /// What is written from now on keeps to these limits.
    #[must_use]
    pub fn under(self, limits: Limits) -> Store {
        Store { limits, ..self }
    }

    /// Transactions hand over to the engine that these slots belong to.
    #[must_use]
    pub fn beside(self, slots: Slots) -> Store {
        Store {
            slots: Some(slots),
            ..self
        }
    }

    #[must_use]
    pub fn traced(self, traces: Traces) -> Store {
        Store { traces, ..self }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn traces(&self) -> &Traces {
        &self.traces
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
        let traced = self.traces.is_on();
        let action = move |db: &mut Db| {
            let mut tx = Tx::new(db, clock.now(), slots.as_ref()).under(limits).traced(traced);
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
        if let Ok((_, notes)) = &result {
            self.traces.written(&notes.made, self.now());
        }
        result
    }

    pub fn in_use(&self) -> StoreUse {
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
