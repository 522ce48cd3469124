//! The migrations: which there are, which have run, and running the rest. A database that a newer version has used is refused:
//! nobody has thought of what this one would make of it. Nothing is ever taken back.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Db;
use super::connection::both;
use super::hot::Hot;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const PG_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any number will do, as long as every version of the program uses the same: nodes that start together migrate in turn.
const PG_MIGRATION_LOCK: i64 = 7_723_450_911;

/// Where this program keeps which migrations have run.
pub const TABLE: &str = "__diesel_schema_migrations";

/// The schema that a database has: the versions (`0017`) of the migrations that have run on it, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema(Vec<String>);

/// How a schema is to that of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Ours,
    /// Migrations of ours are missing.
    Older,
    /// A later version of the program has been at it.
    Newer,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

impl Schema {
    /// That of this database. Writes nothing; `None`: the program has never used it.
    pub fn of(db: &mut Db) -> QueryResult<Option<Schema>> {
        let is_there = match db {
            Db::Pg(_) => "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS yes",
            Db::Sqlite(_) => {
                "SELECT count(*) > 0 AS yes FROM sqlite_master WHERE type = 'table' AND name = '__diesel_schema_migrations'"
            }
        };
        let is_there: Answer = both!(db => Hot(is_there, &[]).get_result(db))?;
        if !is_there.yes {
            return Ok(None);
        }
        let applied = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
        let applied: Vec<Version> = both!(db => Hot(applied, &[]).load(db))?;
        Ok(Some(Schema(applied.into_iter().map(|row| row.version).collect())))
    }

    pub fn has(&self, version: &str) -> bool {
        self.0.iter().any(|applied| applied == version)
    }

    /// The names (`0017_administrators`) of what this program would still run.
    pub fn pending(&self) -> Vec<String> {
        let all = names(&all::<Sqlite>(SQLITE_MIGRATIONS));
        all.into_iter().filter(|name| !self.has(version(name))).collect()
    }

    pub fn standing(&self) -> Standing {
        match (self.pending().is_empty(), self.check()) {
            (false, _) => Standing::Older,
            (true, Err(_)) => Standing::Newer,
            (true, Ok(())) => Standing::Ours,
        }
    }

    /// A sentence, when this program is too old for it.
    pub fn check(&self) -> Result<(), String> {
        let all = names(&all::<Sqlite>(SQLITE_MIGRATIONS));
        let unknown: Vec<&str> = self
            .0
            .iter()
            .map(String::as_str)
            .filter(|applied| all.iter().all(|name| version(name) != *applied))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(format!(
            "A newer version of the program has used it: its schema has the changes {}, and this version ({}) knows those up to \
             {}. Start the newer version, or restore a backup from before the upgrade.",
            unknown.join(", "),
            env!("CARGO_PKG_VERSION"),
            all.last().map_or("", |name| version(name)),
        ))
    }
}

/// The last version.
impl std::fmt::Display for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.last().map_or("none", String::as_str))
    }
}

impl Db {
    /// Brings the schema up to date, and says which migrations have run. On PostgreSQL under a lock, so that nodes which start together
    /// take turns; on SQLite all or nothing, for the same reason.
    pub fn migrate(&mut self) -> Result<Vec<String>, String> {
        in_turn(self, |db| {
            if let Some(schema) = Schema::of(db).map_err(|error| error.to_string())? {
                schema.check()?;
                if schema.pending().is_empty() {
                    return Ok(Vec::new());
                }
            }
            match db {
                Db::Pg(pg) => run(pg, PG_MIGRATIONS, |_| true),
                Db::Sqlite(sqlite) => {
                    let all = |sqlite: &mut SqliteConnection| run(sqlite, SQLITE_MIGRATIONS, |_| true).map_err(Stopped);
                    sqlite.immediate_transaction(all).map_err(|Stopped(reason)| reason)
                }
            }
        })
    }

