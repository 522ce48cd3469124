//! How much there is of a webhook's deliveries, counted inside the database and only up to a limit: a page must not wait for a
//! count of millions, nor fetch ten thousand rows to say how many they are.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use super::Db;
use super::hot::{Bind, Hot};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::moment::Moment;

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    found: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    since: Option<Moment>,
}

#[derive(QueryableByName)]
struct InHour {
    #[diesel(sql_type = BigInt)]
    hour: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}

/// All of them, up to `most`.
pub fn all(db: &mut Db, webhook: WebhookId, most: i64) -> QueryResult<i64> {
    let (first, last) = (Bind::Int(i64::MIN), Bind::Int(i64::MAX));
    let of = || Bind::Int(webhook.0);
    // As in `of_webhook`.
    let counted: Counted = match db {
        Db::Sqlite(db) => {
            let text = "SELECT count(*) AS found, CAST(NULL AS BIGINT) AS since FROM \
                          (SELECT id FROM deliveries WHERE webhook_id = ? ORDER BY id LIMIT ?) d";
            Hot(text, &[of(), Bind::Int(most)]).get_result(db)?
        }
        Db::Pg(db) => {
            let text = "SELECT count(*) AS found, CAST(NULL AS BIGINT) AS since FROM \
                          (SELECT id FROM deliveries WHERE (webhook_id, id) >= (?, ?) AND (webhook_id, id) <= (?, ?) \
                           ORDER BY webhook_id, id LIMIT ?) d";
            Hot(text, &[of(), first, of(), last, Bind::Int(most)]).get_result(db)?
        }
    };
    Ok(counted.found)
}

/// Automatic ones that wait and are not discarded already, up to `most`, and since when the first of them does.
pub fn waiting(
    db: &mut Db,
    webhook: WebhookId,
    discarded_to: DeliveryId,
    most: i64,
) -> QueryResult<(i64, Option<Moment>)> {
    let binds = [Bind::Int(webhook.0), Bind::Int(discarded_to.0), Bind::Int(most)];
    let query = Hot(
        // `+id`: by the id alone SQLite would walk the whole history and sort it.
        "SELECT count(*) AS found, min(created_at) AS since FROM (\
           SELECT created_at FROM deliveries WHERE webhook_id = ? AND status = 0 AND trigger = 0 AND +id > ? \
           ORDER BY due_at LIMIT ?) d",
        &binds,
    );
    counted(db, query).map(|counted| (counted.found, counted.since))
}

/// Those of [`waiting`] that came since an instant, by the hour in which they came, up to `most` of them.
pub fn waiting_by_hour(
    db: &mut Db,
    webhook: WebhookId,
    discarded_to: DeliveryId,
    since: Moment,
    most: i64,
) -> QueryResult<Vec<(i64, i64)>> {
    let binds = [
        Bind::Int(webhook.0),
        Bind::Int(discarded_to.0),
        Bind::Int(since.0),
        Bind::Int(since.0),
        Bind::Int(most),
    ];
    let query = Hot(
        // None is due before it came: the index on what is due finds those that came since.
        "SELECT created_at / 3600000000 AS hour, count(*) AS found FROM (\
           SELECT created_at FROM deliveries WHERE webhook_id = ? AND status = 0 AND trigger = 0 AND +id > ? \
             AND due_at >= ? AND created_at >= ? ORDER BY due_at LIMIT ?) d GROUP BY 1",
        &binds,
    );
    let hours: Vec<InHour> = match db {
        Db::Sqlite(connection) => query.load(connection)?,
        Db::Pg(connection) => query.load(connection)?,
    };
    Ok(hours.into_iter().map(|row| (row.hour, row.found)).collect())
}

fn counted(db: &mut Db, query: Hot<'_>) -> QueryResult<Counted> {
    match db {
        Db::Sqlite(connection) => query.get_result(connection),
        Db::Pg(connection) => query.get_result(connection),
    }
}
