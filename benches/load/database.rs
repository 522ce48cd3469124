//! The database of a run: a SQLite file in a temporary folder, or a database made on a PostgreSQL server and dropped at the
//! end. With a name it is kept, so that one with millions of rows is filled only once.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel::{Connection, PgConnection, RunQueryDsl};
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};
use tempfile::TempDir;

use crate::machine;

pub struct Database {
    pub url: String,
    folder: PathBuf,
    /// Removed at the end.
    _temporary: Option<TempDir>,
    /// To drop at the end: the server's URL and the name of the run's database.
    made: Option<(String, String)>,
    /// Nothing is in it yet.
    pub is_new: bool,
    pub postmaster: Option<u32>,
}

impl Database {
    /// `server` is a PostgreSQL server's URL; without one it is SQLite.
    pub fn create(server: Option<&str>, keep: Option<&str>) -> Database {
        let temporary = keep.is_none().then(|| {
            let folder = tempfile::Builder::new().prefix("taskview-bench-").tempdir();
            folder.expect("a temporary folder")
        });
        let folder = match (&temporary, keep) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, name) => Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.unwrap_or_default()),
        };
        std::fs::create_dir_all(&folder).expect("a folder for the run");
        let file = folder.join("bench.db");
        let mut database = Database {
            url: format!("sqlite:{}", file.display()),
            is_new: !file.exists(),
            folder,
            _temporary: temporary,
            made: None,
            postmaster: None,
        };
        if let Some(server) = server {
            let name = keep.map_or_else(
                || format!("bench_{}_{:x}", std::process::id(), rand::random::<u32>()),
                |name| format!("bench_{name}"),
            );
            let mut connection = PgConnection::establish(server).expect("the PostgreSQL server answers");
            let there = format!("(SELECT count(*) FROM pg_database WHERE datname = '{name}')");
            database.is_new = number(&mut connection, &there) == 0;
            if database.is_new {
                let make = format!("CREATE DATABASE {name}");
                connection.batch_execute(&make).expect("a database for the run");
            }
            database.postmaster = postmaster(&mut connection);
            database.url = sibling(server, &name);
            database.made = keep.is_none().then(|| (server.to_owned(), name));
        }
        database
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    pub fn describe(&self) -> &'static str {
        if self.is_sqlite() { "SQLite FULL" } else { "PostgreSQL" }
    }

    pub fn open(&self) -> Db {
        let url = DatabaseUrl::parse(&self.url).expect("a URL of a database");
        Db::open(&url, Purpose::Write).expect("the database opens")
    }

    /// What an expression such as `(SELECT count(*) FROM events)` is.
    pub fn number(&self, expression: &str) -> i64 {
        match &mut self.open() {
            Db::Pg(connection) => number(connection, expression),
            Db::Sqlite(connection) => diesel::select(sql::<BigInt>(expression))
                .get_result(connection)
                .expect("a number"),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.made
            && let Ok(mut connection) = PgConnection::establish(server)
        {
            let _ = connection.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn number(connection: &mut PgConnection, expression: &str) -> i64 {
    diesel::select(sql::<BigInt>(expression))
        .get_result(connection)
        .expect("a number")
}

/// The process whose children the backends are, when the server is on this machine.
fn postmaster(connection: &mut PgConnection) -> Option<u32> {
    let backend = u32::try_from(number(connection, "pg_backend_pid()::bigint")).ok()?;
    let parent = machine::parent(backend)?;
    let name = std::fs::read_to_string(format!("/proc/{parent}/comm")).ok()?;
    name.starts_with("post").then_some(parent)
}

/// The URL of another database on the same server.
fn sibling(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).expect("a URL like postgres://USER@HOST/postgres");
    url.set_path(name);
    url.into()
}
