//! Group commit for SQLite: one thread owns the only connection that writes. It takes what is queued, runs each action in
//! a savepoint inside one `BEGIN IMMEDIATE … COMMIT`, and answers after the commit. One flush to disk serves the group,
//! and nobody ever sees "database is locked". What nobody waits for is committed in groups of its own, between the others.
//!
//! A failing or panicking action rolls back to its own savepoint. When SQLite gives up the whole transaction (disk full),
//! everybody in the group is told that nothing was committed. Nothing here knows what an action does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager as Manager, SimpleConnection as _, TransactionManager};
use diesel::sqlite::SqliteConnection;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{mpsc, oneshot};

use super::Db;

/// Actions that share one commit, at most.
const MAX_GROUP: usize = 512;
/// Actions that wait for the thread, at most; who comes then waits without blocking anybody.
const QUEUE: usize = 4096;

/// Which group an action shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The next: somebody waits for it.
    Next,
    /// The next as well, and it need not survive a power cut: alone, it is committed without a flush, and lies on disk with
    /// the next flush. A crash of the program loses nothing of it.
    Unflushed,
    /// The one after that: nobody waits, and it would keep the others waiting.
    Later,
}

/// Why a write did not happen, when the action itself is not to blame.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    #[error("an internal error stopped this change; nothing was saved")]
    Panicked,
    #[error("the database could not save this change: {0}")]
    NotCommitted(String),
    #[error("the program is stopping; nothing was saved")]
    Closed,
}

/// One queued action: runs once, then hears what became of its group.
trait Action: Send {
    fn run(&mut self, db: &mut Db) -> bool;
    fn answer(self: Box<Self>, fate: Result<(), WriteError>);
}

struct Pending<F, T, E> {
    action: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Action for Pending<F, T, E>
where
    F: FnOnce(&mut Db) -> Result<T, E> + Send,
    T: Send,
    E: From<WriteError> + Send,
{
    fn run(&mut self, db: &mut Db) -> bool {
        let Some(action) = self.action.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| action(db))).unwrap_or_else(|_| Err(WriteError::Panicked.into()));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, fate: Result<(), WriteError>) {
        let Pending { result, reply, .. } = *self;
        // Nobody listens any more when the request was given up; the change stands all the same.
        let _ = reply.send(match (fate, result) {
            (_, Some(Err(own))) => Err(own),
            (Ok(()), Some(done)) => done,
            (Err(lost), _) => Err(lost.into()),
            (Ok(()), None) => Err(WriteError::Closed.into()),
        });
    }
}

type Queued = (Turn, Box<dyn Action>);

/// The queue to the writer thread; the thread ends when the last clone is dropped.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Queued>,
}

impl Writer {
    /// Tells `sizes` how many actions share a commit.
    pub fn start(db: Db, sizes: Histogram) -> std::io::Result<Writer> {
        // A tokio channel with `blocking_recv`: a bounded std channel would block the event loop that sends.
        let (queue, mut actions) = mpsc::channel::<Queued>(QUEUE);
        std::thread::Builder::new().name("writer".into()).spawn(move || {
            let mut db = db;
            let mut flushing = true;
            let mut queued = Vec::with_capacity(MAX_GROUP);
            while actions.blocking_recv_many(&mut queued, MAX_GROUP) > 0 {
                let (later, next): (Vec<_>, Vec<_>) = queued.drain(..).partition(|(turn, _)| *turn == Turn::Later);
                for group in [next, later] {
                    if group.is_empty() {
                        continue;
                    }
                    let flush = group.iter().any(|(turn, _)| *turn != Turn::Unflushed);
                    if flush != flushing && set_flushing(&mut db, flush).is_ok() {
                        flushing = flush;
                    }
                    sizes.observe(group.len() as f64);
                    let group = group.into_iter().map(|(_, action)| action).collect();
                    if flush && !flushing {
                        refuse(group, "it cannot be made to flush to disk");
                    } else {
                        commit_group(&mut db, group);
                    }
                }
            }
        })?;
        Ok(Writer { queue })
    }

