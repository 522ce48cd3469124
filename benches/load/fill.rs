//! Fills a database whose server is stopped with as many deliveries as a run needs, as the product itself would have written
//! them: events with their bodies, waiting deliveries, finished ones with their attempts. Millions take minutes through the
//! API and seconds through one statement for a hundred thousand.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use taskview_webhooks::clock::Clock;

use crate::api::Webhooks;
use crate::database::Database;
use crate::generator::{BODY_SIZE, FIRST_EVENT};

/// Deliveries of one transaction.
const SLICE: i64 = 100_000;
/// How far back finished deliveries reach.
const HISTORY: Duration = Duration::from_secs(20 * 24 * 3600);
/// One in so many deliveries of a webhook failed, after three attempts.
const FAILED: i64 = 100;

/// Deliveries that are due, oldest first, one event each, dealt out to the webhooks in turn. Their events are numbered from
/// [`FIRST_EVENT`] on.
pub fn waiting(database: &Database, webhooks: &Webhooks, rows: i64) {
    let fill = Fill::new(database, webhooks);
    let due = fill.now - rows;
    fill.run("waiting", rows, |from, to| {
        let Fill {
            events, deliveries, ..
        } = fill;
        let (rows, webhook, project, message) =
            (fill.series(from, to), fill.webhook(), fill.project(), fill.message_id());
        let body = fill.body(&format!("({FIRST_EVENT} + i)"), "'task.created'");
        format!(
            "INSERT INTO events (id, project_id, kind, body, occurred_at, initiator_id, task_id, published)
               SELECT {events} + i, {project}, 'task.created', {body}, {due} + i, NULL, {FIRST_EVENT} + i, TRUE FROM {rows};
             INSERT INTO deliveries (id, project_id, webhook_id, event_id, task_id, kind, message_id, status, trigger,
                 attempts, claims, due_at, leased_until, created_at)
               SELECT {deliveries} + i, {project}, {webhook}, {events} + i, {FIRST_EVENT} + i, 'task.created', {message}, 0, 0,
                 0, 0, {due} + i, 0, {due} + i FROM {rows};"
        )
    });
}

/// Deliveries that have ended, with attempts, headers and answers. With ten webhooks or more, ten of them share an event.
pub fn finished(database: &Database, webhooks: &Webhooks, rows: i64) {
    let fill = Fill::new(database, webhooks);
    let share = if webhooks.count % 10 == 0 { 10 } else { 1 };
    let step = HISTORY.as_micros() as i64 / rows.max(1);
    let began = fill.now - HISTORY.as_micros() as i64;
    let failed = format!("(i / {}) % {FAILED} = {}", webhooks.count, FAILED - 1);
    let kind = |event: &str| {
        format!(
            "CASE WHEN ({event}) % 50 = 0 THEN 'task.deleted' WHEN ({event}) % 5 = 0 THEN 'task.updated' ELSE 'task.created' END"
        )
    };
    fill.run("finished", rows, |from, to| {
        let Fill {
            events, deliveries, ..
        } = fill;
        let (rows, webhook, project, message) =
            (fill.series(from, to), fill.webhook(), fill.project(), fill.message_id());
        let (event, of_event, body) = (format!("i / {share}"), kind(&format!("i / {share}")), fill.body("i", &kind("i")));
        let first = fill.project_of(&format!("i * {share}"));
        let event_rows = fill.series(from / share, to / share);
        let at = format!("{began} + i * {step}");
        let answer = fill.bytes("'ok'");
        format!(
            "INSERT INTO events (id, project_id, kind, body, occurred_at, initiator_id, task_id, published)
               SELECT {events} + i, {first}, {kind}, {body}, {began} + i * {share} * {step}, NULL, i % 500000, TRUE FROM {event_rows};
             INSERT INTO deliveries (id, project_id, webhook_id, event_id, task_id, kind, message_id, status, trigger,
                 attempts, claims, due_at, leased_until, response_code, outcome, last_attempt_at, duration_us, created_at)
               SELECT {deliveries} + i, {project}, {webhook}, {events} + {event}, ({event}) % 500000, {of_event}, {message},
                 CASE WHEN {failed} THEN 2 ELSE 1 END, 0, CASE WHEN {failed} THEN 3 ELSE 1 END, 0, {at}, 0,
                 CASE WHEN {failed} THEN 500 ELSE 200 END, 0, {at}, 1500, {at} FROM {rows};
             INSERT INTO attempts (delivery_id, number, started_at, duration_us, connect_us, first_byte_us, outcome,
                 response_code, reused, cut, response_size, address, message, url, request_headers, response_headers)
               SELECT {deliveries} + i, k, {at}, 1500, 200, 900, 0, CASE WHEN {failed} THEN 500 ELSE 200 END, TRUE, FALSE, 2,
                 '127.0.0.1:40000', CASE WHEN {failed} THEN 'The receiver answered 500 Internal Server Error; only a 2xx answer is a success.'
                 ELSE 'The receiver answered 200 OK.' END, 'http://127.0.0.1:40000/7', '{REQUEST_HEADERS}', '[[\"content-length\",\"2\"]]'
               FROM {rows} CROSS JOIN {NUMBERS} WHERE k = 1 OR {failed};
             INSERT INTO attempt_bodies (delivery_id, number, body)
               SELECT {deliveries} + i, k, {answer} FROM {rows} CROSS JOIN {NUMBERS} WHERE k = 1 OR {failed};",
            kind = kind("i"),
        )
    });
}

