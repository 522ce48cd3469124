//! The engine without web and pages: events are written into the database, a receiver gets them, and the rows say so. What
//! people see of it is in `delivery_outcomes.rs`.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use taskview_webhooks::clock::Clock;
use taskview_webhooks::config::{Config, Timing};
use taskview_webhooks::context::Context;
use taskview_webhooks::db::events::NewEvent;
use taskview_webhooks::db::publish;
use taskview_webhooks::db::schema::{attempts, deliveries, webhooks};
use taskview_webhooks::db::{self, DatabaseUrl, Db, Purpose, Tx};
use taskview_webhooks::delivery::engine::{self, EngineHandle};
use taskview_webhooks::delivery::resolve::Resolver;
use taskview_webhooks::domain::delivery::Status;
use taskview_webhooks::domain::event::EventKind;
use taskview_webhooks::domain::ids::{ProjectId, UserId, WebhookId};
use taskview_webhooks::domain::secret::Secret;
use taskview_webhooks::error::AppError;
use taskview_webhooks::store::Store;
use taskview_webhooks::vault::{KeyRing, MasterKey, Root, Sealer, Vault, seal_secret};

use crate::support::database::{MASTER_KEY, TestDatabase};
use crate::support::receiver::{Answer, Receiver};
use crate::support::wait;

const WORLD: &str = "
    INSERT INTO users (id, login, email, name, password_hash, created_at) VALUES (1, 'o', 'o@example.com', 'O', '', 0);
    INSERT INTO projects (id, name, description, color, creator_id, created_at, edited_at) VALUES (1, 'P', '', '#000000', 1, 0, 0);
";

struct Running {
    context: Context,
    engine: EngineHandle,
    database: TestDatabase,
    secret: Secret,
}

impl Running {
    /// An engine on a fresh database with one webhook for each URL.
    fn start(urls: &[String]) -> Running {
        Self::with_timing(urls, Timing::default())
    }

    fn with_timing(urls: &[String], timing: Timing) -> Running {
        let database = TestDatabase::migrated();
        let url = DatabaseUrl::parse(&database.url).unwrap();
        let store = Store::open(&url, Clock::default()).unwrap();
        let key = MasterKey::parse(MASTER_KEY).unwrap();
        let (sealer, ring) = (Sealer::new(&key), KeyRing::given(&[key]));
        let vault = Vault::new(ring, Root::random());
        let secret = Secret::from_random([7; 32]);
        let mut db = Db::open(&url, Purpose::Write).unwrap();
        db.batch_execute(WORLD).unwrap();
        for (index, target) in urls.iter().enumerate() {
            let id = WebhookId(index as i64 + 1);
            insert_webhook(&mut db, id, target, seal_secret(&sealer, id, &secret));
        }
        let config = Config {
            timing,
            ..Config::laptop(url, database.dir().to_path_buf())
        };
        let (context, wires) = Context::new(store, config, vault);
        let engine = engine::start(context.clone(), Resolver::System, Vec::new(), wires);
        Running {
            context,
            engine,
            database,
            secret,
        }
    }

    async fn publish(&self, count: usize) {
        for number in 0..count {
            let published = self.context.write(move |tx| publish_numbers(tx, number..number + 1));
            published.await.unwrap();
        }
    }

    fn db(&self) -> Db {
        Db::open(&DatabaseUrl::parse(&self.database.url).unwrap(), Purpose::Read).unwrap()
    }

    fn statuses(&self) -> Vec<(Status, i32)> {
        let columns = (deliveries::status, deliveries::attempts);
        deliveries::table
            .select(columns)
            .order(deliveries::id)
            .load(&mut self.db())
            .unwrap()
    }

    async fn until(&self, what: &str, holds: impl Fn(&[(Status, i32)]) -> bool) {
        wait::until(Duration::from_secs(20), what, async || {
            holds(&self.statuses()).then_some(())
        })
        .await;
    }

    fn advance(&self, by: Duration) {
        self.context.clock().advance(by);
        self.context.nudge(Vec::new());
    }
}

