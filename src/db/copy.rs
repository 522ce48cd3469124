//! Rows from one database to the other kind, table by table, as the catalogue of the SQLite side describes them (both have the same
//! tables, see `tests/it/migrations_agree.rs`). It knows no table by name; the order in which keys are satisfied is the caller's business.

use diesel::connection::DefaultLoadingMode;
use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::row::{Field, NamedRow};
use diesel::sql_types::{BigInt, Binary, Bool, Integer, SmallInt, Text};
use diesel::sqlite::{Sqlite, SqliteType};

use super::Db;
use super::connection::both;
use super::hot::{Bind, Hot};

/// Values of one statement: half of what the stricter database takes.
const MOST_VALUES: usize = 16_000;
const MOST_ROWS: usize = 200;
/// About as much goes over in one statement; a single body may be larger.
const MOST_BYTES: usize = 1024 * 1024;

/// What a column holds on both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Big,
    Integer,
    Small,
    Bool,
    Text,
    Bytes,
}

#[derive(Debug)]
pub struct Table {
    pub name: String,
    columns: Vec<(String, Kind)>,
    /// Its ids are counted, and none is given twice.
    counted: bool,
}

#[derive(QueryableByName)]
struct Described {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    column: String,
    #[diesel(sql_type = Text)]
    declared: String,
    #[diesel(sql_type = Bool)]
    is_id: bool,
    #[diesel(sql_type = Bool)]
    counted: bool,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The tables of a SQLite database but for those that SQLite and the migrations keep for themselves, by their names.
pub fn tables(db: &mut Db) -> QueryResult<Vec<Table>> {
    let question = "SELECT m.name AS \"table\", p.name AS \"column\", lower(p.type) AS declared, p.pk = 1 AS is_id,
                        m.sql LIKE '%AUTOINCREMENT%' AS counted
                    FROM sqlite_master m JOIN pragma_table_info(m.name) p
                    WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' AND substr(m.name, 1, 8) <> '__diesel'
                    ORDER BY m.name, p.cid";
    let rows: Vec<Described> = Hot(question, &[]).load(sqlite(db)?)?;
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        let kind = match row.declared.as_str() {
            // SQLite's name for a counted id, which is as long as any.
            "integer" if row.is_id => Kind::Big,
            "bigint" => Kind::Big,
            "integer" => Kind::Integer,
            "smallint" => Kind::Small,
            "boolean" => Kind::Bool,
            "text" => Kind::Text,
            "blob" => Kind::Bytes,
            other => return Err(odd(format!("{}.{} is declared as {other}", row.table, row.column))),
        };
        match tables.last_mut().filter(|table| table.name == row.table) {
            Some(table) => table.columns.push((row.column, kind)),
            None => tables.push(Table {
                name: row.table,
                columns: vec![(row.column, kind)],
                counted: row.counted,
            }),
        }
    }
    Ok(tables)
}

impl Table {
    pub fn count(&self, db: &mut Db) -> QueryResult<i64> {
        number(db, &format!("SELECT count(*) AS n FROM {}", quoted(&self.name)), &[])
    }

    /// All of its rows, which the other side does not have yet; says how many.
    pub fn copy(&self, from: &mut Db, to: &mut Db) -> QueryResult<i64> {
        let columns: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        let (columns, table) = (columns.join(", "), quoted(&self.name));
        let select = format!("SELECT {columns} FROM {table}");
        let mut load = Load {
            table: self,
            insert: format!("INSERT INTO {table} ({columns}) VALUES "),
            to,
            waiting: Vec::new(),
            bytes: 0,
            copied: 0,
        };
        match from {
            // Row by row: the table may be larger than the memory.
            Db::Pg(pg) => {
                for row in Hot(&select, &[]).load_iter::<Cells, PgRowByRowLoadingMode>(pg)? {
                    load.take(row?)?;
                }
            }
            Db::Sqlite(sqlite) => {
                for row in Hot(&select, &[]).load_iter::<Cells, DefaultLoadingMode>(sqlite)? {
                    load.take(row?)?;
                }
            }
        }
        load.flush()?;
        Ok(load.copied)
    }

    /// The other side goes on counting ids where this one is: an id that was given away once stands in receivers' logs.
    pub fn copy_counter(&self, from: &mut Db, to: &mut Db) -> QueryResult<()> {
        if !self.counted {
            return Ok(());
        }
        let last = match from {
            Db::Pg(_) => number(
                from,
                "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(?, 'id')::regclass), 0) AS n",
                &[Bind::Text(&self.name)],
            )?,
            Db::Sqlite(_) => number(
                from,
                "SELECT coalesce(max(seq), 0) AS n FROM sqlite_sequence WHERE name = ?",
                &[Bind::Text(&self.name)],
            )?,
        };
        if last == 0 {
            return Ok(());
        }
        match to {
            Db::Pg(pg) => {
                let set = "SELECT setval(pg_get_serial_sequence(?, 'id')::regclass, ?) AS n";
                Hot(set, &[Bind::Text(&self.name), Bind::Int(last)])
                    .get_result::<Number>(pg)
                    .map(drop)
            }
            Db::Sqlite(sqlite) => {
                Hot("DELETE FROM sqlite_sequence WHERE name = ?", &[Bind::Text(&self.name)]).execute(sqlite)?;
                let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)";
                Hot(insert, &[Bind::Text(&self.name), Bind::Int(last)])
                    .execute(sqlite)
                    .map(drop)
            }
        }
    }
}

