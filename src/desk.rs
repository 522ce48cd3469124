//! Many small writes of one kind as few transactions: what comes while one is being committed shares the next. Jobs are
//! data, so that a group which the database refuses is run again one by one, and only the guilty one hears of it. What a job
//! means is its function's business.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::context::Context;
use crate::db::Tx;
use crate::error::AppError;

/// Jobs that share a transaction, at most.
const MAX_GROUP: usize = 256;
/// Jobs that may wait; who comes then is refused rather than kept in memory.
const MAX_WAITING: usize = 4096;

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
    queue: Mutex<Queue<J, R>>,
}

struct Queue<J, R> {
    waiting: Vec<(J, oneshot::Sender<Result<R, AppError>>)>,
    /// Somebody takes what waits.
    at_work: bool,
}

impl<J: Send + Sync + 'static, R: Send + 'static> Desk<J, R> {
    pub fn new(context: Context, work: Work<J, R>) -> Self {
        Desk {
            inner: Arc::new(Inner {
                context,
                work,
                queue: Mutex::new(Queue {
                    waiting: Vec::new(),
                    at_work: false,
                }),
            }),
        }
    }

    /// When this returns `Ok`, what the job changed is on disk. A caller that goes away does not take the job along.
    pub async fn submit(&self, job: J) -> Result<R, AppError> {
        let (tell, answer) = oneshot::channel();
        let idle = {
            let mut queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.waiting.len() >= MAX_WAITING {
                return Err(AppError::Unavailable(
                    "more waits for the database than is taken".into(),
                ));
            }
            queue.waiting.push((job, tell));
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
    async fn work_off(self: Arc<Self>) {
        loop {
            let (jobs, answers): (Vec<J>, Vec<_>) = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if queue.waiting.is_empty() {
                    queue.at_work = false;
                    return;
                }
                let group = queue.waiting.len().min(MAX_GROUP);
                queue.waiting.drain(..group).unzip()
            };
            let results = self.run(jobs).await;
            for (answer, result) in answers.into_iter().zip(results) {
                // Nobody listens any more when the request was given up; the change stands all the same.
                let _ = answer.send(result);
            }
        }
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

fn no_answer() -> AppError {
    AppError::Internal("a job was not answered".into())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::context::Store;
    use crate::db::DatabaseUrl;
    use crate::vault::{MasterKey, Vault};

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
        let config = Config::for_test(url, dir.path().to_path_buf());
        let (context, _wires) = Context::new(store, config, Vault::new(MasterKey::random()));
        let desk = Desk::new(context, keep);
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
