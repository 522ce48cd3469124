//! Many small writes of one kind as few transactions: what comes while one is being committed shares the next. Jobs are
//! data, so that a group which the database refuses is run again one by one, and only the guilty one hears of it. What a job
//! means is its function's business.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::context::Context;
use crate::db::Tx;
use crate::error::AppError;

/// Jobs that share a transaction, at most.
const MAX_GROUP: usize = 256;
const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;
/// Jobs that may wait; who comes then is refused rather than kept in memory.
const MAX_WAITING: usize = 4096;
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// Does the jobs of a group and answers in their order; a refusal of one leaves the others alone. An error means that
/// nothing of the group may be kept.
pub type Work<J, R> = fn(&mut Tx<'_>, &[J]) -> Result<Vec<Result<R, AppError>>, AppError>;

/// Where jobs are handed in.
pub struct Desk<J, R> {
    inner: Arc<Inner<J, R>>,
}

struct Inner<J, R> {
    context: Context,
    work: Work<J, R>,
    size: fn(&J) -> usize,
    queue: Mutex<Queue<J, R>>,
}

struct Waiting<J, R> {
    job: J,
    bytes: usize,
    tell: oneshot::Sender<Result<R, AppError>>,
}

struct Queue<J, R> {
    waiting: VecDeque<Waiting<J, R>>,
    bytes: usize,
    /// Somebody takes what waits.
    at_work: bool,
}

impl<J: Send + Sync + 'static, R: Send + 'static> Desk<J, R> {
    /// `size` says how many bytes a job takes, about.
    pub fn new(context: Context, work: Work<J, R>, size: fn(&J) -> usize) -> Self {
        Desk {
            inner: Arc::new(Inner {
                context,
                work,
                size,
                queue: Mutex::new(Queue {
                    waiting: VecDeque::new(),
                    bytes: 0,
                    at_work: false,
                }),
            }),
        }
    }

    /// When this returns `Ok`, what the job changed is on disk. A caller that goes away does not take the job along.
    pub async fn submit(&self, job: J) -> Result<R, AppError> {
        let (tell, answer) = oneshot::channel();
        let bytes = (self.inner.size)(&job);
        let idle = {
            let mut queue = self.inner.lock();
            if queue.waiting.len() >= MAX_WAITING || queue.bytes >= MAX_WAITING_BYTES {
                return Err(AppError::Unavailable(
                    "more waits for the database than is taken".into(),
                ));
            }
            queue.bytes += bytes;
            queue.waiting.push_back(Waiting { job, bytes, tell });
            !std::mem::replace(&mut queue.at_work, true)
        };
        if idle {
            tokio::spawn(Arc::clone(&self.inner).work_off());
        }
        answer
            .await
            .unwrap_or_else(|_| Err(AppError::Unavailable("the program is stopping".into())))
    }
}

impl<J: Send + Sync + 'static, R: Send + 'static> Inner<J, R> {
    /// No invariant spans two locks, so a panic elsewhere leaves it usable.
    fn lock(&self) -> MutexGuard<'_, Queue<J, R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work_off(self: Arc<Self>) {
        let mut at_work = AtWork {
            desk: &self,
            leaving: false,
        };
        while let Some((jobs, answers)) = self.next_group(&mut at_work.leaving) {
            let results = self.run(jobs).await;
            for (answer, result) in answers.into_iter().zip(results) {
                // Nobody listens any more when the request was given up; the change stands all the same.
                let _ = answer.send(result);
            }
        }
    }

    /// Takes what waits, at least one job and no more than one transaction should hold. `None`: nothing waits, and whoever
    /// comes next finds nobody at work.
    #[allow(clippy::type_complexity, reason = "two lists of one length, for the caller alone")]
    fn next_group(&self, leaving: &mut bool) -> Option<(Vec<J>, Vec<oneshot::Sender<Result<R, AppError>>>)> {
        let mut queue = self.lock();
        let mut bytes = 0;
        let mut group = (Vec::new(), Vec::new());
        while let Some(next) = queue.waiting.front() {
            let fits = group.0.len() < MAX_GROUP && bytes + next.bytes <= MAX_GROUP_BYTES;
            if !fits && !group.0.is_empty() {
                break;
            }
            bytes += next.bytes;
            let Some(taken) = queue.waiting.pop_front() else { break };
            group.0.push(taken.job);
            group.1.push(taken.tell);
        }
        queue.bytes -= bytes;
        if group.0.is_empty() {
            (queue.at_work, *leaving) = (false, true);
            return None;
        }
        Some(group)
    }

    async fn run(&self, jobs: Vec<J>) -> Vec<Result<R, AppError>> {
        let (work, jobs) = (self.work, Arc::new(jobs));
        let group = Arc::clone(&jobs);
        match self.context.write(move |tx| work(tx, &group)).await {
            Ok(results) => results,
            Err(AppError::Unavailable(detail)) => {
                let all = jobs.iter().map(|_| Err(AppError::Unavailable(detail.clone())));
                all.collect()
            }
            Err(error) => {
                tracing::warn!(
                    jobs = jobs.len(),
                    detail = error.detail(),
                    "a group was refused; its jobs are run one by one: {error}"
                );
                let mut results = Vec::with_capacity(jobs.len());
                for index in 0..jobs.len() {
                    let group = Arc::clone(&jobs);
                    let one = self.context.write(move |tx| {
                        let mut results = work(tx, &group[index..=index])?;
                        results.pop().unwrap_or_else(|| Err(no_answer()))
                    });
                    results.push(one.await);
                }
                results
            }
        }
    }
}