    /// Actions that wait for the thread.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    pub async fn write<T, E, F>(&self, turn: Turn, action: F) -> Result<T, E>
    where
        F: FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<WriteError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            action: Some(action),
            result: None,
            reply,
        };
        self.queue
            .send((turn, Box::new(pending)))
            .await
            .map_err(|_| WriteError::Closed)?;
        answer.await.unwrap_or_else(|_| Err(WriteError::Closed.into()))
    }
}

/// One transaction for the group, one savepoint for each action. Afterwards the connection is outside any transaction and
/// everybody has an answer.
fn commit_group(db: &mut Db, mut group: Vec<Box<dyn Action>>) {
    let mut fate = sqlite(db).and_then(|c| Manager::begin_transaction_sql(c, "BEGIN IMMEDIATE"));
    for action in &mut group {
        // After a lost transaction the rest is answered, not run.
        if fate.is_ok() {
            fate = run_in_savepoint(db, action.as_mut());
        }
    }
    let fate = fate
        .and_then(|()| sqlite(db).and_then(Manager::commit_transaction))
        .map_err(|error| WriteError::NotCommitted(error.to_string()));
    while depth(db) > 0 && sqlite(db).and_then(Manager::rollback_transaction).is_ok() {}
    for action in group {
        action.answer(fate.clone());
    }
}

fn set_flushing(db: &mut Db, flush: bool) -> QueryResult<()> {
    let level = if flush { "FULL" } else { "NORMAL" };
    sqlite(db)?.batch_execute(&format!("PRAGMA synchronous = {level}"))
}

fn refuse(group: Vec<Box<dyn Action>>, why: &str) {
    for action in group {
        action.answer(Err(WriteError::NotCommitted(why.into())));
    }
}

/// `Err` means that the transaction of the whole group is gone.
fn run_in_savepoint(db: &mut Db, action: &mut dyn Action) -> QueryResult<()> {
    // diesel's own transaction manager, so that its depth stays true and an action may nest transactions of its own.
    Manager::begin_transaction(sqlite(db)?)?;
    if action.run(db) && depth(db) == 2 {
        return Manager::commit_transaction(sqlite(db)?);
    }
    // Also takes back what a panic left open deeper down.
    while depth(db) > 1 {
        Manager::rollback_transaction(sqlite(db)?).map_err(|error| lost(&error))?;
    }
    // On a full disk SQLite drops the whole transaction and diesel resets its depth: the next savepoint would then open a
    // transaction of its own.
    if depth(db) == 1 {
        Ok(())
    } else {
        Err(lost(&diesel::result::Error::NotInTransaction))
    }
}

fn lost(error: &diesel::result::Error) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(format!("the database gave up the transaction: {error}").into())
}

fn sqlite(db: &mut Db) -> QueryResult<&mut SqliteConnection> {
    match db {
        Db::Sqlite(connection) => Ok(connection),
        Db::Pg(_) => Err(diesel::result::Error::QueryBuilderError(
            "only SQLite has a writer thread".into(),
        )),
    }
}