    /// Runs what makes this schema of an empty database, and no more.
    pub(super) fn migrate_to(&mut self, schema: &Schema) -> Result<(), String> {
        match self {
            Db::Pg(pg) => run(pg, PG_MIGRATIONS, |version| schema.has(version)),
            Db::Sqlite(sqlite) => run(sqlite, SQLITE_MIGRATIONS, |version| schema.has(version)),
        }
        .map(drop)
    }

    /// Runs the rest, inside of a transaction of the caller's.
    pub(super) fn migrate_on(&mut self) -> Result<(), String> {
        match self {
            Db::Pg(pg) => run(pg, PG_MIGRATIONS, |_| true),
            Db::Sqlite(sqlite) => run(sqlite, SQLITE_MIGRATIONS, |_| true),
        }
        .map(drop)
    }
}

/// While nobody else migrates this database.
pub(super) fn in_turn<T>(db: &mut Db, work: impl FnOnce(&mut Db) -> Result<T, String>) -> Result<T, String> {
    if db.is_sqlite() {
        return work(db);
    }
    // Another node's migration may take its time, and so may this one.
    let lock = format!("SET lock_timeout = 0; SELECT pg_advisory_lock({PG_MIGRATION_LOCK})");
    db.batch_execute(&lock).map_err(|error| error.to_string())?;
    let done = work(db)?;
    db.batch_execute(&format!("SELECT pg_advisory_unlock({PG_MIGRATION_LOCK})"))
        .map_err(|error| error.to_string())?;
    Ok(done)
}

/// Why a transaction of many steps was given up.
pub(super) struct Stopped(pub String);

impl From<diesel::result::Error> for Stopped {
    fn from(error: diesel::result::Error) -> Self {
        Stopped(error.to_string())
    }
}

impl From<String> for Stopped {
    fn from(reason: String) -> Self {
        Stopped(reason)
    }
}

fn run<C>(connection: &mut C, source: EmbeddedMigrations, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, String>
where
    C: MigrationHarness<C::Backend> + Connection,
    C::Backend: diesel::backend::Backend,
{
    let pending = connection
        .pending_migrations(source)
        .map_err(|error| error.to_string())?;
    let mut names = Vec::new();
    for migration in pending {
        if wanted(&migration.name().version().to_string()) {
            let name = migration.name().to_string();
            connection
                .run_migration(&*migration)
                .map_err(|error| format!("the migration {name} failed: {error}"))?;
            names.push(name);
        }
    }
    Ok(names)
}

type Boxed<B> = Box<dyn Migration<B>>;

fn all<B: diesel::backend::Backend>(source: EmbeddedMigrations) -> Vec<Boxed<B>> {
    // They are in the binary; reading them cannot fail.
    source.migrations().unwrap_or_default()
}

fn names<B: diesel::backend::Backend>(migrations: &[Boxed<B>]) -> Vec<String> {
    let mut names: Vec<String> = migrations.iter().map(|one| one.name().to_string()).collect();
    names.sort();
    names
}

/// `0017_administrators` → `0017`
fn version(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

/// Both sets have the same names; that of SQLite stands for both.
#[cfg(test)]
mod tests {
    use diesel::pg::Pg;

    use super::*;

    #[test]
    fn a_schema_that_this_program_does_not_know_is_refused_with_both_versions() {
        let newest = names(&all::<Pg>(PG_MIGRATIONS)).last().unwrap().clone();
        let all = names(&all::<Sqlite>(SQLITE_MIGRATIONS));
        let mut known: Vec<String> = all.iter().map(|name| version(name).to_owned()).collect();

        let behind = Schema(known[..known.len() - 1].to_vec());
        let current = Schema(known.clone());
        known.push("9998".to_owned());
        let sentence = Schema(known).check().unwrap_err();

        assert_eq!(behind.pending(), [newest.as_str()]);
        assert_eq!((behind.check(), current.check()), (Ok(()), Ok(())));
        assert!(current.pending().is_empty());
        assert!(
            sentence.contains("9998") && sentence.contains(version(&newest)),
            "{sentence}"
        );
        assert!(sentence.contains(env!("CARGO_PKG_VERSION")), "{sentence}");
    }
}
