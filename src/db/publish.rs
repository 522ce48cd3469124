//! Writes events and the deliveries that follow from them, as cheaply as the database allows: row by row with prepared
//! statements on SQLite, all rows in one statement on PostgreSQL. A delivery whose webhook has a free slot is born claimed.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SmallInt, Text};

use super::connection::both;
use super::deliveries::Claimed;
use super::events::{NewEvent, message_id};
use super::hot::{Bind, Hot, Id};
use super::{Db, Due, Lane, Tx};
use crate::domain::delivery::Trigger;
use crate::domain::event::EventKind;
use crate::domain::ids::{DeliveryId, EventId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::domain::retry::Schedule;
use crate::slots::Slot;

/// An event that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub event: EventId,
    pub deliveries: usize,
}

/// A webhook that subscribes, with all that one attempt to it needs.
#[derive(Debug, QueryableByName)]
struct Subscriber {
    #[diesel(sql_type = BigInt)]
    id: WebhookId,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Binary)]
    secret_sealed: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    headers_sealed: Option<Vec<u8>>,
    #[diesel(sql_type = SmallInt)]
    schedule: Schedule,
}

/// A delivery that is about to be. With a slot it is born claimed.
struct NewDelivery<'a> {
    /// Index of its event in the batch.
    event: usize,
    to: &'a Subscriber,
    message_id: String,
    claim: Option<(i64, Slot)>,
}

impl NewDelivery<'_> {
    fn lease_id(&self) -> Option<i64> {
        self.claim.as_ref().map(|(lease, _)| *lease)
    }
}

/// Inserts events as having happened now, and for each one delivery for every webhook of its project that subscribes, also
/// for those that are off: theirs are held. A delivery whose webhook has a free slot is handed to the engine of this node,
/// the engine is told about the others. Answers in the order of `new`.
pub fn publish(tx: &mut Tx<'_>, new: &[NewEvent<'_>]) -> QueryResult<Vec<Published>> {
    let mut known: Vec<((ProjectId, &EventKind), Vec<Subscriber>)> = Vec::new();
    for event in new {
        let key = (event.project, event.kind);
        if !known.iter().any(|(have, _)| *have == key) {
            known.push((key, subscribers(tx.db, event.project, event.kind)?));
        }
    }
    let of = |event: &NewEvent<'_>| {
        let found = known.iter().find(|(key, _)| *key == (event.project, event.kind));
        found.map_or(&[][..], |(_, subscribers)| subscribers)
    };
    let mut rows = Vec::new();
    for (index, event) in new.iter().enumerate() {
        for to in of(event) {
            rows.push(NewDelivery {
                event: index,
                to,
                message_id: message_id(tx.now),
                claim: to.active.then(|| tx.promise(to.id)).flatten(),
            });
        }
    }
    new.iter().for_each(|event| tx.count(event.published));
    let (now, until) = (tx.now, tx.lease_until());
    let (event_ids, delivery_ids) = match &mut *tx.db {
        Db::Sqlite(db) => insert_sqlite(db, new, &rows, now, until)?,
        Db::Pg(db) => insert_postgres(db, new, &rows, now, until)?,
    };
    let mut published: Vec<Published> = event_ids
        .into_iter()
        .map(|id| Published {
            event: EventId(id),
            deliveries: 0,
        })
        .collect();
    for (row, id) in rows.into_iter().zip(delivery_ids) {
        published[row.event].deliveries += 1;
        tell(tx, &new[row.event], row, DeliveryId(id));
    }
    Ok(published)
}

fn tell(tx: &mut Tx<'_>, event: &NewEvent<'_>, row: NewDelivery<'_>, id: DeliveryId) {
    tx.trace(id, (event.project, row.to.id), event.kind, &row.message_id);
    let Some(claim) = row.claim else {
        if row.to.active {
            tx.wake(Due {
                webhook: row.to.id,
                project: event.project,
                lane: Lane::Automatic,
                at: tx.now,
            });
        }
        return;
    };
    let claimed = Claimed {
        id,
        webhook_id: row.to.id,
        project_id: event.project,
        kind: event.kind.to_string(),
        message_id: row.message_id,
        trigger: Trigger::Automatic,
        attempts: 0,
        claims: 1,
        due_at: tx.now,
        url: row.to.url.clone(),
        secret_sealed: row.to.secret_sealed.clone(),
        headers_sealed: row.to.headers_sealed.clone(),
        schedule: row.to.schedule,
        body: event.body.to_vec(),
    };
    tx.hand_over(claimed, claim);
}

fn subscribers(db: &mut Db, project: ProjectId, kind: &EventKind) -> QueryResult<Vec<Subscriber>> {
    const TEXT: &str = "SELECT w.id, w.active, w.url, w.secret_sealed, w.headers_sealed, w.schedule \
                        FROM webhooks w JOIN webhook_events k ON k.webhook_id = w.id \
                        WHERE w.project_id = ? AND w.deleted_at IS NULL AND k.kind = ? ORDER BY w.id";
    let binds = [Bind::Int(project.0), Bind::Text(kind.as_str())];
    both!(db => Hot(TEXT, &binds).load(db))
}

type Inserted = (Vec<i64>, Vec<i64>);

