//! Connections that wait to be used. While the database cannot be reached, only the first who ask wait for it: who comes
//! later hears so at once instead of standing in a row of people who each wait for seconds.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{self, ManageConnection, PoolError, PooledConnection};

use super::{DatabaseUrl, Db, Purpose};

/// For a connection, when nothing is known to be wrong.
const PATIENCE: Duration = Duration::from_secs(4);
/// A connection that has worked so shortly ago is handed out untried: the trip that tries it costs as much as a statement.
const TRUSTED: Duration = Duration::from_secs(1);
/// After somebody waited in vain, until somebody gets one.
const IN_TROUBLE: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub struct Pool {
    connections: r2d2::Pool<Manager>,
    in_trouble: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
}

/// How busy a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolUse {
    pub in_use: usize,
    /// Who waits for a connection.
    pub waiting: usize,
}

/// How busy the ways to a database are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreUse {
    /// To read and to write; an embedded database has a writer instead of the latter.
    pub pools: [PoolUse; 2],
    /// Actions that wait for the writer.
    pub queued: usize,
}

impl Pool {
    /// Opens one connection, and as many as `most` when they are needed.
    pub fn open(url: &DatabaseUrl, purpose: Purpose, most: u32) -> Result<Pool, PoolError> {
        let connections = r2d2::Pool::builder()
            .max_size(most)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            // Whoever wanted it says so, once and in words; r2d2 itself would at each of its tries.
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(Manager {
                url: url.clone(),
                purpose,
            })?;
        Ok(Pool {
            connections,
            in_trouble: Arc::default(),
            waiting: Arc::default(),
        })
    }

    /// Blocks. A connection to read was tried before it is handed out; one to write, when it has not worked just now.
    pub fn get(&self) -> Result<PooledConnection<Manager>, PoolError> {
        let in_trouble = self.in_trouble.load(Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let got = self
            .connections
            .get_timeout(if in_trouble { IN_TROUBLE } else { PATIENCE });
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.in_trouble.store(got.is_err(), Ordering::Relaxed);
        got
    }

    pub fn usage(&self) -> PoolUse {
        let state = self.connections.state();
        PoolUse {
            in_use: state.connections.saturating_sub(state.idle_connections) as usize,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// A connection and when it last did what it was told.
pub struct Member {
    db: Db,
    worked: Option<Instant>,
}

impl Member {
    pub fn has_worked(&mut self) {
        self.worked = Some(Instant::now());
    }

    /// Something went wrong on it: whoever is next tries it first.
    pub fn doubt(&mut self) {
        self.worked = None;
    }

    fn is_trusted(&self) -> bool {
        self.worked.is_some_and(|worked| worked.elapsed() < TRUSTED)
    }
}

impl Deref for Member {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Member {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

/// Opens connections for r2d2. MultiConnection's own `establish` guesses the database from what happens to connect.
#[derive(Debug)]
pub struct Manager {
    url: DatabaseUrl,
    purpose: Purpose,
}

impl ManageConnection for Manager {
    type Connection = Member;
    type Error = r2d2::Error;

    fn connect(&self) -> Result<Member, Self::Error> {
        let db = Db::open(&self.url, self.purpose).map_err(r2d2::Error::ConnectionError)?;
        Ok(Member { db, worked: None })
    }

    fn is_valid(&self, member: &mut Member) -> Result<(), Self::Error> {
        if member.is_trusted() {
            return Ok(());
        }
        match &mut member.db {
            // A file does not go away between two uses.
            Db::Sqlite(_) => Ok(()),
            Db::Pg(connection) => connection.batch_execute("SELECT 1").map_err(r2d2::Error::QueryError),
        }
    }

    fn has_broken(&self, member: &mut Member) -> bool {
        std::thread::panicking() || r2d2::R2D2Connection::is_broken(&mut member.db)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_the_first_waits_long_for_a_connection_that_does_not_come() {
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(dir.path().join("t.db"));
        let pool = Pool::open(&url, Purpose::Read, 1).unwrap();
        let wait = || {
            let began = Instant::now();
            (pool.get().is_ok(), began.elapsed())
        };
        let held = pool.get().unwrap();

        let (first, second) = (wait(), wait());
        drop(held);
        let (third, trouble) = (wait(), pool.in_trouble.load(Ordering::Relaxed));

        assert!(!first.0 && first.1 >= PATIENCE, "{first:?}");
        assert!(!second.0 && second.1 < PATIENCE / 2, "{second:?}");
        assert!(third.0 && !trouble);
    }
}
