//! What the rest of the program takes for granted about its database, whichever it is: an action is one transaction, a failing
//! one harms nobody else, readers cannot write, and rows that make no sense are refused.

use diesel::connection::SimpleConnection;
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::{DatabaseUrl, Tx, key_checks};
use taskview_webhooks::error::AppError;
use taskview_webhooks::store::Store;

use crate::support::database::{Kind, TestDatabase, kind};

#[tokio::test]
async fn a_failing_action_leaves_nothing_and_harms_no_other() {
    let database = TestDatabase::create();
    let store = open(&database);

    let (good, refused, broken, also_good) = tokio::join!(
        store.write(|tx| insert(tx, "good")),
        store.write(|tx| insert(tx, "refused").and_then(|()| Err::<(), _>(AppError::Conflict("no".into())))),
        store
            .write(|tx| insert(tx, "broken").and_then(|()| Ok(tx.db.batch_execute("INSERT INTO nowhere VALUES (1)")?))),
        store.write(|tx| insert(tx, "also good")),
    );

    assert!(good.is_ok() && also_good.is_ok());
    assert!(matches!(refused, Err(AppError::Conflict(_))));
    assert!(matches!(broken, Err(AppError::Internal(_))));
    assert_eq!(rows(&store).await, 2);
}

#[tokio::test]
async fn a_panic_takes_its_own_change_back_and_the_next_one_works() {
    let database = TestDatabase::create();
    let store = open(&database);

    let panicked = store
        .write(|tx| -> Result<(), AppError> {
            insert(tx, "lost")?;
            panic!("a defect")
        })
        .await;
    let next = store.write(|tx| insert(tx, "kept")).await;

    assert!(matches!(panicked, Err(AppError::Internal(_))));
    assert!(next.is_ok());
    assert_eq!(rows(&store).await, 1);
}

#[tokio::test]
async fn a_hundred_actions_at_once_all_succeed() {
    let database = TestDatabase::create();
    let store = open(&database);

    let writes = (0..100).map(|n| {
        let store = store.clone();
        async move {
            store
                .write(move |tx| {
                    key_checks::load(tx.db)?;
                    insert(tx, &n.to_string())
                })
                .await
        }
    });
    let results = futures_util::future::join_all(writes).await;

    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(rows(&store).await, 100);
}

#[tokio::test]
async fn what_one_write_acknowledged_the_next_read_sees() {
    let database = TestDatabase::create();
    let store = open(&database);

    for n in 0..50 {
        store
            .write(move |tx| insert(tx, &n.to_string()))
            .await
            .expect("written");

        assert_eq!(rows(&store).await, n + 1);
    }
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let database = TestDatabase::create();
    let store = open(&database);

    let written = store.read(|db| Ok(db.batch_execute("DELETE FROM users")?)).await;

    assert!(written.is_err());
}

#[tokio::test]
async fn what_wakes_the_engine_is_told_after_the_commit_and_never_for_a_failure() {
    use taskview_webhooks::db::{Due, Lane};
    use taskview_webhooks::domain::ids::{ProjectId, WebhookId};

    let database = TestDatabase::create();
    let store = open(&database);
    let wake = |tx: &mut Tx<'_>| {
        let due = Due {
            webhook: WebhookId(1),
            project: ProjectId(1),
            lane: Lane::Automatic,
            at: tx.now,
        };
        tx.wake(due);
    };

    let done = store.write(move |tx| {
        wake(tx);
        Ok(())
    });
    let failed = store.write(move |tx| {
        wake(tx);
        Err::<(), _>(AppError::NotFound)
    });
    let (done, failed) = (done.await, failed.await);

    assert_eq!(done.expect("written").1.due.len(), 1);
    assert!(failed.is_err());
}

