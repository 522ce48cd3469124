//! A backup as the databases see it: a SQLite file with everything that was committed at one instant, whichever database it is of, so
//! that either can be made from it again. It is written beside servers that go on writing and keeps none of them waiting; it has the
//! schema that its database has. Where the file lies, and what becomes of it, is the business of `crate::backup`.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::copy::{self, sqlite};
use super::hot::{Bind, Hot};
use super::migrations::{Schema, Stopped};
use super::schema::{deliveries, key_checks as keys, projects, users, webhooks};
use super::{DatabaseUrl, Db, Purpose, key_checks};
use crate::domain::delivery::Status;

/// How much of each is in it, for whoever looks whether it is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub accounts: i64,
    pub projects: i64,
    pub webhooks: i64,
    pub deliveries: i64,
    /// Of the deliveries; they are sent once a server runs on it.
    pub pending: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Writes the database into this file, which is empty. An error is a sentence.
pub fn write(source: &DatabaseUrl, file: &Path) -> Result<(), String> {
    match source {
        DatabaseUrl::Sqlite(_) => write_sqlite(source, file),
        DatabaseUrl::Postgres(_) => write_postgres(source, file),
    }
}

/// Reads one snapshot; servers write on meanwhile, into a log that grows until this is done.
fn write_sqlite(source: &DatabaseUrl, file: &Path) -> Result<(), String> {
    let mut db = Db::open(source, Purpose::Write).map_err(|error| cannot_open(source, &error))?;
    schema_of(&mut db, source)?;
    let place = file
        .to_str()
        .ok_or_else(|| format!("The name {} is not UTF-8; choose another.", file.display()))?;
    let written = sqlite(&mut db).and_then(|db| Hot("VACUUM INTO ?", &[Bind::Text(place)]).execute(db));
    written
        .map(drop)
        .map_err(|error| format!("The database {source} cannot be written into {place}: {error}."))
}

/// Copies the tables, in one transaction that sees one instant.
fn write_postgres(source: &DatabaseUrl, file: &Path) -> Result<(), String> {
    let mut db = Db::open(source, Purpose::Read).map_err(|error| cannot_open(source, &error))?;
    let copied = db.transaction::<_, Stopped, _>(|db| {
        let schema = schema_of(db, source)?;
        let mut to = plain(file)?;
        // What is not finished is thrown away, and what is finished is flushed by whoever gives it its name. Rows come in
        // an order in which keys are not satisfied yet.
        to.batch_execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -64000")?;
        to.migrate_to(&schema)?;
        let tables = copy::tables(&mut to)?;
        to.batch_execute("BEGIN")?;
        for table in &tables {
            let copied = table.copy(db, &mut to)?;
            let found = table.count(&mut to)?;
            if copied != found {
                return Err(Stopped(format!("of {copied} rows of {} only {found} arrived", table.name)));
            }
            table.copy_counter(db, &mut to)?;
        }
        to.batch_execute("COMMIT")?;
        Ok(())
    });
    copied.map_err(|Stopped(reason)| format!("The database {source} cannot be copied: {reason}."))
}

fn schema_of(db: &mut Db, source: &DatabaseUrl) -> Result<Schema, String> {
    let schema = Schema::of(db).map_err(|error| format!("The database {source} cannot be read: {error}."))?;
    let schema = schema.ok_or_else(|| format!("The database {source} is empty: no server has ever used it."))?;
    schema.check()?;
    Ok(schema)
}

fn cannot_open(source: &DatabaseUrl, error: &ConnectionError) -> String {
    format!("The database {source} cannot be opened: {error}.")
}

/// A file as it is: without a journal of its own, and without waiting for anybody.
pub(super) fn plain(file: &Path) -> Result<Db, String> {
    let opened = SqliteConnection::establish(&file.to_string_lossy());
    let opened = opened.map_err(|error| format!("{} cannot be opened: {error}.", file.display()))?;
    Ok(Db::Sqlite(opened))
}

/// A backup that is looked at. Nothing is written, not even beside it.
pub struct Opened {
    pub(super) db: Db,
    schema: Schema,
}

impl Opened {
    /// An error is a sentence about the file: it is none of ours, is damaged, or needs a newer program.
    pub fn of(file: &Path) -> Result<Opened, String> {
        let name = file.display();
        let not_ours = |reason: &str| format!("{name} is no backup of this program: {reason}.");
        let path = std::path::absolute(file).map_err(|error| format!("{name} cannot be read: {error}."))?;
        let mut url = url::Url::from_file_path(&path).map_err(|()| format!("{name} cannot be named."))?;
        url.set_query(Some("mode=ro&immutable=1"));
        let opened = SqliteConnection::establish(url.as_str());
        let opened = opened.map_err(|error| format!("{name} cannot be opened: {error}."))?;
        let mut db = Db::Sqlite(opened);
        let schema = Schema::of(&mut db)
            .map_err(|error| not_ours(&error.to_string()))?
            .ok_or_else(|| not_ours("it has none of its tables"))?;
        schema.check().map_err(|sentence| format!("{name}: {sentence}"))?;
        let faults = lines(
            &mut db,
            "SELECT integrity_check AS line FROM pragma_integrity_check LIMIT 5",
        );
        match faults.as_deref() {
            Ok([fine]) if fine == "ok" => Ok(Opened { db, schema }),
            Ok(faults) => Err(format!("{name} is damaged: {}.", faults.join("; "))),
            Err(error) => Err(format!("{name} is damaged: {error}.")),
        }
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The master keys that are needed to serve it: their ids, each with its proof. None before the first start of a server.
    pub fn keys(&mut self) -> QueryResult<Vec<(String, Vec<u8>)>> {
        if !self.schema.has("0006") {
            return Ok(Vec::new());
        }
        if !self.schema.has("0016") {
            return keys::table.select((keys::key_id, keys::sealed)).load(&mut self.db);
        }
        let current = key_checks::sealing(&mut self.db)?.map(|row| row.current_key);
        let known = key_checks::load(&mut self.db)?.into_iter();
        let needed = known.filter(|key| key.retired_at.is_none() || current.as_ref() == Some(&key.key_id));
        Ok(needed.map(|key| (key.key_id, key.sealed)).collect())
    }

    pub fn held(&mut self) -> QueryResult<Held> {
        held(&mut self.db, &self.schema)
    }

    /// How many rows refer to others that are not there: a defect of the database that it was made of.
    pub fn loose_ends(&mut self) -> QueryResult<i64> {
        let count: Count =
            Hot("SELECT count(*) AS n FROM pragma_foreign_key_check", &[]).get_result(sqlite(&mut self.db)?)?;
        Ok(count.n)
    }
}

/// Tables that its schema does not have yet are empty.
pub(super) fn held(db: &mut Db, schema: &Schema) -> QueryResult<Held> {
    let mut held = Held {
        accounts: users::table.count().get_result(db)?,
        projects: 0,
        webhooks: 0,
        deliveries: 0,
        pending: 0,
    };
    if schema.has("0005") {
        held.projects = projects::table.count().get_result(db)?;
        held.webhooks = webhooks::table
            .filter(webhooks::deleted_at.is_null())
            .count()
            .get_result(db)?;
        held.deliveries = deliveries::table.count().get_result(db)?;
        let pending = deliveries::table.filter(deliveries::status.eq(Status::Pending));
        held.pending = pending.count().get_result(db)?;
    }
    Ok(held)
}

fn lines(db: &mut Db, question: &str) -> QueryResult<Vec<String>> {
    let lines: Vec<Line> = Hot(question, &[]).load(sqlite(db)?)?;
    Ok(lines.into_iter().map(|row| row.line).collect())
}
