//! One connection type over both databases, and how one is opened. Where SQLite and PostgreSQL differ, the
//! difference stands here, in `migrations.rs`, in `writer.rs` and in the marked arms of `deliveries.rs`, and nowhere else.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection, SqliteConnection};

use crate::own_folder;

/// A connection to whichever database is configured.
#[derive(diesel::MultiConnection)]
pub enum Db {
    Pg(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs one expression on the connection inside; for what diesel's DSL cannot say on the enum (batch inserts, upserts).
macro_rules! both {
    ($db:ident => $expression:expr) => {
        match $db {
            $crate::db::Db::Pg($db) => $expression,
            $crate::db::Db::Sqlite($db) => $expression,
        }
    };
}
pub(crate) use both;

/// PostgreSQL refuses a text with a NUL, even to compare with; SQLite takes it. No kept text has one, so nothing is found.
pub(super) fn holds_nul(text: &str) -> bool {
    text.contains('\0')
}

/// Where the database is, as `TASKVIEW_DATABASE_URL` says it. `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseUrl {
    /// The scheme decides. An unknown one is an error, never a file name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("it names no file; write sqlite:PATH".into());
            }
            return Ok(DatabaseUrl::Sqlite(path.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(DatabaseUrl::Postgres(text.to_owned()));
        }
        let scheme = text.split_once(':').map_or("(none)", |(scheme, _)| scheme);
        Err(format!(
            "the scheme {scheme} is unknown; write sqlite:PATH or postgres://USER@HOST/NAME"
        ))
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, DatabaseUrl::Sqlite(_))
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => {
                write!(
                    f,
                    "{}",
                    std::path::absolute(path).unwrap_or_else(|_| path.clone()).display()
                )
            }
            DatabaseUrl::Postgres(text) => match url::Url::parse(text) {
                Ok(mut url) => {
                    // Both fail only for URLs without a host, which have no password either.
                    let _ = url.set_password(None);
                    url.set_query(None);
                    write!(f, "{url}")
                }
                Err(_) => f.write_str("postgres://…"),
            },
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What a connection is for. Read connections cannot write, and a transaction of theirs sees one instant. On PostgreSQL they plan
/// each statement anew: a generic plan walked the whole history where a custom one took the partial index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

impl Db {
    pub fn open(url: &DatabaseUrl, purpose: Purpose) -> Result<Db, ConnectionError> {
        match url {
            DatabaseUrl::Sqlite(path) => open_sqlite(path, purpose).map(Db::Sqlite),
            DatabaseUrl::Postgres(text) => open_postgres(text, purpose).map(Db::Pg),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Db::Sqlite(_))
    }
}

fn open_sqlite(path: &Path, purpose: Purpose) -> Result<SqliteConnection, ConnectionError> {
    // SQLite gives what it keeps beside a file the rights of the file. Why it cannot be made is told by SQLite as well.
    let _ = own_folder::make_file(path);
    let is_new = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    if is_new {
        // Before the first table, or a file can never give free pages back in steps. In one that has some it would be a write.
        connection
            .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA auto_vacuum = INCREMENTAL")
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    // FULL: an acknowledged change is on disk, also after a power cut. Foreign keys are off by default in SQLite.
    let pragmas = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                   PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";
    connection
        .batch_execute(pragmas)
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    if purpose == Purpose::Read {
        connection
            .batch_execute("PRAGMA query_only = ON; PRAGMA cache_size = -4000;")
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

fn open_postgres(url: &str, purpose: Purpose) -> Result<PgConnection, ConnectionError> {
    let mut connection = PgConnection::establish(&with_defaults(url))?;
    let settings = match purpose {
        Purpose::Read => {
            "SET plan_cache_mode = force_custom_plan; SET default_transaction_read_only = on; \
             SET default_transaction_isolation = 'repeatable read'"
        }
        // A node that is paused in the middle of a transaction must not keep its locks from the others, and whoever waits
        // for a lock hears that it did not work while there is still somebody who listens.
        // Plans of the hot statements are made once and kept. Made while a table is young, they would walk it for as long as
        // the connection lives; every write looks its rows up by a key.
        Purpose::Write => {
            "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '10s'; SET enable_seqscan = off"
        }
    };
    // To compile a plan takes a tenth of a second, and no statement of ours runs as long. It would be done for every table that has
    // to be walked where that is discouraged: such a plan counts as the most expensive of all.
    connection
        .batch_execute(&format!("{settings}; SET jit = off"))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// A server that is gone without a word is noticed within seconds, unless the URL says otherwise; by itself libpq waits for
/// minutes. The name is what an administrator sees in `pg_stat_activity`.
fn with_defaults(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [
        ("application_name", "taskview-webhooks"),
        ("connect_timeout", "5"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "3"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "15000"),
    ] {
        if !url.contains(&format!("{name}=")) {
            let sign = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{sign}{name}={value}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_the_url_decides_and_an_unknown_one_is_refused() {
        assert_eq!(
            DatabaseUrl::parse("sqlite:a.db"),
            Ok(DatabaseUrl::Sqlite("a.db".into()))
        );
        assert_eq!(
            DatabaseUrl::parse("sqlite:///x/a.db"),
            Ok(DatabaseUrl::Sqlite("/x/a.db".into()))
        );
        assert!(matches!(
            DatabaseUrl::parse("postgres://u@h/n"),
            Ok(DatabaseUrl::Postgres(_))
        ));
        assert!(DatabaseUrl::parse("mysql://u@h/n").unwrap_err().contains("mysql"));
        assert!(DatabaseUrl::parse("data.db").is_err());
        assert!(DatabaseUrl::parse("sqlite:").is_err());
    }

    #[test]
    fn what_a_url_says_about_its_connection_is_left_as_it_is() {
        let plain = with_defaults("postgres://u@h/n");
        let own = with_defaults("postgres://u@h/n?connect_timeout=60&application_name=mine");

        assert!(plain.starts_with("postgres://u@h/n?application_name=taskview-webhooks&connect_timeout=5&"));
        assert!(own.starts_with("postgres://u@h/n?connect_timeout=60&application_name=mine&keepalives_idle="));
        assert_eq!(
            (own.matches("connect_timeout").count(), own.matches('?').count()),
            (1, 1)
        );
    }

    #[test]
    fn a_password_is_never_printed() {
        let url = DatabaseUrl::parse("postgres://tv:geheim@db:5432/tv?password=geheim").unwrap();

        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://tv@db:5432/tv postgres://tv@db:5432/tv"
        );
    }
}
