//! `health` beside the real server: well, without its database, gone; and what it refuses to ask.

use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::process::{Process, Told, command, tell};

fn ask(database: &TestDatabase, arguments: &[&str]) -> Told {
    tell(command(database).arg("health").args(arguments))
}

#[test]
fn a_server_that_is_well_is_told_from_one_that_is_gone() {
    let database = TestDatabase::create();
    let mut process = Process::serve(&database);
    let base = process.base.clone();
    let listen = base.trim_start_matches("http://").to_owned();

    let ready = ask(&database, &[&base]);
    let live = ask(&database, &[&base, "--live"]);
    let where_it_listens = tell(command(&database).env("TASKVIEW_LISTEN", &listen).arg("health"));
    let unknown = ask(&database, &[&format!("{base}/nowhere")]);
    process.kill();
    let gone = ask(&database, &[&base, "--live"]);

    assert_eq!((ready.code, ready.out.trim()), (Some(0), "ready"), "{ready:?}");
    assert_eq!((live.code, live.out.trim()), (Some(0), "ok"), "{live:?}");
    assert_eq!(where_it_listens.code, Some(0), "{where_it_listens:?}");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.err.contains("no answer"), "{gone:?}");
}

/// A file does not go away.
#[test]
fn a_server_without_its_database_lives_and_is_not_ready() {
    if kind() == Kind::Sqlite {
        return;
    }
    let database = TestDatabase::create();
    let process = Process::serve(&database);
    database.close();

    let ready = ask(&database, &[&process.base]);
    let live = ask(&database, &[&process.base, "--live"]);
    database.reopen();

    assert_eq!(ready.code, Some(1), "{ready:?}");
    assert!(ready.err.contains("503 The database cannot be reached"), "{ready:?}");
    assert_eq!(live.code, Some(0), "{live:?}");
}

#[test]
fn what_is_no_address_of_a_server_is_wrong_use() {
    let database = TestDatabase::create();

    for url in ["nowhere", "https://tasks.example.com", "unix:/run/x"] {
        let told = ask(&database, &[url]);

        assert_eq!(told.code, Some(2), "{url}: {told:?}");
    }
    // Of a server that picks its port nobody knows it.
    assert_eq!(ask(&database, &[]).code, Some(2));
}
