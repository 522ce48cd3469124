//! Databases of earlier versions: each schema that there ever was, with rows as they were written then, is brought forward and works;
//! a database of a later version is refused; a node goes on while a newer one has migrated its database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::{Connection, PgConnection, SqliteConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use taskview_webhooks::clock::Clock;

use crate::support::app::App;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given;
use crate::support::process::{Process, command, tell};
use crate::support::receiver::Receiver;
use crate::support::story::Story;
use crate::support::{sealed, wait};

const PATIENCE: Duration = Duration::from_secs(20);
/// That of the webhook in the rows.
const SECRET: &str = "whsec_dXBncmFkZXM6IGEgc2VjcmV0IG9mIGFuIG9sZCB3ZWI=";

/// The versions of all migrations.
fn versions() -> Vec<String> {
    let mut all: Vec<String> = names().iter().map(|name| version(name).to_owned()).collect();
    all.sort();
    all
}

fn names() -> Vec<String> {
    let folder = std::fs::read_dir("migrations/sqlite").expect("the folder of migrations");
    folder
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

fn version(name: &str) -> &str {
    name.split('_').next().expect("a version")
}

/// What a database of a version has more in it than one of the version before, by version.
fn rows(receiver: &str, on: Kind) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("tests/upgrades/rows.sql").expect("the rows");
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines() {
        match line.strip_prefix("-- version ") {
            Some(version) => version.clone_into(&mut section),
            None => {
                let line = in_the_words_of(on, &line.replace("{receiver}", receiver));
                let rows = rows.entry(section.clone()).or_default();
                rows.push_str(&line);
                rows.push('\n');
            }
        }
    }
    rows
}

fn in_the_words_of(on: Kind, line: &str) -> String {
    let began = Clock::default().now().0 - 3_600_000_000;
    let line = line.replace("{hour}", &(began / 3_600_000_000).to_string());
    let line = filled(&line, "{t ", |seconds| {
        let seconds: i64 = seconds.parse().expect("a number of seconds");
        (began + seconds * 1_000_000).to_string()
    });
    filled(&line, "{bytes ", |hex| match on {
        Kind::Sqlite => format!("x'{hex}'"),
        Kind::Postgres => format!("'\\x{hex}'::bytea"),
    })
}

fn filled(line: &str, opening: &str, word: impl Fn(&str) -> String) -> String {
    let mut parts = line.split(opening);
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once('}').expect("a closing brace");
        written.push_str(&word(inside));
        written.push_str(rest);
    }
    written
}

/// A database as the program with this schema left it.
fn of_version(upto: &str, receiver: &str, on: Kind) -> TestDatabase {
    let database = TestDatabase::of(on);
    let rows = rows(receiver, on);
    match on {
        Kind::Sqlite => {
            let path = database.url.trim_start_matches("sqlite:");
            let mut old = SqliteConnection::establish(path).expect("a SQLite file");
            grow(&mut old, "sqlite", upto, &rows);
        }
        Kind::Postgres => {
            let mut old = PgConnection::establish(&database.url).expect("a PostgreSQL database");
            grow(&mut old, "postgres", upto, &rows);
        }
    }
    database
}

fn grow<C>(connection: &mut C, set: &str, upto: &str, rows: &BTreeMap<String, String>)
where
    C: MigrationHarness<C::Backend> + Connection + SimpleConnection,
    C::Backend: diesel::backend::Backend,
{
    // Also makes the table that says which have run.
    assert_eq!(connection.applied_migrations().expect("none").len(), 0);
    let source = FileBasedMigrations::from_path(format!("migrations/{set}")).expect("a folder of migrations");
    let mut all: Vec<Box<dyn Migration<C::Backend>>> = source.migrations().expect("migrations");
    all.sort_by_key(|one| one.name().version().to_string());
    for migration in all {
        let version = migration.name().version().to_string();
        if version.as_str() <= upto {
            connection.run_migration(&*migration).expect("a migration");
            if let Some(rows) = rows.get(&version) {
                connection.batch_execute(rows).expect(&version);
            }
        }
    }
}

