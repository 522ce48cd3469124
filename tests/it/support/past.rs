//! A history that began long before the test: deliveries that ended, each of an event of its own, with an attempt and its answer, as the
//! program itself would have left them.

use diesel::connection::SimpleConnection as _;
use taskview_webhooks::db::Db;
use taskview_webhooks::domain::moment::Moment;

use super::queue::count;

/// Rows of one statement.
const SLICE: usize = 500;

/// A delivery, and its event of the same number and age.
#[derive(Debug, Clone, Copy)]
pub struct Past {
    pub id: i64,
    pub project: i64,
    pub webhook: i64,
    pub state: State,
    pub made: Moment,
    /// When it was attempted; it was not, if none.
    pub tried: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Success,
    Failed,
    Discarded,
}

/// So many that ended well at one instant, with the numbers from one on.
pub fn delivered(project: i64, webhook: i64, from: i64, count: i64, at: Moment) -> Vec<Past> {
    let one = |id| Past {
        id,
        project,
        webhook,
        state: State::Success,
        made: at,
        tried: Some(at),
    };
    (from..from + count).map(one).collect()
}

pub fn insert(db: &mut Db, rows: &[Past]) {
    for some in rows.chunks(SLICE) {
        let of = |row: &dyn Fn(&Past) -> String| some.iter().map(row).collect::<Vec<_>>().join(",\n");
        let mut statements = vec![
            format!(
                "INSERT INTO events (id, project_id, kind, body, occurred_at, published) VALUES {}",
                of(&|row| format!("({}, {}, 'task.created', '{{\"n\":1}}', {}, TRUE)", row.id, row.project, row.made.0))
            ),
            format!(
                "INSERT INTO deliveries (id, project_id, webhook_id, event_id, kind, message_id, status, trigger, attempts, claims,
                   due_at, leased_until, response_code, outcome, last_attempt_at, duration_us, created_at) VALUES {}",
                of(&delivery)
            ),
        ];
        let tried: Vec<&Past> = some.iter().filter(|row| row.tried.is_some()).collect();
        if !tried.is_empty() {
            let keys = tried.iter().map(|row| format!("({}, 1, ", row.id));
            let attempt = |key| {
                format!(
                    "{key}0, 1500, 0, 200, FALSE, FALSE, 2, 'The receiver answered.', 'http://127.0.0.1:9/', '[]', '[]')"
                )
            };
            let attempts: Vec<String> = keys.clone().map(attempt).collect();
            let bodies: Vec<String> = keys.map(|key| format!("{key}'ok')")).collect();
            statements.push(format!(
                "INSERT INTO attempts (delivery_id, number, started_at, duration_us, outcome, response_code, reused, cut,
                   response_size, message, url, request_headers, response_headers) VALUES {}",
                attempts.join(",\n")
            ));
            statements.push(format!(
                "INSERT INTO attempt_bodies (delivery_id, number, body) VALUES {}",
                bodies.join(",\n")
            ));
        }
        db.batch_execute(&statements.join(";\n")).expect("rows of the past");
    }
    if !db.is_sqlite() {
        for table in ["events", "deliveries"] {
            let next = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))");
            db.batch_execute(&next).expect("the next id");
        }
    }
}

fn delivery(row: &Past) -> String {
    let (status, outcome) = match row.state {
        State::Pending => (0, "NULL"),
        State::Success => (1, "0"),
        State::Failed => (2, "0"),
        State::Discarded => (2, "8"),
    };
    let code = match row.state {
        State::Success => "200",
        State::Failed => "500",
        State::Pending | State::Discarded => "NULL",
    };
    let (attempts, tried, took) = match row.tried {
        Some(at) => (1, at.0.to_string(), "1500"),
        None => (0, "NULL".to_owned(), "NULL"),
    };
    format!(
        "({id}, {}, {}, {id}, 'task.created', 'msg_{id}', {status}, 0, {attempts}, 0, {}, 0, {code}, {outcome}, {tried}, {took}, {})",
        row.project,
        row.webhook,
        row.made.0,
        row.made.0,
        id = row.id
    )
}

/// A slice takes a delivery with its attempts and their answers, and an event only when no delivery refers to it.
pub fn assert_nothing_is_half_removed(db: &mut Db) {
    for orphan in [
        "attempts a WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = a.delivery_id)",
        "attempt_bodies b WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = b.delivery_id)",
        "deliveries d WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = d.event_id)",
    ] {
        assert_eq!(count(db, orphan), 0, "{orphan}");
    }
}