/// One transaction with an event for each number.
fn publish_numbers(tx: &mut Tx<'_>, numbers: std::ops::Range<usize>) -> Result<(), AppError> {
    let bodies: Vec<String> = numbers
        .map(|number| format!("{{\"event\":\"task.created\",\"n\":{number}}}"))
        .collect();
    let events: Vec<NewEvent<'_>> = bodies
        .iter()
        .map(|body| NewEvent {
            project: ProjectId(1),
            kind: &EventKind::TASK_CREATED,
            body: body.as_bytes(),
            initiator: None,
            task: None,
            published: false,
        })
        .collect();
    let published = publish::publish(tx, &events)?;
    assert_eq!(published.len(), events.len());
    Ok(())
}

fn insert_webhook(db: &mut Db, id: WebhookId, url: &str, sealed: Vec<u8>) {
    let new = db::webhooks::NewWebhook {
        project: ProjectId(1),
        name: None,
        url,
        schedule: taskview_webhooks::domain::retry::Schedule::Standard,
        by: UserId(1),
    };
    let made = db::webhooks::insert(db, &new, taskview_webhooks::domain::moment::Moment(0)).unwrap();
    assert_eq!(made, id);
    diesel::update(webhooks::table.find(id))
        .set(webhooks::secret_sealed.eq(sealed))
        .execute(db)
        .unwrap();
    let events = [EventKind::TASK_CREATED];
    db::webhooks::set_events(db, id, &events, taskview_webhooks::domain::moment::Moment(0)).unwrap();
}

#[actix_web::test]
async fn every_event_reaches_every_webhook_signed_and_is_recorded() {
    let receivers = [Receiver::start(), Receiver::start()];
    let running = Running::start(&receivers.each_ref().map(|receiver| receiver.url("/hook")));

    running.publish(100).await;

    for receiver in &receivers {
        let requests = receiver.wait_for(100).await;
        assert!(
            requests
                .iter()
                .all(|request| request.is_signed_with(running.secret.expose()))
        );
        let ids: std::collections::HashSet<_> = requests.iter().map(|request| request.header("webhook-id")).collect();
        assert_eq!(ids.len(), 100);
    }
    running
        .until("all are recorded", |rows| {
            rows.iter().all(|row| *row == (Status::Success, 1))
        })
        .await;
    let kept: i64 = attempts::table.count().get_result(&mut running.db()).unwrap();
    assert_eq!(kept, 200);
    running.engine.stop().await;
}

#[actix_web::test]
async fn a_failing_receiver_is_asked_again_after_ten_and_twenty_seconds_and_then_no_more() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::status(500));
    let running = Running::start(&[receiver.url("/hook")]);

    running.publish(1).await;
    running
        .until("the first attempt", |rows| rows[0] == (Status::Pending, 1))
        .await;
    running.advance(Duration::from_secs(9));
    running.advance(Duration::from_millis(1100));
    running
        .until("the second", |rows| rows[0] == (Status::Pending, 2))
        .await;
    running.advance(Duration::from_secs(19));
    assert_eq!(receiver.wait_for(2).await.len(), 2);
    running.advance(Duration::from_millis(1100));
    running.until("the third", |rows| rows[0] == (Status::Failed, 3)).await;
    running.advance(Duration::from_secs(600));
    running.engine.stop().await;

    assert_eq!(receiver.wait_for(3).await.len(), 3);
}

#[actix_web::test]
async fn stopping_waits_for_what_is_on_its_way_and_records_it() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::After(Duration::from_millis(400), Box::new(Answer::status(200))));
    let running = Running::start(&[receiver.url("/hook")]);
    running.publish(1).await;
    receiver.wait_for(1).await;

    let database = running.database;
    running.engine.stop().await;

    let mut db = Db::open(&DatabaseUrl::parse(&database.url).unwrap(), Purpose::Read).unwrap();
    let status: Status = deliveries::table.select(deliveries::status).first(&mut db).unwrap();
    assert_eq!(status, Status::Success);
}