async fn list(api: &crate::support::api_client::ApiClient, path: &str) -> Vec<Value> {
    api.get(path).await.response().as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_every_earlier_version_is_brought_forward_and_works() {
    for version in versions() {
        let receiver = Receiver::start();
        let database = of_version(&version, &receiver.url("/hook"), kind());

        let app = App::on(Arc::new(database), |_| ()).await;
        let page = given::sign_in(&app, "lead").await.get("/").await;
        let api = given::api(&app, "lead").await;

        page.assert_status(200);
        let goal = if version.as_str() >= "0002" {
            json!(1)
        } else {
            api.post("/module/goals", json!({ "name": "New" })).await.response()["id"].clone()
        };
        if version.as_str() >= "0005" {
            // What a process of then had claimed when it was killed.
            let sent = receiver.wait_for(1).await.remove(0);
            assert_eq!(sent.header("webhook-id"), Some("msg_pending"), "{version}");
            assert_eq!(sent.header("x-webhook-attempt"), Some("2"), "{version}");
            assert!(sent.is_signed_with(SECRET), "{version}");
            assert_eq!(sent.header("x-own").is_some(), version.as_str() >= "0011", "{version}");
        } else if version.as_str() < "0004" {
            let body = json!({ "goalId": goal, "url": receiver.url("/hook"), "events": given::ALL_EVENTS });
            api.post("/module/webhooks", body).await.response();
        }
        let before = receiver.requests().len();
        let task = json!({ "goalId": goal, "description": "Made after the upgrade" });
        api.post("/module/tasks", task).await.response();
        let sent = receiver.wait_for(before + 1).await.pop().expect("a request");
        assert_eq!(
            sent.json()["task"]["description"],
            "Made after the upgrade",
            "{version}"
        );
        let history = wait::until(PATIENCE, "what was sent is recorded", async || {
            let history = list(&api, "/module/webhooks/deliveries/1?limit=100").await;
            let ended = history.iter().all(|one| one["status"] != "pending");
            (ended && history.first()?["status"] == "success").then_some(history)
        })
        .await;
        if version.as_str() >= "0005" {
            let told: Vec<_> = history
                .iter()
                .map(|one| (&one["messageId"], &one["status"]))
                .skip(1)
                .collect();
            let old = [
                ("msg_pending", "success"),
                ("msg_failed", "failed"),
                ("msg_success", "success"),
            ];
            assert_eq!(told.len(), old.len(), "{version}: {history:?}");
            for ((id, status), (old_id, old_status)) in told.into_iter().zip(old) {
                assert_eq!((id, status), (&json!(old_id), &json!(old_status)), "{version}");
            }
        }
    }
}

/// A backup outlives the version that made it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_an_earlier_version_is_restored_into_either_database() {
    for version in ["0001", "0003", "0006", "0010", "0014"] {
        let receiver = Receiver::start();
        let old = of_version(version, &receiver.url("/hook"), Kind::Sqlite);
        let file = old.dir().join("old.db");
        let target = TestDatabase::create();

        let made = tell(command(&old).arg("backup").arg(&file));
        let restored = tell(command(&target).arg("restore").arg(&file));
        let app = App::on(Arc::new(target), |_| ()).await;
        let home = given::sign_in(&app, "lead").await.get("/").await;

        assert_eq!(made.code, Some(0), "{version}: {}", made.err);
        assert!(made.out.contains(&format!("schema {version}")), "{}", made.out);
        assert_eq!(restored.code, Some(0), "{version}: {}", restored.err);
        home.assert_status(200);
        if version >= "0005" {
            assert_eq!(receiver.wait_for(1).await[0].header("webhook-id"), Some("msg_pending"));
        }
    }
}

