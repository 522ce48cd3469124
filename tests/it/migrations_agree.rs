//! The two sets of migrations describe the same database: tables, columns, nullability, keys, references, indexes and the
//! number of checks. What diesel's schema says is then true on both.
#![expect(
    clippy::disallowed_methods,
    reason = "questions to the catalogues, asked once; no DSL speaks them"
)]

use std::collections::BTreeSet;

use diesel::migration::MigrationConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};

use crate::support::database::{Kind, TestDatabase, kind};

#[test]
fn migrations_go_up_and_come_down_again() {
    let database = TestDatabase::create();

    let (up, down, up_again) = match kind() {
        Kind::Sqlite => up_down_up(&mut sqlite(&database), "sqlite", SQLITE),
        Kind::Postgres => up_down_up(&mut postgres(&database), "postgres", POSTGRES),
    };

    assert!(!up.is_empty());
    assert_eq!(down, BTreeSet::new(), "down.sql leaves nothing behind");
    assert_eq!(up_again, up);
}

/// Keys that would be checked for every delivery and can find nothing; see the migration that drops them.
const ON_SQLITE_ONLY: [&str; 2] = [
    "reference attempt_bodies (delivery_id, number) to attempts cascade",
    "reference attempts (delivery_id) to deliveries cascade",
];

/// Compared in the PostgreSQL run, which has both at hand.
#[test]
fn both_databases_have_the_same_schema_but_for_the_keys_of_the_hot_tables() {
    if kind() == Kind::Sqlite {
        return;
    }
    let (a, b) = (TestDatabase::of(Kind::Sqlite), TestDatabase::of(Kind::Postgres));

    let (mut on_sqlite, mut on_postgres) = (sqlite(&a), postgres(&b));
    migrate(&mut on_sqlite, "sqlite");
    migrate(&mut on_postgres, "postgres");
    let (sqlite, postgres) = (schema(&mut on_sqlite, SQLITE), schema(&mut on_postgres, POSTGRES));

    let only_sqlite: Vec<_> = sqlite.difference(&postgres).collect();
    let only_postgres: Vec<_> = postgres.difference(&sqlite).collect();
    assert!(
        only_sqlite == ON_SQLITE_ONLY && only_postgres.is_empty(),
        "only SQLite has {only_sqlite:#?}\nonly PostgreSQL has {only_postgres:#?}"
    );
}

#[test]
fn both_sets_of_migrations_have_the_same_names() {
    let names = |set: &str| -> BTreeSet<_> {
        let folder = std::fs::read_dir(format!("migrations/{set}")).expect("the folder of migrations");
        folder.map(|entry| entry.expect("a folder entry").file_name()).collect()
    };

    assert_eq!(names("sqlite"), names("postgres"));
}

fn sqlite(database: &TestDatabase) -> SqliteConnection {
    SqliteConnection::establish(database.url.trim_start_matches("sqlite:")).expect("a SQLite file")
}

fn postgres(database: &TestDatabase) -> PgConnection {
    PgConnection::establish(&database.url).expect("a PostgreSQL database")
}

fn migrations(set: &str) -> FileBasedMigrations {
    FileBasedMigrations::from_path(format!("migrations/{set}")).expect("a folder of migrations")
}

fn migrate<C: MigrationHarness<C::Backend> + Connection>(connection: &mut C, set: &str)
where
    C::Backend: diesel::backend::Backend,
{
    connection
        .run_pending_migrations(migrations(set))
        .expect("migrations run");
}

fn up_down_up<C>(
    connection: &mut C,
    set: &str,
    questions: &[&str],
) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>)
where
    C: MigrationHarness<C::Backend> + MigrationConnection + Catalogue,
{
    migrate(connection, set);
    let up = schema(connection, questions);
    connection
        .revert_all_migrations(migrations(set))
        .expect("migrations come down");
    let down = schema(connection, questions);
    migrate(connection, set);
    let up_again = schema(connection, questions);
    (up, down, up_again)
}

/// One line for each fact, in words that are the same on both databases.
fn schema(connection: &mut impl Catalogue, questions: &[&str]) -> BTreeSet<String> {
    questions
        .iter()
        .flat_map(|question| connection.ask(question))
        .map(|line| plain(&line))
        .collect()
}

/// Each database writes a condition back with parentheses of its own taste, and PostgreSQL with types.
fn plain(line: &str) -> String {
    match line.split_once(" where ") {
        Some((index, condition)) => {
            let words = condition.replace("::text", "").replace(['(', ')'], " ");
            format!(
                "{index} where {}",
                words.split_whitespace().collect::<Vec<_>>().join(" ")
            )
        }
        None => line.to_owned(),
    }
}