#[tokio::test]
async fn rows_that_make_no_sense_are_refused() {
    let database = TestDatabase::create();
    let store = open(&database);
    store
        .write(|tx| Ok(tx.db.batch_execute(&a_world())?))
        .await
        .expect("the rows that the others refer to");

    for (sense, change) in [
        (true, "UPDATE deliveries SET attempts = 0"),
        (true, "UPDATE deliveries SET leased_until = 5, lease_id = 7"),
        (false, "UPDATE deliveries SET leased_until = 5"),
        (false, "UPDATE deliveries SET lease_id = 7"),
        (false, "UPDATE deliveries SET status = 3"),
        (false, "UPDATE deliveries SET status = 1"),
        (false, "UPDATE deliveries SET status = 2"),
        (false, "UPDATE deliveries SET attempts = -1"),
        (false, "UPDATE deliveries SET outcome = 0, response_code = 200"),
        (
            false,
            "UPDATE deliveries SET status = 1, outcome = 0, response_code = 500, attempts = 1, last_attempt_at = 1, duration_us = 1",
        ),
        (
            true,
            "UPDATE deliveries SET status = 1, outcome = 0, response_code = 204, attempts = 1, last_attempt_at = 1, duration_us = 1",
        ),
        (true, "UPDATE deliveries SET status = 2, outcome = 8"),
        (false, "UPDATE deliveries SET trigger = 2, attempts = 2"),
        (false, "UPDATE deliveries SET webhook_id = 99"),
        (false, "UPDATE webhooks SET active = FALSE"),
        (true, "UPDATE webhooks SET active = FALSE, off_at = 5, off_reason = 1"),
        (
            false,
            "UPDATE webhooks SET active = FALSE, off_at = 5, off_reason = 1, off_by = 1",
        ),
        (false, "UPDATE webhooks SET consecutive_failures = -1"),
        (false, "UPDATE webhooks SET deleted_at = 5"),
        (false, "UPDATE webhooks SET name = ''"),
        (false, "UPDATE tasks SET complete = TRUE"),
        (true, "UPDATE tasks SET complete = TRUE, completed_at = 5"),
        (false, "UPDATE tasks SET end_time = '10:00:00'"),
        (false, "UPDATE tasks SET priority = 4"),
        (false, "UPDATE tasks SET parent_id = id"),
        (false, "UPDATE memberships SET email = 'a@example.com'"),
        (false, "UPDATE memberships SET user_id = NULL"),
        (
            false,
            "INSERT INTO memberships (project_id, user_id, role, created_at) VALUES (1, 2, 2, 0)",
        ),
        (
            true,
            "INSERT INTO memberships (project_id, user_id, role, created_at) VALUES (1, 2, 1, 0)",
        ),
        (
            false,
            "INSERT INTO memberships (project_id, user_id, role, created_at) VALUES (1, 1, 0, 0)",
        ),
        (false, "DELETE FROM events"),
        (false, "UPDATE projects SET color = 'red'"),
    ] {
        let tried = store.write(move |tx| {
            tx.db.batch_execute(change)?;
            // Each case starts from the same rows.
            Err::<(), _>(AppError::Conflict("it was accepted".into()))
        });
        let accepted = matches!(tried.await, Err(AppError::Conflict(_)));

        assert_eq!(accepted, sense, "{change}");
    }
}

fn open(database: &TestDatabase) -> Store {
    Store::open(&DatabaseUrl::parse(&database.url).expect("a URL"), Clock::default()).expect("the database opens")
}

fn insert(tx: &mut Tx<'_>, key: &str) -> Result<(), AppError> {
    Ok(key_checks::insert(tx.db, key, b"sealed", tx.now)?)
}

async fn rows(store: &Store) -> usize {
    store.read(|db| Ok(key_checks::load(db)?.len())).await.expect("a count")
}

/// Two people, and of everything else one.
fn a_world() -> String {
    let bytes = match kind() {
        Kind::Sqlite => "BLOB",
        Kind::Postgres => "BYTEA",
    };
    format!(
        "INSERT INTO users (login, email, name, password_hash, created_at)
            VALUES ('a', 'a@example.com', 'A', '-', 0), ('b', 'b@example.com', 'B', '-', 0);
         INSERT INTO projects (name, description, color, creator_id, created_at, edited_at) VALUES ('P', '', '#000000', 1, 0, 0);
         INSERT INTO memberships (project_id, user_id, role, created_at) VALUES (1, 1, 2, 0);
         INSERT INTO tasks (project_id, description, complete, priority, creator_id, created_at, edited_at)
            VALUES (1, 'T', FALSE, 1, 1, 0, 0);
         INSERT INTO webhooks (project_id, url, secret_sealed, secret_hint, secret_made_at, secret_made_by, schedule, active,
                consecutive_failures, discarded_to, created_by, created_at, updated_at)
            VALUES (1, 'http://localhost', CAST('x' AS {bytes}), 'abcd', 0, 1, 0, TRUE, 0, 0, 1, 0, 0);
         INSERT INTO events (project_id, kind, body, occurred_at, published)
            VALUES (1, 'task.created', CAST('{{}}' AS {bytes}), 0, FALSE);
         INSERT INTO deliveries (project_id, webhook_id, event_id, kind, message_id, status, trigger, attempts, claims, due_at,
                leased_until, created_at)
            VALUES (1, 1, 1, 'task.created', 'msg_1', 0, 0, 0, 0, 0, 0, 0);"
    )
}