/// Rows on their way into a table, many in one statement.
struct Load<'a> {
    table: &'a Table,
    insert: String,
    to: &'a mut Db,
    waiting: Vec<Cells>,
    bytes: usize,
    copied: i64,
}

impl Load<'_> {
    fn take(&mut self, row: Cells) -> QueryResult<()> {
        self.bytes += row.0.iter().map(Cell::size).sum::<usize>();
        self.waiting.push(row);
        let most = MOST_ROWS.min(MOST_VALUES / self.table.columns.len());
        if self.waiting.len() >= most || self.bytes >= MOST_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> QueryResult<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let row = format!("({})", vec!["?"; self.table.columns.len()].join(", "));
        let statement = format!("{}{}", self.insert, vec![row; self.waiting.len()].join(", "));
        let mut binds = Vec::with_capacity(self.waiting.len() * self.table.columns.len());
        for row in &self.waiting {
            for (cell, (column, kind)) in row.0.iter().zip(&self.table.columns) {
                let bind = cell.bind(*kind);
                binds.push(bind.ok_or_else(|| odd(format!("{}.{column} holds a wrong value", self.table.name)))?);
            }
        }
        let to = &mut *self.to;
        both!(to => Hot(&statement, &binds).execute(to))?;
        self.copied += i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        self.waiting.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// A row as it comes, whatever its columns are.
struct Cells(Vec<Cell>);

enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    fn size(&self) -> usize {
        match self {
            Cell::Null | Cell::Int(_) => 8,
            Cell::Text(text) => text.len(),
            Cell::Bytes(bytes) => bytes.len(),
        }
    }

    /// `None`: it cannot stand in such a column.
    fn bind(&self, kind: Kind) -> Option<Bind<'_>> {
        Some(match (kind, self) {
            (Kind::Big, Cell::Null) => Bind::OptInt(None),
            (Kind::Big, Cell::Int(n)) => Bind::OptInt(Some(*n)),
            (Kind::Integer, Cell::Null) => Bind::OptInteger(None),
            (Kind::Integer, Cell::Int(n)) => Bind::OptInteger(Some(i32::try_from(*n).ok()?)),
            (Kind::Small, Cell::Null) => Bind::OptSmall(None),
            (Kind::Small, Cell::Int(n)) => Bind::OptSmall(Some(i16::try_from(*n).ok()?)),
            (Kind::Bool, Cell::Null) => Bind::OptBool(None),
            (Kind::Bool, Cell::Int(n @ (0 | 1))) => Bind::OptBool(Some(*n == 1)),
            (Kind::Text, Cell::Null) => Bind::OptText(None),
            (Kind::Text, Cell::Text(text)) => Bind::OptText(Some(text)),
            (Kind::Bytes, Cell::Null) => Bind::OptBytes(None),
            (Kind::Bytes, Cell::Bytes(bytes)) => Bind::OptBytes(Some(bytes)),
            _ => return None,
        })
    }
}

impl QueryableByName<Pg> for Cells {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let cell = |at: usize| -> deserialize::Result<Cell> {
            let field = diesel::row::Row::get(row, at).ok_or("a column is missing")?;
            let Some(value) = field.value() else {
                return Ok(Cell::Null);
            };
            // The numbers of PostgreSQL's own types never change.
            match value.get_oid().get() {
                16 => <bool as FromSql<Bool, Pg>>::from_sql(value).map(|yes| Cell::Int(i64::from(yes))),
                17 => <Vec<u8> as FromSql<Binary, Pg>>::from_sql(value).map(Cell::Bytes),
                20 => <i64 as FromSql<BigInt, Pg>>::from_sql(value).map(Cell::Int),
                21 => <i16 as FromSql<SmallInt, Pg>>::from_sql(value).map(|n| Cell::Int(n.into())),
                23 => <i32 as FromSql<Integer, Pg>>::from_sql(value).map(|n| Cell::Int(n.into())),
                25 => <String as FromSql<Text, Pg>>::from_sql(value).map(Cell::Text),
                other => Err(format!("a column has the type {other}, which is not copied").into()),
            }
        };
        (0..row.field_count()).map(cell).collect::<Result<_, _>>().map(Cells)
    }
}

impl QueryableByName<Sqlite> for Cells {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let cell = |at: usize| -> deserialize::Result<Cell> {
            let field = diesel::row::Row::get(row, at).ok_or("a column is missing")?;
            let Some(value) = field.value() else {
                return Ok(Cell::Null);
            };
            match value.value_type() {
                None => Ok(Cell::Null),
                Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
                    <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Cell::Int)
                }
                Some(SqliteType::Text) => <String as FromSql<Text, Sqlite>>::from_sql(value).map(Cell::Text),
                Some(SqliteType::Binary) => <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value).map(Cell::Bytes),
                Some(_) => Err("a value is a fraction, which is not copied".into()),
            }
        };
        (0..row.field_count()).map(cell).collect::<Result<_, _>>().map(Cells)
    }
}

fn number(db: &mut Db, question: &str, binds: &[Bind<'_>]) -> QueryResult<i64> {
    let answer: Number = both!(db => Hot(question, binds).get_result(db))?;
    Ok(answer.n)
}

pub(super) fn sqlite(db: &mut Db) -> QueryResult<&mut SqliteConnection> {
    match db {
        Db::Sqlite(connection) => Ok(connection),
        Db::Pg(_) => Err(odd("a SQLite database is needed here".to_owned())),
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn odd(what: String) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(what.into())
}
