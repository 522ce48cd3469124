//! What PostgreSQL carries between nodes beside rows: notifications, and its own clock. On a connection of its own, outside of
//! every transaction that writes: a NOTIFY inside those would make all commits of the server wait for each other.
//!
//! What is said is only a hint; nothing depends on its arrival.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::hot::{Bind, Hot};
use super::{DatabaseUrl, Db, Due, Purpose};
use crate::domain::moment::Moment;

/// A payload of PostgreSQL's is shorter than 8000 bytes.
pub const LONGEST: usize = 7_900;

/// The connection on which a node speaks and listens.
pub struct Channel {
    db: Db,
}

/// What another node said.
#[derive(Debug)]
pub struct Heard {
    /// Tells the nodes apart: the server's process behind the speaker's connection.
    pub speaker: i32,
    pub text: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

impl Channel {
    /// A node's. An administrator, and whoever asks all nodes something, tells it by the name of its connection.
    pub fn open(url: &DatabaseUrl) -> Result<Channel, String> {
        let mut channel = Self::beside(url)?;
        channel
            .db
            .batch_execute("SELECT set_config('application_name', left(current_setting('application_name'), 50) || ' node', false)")
            .map_err(|error| error.to_string())?;
        Ok(channel)
    }

    /// That of somebody who is no node.
    pub fn beside(url: &DatabaseUrl) -> Result<Channel, String> {
        let mut db = Db::open(url, Purpose::Read).map_err(|error| error.to_string())?;
        // NOTIFY writes nothing that must survive: its commit need not wait for the disk.
        db.batch_execute(
            "SET default_transaction_read_only = off; SET synchronous_commit = off; LISTEN taskview_webhooks",
        )
        .map_err(|error| error.to_string())?;
        Ok(Channel { db })
    }

    /// The server's process behind this connection: who we are to those who hear us.
    pub fn speaker(&mut self) -> QueryResult<i32> {
        let pid = self.number("SELECT pg_backend_pid()::bigint AS n")?;
        Ok(i32::try_from(pid).unwrap_or_default())
    }

    /// Every node of this database, as [`Channel::speaker`] says it.
    pub fn nodes(&mut self) -> QueryResult<Vec<i32>> {
        let question = "SELECT pid::bigint AS n FROM pg_stat_activity \
                        WHERE datname = current_database() AND application_name = left(current_setting('application_name'), 50) || ' node'";
        match &mut self.db {
            Db::Pg(pg) => {
                let rows: Vec<Number> = Hot(question, &[]).get_results(pg)?;
                Ok(rows.iter().filter_map(|row| i32::try_from(row.n).ok()).collect())
            }
            Db::Sqlite(_) => Ok(Vec::new()),
        }
    }

    /// To every node that listens, this one included.
    pub fn say(&mut self, text: &str) -> QueryResult<()> {
        let notify = Hot("SELECT pg_notify('taskview_webhooks', ?)", &[Bind::Text(text)]);
        match &mut self.db {
            Db::Pg(pg) => notify.execute(pg).map(drop),
            Db::Sqlite(_) => Ok(()),
        }
    }

    /// What was said since the last look; does not wait. An error means that the connection is gone.
    pub fn heard(&mut self) -> QueryResult<Vec<Heard>> {
        match &mut self.db {
            Db::Pg(pg) => pg
                .notifications_iter()
                .map(|notification| {
                    notification.map(|said| Heard {
                        speaker: said.process_id,
                        text: said.payload,
                    })
                })
                .collect(),
            Db::Sqlite(_) => Ok(Vec::new()),
        }
    }

    pub fn time(&mut self) -> QueryResult<Moment> {
        self.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS n")
            .map(Moment)
    }

    /// Every lane in which something waits, for a node that may have missed something.
    pub fn waiting(&mut self) -> QueryResult<Vec<Due>> {
        super::deliveries::waiting(&mut self.db)
    }

    fn number(&mut self, question: &'static str) -> QueryResult<i64> {
        match &mut self.db {
            Db::Pg(pg) => Hot(question, &[]).get_result::<Number>(pg).map(|answer| answer.n),
            Db::Sqlite(_) => Err(diesel::result::Error::NotFound),
        }
    }
}