const NUMBERS: &str = "(SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3) AS a";

/// As long as what is really sent.
const REQUEST_HEADERS: &str = concat!(
    r#"[["Content-Type","application/json"],["User-Agent","TaskView-Webhooks/0.1.0"],"#,
    r#"["X-Webhook-Signature","sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"],"#,
    r#"["X-Webhook-Event","task.created"],["X-Webhook-Delivery","msg_0123456789abcdef0123456789abcdef"],"#,
    r#"["X-Webhook-Attempt","1"],["webhook-id","msg_0123456789abcdef0123456789abcdef"],"#,
    r#"["webhook-timestamp","1774180800"],["webhook-signature","v1,0123456789abcdef0123456789abcdef0123456789a="]]"#
);

/// What the statements of one fill have in common. `i` is the number of the row in all of them.
struct Fill<'a> {
    database: &'a Database,
    webhooks: &'a Webhooks,
    sqlite: bool,
    /// The last ids before.
    events: i64,
    deliveries: i64,
    now: i64,
}

impl<'a> Fill<'a> {
    fn new(database: &'a Database, webhooks: &'a Webhooks) -> Fill<'a> {
        Fill {
            sqlite: database.is_sqlite(),
            events: database.number("(SELECT coalesce(max(id), 0) + 1 FROM events)"),
            deliveries: database.number("(SELECT coalesce(max(id), 0) + 1 FROM deliveries)"),
            now: Clock::default().now().0,
            database,
            webhooks,
        }
    }

    /// Runs what `statements` says for each slice of the rows, without the care for power cuts that a server takes.
    fn run(&self, what: &str, rows: i64, statements: impl Fn(i64, i64) -> String) {
        if rows == 0 {
            return;
        }
        let began = Instant::now();
        let mut db = self.database.open();
        let mut run = |text: &str| db.batch_execute(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        if self.sqlite {
            run(
                "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF;
                 PRAGMA synchronous = OFF; PRAGMA cache_size = -500000",
            );
        } else {
            // Switches the checks of foreign keys off: what is written here refers to what was written before it.
            run("SET session_replication_role = replica; SET synchronous_commit = off");
        }
        for from in (0..rows).step_by(SLICE as usize) {
            let to = (from + SLICE).min(rows) - 1;
            run(&format!("BEGIN; {} COMMIT", statements(from, to)));
        }
        if self.sqlite {
            run("PRAGMA journal_mode = WAL");
        } else {
            for table in ["events", "deliveries"] {
                run(&format!(
                    "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                ));
            }
            for table in ["events", "deliveries", "attempts", "attempt_bodies"] {
                run(&format!("VACUUM ANALYZE {table}"));
            }
            run("CHECKPOINT");
        }
        println!(
            "filled in {rows} {what} deliveries in {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }

    fn series(&self, from: i64, to: i64) -> String {
        if self.sqlite {
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) SELECT i FROM n) AS n"
            )
        } else {
            format!("(SELECT i FROM generate_series({from}::bigint, {to}::bigint) AS s(i)) AS n")
        }
    }

    fn webhook(&self) -> String {
        format!("({} + i % {})", self.webhooks.first, self.webhooks.count)
    }

    fn project(&self) -> String {
        self.project_of("i")
    }

    fn project_of(&self, row: &str) -> String {
        let Webhooks { first, count, .. } = self.webhooks;
        format!("(SELECT w.project_id FROM webhooks w WHERE w.id = {first} + ({row}) % {count})")
    }

    fn message_id(&self) -> String {
        let number = format!("{} + i", self.deliveries);
        if self.sqlite {
            format!("'msg_' || printf('%032x', {number})")
        } else {
            format!("'msg_' || lpad(to_hex({number}), 32, '0')")
        }
    }

    fn body(&self, id: &str, kind: &str) -> String {
        let padding = "x".repeat(BODY_SIZE - 80);
        self.bytes(&format!(
            "'{{\"event\":\"' || {kind} || '\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"task\":{{\"id\":' || {id} || \
             ',\"sent\":\"00000000000000000000\",\"description\":\"{padding}\"}},\"initiatorId\":null}}'"
        ))
    }

    fn bytes(&self, text: &str) -> String {
        if self.sqlite {
            format!("CAST({text} AS BLOB)")
        } else {
            format!("convert_to({text}, 'UTF8')")
        }
    }
}
