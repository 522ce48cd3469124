//! Hand-written SQL that diesel caches by its text, for the few statements the DSL cannot say on both databases.
//! (`diesel::sql_query` is prepared anew each time.) Every `?` of the text takes the next bind; none may stand in a literal.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text, Untyped};
use diesel::sqlite::Sqlite;

/// A value for the next `?`. Those that hold many are arrays, which exist on PostgreSQL only.
#[derive(Debug)]
pub enum Bind<'a> {
    Int(i64),
    OptInt(Option<i64>),
    OptInteger(Option<i32>),
    OptSmall(Option<i16>),
    Text(&'a str),
    OptText(Option<&'a str>),
    Bytes(&'a [u8]),
    OptBytes(Option<&'a [u8]>),
    Bool(bool),
    OptBool(Option<bool>),
    Ints(&'a [i64]),
    OptInts(&'a [Option<i64>]),
    Integers(&'a [i32]),
    OptIntegers(&'a [Option<i32>]),
    Smalls(&'a [i16]),
    Texts(&'a [&'a str]),
    OptTexts(&'a [Option<&'a str>]),
    Blobs(&'a [&'a [u8]]),
    Bools(&'a [bool]),
}

/// A statement and its binds. `QueryId` without a static id makes diesel cache by text and bind types.
#[derive(Debug)]
pub struct Hot<'a>(pub &'a str, pub &'a [Bind<'a>]);

/// The answer of a statement that returns one id for each row.
#[derive(Debug, QueryableByName)]
pub struct Id {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
}

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
                Bind::OptInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Bind::OptInteger(value) => out.push_bind_param::<Nullable<Integer>, _>(value)?,
                Bind::OptSmall(value) => out.push_bind_param::<Nullable<SmallInt>, _>(value)?,
                Bind::Text(value) => out.push_bind_param::<Text, str>(value)?,
                Bind::OptText(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Bind::Bytes(value) => out.push_bind_param::<Binary, [u8]>(value)?,
                Bind::OptBytes(value) => out.push_bind_param::<Nullable<Binary>, _>(value)?,
                Bind::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Bind::OptBool(value) => out.push_bind_param::<Nullable<Bool>, _>(value)?,
                Bind::Ints(values) => out.push_bind_param::<Array<BigInt>, [i64]>(values)?,
                Bind::OptInts(values) => out.push_bind_param::<Array<Nullable<BigInt>>, [Option<i64>]>(values)?,
                Bind::Integers(values) => out.push_bind_param::<Array<Integer>, [i32]>(values)?,
                Bind::OptIntegers(values) => out.push_bind_param::<Array<Nullable<Integer>>, [Option<i32>]>(values)?,
                Bind::Smalls(values) => out.push_bind_param::<Array<SmallInt>, [i16]>(values)?,
                Bind::Texts(values) => out.push_bind_param::<Array<Text>, [&str]>(values)?,
                Bind::OptTexts(values) => out.push_bind_param::<Array<Nullable<Text>>, [Option<&str>]>(values)?,
                Bind::Blobs(values) => out.push_bind_param::<Array<Binary>, [&[u8]]>(values)?,
                Bind::Bools(values) => out.push_bind_param::<Array<Bool>, [bool]>(values)?,
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
                Bind::OptInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Bind::OptInteger(value) => out.push_bind_param::<Nullable<Integer>, _>(value)?,
                Bind::OptSmall(value) => out.push_bind_param::<Nullable<SmallInt>, _>(value)?,
                Bind::Text(value) => out.push_bind_param::<Text, str>(value)?,
                Bind::OptText(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Bind::Bytes(value) => out.push_bind_param::<Binary, [u8]>(value)?,
                Bind::OptBytes(value) => out.push_bind_param::<Nullable<Binary>, _>(value)?,
                Bind::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Bind::OptBool(value) => out.push_bind_param::<Nullable<Bool>, _>(value)?,
                _ => return Err(diesel::result::Error::QueryBuilderError("SQLite has no arrays".into())),
            }
            out.push_sql(text);
        }
        Ok(())
    }
}