/// What ran on somebody's database is history: it is changed by the next migration and never in its place.
#[test]
fn a_migration_that_was_released_is_never_edited() {
    let pinned = std::fs::read_to_string("tests/upgrades/migrations.sha256").expect("the list");

    let mut seen = 0;
    for line in pinned.lines() {
        let (hash, path) = line.split_once("  ").expect("a hash and a path");
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(
            hex::encode(Sha256::digest(&bytes)),
            hash,
            "{path} was edited; write a new migration instead"
        );
        seen += 1;
    }
    assert!(seen >= 32, "only {seen} are pinned");
}

/// A node of the version before goes on while this one has migrated: so a migration only adds, and what it adds may be left out by who
/// does not know it.
#[test]
fn a_migration_takes_nothing_away_that_the_version_before_uses() {
    let harmless = [
        // Keys that are checked no more take nothing from anybody.
        "DROP CONSTRAINT attempts_delivery_id_fkey",
        "DROP CONSTRAINT attempt_bodies_delivery_id_number_fkey",
        // Made together with its table.
        "CREATE UNIQUE INDEX memberships_owner ON memberships (project_id) WHERE role = 2",
    ];
    let mut wrong = Vec::new();
    let mut read = 0;
    for file in migration_files() {
        let text = std::fs::read_to_string(&file).expect("a migration");
        read += 1;
        for statement in statements(&text) {
            if let Some(reason) = taken_away(&statement)
                && !harmless.iter().any(|known| statement.ends_with(known))
            {
                wrong.push(format!("{}: {reason}: {statement}", file.display()));
            }
        }
    }

    assert!(read >= 32, "only {read} were read");
    assert!(
        wrong.is_empty(),
        "an older node beside this one would fail:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn what_takes_something_away_is_recognised() {
    for bad in [
        "DROP TABLE tasks",
        "ALTER TABLE tasks DROP COLUMN note",
        "ALTER TABLE tasks RENAME TO jobs",
        "ALTER TABLE tasks RENAME COLUMN note TO text",
        "ALTER TABLE tasks ALTER COLUMN note SET NOT NULL",
        "ALTER TABLE tasks ALTER COLUMN note TYPE bytea",
        "ALTER TABLE tasks ADD COLUMN place BIGINT NOT NULL",
        "ALTER TABLE tasks ADD CONSTRAINT short CHECK (length(note) < 9)",
        "ALTER TABLE tasks DROP CONSTRAINT tasks_pkey",
        "CREATE UNIQUE INDEX tasks_note ON tasks (note)",
    ] {
        assert!(taken_away(bad).is_some(), "{bad}");
    }
    for good in [
        "CREATE TABLE jobs (id BIGINT NOT NULL, UNIQUE (id))",
        "ALTER TABLE tasks ADD COLUMN place BIGINT",
        "ALTER TABLE tasks ADD COLUMN place BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX tasks_note ON tasks (note)",
        "UPDATE tasks SET note = ''",
    ] {
        assert_eq!(taken_away(good), None, "{good}");
    }
}

fn migration_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for set in ["sqlite", "postgres"] {
        files.extend(
            names()
                .iter()
                .map(|name| Path::new("migrations").join(set).join(name).join("up.sql")),
        );
    }
    files.sort();
    files
}

/// Without comments, each on one line.
fn statements(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect();
    let all = code.join(" ");
    let all = all
        .split(';')
        .map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "));
    all.filter(|one| !one.is_empty()).collect()
}