/// Row by row with prepared statements: in the same process a trip costs nothing.
fn insert_sqlite(
    db: &mut SqliteConnection,
    new: &[NewEvent<'_>],
    rows: &[NewDelivery<'_>],
    now: Moment,
    until: Moment,
) -> QueryResult<Inserted> {
    let mut event_ids = Vec::with_capacity(new.len());
    for event in new {
        let binds = [
            Bind::Int(event.project.0),
            Bind::Text(event.kind.as_str()),
            Bind::Bytes(event.body),
            Bind::Int(now.0),
            Bind::OptInt(event.initiator),
            Bind::OptInt(event.task.map(|task| task.0)),
            Bind::Bool(event.published),
        ];
        let text = "INSERT INTO events (project_id, kind, body, occurred_at, initiator_id, task_id, published) \
                    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id";
        event_ids.push(Hot(text, &binds).get_result::<Id>(db)?.id);
    }
    let mut delivery_ids = Vec::with_capacity(rows.len());
    for row in rows {
        let event = &new[row.event];
        let lease_id = row.lease_id();
        let binds = [
            Bind::Int(event.project.0),
            Bind::Int(row.to.id.0),
            Bind::Int(event_ids[row.event]),
            Bind::OptInt(event.task.map(|task| task.0)),
            Bind::Text(event.kind.as_str()),
            Bind::Text(&row.message_id),
            Bind::Int(lease_id.map_or(0, |_| 1)),
            Bind::Int(now.0),
            Bind::Int(lease_id.map_or(0, |_| until.0)),
            Bind::OptInt(lease_id),
            Bind::Int(now.0),
        ];
        let text = "INSERT INTO deliveries (project_id, webhook_id, event_id, task_id, kind, message_id, status, trigger, \
                      attempts, claims, due_at, leased_until, lease_id, created_at) \
                    VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?, ?) RETURNING id";
        delivery_ids.push(Hot(text, &binds).get_result::<Id>(db)?.id);
    }
    Ok((event_ids, delivery_ids))
}

/// One trip for all rows. The ids are drawn first, because RETURNING promises no order.
const INSERT_POSTGRES: &str = "\
    WITH e AS MATERIALIZED (\
      SELECT nextval('events_id_seq') AS id, u.* \
      FROM unnest(?, ?, ?, ?, ?, ?) WITH ORDINALITY AS u(project_id, kind, body, initiator_id, task_id, published, place)), \
    d AS MATERIALIZED (\
      SELECT nextval('deliveries_id_seq') AS id, u.* \
      FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS u(event_place, webhook_id, message_id, lease_id, place)), \
    events_in AS (\
      INSERT INTO events (id, project_id, kind, body, occurred_at, initiator_id, task_id, published) \
      SELECT id, project_id, kind, body, ?, initiator_id, task_id, published FROM e), \
    deliveries_in AS (\
      INSERT INTO deliveries (id, project_id, webhook_id, event_id, task_id, kind, message_id, status, trigger, attempts, \
        claims, due_at, leased_until, lease_id, created_at) \
      SELECT d.id, e.project_id, d.webhook_id, e.id, e.task_id, e.kind, d.message_id, 0, 0, 0, \
        (d.lease_id IS NOT NULL)::int, ?, CASE WHEN d.lease_id IS NULL THEN 0 ELSE ? END, d.lease_id, ? \
      FROM d JOIN e ON e.place = d.event_place) \
    SELECT 0 AS rank, place, id FROM e UNION ALL SELECT 1, place, id FROM d ORDER BY rank, place";

#[derive(QueryableByName)]
struct Drawn {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    rank: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn insert_postgres(
    db: &mut PgConnection,
    new: &[NewEvent<'_>],
    rows: &[NewDelivery<'_>],
    now: Moment,
    until: Moment,
) -> QueryResult<Inserted> {
    let projects: Vec<i64> = new.iter().map(|event| event.project.0).collect();
    let kinds: Vec<&str> = new.iter().map(|event| event.kind.as_str()).collect();
    let bodies: Vec<&[u8]> = new.iter().map(|event| event.body).collect();
    let initiators: Vec<Option<i64>> = new.iter().map(|event| event.initiator).collect();
    let tasks: Vec<Option<i64>> = new.iter().map(|event| event.task.map(|task| task.0)).collect();
    let published: Vec<bool> = new.iter().map(|event| event.published).collect();
    let places: Vec<i64> = rows.iter().map(|row| row.event as i64 + 1).collect();
    let webhooks: Vec<i64> = rows.iter().map(|row| row.to.id.0).collect();
    let message_ids: Vec<&str> = rows.iter().map(|row| row.message_id.as_str()).collect();
    let leases: Vec<Option<i64>> = rows.iter().map(NewDelivery::lease_id).collect();
    let binds = [
        Bind::Ints(&projects),
        Bind::Texts(&kinds),
        Bind::Blobs(&bodies),
        Bind::OptInts(&initiators),
        Bind::OptInts(&tasks),
        Bind::Bools(&published),
        Bind::Ints(&places),
        Bind::Ints(&webhooks),
        Bind::Texts(&message_ids),
        Bind::OptInts(&leases),
        Bind::Int(now.0),
        Bind::Int(now.0),
        Bind::Int(until.0),
        Bind::Int(now.0),
    ];
    let drawn: Vec<Drawn> = Hot(INSERT_POSTGRES, &binds).load(db)?;
    let (of_events, of_deliveries): (Vec<Drawn>, Vec<Drawn>) = drawn.into_iter().partition(|drawn| drawn.rank == 0);
    let ids = |drawn: Vec<Drawn>| drawn.into_iter().map(|drawn| drawn.id).collect();
    Ok((ids(of_events), ids(of_deliveries)))
}
