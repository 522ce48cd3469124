//! Hand-written SQL that diesel caches by its text, for the few statements the DSL cannot say on both databases.
//! (`diesel::sql_query` is prepared anew each time.) Every `?` of the text takes the next bind; none may stand in a literal.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Integer, Text, Untyped};
use diesel::sqlite::Sqlite;

/// A value for the next `?`. Arrays exist on PostgreSQL only.
#[derive(Debug)]
pub enum Bind<'a> {
    Int(i64),
    Text(&'a str),
    Ints(&'a [i64]),
    Integers(&'a [i32]),
}

/// A statement and its binds. `QueryId` without a static id makes diesel cache by text and bind types.
#[derive(Debug)]
pub struct Hot<'a>(pub &'static str, pub &'a [Bind<'a>]);

impl QueryId for Hot<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Hot<'_> {
    type SqlType = Untyped;
}

impl<C> RunQueryDsl<C> for Hot<'_> {}

impl QueryFragment<Pg> for Hot<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut texts = self.0.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (text, bind) in texts.zip(self.1) {
            match bind {
                Bind::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Bind::Text(value) => out.push_bind_param::<Text, str>(value)?,
                Bind::Ints(values) => out.push_bind_param::<Array<BigInt>, [i64]>(values)?,
                Bind::Integers(values) => out.push_bind_param::<Array<Integer>, [i32]>(values)?,
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Hot<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut texts = self.0.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (text, bind) in texts.zip(self.1) {
            match bind {
                Bind::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Bind::Text(value) => out.push_bind_param::<Text, str>(value)?,
                Bind::Ints(_) | Bind::Integers(_) => {
                    return Err(diesel::result::Error::QueryBuilderError("SQLite has no arrays".into()));
                }
            }
            out.push_sql(text);
        }
        Ok(())
    }
}
