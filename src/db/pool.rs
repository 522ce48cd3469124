//! Connections that wait to be used. While the database cannot be reached, only the first who ask wait for it: who comes
//! later hears so at once instead of standing in a row of people who each wait for seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{self, ManageConnection, PoolError, PooledConnection};

use super::{DatabaseUrl, Db, Purpose};

/// For a connection, when nothing is known to be wrong.
const PATIENCE: Duration = Duration::from_secs(4);
/// After somebody waited in vain, until somebody gets one.
const IN_TROUBLE: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub struct Pool {
    connections: r2d2::Pool<Manager>,
    in_trouble: Arc<AtomicBool>,
}

impl Pool {
    /// Opens one connection, and as many as `most` when they are needed.
    pub fn open(url: &DatabaseUrl, purpose: Purpose, most: u32) -> Result<Pool, PoolError> {
        let connections = r2d2::Pool::builder()
            .max_size(most)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            .build(Manager {
                url: url.clone(),
                purpose,
            })?;
        Ok(Pool {
            connections,
            in_trouble: Arc::default(),
        })
    }

    /// Blocks. The connection was tried before it is handed out.
    pub fn get(&self) -> Result<PooledConnection<Manager>, PoolError> {
        let in_trouble = self.in_trouble.load(Ordering::Relaxed);
        let got = self
            .connections
            .get_timeout(if in_trouble { IN_TROUBLE } else { PATIENCE });
        self.in_trouble.store(got.is_err(), Ordering::Relaxed);
        got
    }
}

/// Opens connections for r2d2. MultiConnection's own `establish` guesses the database from what happens to connect.
#[derive(Debug)]
pub struct Manager {
    url: DatabaseUrl,
    purpose: Purpose,
}

impl ManageConnection for Manager {
    type Connection = Db;
    type Error = r2d2::Error;

    fn connect(&self) -> Result<Db, Self::Error> {
        Db::open(&self.url, self.purpose).map_err(r2d2::Error::ConnectionError)
    }

    fn is_valid(&self, db: &mut Db) -> Result<(), Self::Error> {
        match db {
            // A file does not go away between two uses.
            Db::Sqlite(_) => Ok(()),
            Db::Pg(connection) => connection.batch_execute("SELECT 1").map_err(r2d2::Error::QueryError),
        }
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        std::thread::panicking() || r2d2::R2D2Connection::is_broken(db)
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