trait Catalogue {
    fn ask(&mut self, question: &str) -> Vec<String>;
}

#[derive(QueryableByName)]
struct Fact {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Catalogue for SqliteConnection {
    fn ask(&mut self, question: &str) -> Vec<String> {
        let facts: Vec<Fact> = sql_query(question).load(self).expect(question);
        facts.into_iter().map(|fact| fact.line).collect()
    }
}

impl Catalogue for PgConnection {
    fn ask(&mut self, question: &str) -> Vec<String> {
        let facts: Vec<Fact> = sql_query(question).load(self).expect(question);
        facts.into_iter().map(|fact| fact.line).collect()
    }
}

const SQLITE: &[&str] = &[
    "SELECT 'column ' || m.name || '.' || p.name || ' '
         || CASE p.type WHEN 'BLOB' THEN 'bytea' WHEN 'INTEGER' THEN CASE WHEN p.pk = 1 THEN 'bigint' ELSE 'integer' END
            ELSE lower(p.type) END
         || CASE WHEN p.\"notnull\" THEN ' not null' ELSE '' END AS line
     FROM sqlite_master m JOIN pragma_table_info(m.name) p
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '%diesel%'",
    "SELECT 'primary key ' || name || ' (' || group_concat(col, ', ') || ')' AS line FROM (
         SELECT m.name AS name, p.name AS col FROM sqlite_master m JOIN pragma_table_info(m.name) p
         WHERE m.type = 'table' AND p.pk > 0 AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '%diesel%'
         ORDER BY m.name, p.pk)
     GROUP BY name",
    "SELECT CASE i.origin WHEN 'c' THEN 'index ' || i.name || ' on ' ELSE 'constraint on ' END || m.name
         || CASE WHEN i.\"unique\" THEN ' unique' ELSE '' END
         || ' (' || (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) || ')'
         || coalesce((SELECT ' where ' || substr(sql, instr(sql, ' WHERE ') + 7) FROM sqlite_master s
                      WHERE s.name = i.name AND instr(sql, ' WHERE ') > 0), '') AS line
     FROM sqlite_master m JOIN pragma_index_list(m.name) i
     WHERE m.type = 'table' AND i.origin <> 'pk' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '%diesel%'",
    "SELECT 'reference ' || name || ' (' || group_concat(\"from\", ', ') || ') to ' || \"table\" || ' ' || on_delete AS line
     FROM (SELECT m.name, f.id, f.\"from\", f.\"table\", lower(f.on_delete) AS on_delete
           FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq)
     GROUP BY name, id",
    "SELECT 'checks on ' || name || ': ' || ((length(sql) - length(replace(sql, 'CHECK (', ''))) / 7) AS line
     FROM sqlite_master WHERE type = 'table' AND sql LIKE '%CHECK (%'",
];

const POSTGRES: &[&str] = &[
    "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type
         || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END AS line
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '%diesel%'",
    "SELECT CASE WHEN i.indisprimary THEN 'primary key '
                 WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype = 'u') THEN 'constraint on '
                 ELSE 'index ' || c.relname || ' on ' END || t.relname
         || CASE WHEN i.indisunique AND NOT i.indisprimary THEN ' unique' ELSE '' END
         || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY AS k(n, place)
                     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n) || ')'
         || coalesce(' where ' || pg_get_expr(i.indpred, i.indrelid), '') AS line
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
     WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE '%diesel%'",
    "SELECT 'reference ' || t.relname || ' ('
         || (SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM unnest(r.conkey) WITH ORDINALITY AS k(n, place)
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n)
         || ') to ' || f.relname || ' '
         || CASE r.confdeltype WHEN 'c' THEN 'cascade' WHEN 'a' THEN 'no action' WHEN 'n' THEN 'set null'
            WHEN 'r' THEN 'restrict' ELSE 'set default' END AS line
     FROM pg_constraint r JOIN pg_class t ON t.oid = r.conrelid JOIN pg_class f ON f.oid = r.confrelid
     WHERE r.contype = 'f' AND t.relnamespace = 'public'::regnamespace",
    "SELECT 'checks on ' || t.relname || ': ' || count(*) AS line FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
     WHERE k.contype = 'c' AND t.relnamespace = 'public'::regnamespace GROUP BY t.relname",
];
