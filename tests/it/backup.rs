//! `backup` beside a running server and `restore` into either database: everything is there again, what was pending goes out, and
//! whatever is wrong with a file, a key or a place is found before anything is touched.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use diesel::{Connection as _, SqliteConnection};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::database::{Kind, MASTER_KEY, TestDatabase, kind};
use crate::support::given;
use crate::support::process::{Process, Told, add_user, command, tell};
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::{sealed, wait};

const ANOTHER_KEY: &str = "YW5vdGhlciBrZXkgdGhhbiB0aGF0IG9mIHRoZSB0ZXM=";
const PATIENCE: Duration = Duration::from_secs(15);

/// A folder for backups, and what is in it.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Shelf {
        Shelf(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        names_in(self.0.path())
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn backup(database: &TestDatabase, file: &Path, more: &[&str]) -> Told {
    tell(command(database).arg("backup").arg(file).args(more))
}

fn restore(database: &TestDatabase, file: &Path, more: &[&str]) -> Told {
    tell(command(database).arg("restore").arg(file).args(more))
}

#[track_caller]
fn assert_done(told: &Told) {
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
}

#[track_caller]
fn assert_refused(told: &Told, because: &str) {
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
    assert!(told.err.contains(because), "{}", told.err);
}

/// In the PostgreSQL run every way between the two.
fn ways() -> Vec<(Kind, Kind)> {
    match kind() {
        Kind::Sqlite => vec![(Kind::Sqlite, Kind::Sqlite)],
        Kind::Postgres => vec![
            (Kind::Postgres, Kind::Postgres),
            (Kind::Postgres, Kind::Sqlite),
            (Kind::Sqlite, Kind::Postgres),
        ],
    }
}

async fn story_on(kind: Kind) -> Story {
    let app = App::on(Arc::new(TestDatabase::of(kind)), |_| ()).await;
    given::lead(&app).await;
    Story::on(app).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_pending_when_a_running_server_was_backed_up_goes_out_after_the_restore() {
    for (from, to) in ways() {
        let shelf = Shelf::new();
        let file = shelf.file("monday.db");
        let story = story_on(from).await;
        story.task("Delivered before").await;
        story.newest("success", 1).await;
        story.receiver.answer_with(Answer::status(500));
        story.task("Pending since").await;
        story.newest("pending", 1).await;
        let before = story.deliveries().await;

        let made = backup(&story.app.database, &file, &[]);
        story.task("After the backup").await;
        story.newest("pending", 1).await;
        let Story {
            app,
            receiver,
            secret,
            webhook,
            ..
        } = story;
        drop(app.stop());
        let failed = receiver.requests().len();
        receiver.answer_with(Answer::status(200));
        let target = Arc::new(TestDatabase::of(to));
        let restored = restore(&target, &file, &[]);
        let app = App::on(target, |_| ()).await;
        let api = given::api(&app, "lead").await;
        app.advance(Duration::from_secs(30));
        let sent = receiver.wait_for(failed + 1).await.pop().expect("a request");
        let after = wait::until(PATIENCE, "nothing is pending", async || {
            let list = api
                .get(&format!("/module/webhooks/deliveries/{webhook}?limit=100"))
                .await;
            let list = list.response().as_array().expect("a list").clone();
            list.iter().all(|one| one["status"] == "success").then_some(list)
        })
        .await;

        assert_done(&made);
        assert!(
            made.out.contains("1 account, 1 project, 1 webhook, 2 deliveries"),
            "{}",
            made.out
        );
        assert!(made.out.contains("opens it, and is not in it"), "{}", made.out);
        let mode = std::fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!((mode & 0o777, shelf.names()), (0o600, vec!["monday.db".to_owned()]));
        assert_done(&restored);
        assert!(
            restored.out.contains("1 pending; a server sends them"),
            "{}",
            restored.out
        );
        assert!(sent.is_signed_with(&secret), "the secret opens, {from:?} to {to:?}");
        assert_eq!(sent.header("webhook-id"), before[0]["messageId"].as_str());
        assert_eq!(sent.json()["task"]["description"], "Pending since");
        assert_eq!(sent.header("x-webhook-attempt"), Some("2"));
        let ids = |list: &[Value]| list.iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&after), ids(&before));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_has_every_row_and_gives_no_id_twice() {
    for (from, to) in ways() {
        let shelf = Shelf::new();
        let (first, second) = (shelf.file("first.db"), shelf.file("second.db"));
        let story = story_on(from).await;
        story
            .change_webhook(json!({ "name": "CI – “ö”", "headers": { "X-Key": "v" } }))
            .await;
        let body = json!({ "goalId": story.goal, "description": "Parent", "note": "a\n\n'b' \\ ?\u{1F980}" });
        let parent = story.api.post("/module/tasks", body).await.response()["id"].clone();
        let child = json!({ "goalId": story.goal, "description": "Child", "parentId": parent });
        let child = story.api.post("/module/tasks", child).await.response()["id"].clone();
        let gone = story.task("Deleted again").await["id"].clone();
        story
            .api
            .delete("/module/tasks", json!({ "taskId": gone }))
            .await
            .response();
        wait::until(PATIENCE, "all is delivered", async || {
            let all = story.deliveries().await;
            (all.len() >= 4 && all.iter().all(|one| one["status"] == "success")).then_some(())
        })
        .await;

        let made = backup(&story.app.database, &first, &[]);
        let goal = story.goal.clone();
        drop(story.app.stop());
        let target = TestDatabase::of(to);
        let restored = restore(&target, &first, &[]);
        let again = backup(&target, &second, &[]);
        let app = App::on(Arc::new(target), |_| ()).await;
        let api = given::api(&app, "lead").await;
        let new = json!({ "goalId": goal, "description": "New" });
        let new = api.post("/module/tasks", new).await.response()["id"].clone();

        assert_done(&made);
        assert_done(&restored);
        assert_done(&again);
        let (first, second) = (rows(&first), rows(&second));
        assert!(
            first
                .iter()
                .any(|(table, rows)| table == "attempts" && !rows.is_empty())
        );
        for (before, after) in first.iter().zip(&second) {
            assert_eq!(before, after, "{from:?} to {to:?}");
        }
        assert_eq!(first.len(), second.len());
        assert!(
            new.as_i64() > gone.as_i64() && gone.as_i64() > child.as_i64(),
            "{new} {gone} {child}"
        );
    }
}

/// Every row of a backup as text, by table; without when the migrations ran.
fn rows(file: &Path) -> Vec<(String, Vec<String>)> {
    use diesel::RunQueryDsl as _;
    use diesel::sql_types::Text;

    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    #[expect(clippy::disallowed_methods, reason = "questions of a test, asked once")]
    fn ask(db: &mut SqliteConnection, question: &str) -> Vec<String> {
        let lines: Vec<Line> = diesel::sql_query(question).load(db).expect(question);
        lines.into_iter().map(|row| row.line).collect()
    }
    let mut db = SqliteConnection::establish(&file.to_string_lossy()).expect("a SQLite file");
    let tables =
        "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%diesel%' ORDER BY name";
    ask(&mut db, tables)
        .into_iter()
        .map(|table| {
            let columns = format!("SELECT 'quote(\"' || name || '\")' AS line FROM pragma_table_info('{table}')");
            let columns = ask(&mut db, &columns).join(" || ',' || ");
            let all = ask(
                &mut db,
                &format!("SELECT {columns} AS line FROM \"{table}\" ORDER BY 1"),
            );
            (table, all)
        })
        .collect()
}

#[test]
fn a_backup_takes_no_files_place_and_is_not_made_where_the_database_is() {
    let (database, shelf) = (TestDatabase::create(), Shelf::new());
    let nothing_yet = backup(&database, &shelf.file("a.db"), &[]);
    add_user(&database, "lead", given::PASSWORD);
    let file = shelf.file("a.db");
    std::fs::write(&file, "something else").expect("written");

    let refused = backup(&database, &file, &[]);
    let left = std::fs::read_to_string(&file).expect("a file");
    let forced = backup(&database, &file, &["--force"]);
    let folder = backup(&database, shelf.0.path(), &["--force"]);
    let nowhere = backup(&database, &shelf.file("no/folder/a.db"), &[]);

    assert_eq!(nothing_yet.code, Some(1), "{nothing_yet:?}");
    assert_refused(&refused, "is there already");
    assert_eq!(left, "something else");
    assert_done(&forced);
    assert!(forced.out.contains("1 account, 0 projects"), "{}", forced.out);
    assert!(
        forced.out.contains("none yet, no server has run on it"),
        "{}",
        forced.out
    );
    assert_refused(&folder, "is a folder");
    assert_refused(&nowhere, "cannot be written");
    assert_eq!(shelf.names(), ["a.db"]);
    if kind() == Kind::Sqlite {
        let own = PathBuf::from(database.url.trim_start_matches("sqlite:"));
        assert_refused(&backup(&database, &own, &["--force"]), "is the database itself");
    }
}

/// One that a server has run on, and its backup.
fn served(shelf: &Shelf) -> (TestDatabase, PathBuf) {
    let database = TestDatabase::create();
    add_user(&database, "lead", given::PASSWORD);
    assert!(Process::serve(&database).terminate().success());
    let file = shelf.file("good.db");
    assert_done(&backup(&database, &file, &[]));
    (database, file)
}

#[test]
fn the_key_is_tried_before_a_backup_is_called_one_and_before_it_is_restored() {
    let shelf = Shelf::new();
    let (database, file) = served(&shelf);
    let empty = TestDatabase::create();
    let other = |program: &mut std::process::Command| tell(program.env("TASKVIEW_MASTER_KEY", ANOTHER_KEY));
    let none = |program: &mut std::process::Command| tell(program.env_remove("TASKVIEW_MASTER_KEY"));

    let made_with_another = other(command(&database).arg("backup").arg(shelf.file("b.db")));
    let made_without = none(command(&database).arg("backup").arg(shelf.file("c.db")));
    let with_another = other(command(&empty).arg("restore").arg(&file));
    let without = none(command(&empty).arg("restore").arg(&file));

    assert_refused(
        &made_with_another,
        "The master key does not open the backup of this database. Needed by id: ",
    );
    assert_done(&made_without);
    assert!(
        made_without.out.contains("no key is given here"),
        "{}",
        made_without.out
    );
    assert_refused(
        &with_another,
        "The master key does not open this backup. Needed by id: ",
    );
    assert_refused(&without, "which is not given: put it at ");
    assert_eq!(shelf.names(), ["c.db", "good.db"]);
    for told in [made_with_another, made_without, with_another, without] {
        assert!(!told.err.contains(MASTER_KEY) && !told.err.contains(ANOTHER_KEY));
    }
    assert_done(&restore(&empty, &file, &[]));
}

#[test]
fn what_is_no_whole_backup_is_told_and_nothing_is_touched() {
    let shelf = Shelf::new();
    let (_, file) = served(&shelf);
    let good = std::fs::read(&file).expect("a backup");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(shelf.file(name), bytes).expect("written");
        shelf.file(name)
    };
    let half = write("half.db", &good[..good.len() / 2]);
    let mut flipped = good.clone();
    // A page of the middle, filled with something else.
    let middle = good.len() / 2 / 4096 * 4096;
    flipped[middle..middle + 4096].fill(0x5a);
    let flipped = write("flipped.db", &flipped);
    let text = write("text.db", b"CREATE TABLE users (id);");
    let empty_file = write("empty.db", b"");
    let future = write("future.db", &good);
    change(
        &future,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('9998')",
    );
    let other = shelf.file("other.db");
    change(&other, "CREATE TABLE things (id INTEGER)");
    let in_use = write("in_use.db", &good);
    write("in_use.db-wal", b"what was written last");
    let target = TestDatabase::create();

    for (file, because) in [
        (&half, "half.db"),
        (&flipped, "is damaged"),
        (&text, "is no backup of this program"),
        (&empty_file, "is no backup of this program"),
        (&future, "A newer version of the program has used it"),
        (&other, "is no backup of this program"),
        (&in_use, "is a database in use and no backup"),
        (&shelf.file("missing.db"), "missing.db cannot be read"),
        (&shelf.0.path().to_owned(), "is no file"),
    ] {
        let told = restore(&target, file, &["--force"]);
        assert_refused(&told, because);
    }
    let version = env!("CARGO_PKG_VERSION");
    let told = restore(&target, &future, &[]).err;
    assert!(told.contains("9998") && told.contains(version), "{told}");
    assert!(
        names_in(target.dir()).iter().all(|name| name == "lock"),
        "{:?}",
        names_in(target.dir())
    );
    // The place is as empty as it was.
    assert_done(&restore(&target, &file, &[]));
}

fn change(file: &Path, statement: &str) {
    use diesel::connection::SimpleConnection as _;
    let mut db = SqliteConnection::establish(&file.to_string_lossy()).expect("a SQLite file");
    db.batch_execute(statement).expect(statement);
}

#[test]
fn a_database_that_is_there_is_left_alone_and_with_force_kept() {
    let shelf = Shelf::new();
    let (_, file) = served(&shelf);
    let target = TestDatabase::create();
    add_user(&target, "somebody", given::PASSWORD);

    let refused = restore(&target, &file, &[]);
    let before = tell(command(&target).args(["user", "list"]));
    let server = Process::serve(&target);
    let running = restore(&target, &file, &["--force"]);
    assert!(server.terminate().success());
    let forced = restore(&target, &file, &["--force"]);
    let after = tell(command(&target).args(["user", "list"]));
    let forced_again = restore(&target, &file, &["--force"]);

    assert_refused(&refused, "--force");
    assert!(before.out.starts_with("somebody\t"), "{before:?}");
    assert_refused(&running, "running");
    assert_done(&forced);
    assert!(after.out.starts_with("lead\t"), "{after:?}");
    let line = forced
        .out
        .lines()
        .find_map(|line| line.strip_prefix("before:     what was there is kept in "));
    let kept = line.expect("a place").to_owned();
    let logins = match kind() {
        Kind::Sqlite => tell(
            command(&target)
                .env("TASKVIEW_DATABASE_URL", format!("sqlite:{kept}"))
                .args(["user", "list"]),
        ),
        Kind::Postgres => {
            let schema = kept.trim_start_matches("the schema ");
            let url = format!("{}?options=-csearch_path%3D{schema}", target.url);
            tell(
                command(&target)
                    .env("TASKVIEW_DATABASE_URL", url)
                    .args(["user", "list"]),
            )
        }
    };
    assert!(logins.out.starts_with("somebody\t"), "{logins:?}");
    assert_done(&forced_again);
}

#[test]
fn restored_sign_ins_hold_or_end_as_one_wants() {
    let shelf = Shelf::new();
    let (database, _) = served(&shelf);
    sealed::sql(
        &database,
        "INSERT INTO sessions (user_id, kind, token_hash, state, token_expires_at, created_at, last_seen_at, expires_at)
             VALUES (1, 0, 'hash', '{}', 1, 1, 1, 1)",
    );
    sealed::sql(
        &database,
        "INSERT INTO api_tokens (user_id, name, token_hash, every_project, created_at) VALUES (1, 'CI', 'hash', TRUE, 1)",
    );
    let file = shelf.file("with.db");
    assert_done(&backup(&database, &file, &[]));
    let count = |target: &TestDatabase| {
        let copy = shelf.file("counted.db");
        assert_done(&backup(target, &copy, &["--force"]));
        let all = rows(&copy);
        let of = |name: &str| all.iter().find(|(table, _)| table == name).map(|(_, rows)| rows.len());
        (of("users"), of("sessions"), of("api_tokens"))
    };
    let (stay, end) = (TestDatabase::create(), TestDatabase::create());

    let told = restore(&stay, &file, &[]);
    let told_end = restore(&end, &file, &["--sign-out-everybody"]);

    assert_done(&told);
    assert_done(&told_end);
    assert!(
        told.out.contains("what was revoked since is valid again"),
        "{}",
        told.out
    );
    assert_eq!(count(&stay), (Some(1), Some(1), Some(1)));
    assert_eq!(count(&end), (Some(1), Some(0), Some(0)));
}

#[test]
fn a_backup_goes_through_a_pipe() {
    let shelf = Shelf::new();
    let (database, _) = served(&shelf);
    let target = TestDatabase::create();
    let before = names_in(database.dir());

    let made = command(&database).args(["backup", "-"]).output().expect("it runs");
    let mut child = command(&target)
        .args(["restore", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(&made.stdout)
        .expect("it reads");
    let restored = child.wait().expect("it ends");
    let people = tell(command(&target).args(["user", "list"]));

    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(made.stdout.starts_with(b"SQLite format 3\0"));
    assert!(String::from_utf8_lossy(&made.stderr).contains("1 account"));
    assert!(restored.success());
    assert!(people.out.starts_with("lead\t"), "{people:?}");
    assert_eq!(names_in(database.dir()), before, "nothing is left");
    assert!(names_in(target.dir()).iter().all(|name| !name.contains("partial")));
}

/// It may be whole, when only its name was missing.
#[test]
fn what_an_interrupted_restore_has_left_is_not_overwritten_with_itself() {
    if kind() == Kind::Postgres {
        return;
    }
    let shelf = Shelf::new();
    let (_, made) = served(&shelf);
    let target = TestDatabase::create();
    let left = PathBuf::from(format!("{}.partial", target.url.trim_start_matches("sqlite:")));
    std::fs::copy(&made, &left).unwrap();

    let told = restore(&target, &left, &[]);

    assert_refused(&told, "give it another name first");
    assert_eq!(std::fs::read(&left).unwrap(), std::fs::read(&made).unwrap());
}

/// A log beside the place where there is no database any more must not be taken for that of the new one.
#[test]
fn what_a_deleted_database_left_is_not_read_into_a_restored_one() {
    if kind() == Kind::Postgres {
        return;
    }
    let shelf = Shelf::new();
    let (_, file) = served(&shelf);
    let target = TestDatabase::create();
    let path = PathBuf::from(target.url.trim_start_matches("sqlite:"));
    add_user(&target, "somebody", given::PASSWORD);
    let mut server = Process::serve(&target);
    add_user(&target, "other", given::PASSWORD);
    server.kill();
    let log = PathBuf::from(format!("{}-wal", path.display()));
    assert!(std::fs::metadata(&log).expect("a log").len() > 0);
    std::fs::remove_file(&path).expect("removed");

    let restored = restore(&target, &file, &[]);
    let people = tell(command(&target).args(["user", "list"]));

    assert_done(&restored);
    assert_eq!(people.out.lines().count(), 1, "{people:?}");
    assert!(people.out.starts_with("lead\t"), "{people:?}");
}
