//! What a filter lets through of the nearest rows. The rows are counted off in a query of their own: joined with the filter, their bounds would
//! not keep PostgreSQL, which takes them to be many, from looking through the whole table for what is rare.

use diesel::connection::Connection;
use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool};

use super::Delivery;
use crate::db::Db;
use crate::db::schema::deliveries;

type Backend = <Db as Connection>::Backend;

type Columns = diesel::dsl::SqlTypeOf<diesel::dsl::AsSelect<Delivery, Backend>>;

/// Deliveries, to be narrowed and loaded.
pub type Rows = deliveries::BoxedQuery<'static, Backend, Columns>;

/// What a row must be by itself.
pub type Condition = Box<dyn BoxableExpression<deliveries::table, Backend, SqlType = Bool>>;

/// Both databases hand the rows on in their order, one by one, and stop when there are as many as wanted. An order outside as well would
/// make SQLite sort all that are looked at.
pub struct Window {
    /// Ordered, and limited to those that are looked at.
    pub rows: Rows,
    pub conditions: Vec<Condition>,
    pub wanted: i64,
}

impl QueryId for Window {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Window {
    type SqlType = Columns;
}

impl RunQueryDsl<Db> for Window {}

impl QueryFragment<Backend> for Window {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.push_sql("SELECT * FROM (");
        QueryFragment::<Backend>::walk_ast(&self.rows, out.reborrow())?;
        // Conditions are about `deliveries`.
        out.push_sql(") AS deliveries");
        for (nth, condition) in self.conditions.iter().enumerate() {
            out.push_sql(if nth == 0 { " WHERE (" } else { " AND (" });
            condition.walk_ast(out.reborrow())?;
            out.push_sql(")");
        }
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.wanted)
    }
}
