//! Everything that the database keeps, table by table, as text: two of them are equal when nothing was changed in between.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::sql_types::Text;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};

use super::database::TestDatabase;

/// What the program writes by itself or on every request: who was seen when, and the counts of the charts.
const RESTLESS: [&str; 3] = ["sessions", "hourly", "__diesel_schema_migrations"];
const SEEN: &str = "last_used_at";

pub type Snapshot = BTreeMap<String, String>;

pub struct Camera {
    db: Db,
    tables: Vec<String>,
}

impl Camera {
    pub fn on(database: &TestDatabase) -> Camera {
        let url = DatabaseUrl::parse(&database.url).expect("a URL");
        let mut db = Db::open(&url, Purpose::Read).expect("the database");
        let names = if db.is_sqlite() {
            "(SELECT group_concat(name) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%')"
        } else {
            "(SELECT string_agg(tablename::text, ',') FROM pg_tables WHERE schemaname = 'public')"
        };
        let all = text(&mut db, names);
        let tables = all.split(',').filter(|name| !RESTLESS.contains(name));
        Camera {
            tables: tables.map(str::to_owned).collect(),
            db,
        }
    }

    pub fn shoot(&mut self) -> Snapshot {
        let tables = self.tables.clone();
        tables
            .into_iter()
            .map(|table| {
                let rows = self.rows(&table);
                (table, rows)
            })
            .collect()
    }

    fn rows(&mut self, table: &str) -> String {
        if !self.db.is_sqlite() {
            let row = format!("(to_jsonb(t) - '{SEEN}')::text");
            let rows = format!("(SELECT coalesce(string_agg({row}, chr(10) ORDER BY {row}), '') FROM {table} t)");
            return text(&mut self.db, &rows);
        }
        let names = text(
            &mut self.db,
            &format!("(SELECT group_concat(name) FROM pragma_table_info('{table}'))"),
        );
        let columns: Vec<String> = names
            .split(',')
            .filter(|name| *name != SEEN)
            .map(|name| format!("quote(\"{name}\")"))
            .collect();
        let row = columns.join(" || '|' || ");
        let rows = format!(
            "(SELECT coalesce(group_concat(row, char(10)), '') FROM (SELECT {row} AS row FROM {table} ORDER BY 1))"
        );
        text(&mut self.db, &rows)
    }
}

/// The tables that differ, with the rows that are new or gone.
pub fn differences(before: &Snapshot, after: &Snapshot) -> String {
    let mut told = String::new();
    for (table, rows) in after {
        let old: Vec<&str> = before.get(table).map_or("", String::as_str).lines().collect();
        let new: Vec<&str> = rows.lines().collect();
        let gone = old
            .iter()
            .filter(|row| !new.contains(row))
            .map(|row| format!("- {table}: {row}\n"));
        let come = new
            .iter()
            .filter(|row| !old.contains(row))
            .map(|row| format!("+ {table}: {row}\n"));
        told.extend(gone.chain(come));
    }
    told
}

fn text(db: &mut Db, expression: &str) -> String {
    use diesel::RunQueryDsl as _;
    diesel::select(sql::<Text>(expression))
        .get_result(db)
        .unwrap_or_else(|error| panic!("{expression}: {error}"))
}
