//! A database of its own for every test: a SQLite file in a temporary directory, or a fresh PostgreSQL database on the server
//! that `TEST_POSTGRES_URL` names. `TEST_DATABASE` says which of the two. Gone at the end of the test.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};
use taskview_webhooks::own_folder;
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// The key that seals the secrets in every test's database: any 32 bytes.
pub const MASTER_KEY: &str = "dGhlIGtleSBvZiBldmVyeSB0ZXN0LCAzMiBieXRlcyE=";

const FILE_NAME: &str = "taskview.sqlite3";

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
        match kind {
            Kind::Sqlite => Self::file(),
            Kind::Postgres => Self::copy_on_server("template1"),
        }
    }

    /// As the program leaves one after its first start: the migrations have run. Made once, and copied for every test; what is copied
    /// stays on a server of PostgreSQL.
    pub fn migrated() -> TestDatabase {
        match kind() {
            Kind::Sqlite => {
                static FILE: OnceLock<Vec<u8>> = OnceLock::new();
                let bytes = FILE.get_or_init(|| {
                    let model = Self::file();
                    model.migrate();
                    std::fs::read(model.dir().join(FILE_NAME)).expect("the migrated file")
                });
                let database = Self::file();
                let copy = database.dir().join(FILE_NAME);
                own_folder::make_file(&copy).expect("a file of the program's");
                std::fs::write(copy, bytes).expect("a copy of it");
                database
            }
            Kind::Postgres => {
                static NAME: OnceLock<String> = OnceLock::new();
                let name = NAME.get_or_init(|| {
                    let mut model = Self::of(Kind::Postgres);
                    model.migrate();
                    model.on_server.take().expect("a database on a server")
                });
                Self::copy_on_server(name)
            }
        }
    }

    fn file() -> TestDatabase {
        let dir = temporary();
        TestDatabase {
            url: format!("sqlite:{}", dir.path().join(FILE_NAME).display()),
            dir,
            on_server: None,
        }
    }

    fn copy_on_server(model: &str) -> TestDatabase {
        let name = unused_name();
        on_server(&format!("CREATE DATABASE {name} TEMPLATE {model}"));
        TestDatabase {
            url: sibling(&server(), &name),
            dir: temporary(),
            on_server: Some(name),
        }
    }

    /// The last connection closes, so that the file holds all of it and a server would copy it.
    fn migrate(&self) {
        let url = DatabaseUrl::parse(&self.url).expect("a URL");
        let mut db = Db::open(&url, Purpose::Write).expect("the database opens");
        db.migrate().expect("the schema");
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

fn temporary() -> TempDir {
    let name = tempfile::Builder::new().prefix("taskview-").tempdir();
    name.expect("a temporary directory")
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
