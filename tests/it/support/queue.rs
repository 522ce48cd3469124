//! The engine's tables without the engine: one connection, three webhooks, and deliveries placed in them by hand. For tests
//! of the statements themselves.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use taskview_webhooks::db::attempts::{self, Attempt, Outlook, Record};
use taskview_webhooks::db::deliveries::{Claimed, Lease, Wanted, claim};
use taskview_webhooks::db::schema::deliveries;
use taskview_webhooks::db::{DatabaseUrl, Db, Lane, Purpose};
use taskview_webhooks::domain::delivery::{OutcomeKind, Status, Trigger};
use taskview_webhooks::domain::ids::{DeliveryId, WebhookId};
use taskview_webhooks::domain::moment::Moment;

use super::database::TestDatabase;

pub const A: WebhookId = WebhookId(1);
pub const B: WebhookId = WebhookId(2);
pub const C: WebhookId = WebhookId(3);
pub const LEASE: Duration = Duration::from_secs(20);

const WORLD: &str = "
    INSERT INTO users (id, login, email, name, password_hash, created_at) VALUES (1, 'o', 'o@example.com', 'O', '', 0);
    INSERT INTO projects (id, name, description, color, creator_id, created_at, edited_at) VALUES (1, 'P', '', '#000000', 1, 0, 0);
    INSERT INTO webhooks (id, project_id, url, secret_sealed, secret_hint, secret_made_at, secret_made_by, schedule, active,
        consecutive_failures, discarded_to, created_by, created_at, updated_at)
      VALUES (1, 1, 'http://a.test/', 'sealed a', '', 0, 1, 0, TRUE, 0, 0, 1, 0, 0),
             (2, 1, 'http://b.test/', 'sealed b', '', 0, 1, 1, TRUE, 0, 0, 1, 0, 0),
             (3, 1, 'http://c.test/', 'sealed c', '', 0, 1, 0, TRUE, 0, 0, 1, 0, 0);
    INSERT INTO webhook_events (webhook_id, kind, position) VALUES (1, 'task.created', 0);
    INSERT INTO events (id, project_id, kind, body, occurred_at, published) VALUES (1, 1, 'task.created', '{\"n\":1}', 0, FALSE);
";

pub struct Queue {
    pub db: Db,
    pub url: DatabaseUrl,
    leases: i64,
    pub database: TestDatabase,
}

/// What one claim took, and the fence that it may be recorded behind.
pub struct Taken {
    pub lease: i64,
    pub rows: Vec<Claimed>,
}

/// Seconds after an arbitrary start.
pub fn at(seconds: i64) -> Moment {
    Moment(1_000_000_000_000 + seconds * 1_000_000)
}

pub fn lane(webhook: WebhookId, lane: Lane, count: usize) -> Wanted {
    Wanted {
        webhook,
        lane,
        count,
        floor: Moment(i64::MIN),
    }
}

pub fn automatic(webhook: WebhookId, count: usize) -> Wanted {
    lane(webhook, Lane::Automatic, count)
}

pub fn direct(webhook: WebhookId, count: usize) -> Wanted {
    lane(webhook, Lane::Direct, count)
}

impl Queue {
    pub fn new() -> Queue {
        let database = TestDatabase::migrated();
        let url = DatabaseUrl::parse(&database.url).expect("a URL");
        let mut db = Db::open(&url, Purpose::Write).expect("the database opens");
        db.batch_execute(WORLD).expect("the rows that deliveries refer to");
        Queue {
            db,
            url,
            leases: 0,
            database,
        }
    }

    pub fn sql(&mut self, statement: &str) {
        self.db.batch_execute(statement).expect(statement);
    }

    /// A pending delivery that is due then.
    pub fn pending(&mut self, webhook: WebhookId, trigger: Trigger, due: Moment) -> DeliveryId {
        diesel::insert_into(deliveries::table)
            .values((
                deliveries::project_id.eq(1),
                deliveries::webhook_id.eq(webhook),
                deliveries::event_id.eq(1),
                deliveries::kind.eq("task.created"),
                deliveries::message_id.eq("msg"),
                deliveries::status.eq(Status::Pending),
                deliveries::trigger.eq(trigger),
                deliveries::attempts.eq(0),
                deliveries::claims.eq(0),
                deliveries::due_at.eq(due),
                deliveries::leased_until.eq(0),
                deliveries::created_at.eq(due),
            ))
            .returning(deliveries::id)
            .get_result(&mut self.db)
            .expect("a delivery")
    }

    pub fn due(&mut self, webhook: WebhookId, seconds: i64) -> DeliveryId {
        self.pending(webhook, Trigger::Automatic, at(seconds))
    }

    pub fn claim(&mut self, now: Moment, wanted: &[Wanted]) -> Taken {
        self.leases += 1;
        let lease = Lease {
            id: self.leases,
            now,
            until: now + LEASE,
            void_before: now,
        };
        let rows = claim(&mut self.db, wanted, lease).expect("a claim");
        Taken {
            lease: self.leases,
            rows,
        }
    }

    /// Records the attempt of a claimed row; `false` when the fence did not hold.
    pub fn record(&mut self, lease: i64, row: &Claimed, code: i32, outlook: Outlook) -> bool {
        let attempt = Attempt {
            delivery_id: row.id,
            number: row.attempts + 1,
            started_at: at(0),
            duration_us: 1_500,
            lookup_us: None,
            connect_us: Some(200),
            first_byte_us: Some(900),
            outcome: OutcomeKind::Answered,
            response_code: Some(code),
            reused: false,
            cut: false,
            response_size: 2,
            address: Some("127.0.0.1:9".into()),
            message: "The receiver answered.".into(),
            url: row.url.clone(),
            request_headers: "[]".into(),
            response_headers: "[]".into(),
        };
        let record = Record {
            lease_id: lease,
            attempt: &attempt,
            body: b"no",
            outlook,
        };
        let recorded = attempts::record(&mut self.db, &[record]).expect("a recording");
        recorded.contains(&(row.id, lease))
    }

    pub fn fail(&mut self, lease: i64, row: &Claimed) -> bool {
        let outlook = Outlook {
            status: Status::Failed,
            due_at: row.due_at,
        };
        self.record(lease, row, 500, outlook)
    }

    /// Status, recorded attempts, claims since, and whether somebody has it.
    pub fn state(&mut self, id: DeliveryId) -> (Status, i32, i32, bool) {
        let (status, attempts, claims, lease): (Status, i32, i32, Option<i64>) = deliveries::table
            .find(id)
            .select((
                deliveries::status,
                deliveries::attempts,
                deliveries::claims,
                deliveries::lease_id,
            ))
            .first(&mut self.db)
            .expect("the delivery");
        (status, attempts, claims, lease.is_some())
    }

    pub fn count(&mut self, table: &str) -> i64 {
        count(&mut self.db, table)
    }
}

impl Taken {
    pub fn ids(&self) -> Vec<DeliveryId> {
        self.rows.iter().map(|row| row.id).collect()
    }
}

/// Rows of a table, `WHERE …` included if wanted.
#[allow(clippy::disallowed_methods, reason = "a test names its tables; nothing here is hot")]
pub fn count(db: &mut Db, table: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let text = format!("SELECT count(*) AS n FROM {table}");
    let found: Count = match db {
        Db::Sqlite(db) => diesel::sql_query(text).get_result(db),
        Db::Pg(db) => diesel::sql_query(text).get_result(db),
    }
    .expect("a count");
    found.n
}