/// Should the one at work be ended in the middle of it, nobody must wait for ever: those who wait hear so, and the next who
/// comes begins anew.
struct AtWork<'a, J, R> {
    desk: &'a Inner<J, R>,
    leaving: bool,
}

impl<J, R> Drop for AtWork<'_, J, R> {
    fn drop(&mut self) {
        if self.leaving {
            return;
        }
        let mut queue = self.desk.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.clear();
        (queue.bytes, queue.at_work) = (0, false);
    }
}

fn no_answer() -> AppError {
    AppError::Internal("a job was not answered".into())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::db::DatabaseUrl;
    use crate::store::Store;
    use crate::vault::{KeyRing, MasterKey, Root, Vault};

    /// Writes a row for each job; the database itself refuses one that is there twice.
    fn keep(tx: &mut Tx<'_>, jobs: &[&'static str]) -> Result<Vec<Result<usize, AppError>>, AppError> {
        let mut answers = Vec::new();
        for job in jobs {
            if job.is_empty() {
                answers.push(Err(AppError::NotFound));
                continue;
            }
            let row = format!("INSERT INTO key_checks (key_id, sealed, created_at) VALUES ('{job}', 'x', 0)");
            tx.db.batch_execute(&row)?;
            answers.push(Ok(job.len()));
        }
        Ok(answers)
    }

    #[tokio::test]
    async fn each_job_hears_its_own_answer_and_one_that_the_database_refuses_spoils_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(dir.path().join("t.db"));
        let store = Store::open(&url, Clock::default()).unwrap();
        let config = Config::laptop(url, dir.path().to_path_buf());
        let vault = Vault::new(KeyRing::given(&[MasterKey::random()]), Root::random());
        let (context, _wires) = Context::new(store, config, vault);
        let desk = Desk::new(context, keep, |job| job.len());
        desk.submit("twice").await.unwrap();

        let (good, twice, refused, last) = tokio::join!(
            desk.submit("good"),
            desk.submit("twice"),
            desk.submit(""),
            desk.submit("last"),
        );

        assert_eq!((good.unwrap(), last.unwrap()), (4, 4));
        assert!(matches!(twice, Err(AppError::Internal(_))));
        assert!(matches!(refused, Err(AppError::NotFound)));
    }
}
