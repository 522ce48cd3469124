//! Making a database of a backup, as the databases see it. What it leaves behind is complete and up to date, or is not there: on
//! PostgreSQL by one transaction, on SQLite because its caller gives the file its name at the end.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::backup::{self, Held, Opened};
use super::copy::{self, Table, quoted};
use super::hot::{Bind, Hot};
use super::migrations::{self, Schema, Stopped, in_turn};
use super::notify::Channel;
use super::schema::{api_tokens, deliveries, invitations, sessions};
use super::{DatabaseUrl, Db, Purpose};

/// What becomes of those who were signed in when the backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIns {
    Stay,
    /// Sessions end, API tokens are revoked, links of invitations are void: what was revoked since the backup is valid again in it.
    End,
}

/// What is done with tables that are there already. PostgreSQL only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Old {
    Refuse,
    /// They are moved into a schema of this name.
    KeepIn(String),
}

/// What became of the file of an embedded database that somebody wants to put away.
#[derive(Debug, PartialEq, Eq)]
pub enum Folded {
    /// All of it is in the one file.
    Whole,
    InUse,
    /// It does not open, so what stands beside it belongs to it.
    Damaged,
}

/// What came of it on PostgreSQL.
#[derive(Debug)]
pub struct Filled {
    pub held: Held,
    /// There was something that is in a schema of its own now.
    pub put_away: bool,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// A reference between tables: the statements that take it away and put it back.
#[derive(QueryableByName)]
struct Reference {
    #[diesel(sql_type = Text)]
    take: String,
    #[diesel(sql_type = Text)]
    put: String,
}

/// Makes the copy of a backup ready to be served: one file, with the schema of this program. An error is a sentence.
pub fn ready(file: &Path, sign_ins: SignIns) -> Result<Held, String> {
    let cannot = |reason: String| format!("The backup cannot be made ready in {}: {reason}.", file.display());
    let url = DatabaseUrl::Sqlite(file.to_owned());
    let mut db = Db::open(&url, Purpose::Write).map_err(|error| cannot(error.to_string()))?;
    db.migrate().map_err(cannot)?;
    let held = db.transaction::<_, Stopped, _>(|db| settle(db, sign_ins));
    let held = held.map_err(|Stopped(reason)| cannot(reason))?;
    db.batch_execute("PRAGMA journal_mode = DELETE")
        .map_err(|error| cannot(error.to_string()))?;
    Ok(held)
}

/// Brings what stands in the log beside a database into its file.
pub fn fold(file: &Path) -> Folded {
    let done = Db::open(&DatabaseUrl::Sqlite(file.to_owned()), Purpose::Write)
        .map_err(|error| error.to_string())
        .and_then(|mut db| {
            db.batch_execute("PRAGMA journal_mode = DELETE")
                .map_err(|error| error.to_string())
        });
    match done {
        Ok(()) => Folded::Whole,
        Err(reason) if reason.contains("locked") => Folded::InUse,
        Err(_) => Folded::Damaged,
    }
}

/// Fills a PostgreSQL database in one transaction. An error is a sentence, and nothing has changed.
pub fn fill(target: &DatabaseUrl, from: &mut Opened, old: &Old, sign_ins: SignIns) -> Result<Filled, String> {
    let cannot = |reason: String| format!("The backup cannot be restored into {target}: {reason}");
    let mut beside = Channel::beside(target).map_err(cannot)?;
    nobody_runs(&mut beside).map_err(|Stopped(reason)| cannot(reason))?;
    let mut db = Db::open(target, Purpose::Write).map_err(|error| cannot(error.to_string()))?;
    // It is alone, and reading the file may take a while.
    db.batch_execute("SET idle_in_transaction_session_timeout = 0; SET enable_seqscan = on")
        .map_err(|error| cannot(error.to_string()))?;
    let filled = in_turn(&mut db, |db| {
        let filled = db.transaction::<_, Stopped, _>(|db| {
            let filled = fill_all(db, from, old, sign_ins)?;
            // One that has come meanwhile runs on what was there before.
            nobody_runs(&mut beside)?;
            Ok(filled)
        });
        filled.map_err(|Stopped(reason)| reason)
    });
    filled.map_err(cannot)
}

fn nobody_runs(beside: &mut Channel) -> Result<(), Stopped> {
    match beside.nodes()?.len() {
        0 => Ok(()),
        1 => Err(Stopped("a server is running on it; stop it first.".to_owned())),
        nodes => Err(Stopped(format!("{nodes} servers are running on it; stop them first."))),
    }
}

fn fill_all(db: &mut Db, from: &mut Opened, old: &Old, sign_ins: SignIns) -> Result<Filled, Stopped> {
    let schema = from.schema().clone();
    let tables = copy::tables(&mut from.db)?;
    let mut names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let put_away = put_away(db, &names, old)?;
    db.migrate_to(&schema)?;
    let references = references(db, &names)?;
    for reference in &references {
        db.batch_execute(&reference.take)?;
    }
    for table in &tables {
        copy_table(table, &mut from.db, db)?;
    }
    // Each is checked as it is put back.
    for reference in &references {
        db.batch_execute(&reference.put)?;
    }
    db.migrate_on()?;
    let held = settle(db, sign_ins)?;
    names.sort_unstable();
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    db.batch_execute(&format!("ANALYZE {}", names.join(", ")))?;
    Ok(Filled { held, put_away })
}

fn copy_table(table: &Table, from: &mut Db, to: &mut Db) -> Result<(), Stopped> {
    let copied = table.copy(from, to)?;
    let found = table.count(to)?;
    if copied != found {
        return Err(Stopped(format!(
            "of {copied} rows of {} only {found} arrived.",
            table.name
        )));
    }
    Ok(table.copy_counter(from, to)?)
}

/// The tables of an installation that is there already, among them those that the backup is too old to have. Whether there are any.
fn put_away(db: &mut Db, names: &[&str], old: &Old) -> Result<bool, Stopped> {
    let Some(there) = Schema::of(db)? else {
        return match present(db, names)?.first() {
            Some(other) => Err(Stopped(format!(
                "it has a table {other} of something else; give it an empty database."
            ))),
            None => Ok(false),
        };
    };
    let Old::KeepIn(aside) = old else {
        return Err(Stopped(
            "it is not empty. Give it an empty database, or --force, which keeps what is there in a schema of its own."
                .to_owned(),
        ));
    };
    there.check()?;
    let mut blank = Db::Sqlite(SqliteConnection::establish(":memory:").map_err(|error| Stopped(error.to_string()))?);
    blank.migrate_on()?;
    let ours = copy::tables(&mut blank)?;
    let mut ours: Vec<&str> = ours.iter().map(|table| table.name.as_str()).collect();
    ours.push(migrations::TABLE);
    let aside = quoted(aside);
    db.batch_execute(&format!("CREATE SCHEMA {aside}"))?;
    for table in present(db, &ours)? {
        db.batch_execute(&format!("ALTER TABLE {} SET SCHEMA {aside}", quoted(&table)))?;
    }
    Ok(true)
}

fn present(db: &mut Db, names: &[&str]) -> QueryResult<Vec<String>> {
    let question = "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname::text = ANY(?) ORDER BY 1";
    let Db::Pg(pg) = db else { return Ok(Vec::new()) };
    let rows: Vec<Name> = Hot(question, &[Bind::Texts(names)]).load(pg)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

fn references(db: &mut Db, names: &[&str]) -> QueryResult<Vec<Reference>> {
    let question = "SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', t.relname, k.conname) AS take,
                        format('ALTER TABLE %I ADD CONSTRAINT %I %s', t.relname, k.conname, pg_get_constraintdef(k.oid)) AS put
                    FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
                    WHERE k.contype = 'f' AND n.nspname = current_schema() AND t.relname::text = ANY(?) ORDER BY 1";
    let Db::Pg(pg) = db else { return Ok(Vec::new()) };
    Hot(question, &[Bind::Texts(names)]).load(pg)
}

/// What was on its way when the backup was made is on its way no more: nobody holds it.
fn settle(db: &mut Db, sign_ins: SignIns) -> Result<Held, Stopped> {
    diesel::update(deliveries::table.filter(deliveries::lease_id.is_not_null()))
        .set((deliveries::lease_id.eq(None::<i64>), deliveries::leased_until.eq(0)))
        .execute(db)?;
    if sign_ins == SignIns::End {
        diesel::delete(sessions::table).execute(db)?;
        diesel::delete(api_tokens::table).execute(db)?;
        diesel::delete(invitations::table).execute(db)?;
    }
    let schema = Schema::of(db)?.ok_or_else(|| Stopped("it has no schema.".to_owned()))?;
    Ok(backup::held(db, &schema)?)
}