fn depth(db: &mut Db) -> u32 {
    let Ok(connection) = sqlite(db) else { return 0 };
    let status = Manager::transaction_manager_status_mut(connection);
    status
        .transaction_depth()
        .ok()
        .flatten()
        .map_or(0, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use diesel::sql_types::Integer;

    use super::*;
    use crate::db::hot::Hot;
    use crate::db::schema::key_checks;
    use crate::db::{DatabaseUrl, Purpose};

    #[derive(Debug)]
    struct Failed(String);

    impl From<WriteError> for Failed {
        fn from(error: WriteError) -> Self {
            Failed(error.to_string())
        }
    }

    impl From<diesel::result::Error> for Failed {
        fn from(error: diesel::result::Error) -> Self {
            Failed(error.to_string())
        }
    }

    fn start(db: Db) -> Writer {
        Writer::start(db, Histogram::new([])).unwrap()
    }

    fn insert(db: &mut Db, key: &str) -> Result<(), Failed> {
        let row = (
            key_checks::key_id.eq(key),
            key_checks::sealed.eq(vec![1]),
            key_checks::created_at.eq(0),
        );
        diesel::insert_into(key_checks::table).values(row).execute(db)?;
        Ok(())
    }

    #[tokio::test]
    async fn only_what_went_well_is_kept_and_everybody_hears_the_own_reason() {
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(dir.path().join("t.db"));
        let mut db = Db::open(&url, Purpose::Write).unwrap();
        db.migrate().unwrap();
        let writer = start(db);

        let (good, bad, duplicate, panicked, nested) = tokio::join!(
            writer.write(Turn::Next, |db| insert(db, "good")),
            writer.write(Turn::Next, |db| insert(db, "bad")
                .and_then(|()| Err::<(), _>(Failed("own reason".into())))),
            writer.write(Turn::Next, |db| insert(db, "twice").and_then(|()| insert(db, "twice"))),
            writer.write(Turn::Next, |db| {
                db.transaction(|db| {
                    insert(db, "panicked")?;
                    assert!(
                        db.batch_execute("SELECT 1").is_err(),
                        "a panic inside a nested transaction"
                    );
                    Ok::<(), Failed>(())
                })
            }),
            writer.write(Turn::Next, |db| {
                let inner = db.transaction(|db| insert(db, "inner").and_then(|()| Err::<(), _>(Failed("no".into()))));
                assert!(inner.is_err());
                insert(db, "outer")
            }),
        );

        good.unwrap();
        assert_eq!(bad.unwrap_err().0, "own reason");
        assert!(duplicate.unwrap_err().0.contains("UNIQUE"));
        assert!(panicked.unwrap_err().0.contains("internal error"));
        nested.unwrap();
        let mut reader = Db::open(&url, Purpose::Read).unwrap();
        let kept: Vec<String> = key_checks::table
            .select(key_checks::key_id)
            .order(key_checks::key_id)
            .load(&mut reader)
            .unwrap();
        assert_eq!(kept, ["good", "outer"]);
    }

    #[tokio::test]
    async fn only_what_need_not_survive_a_power_cut_is_committed_without_a_flush() {
        #[derive(QueryableByName)]
        struct Level {
            #[diesel(sql_type = Integer)]
            synchronous: i32,
        }
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(dir.path().join("t.db"));
        let writer = start(Db::open(&url, Purpose::Write).unwrap());
        let (normal, full) = (1, 2);

        for (turn, expected) in [
            (Turn::Next, full),
            (Turn::Unflushed, normal),
            (Turn::Unflushed, normal),
            (Turn::Later, full),
            (Turn::Unflushed, normal),
            (Turn::Next, full),
        ] {
            let level = writer.write(turn, |db| {
                let level: Level = Hot("PRAGMA synchronous", &[]).get_result(sqlite(db)?)?;
                Ok::<_, Failed>(level.synchronous)
            });
            assert_eq!(level.await.unwrap(), expected, "{turn:?}");
        }
    }

    #[tokio::test]
    async fn on_a_full_disk_everybody_hears_what_became_of_the_own_action_and_room_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(dir.path().join("t.db"));
        let mut db = Db::open(&url, Purpose::Write).unwrap();
        db.migrate().unwrap();
        // No smaller than it is: not one page more.
        db.batch_execute("PRAGMA max_page_count = 1").unwrap();
        let writer = start(db);
        let large = |key: &'static str| {
            writer.write(Turn::Next, move |db| {
                let row = (
                    key_checks::key_id.eq(key),
                    key_checks::sealed.eq(vec![0; 100_000]),
                    key_checks::created_at.eq(0),
                );
                diesel::insert_into(key_checks::table).values(row).execute(db)?;
                Ok::<(), Failed>(())
            })
        };

        let (small, full, after) = tokio::join!(
            writer.write(Turn::Next, |db| insert(db, "small")),
            large("large"),
            writer.write(Turn::Next, |db| insert(db, "after")),
        );
        writer
            .write(Turn::Next, |db| {
                Ok::<(), Failed>(db.batch_execute("PRAGMA max_page_count = 100000")?)
            })
            .await
            .unwrap();
        large("with room").await.unwrap();

        assert!(full.unwrap_err().0.contains("full"));
        let mut reader = Db::open(&url, Purpose::Read).unwrap();
        let kept: Vec<String> = key_checks::table.select(key_checks::key_id).load(&mut reader).unwrap();
        for (key, told) in [
            ("small", small.is_ok()),
            ("after", after.is_ok()),
            ("large", false),
            ("with room", true),
        ] {
            assert_eq!(kept.iter().any(|kept| kept == key), told, "{key}");
        }
    }
}