fn taken_away(statement: &str) -> Option<&'static str> {
    let words = statement.to_uppercase();
    let on_existing = words.starts_with("ALTER TABLE");
    match () {
        () if words.starts_with("DROP TABLE") => Some("it drops a table"),
        () if words.starts_with("CREATE UNIQUE INDEX") => Some("it refuses rows"),
        () if !on_existing => None,
        () if words.contains(" DROP CONSTRAINT ") => Some("it drops a constraint"),
        () if words.contains(" DROP ") => Some("it drops a column"),
        () if words.contains(" RENAME ") => Some("it renames"),
        () if words.contains(" ALTER COLUMN ") || words.contains(" ALTER ") && words.contains(" TYPE ") => {
            Some("it changes a column")
        }
        () if words.contains(" ADD CONSTRAINT ") || words.contains(" ADD CHECK ") => Some("it refuses rows"),
        () if words.contains(" ADD COLUMN ") && words.contains(" NOT NULL") && !words.contains(" DEFAULT ") => {
            Some("who does not know the column cannot write")
        }
        () => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_goes_on_while_a_newer_version_has_migrated_and_does_not_start_again() {
    let story = Story::begin().await;
    story.task("Before").await;
    story.receiver.wait_for(1).await;

    // As additive as every migration is.
    for statement in [
        "ALTER TABLE tasks ADD COLUMN place BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE deliveries ADD COLUMN region TEXT",
        "CREATE TABLE places (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL)",
        "CREATE INDEX deliveries_region ON deliveries (region)",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('9998')",
    ] {
        sealed::sql(&story.app.database, statement);
    }
    story.task("After").await;
    let sent = story.receiver.wait_for(2).await.remove(1);
    story.newest("success", 1).await;
    let beside = tell(command(&story.app.database).args(["user", "list"]));
    let dry = tell(command(&story.app.database).args(["migrate", "--dry-run"]));
    let Story { app, .. } = story;
    let database = app.stop();
    let again = tell(command(&database).arg("serve"));

    assert_eq!(sent.json()["task"]["description"], "After");
    for told in [&beside, &dry, &again] {
        assert_eq!(told.code, Some(1), "{told:?}");
        for part in [
            "A newer version of the program has used it",
            "9998",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(told.err.contains(part), "{told:?}");
        }
        assert!(told.err.contains(versions().last().expect("a version")), "{told:?}");
    }
}

#[test]
fn processes_that_start_at_once_on_a_new_database_migrate_it_in_turn() {
    let database = TestDatabase::create();
    let add = |login: &str| {
        let mut child = command(&database)
            .args([
                "user",
                "add",
                login,
                "--email",
                &format!("{login}@example.com"),
                "--password-stdin",
            ])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        use std::io::Write as _;
        writeln!(child.stdin.take().expect("a pipe"), "{}", given::PASSWORD).expect("it reads");
        child
    };

    let started: Vec<_> = ["ada", "bob", "cleo", "dora"].map(add).into_iter().collect();
    for child in started {
        let ended = child.wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let people = tell(command(&database).args(["user", "list"]));
    assert_eq!(people.out.lines().count(), 4, "{people:?}");
    assert!(Process::serve(&database).terminate().success());
}

#[test]
fn migrate_says_what_it_would_do_and_does_it_once() {
    let receiver = Receiver::start();
    let database = of_version("0014", &receiver.url("/hook"), kind());
    let migrate = |more: &[&str]| tell(command(&database).arg("migrate").args(more));

    let dry = migrate(&["--dry-run"]);
    let dry_again = migrate(&["--dry-run"]);
    let done = migrate(&[]);
    let again = migrate(&[]);

    assert_eq!(dry.code, Some(0), "{dry:?}");
    let would: Vec<&str> = dry
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("would run "))
        .collect();
    assert_eq!(would[..3], ["0015_sign_ins", "0016_keys", "0017_administrators"]);
    assert_eq!(dry_again.out, dry.out);
    let ran: Vec<&str> = done.out.lines().filter_map(|line| line.strip_prefix("ran ")).collect();
    assert_eq!(ran, would);
    assert!(again.out.trim_end().ends_with("is up to date"), "{again:?}");
    let nowhere = tell(command(&TestDatabase::of(Kind::Sqlite)).arg("migrate"));
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.err.contains("There is no database at "), "{nowhere:?}");
}
