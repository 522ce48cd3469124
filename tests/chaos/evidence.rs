//! What the database holds when the storm is over: the rows of deliveries and attempts, and the counters.

use diesel::prelude::*;
use taskview_webhooks::db::Db;
use taskview_webhooks::db::schema::{attempts, deliveries, webhooks};

use crate::database::Database;

#[derive(Debug, Clone, Queryable)]
pub struct DeliveryRow {
    pub id: i64,
    pub webhook: i64,
    pub event: i64,
    pub message_id: String,
    /// 0 pending, 1 success, 2 failed
    pub status: i16,
    pub attempts: i32,
    pub code: Option<i32>,
    /// 0 answered, 1 timeout … as in the migration.
    pub outcome: Option<i16>,
}

#[derive(Debug, Clone, Queryable)]
pub struct AttemptRow {
    pub delivery: i64,
    pub number: i32,
    pub outcome: i16,
    pub code: Option<i32>,
}

#[derive(Debug, Clone, Queryable)]
pub struct WebhookRow {
    pub id: i64,
    pub active: bool,
    pub failures: i32,
}

#[derive(Debug, Default)]
pub struct Evidence {
    pub deliveries: Vec<DeliveryRow>,
    /// By delivery and number.
    pub attempts: Vec<AttemptRow>,
    pub webhooks: Vec<WebhookRow>,
}

impl Evidence {
    pub fn collect(database: &Database) -> Evidence {
        load(&mut database.open()).expect("the rows can be read")
    }
}

fn load(db: &mut Db) -> QueryResult<Evidence> {
    Ok(Evidence {
        deliveries: deliveries::table
            .order(deliveries::id)
            .select((
                deliveries::id,
                deliveries::webhook_id,
                deliveries::event_id,
                deliveries::message_id,
                deliveries::status,
                deliveries::attempts,
                deliveries::response_code,
                deliveries::outcome,
            ))
            .load(db)?,
        attempts: attempts::table
            .order((attempts::delivery_id, attempts::number))
            .select((
                attempts::delivery_id,
                attempts::number,
                attempts::outcome,
                attempts::response_code,
            ))
            .load(db)?,
        webhooks: webhooks::table
            .order(webhooks::id)
            .select((webhooks::id, webhooks::active, webhooks::consecutive_failures))
            .load(db)?,
    })
}
