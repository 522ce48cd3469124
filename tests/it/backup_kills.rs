//! `backup` and `restore`, killed at any moment: what is called a backup is a whole one, what is called the database is the one before or
//! the one after, and the next run finishes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::support::database::TestDatabase;
use crate::support::process::{add_user, command, tell};
use crate::support::{given, sealed, wait};

const KILLS: usize = 8;
/// Enough that most kills come in the middle.
const ROWS: u32 = 10_000;

/// With one account and rows to copy.
fn large(login: &str) -> TestDatabase {
    let database = TestDatabase::create();
    add_user(&database, login, given::PASSWORD);
    sealed::sql(
        &database,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO audit_log (action, detail, created_at) SELECT 'account.added', '{{}}', i FROM n"
        ),
    );
    database
}

fn first_login(database: &TestDatabase) -> String {
    let told = tell(command(database).args(["user", "list"]));
    assert_eq!(told.code, Some(0), "{told:?}");
    told.out.split('\t').next().unwrap_or_default().to_owned()
}

/// How long it takes when it is left alone.
fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    let told = tell(command);
    assert_eq!(told.code, Some(0), "{told:?}");
    began.elapsed()
}

/// SIGKILL somewhere between its start and its end; whether it was still there.
async fn kill_during(command: &mut Command, whole: Duration) -> bool {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let moment = whole.mul_f64(rand::rng().random_range(0.0..0.9));
    wait::a_while(moment).await;
    let was_there = child.try_wait().expect("it can be looked at").is_none();
    let _ = child.kill();
    child.wait().expect("it ends");
    was_there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_the_one_before_and_the_next_one_is_whole() {
    let database = large("lead");
    let folder = tempfile::tempdir().expect("a folder");
    let (file, first) = (folder.path().join("a.db"), folder.path().join("first.db"));
    let make = |file: &Path| {
        let mut program = command(&database);
        program.arg("backup").arg(file).arg("--force");
        program
    };
    let whole = timed(&mut make(&file));

    let (mut cut, mut appeared) = (0, 0);
    for _ in 0..KILLS {
        cut += usize::from(kill_during(&mut make(&file), whole).await);
        // One that was never there.
        cut += usize::from(kill_during(&mut make(&first), whole).await);
        for kept in [&file, &first] {
            if kept.exists() {
                appeared += 1;
                let target = TestDatabase::create();
                let told = tell(command(&target).arg("restore").arg(kept));
                assert_eq!(told.code, Some(0), "{told:?}");
                assert_eq!(first_login(&target), "lead");
            }
        }
        let _ = std::fs::remove_file(&first);
    }
    timed(&mut make(&file));
    timed(&mut make(&first));

    assert!(cut > KILLS, "only {cut} of {} were cut off", 2 * KILLS);
    assert!(appeared >= KILLS, "the one before is always there");
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a.db", "first.db"], "nothing else is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_is_killed_leaves_the_database_before_or_the_one_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let backups = ["ada", "bob"].map(|login| {
        let file = folder.path().join(login);
        timed(command(&large(login)).arg("backup").arg(&file));
        (login, file)
    });
    let target = large("somebody");
    let put = |file: &Path| {
        let mut program = command(&target);
        program.arg("restore").arg(file).arg("--force");
        program
    };
    let mut whole = timed(&mut put(&backups[0].1));

    let mut cut = 0;
    for round in 0..KILLS {
        let before = first_login(&target);
        let (login, file) = &backups[(round + 1) % 2];
        cut += usize::from(kill_during(&mut put(file), whole).await);
        let after = first_login(&target);

        assert!(
            after == before || after == *login,
            "{before} → {after}, and not {login}"
        );
        let copy = folder.path().join("checked");
        timed(command(&target).arg("backup").arg(&copy).arg("--force"));
        // What was cut off keeps nobody from doing it again.
        whole = timed(&mut put(file));
        assert_eq!(first_login(&target), *login);
    }
    assert!(cut >= KILLS / 2, "only {cut} of {KILLS} were cut off");
}