#[actix_web::test]
async fn stopping_gives_back_what_does_not_end_as_if_it_had_not_been_claimed() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Hang);
    let timing = Timing {
        farewell: Duration::from_millis(200),
        ..Timing::default()
    };
    let running = Running::with_timing(&[receiver.url("/hook")], timing);
    running.publish(1).await;
    receiver.wait_for(1).await;

    let database = running.database;
    running.engine.stop().await;

    let mut db = Db::open(&DatabaseUrl::parse(&database.url).unwrap(), Purpose::Read).unwrap();
    let columns = (
        deliveries::status,
        deliveries::attempts,
        deliveries::claims,
        deliveries::leased_until,
        deliveries::lease_id,
    );
    let row: (Status, i32, i32, i64, Option<i64>) = deliveries::table.select(columns).first(&mut db).unwrap();
    assert_eq!(row, (Status::Pending, 0, 0, 0, None));
}

/// A webhook that has answered once, so that it is known to be quick, and nothing is on its way any more.
async fn quick(receiver: &Receiver) -> Running {
    let running = Running::start(&[receiver.url("/hook")]);
    running.publish(1).await;
    running
        .until("the first answer", |rows| rows == [(Status::Success, 1)])
        .await;
    wait::until(Duration::from_secs(20), "its slot is free", async || {
        (running.context.slots().lock().running == 0).then_some(())
    })
    .await;
    running
}

#[actix_web::test]
async fn a_fresh_delivery_to_a_webhook_that_answers_is_written_claimed_and_sent() {
    let receiver = Receiver::start();
    let running = quick(&receiver).await;

    let leases = running.context.write(|tx| {
        publish_numbers(tx, 1..6)?;
        let fresh = deliveries::table.filter(deliveries::status.eq(Status::Pending));
        Ok(fresh
            .select((deliveries::lease_id, deliveries::claims))
            .load::<(Option<i64>, i32)>(tx.db)?)
    });

    let leases = leases.await.unwrap();
    assert_eq!(leases.len(), 5);
    assert!(leases.iter().all(|(lease, claims)| lease.is_some() && *claims == 1));
    running
        .until("all are recorded", |rows| rows == [(Status::Success, 1); 6])
        .await;
    assert_eq!(receiver.wait_for(6).await.len(), 6);
    assert_eq!(running.context.slots().promised(), 0);
    running.engine.stop().await;
}

#[actix_web::test]
async fn a_change_that_is_taken_back_gives_its_slots_back_and_sends_nothing() {
    let receiver = Receiver::start();
    let running = quick(&receiver).await;

    let refused = running.context.write(|tx| {
        publish_numbers(tx, 1..6)?;
        Err::<(), _>(AppError::NotFound)
    });

    assert!(refused.await.is_err());
    let slots = running.context.slots();
    assert_eq!((slots.promised(), slots.lock().running), (0, 0));
    assert_eq!(running.statuses().len(), 1);
    running.engine.stop().await;
    assert_eq!(receiver.requests().len(), 1);
}

#[actix_web::test]
async fn a_webhook_that_is_off_is_handed_nothing() {
    let receiver = Receiver::start();
    let running = quick(&receiver).await;

    let off = running.context.write(|tx| {
        assert!(db::webhooks::turn_off(tx.db, WebhookId(1), UserId(1), tx.now)?);
        publish_numbers(tx, 1..2)
    });

    off.await.unwrap();
    assert_eq!(running.statuses(), [(Status::Success, 1), (Status::Pending, 0)]);
    running.engine.stop().await;
    assert_eq!(receiver.requests().len(), 1);
}

#[actix_web::test]
async fn what_was_handed_over_is_sent_and_recorded_before_the_engine_ends() {
    let receiver = Receiver::start();
    let running = quick(&receiver).await;

    running.context.write(|tx| publish_numbers(tx, 1..21)).await.unwrap();
    let database = running.database;
    running.engine.stop().await;

    let mut db = Db::open(&DatabaseUrl::parse(&database.url).unwrap(), Purpose::Read).unwrap();
    let held: i64 = deliveries::table
        .filter(deliveries::lease_id.is_not_null())
        .count()
        .get_result(&mut db)
        .unwrap();
    let sent: i64 = deliveries::table
        .filter(deliveries::status.eq(Status::Success))
        .count()
        .get_result(&mut db)
        .unwrap();
    assert_eq!((held, sent), (0, 21));
}
