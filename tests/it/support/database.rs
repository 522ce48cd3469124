//! A database of its own for every test: a SQLite file in a temporary directory, or a fresh PostgreSQL database on the server
//! that `TEST_POSTGRES_URL` names. `TEST_DATABASE` says which of the two. Gone at the end of the test.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// The key that seals the secrets in every test's database: any 32 bytes.
pub const MASTER_KEY: &str = "dGhlIGtleSBvZiBldmVyeSB0ZXN0LCAzMiBieXRlcyE=";

/// What this run of the suite tests on.
pub fn kind() -> Kind {
    match std::env::var("TEST_DATABASE").as_deref() {
        Ok("postgres") => Kind::Postgres,
        Ok("sqlite") | Err(_) => Kind::Sqlite,
        Ok(other) => panic!("TEST_DATABASE is `{other}`; it must be `sqlite` or `postgres`"),
    }
}

/// An empty database. Its directory also serves as the program's data directory, on PostgreSQL too.
pub struct TestDatabase {
    pub url: String,
    dir: TempDir,
    on_server: Option<String>,
}

impl TestDatabase {
    pub fn create() -> TestDatabase {
        Self::of(kind())
    }

    pub fn of(kind: Kind) -> TestDatabase {
        let dir = tempfile::Builder::new()
            .prefix("taskview-")
            .tempdir()
            .expect("a temporary directory");
        match kind {
            Kind::Sqlite => {
                let url = format!("sqlite:{}", dir.path().join("taskview.sqlite3").display());
                TestDatabase {
                    url,
                    dir,
                    on_server: None,
                }
            }
            Kind::Postgres => {
                let name = unused_name();
                on_server(&format!("CREATE DATABASE {name}"));
                TestDatabase {
                    url: sibling(&server(), &name),
                    dir,
                    on_server: Some(name),
                }
            }
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends every connection to it, as an administrator or a restart of the server does. PostgreSQL only.
    pub fn cut(&self) {
        let name = self.on_server.as_deref().expect("a database on a server");
        on_server(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
    }

    /// Ends every connection and takes no new one until [`TestDatabase::reopen`]. PostgreSQL only.
    pub fn close(&self) {
        let name = self.on_server.as_deref().expect("a database on a server");
        on_server(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
        self.cut();
    }

    pub fn reopen(&self) {
        let name = self.on_server.as_deref().expect("a database on a server");
        on_server(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(name) = &self.on_server {
            on_server(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn server() -> String {
    std::env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL must name a PostgreSQL server to make databases on; `scripts/test postgres` starts one",
    )
}

fn on_server(statement: &str) {
    let mut server = PgConnection::establish(&server()).expect("the server of TEST_POSTGRES_URL answers");
    server.batch_execute(statement).expect(statement);
}

/// The process id and a count: several runs may share a server.
fn unused_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "taskview_{}_{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The URL of another database on the same server.
fn sibling(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).expect("TEST_POSTGRES_URL is a URL");
    url.set_path(name);
    url.into()
}
