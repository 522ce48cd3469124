//! A small state space, walked in full to a bounded depth over the real statements: two nodes, one delivery, one webhook, and
//! everything that can happen to them in any order. Branches are savepoints; states that were seen are not entered again.
//!
//! In every state: nothing is lost, nothing is recorded twice, nothing is claimed while the webhook is off.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use taskview_webhooks::db::attempts::Attempt;
use taskview_webhooks::db::deliveries::{Claimed, Lease, Wanted, claim};
use taskview_webhooks::db::schema::{attempts, deliveries, webhooks};
use taskview_webhooks::db::{self, Db, Lane, Purpose, Tx};
use taskview_webhooks::delivery::settle::{Settlement, settle};
use taskview_webhooks::domain::delivery::{Outcome, OutcomeKind, Status, Trigger, judge};
use taskview_webhooks::domain::ids::{DeliveryId, ProjectId, UserId, WebhookId};
use taskview_webhooks::domain::moment::{Moment, micros};

use crate::support::database::{Kind, TestDatabase, kind};

const DELIVERY: DeliveryId = DeliveryId(1);
const WEBHOOK: WebhookId = WebhookId(1);
const OWNER: UserId = UserId(1);
const START: Moment = Moment(1_000_000_000_000);
/// Longer than a lease and than every wait of the Standard schedule.
const LONG: std::time::Duration = std::time::Duration::from_secs(21);
/// Past this many attempts nothing new can happen.
const ATTEMPTS: i32 = 4;

/// One failed delivery short of being turned off by itself.
const WORLD: &str = "
    INSERT INTO users (id, login, email, name, password_hash, created_at) VALUES (1, 'o', 'o@example.com', 'O', '', 0);
    INSERT INTO projects (id, name, description, color, creator_id, created_at, edited_at) VALUES (1, 'P', '', '#000000', 1, 0, 0);
    INSERT INTO webhooks (id, project_id, url, secret_sealed, secret_hint, secret_made_at, secret_made_by, schedule, active,
        consecutive_failures, discarded_to, created_by, created_at, updated_at)
      VALUES (1, 1, 'http://127.0.0.1/', '0', '', 0, 1, 0, TRUE, 9, 0, 1, 0, 0);
    INSERT INTO events (id, project_id, kind, body, occurred_at, published) VALUES (1, 1, 'task.created', '{}', 0, FALSE);
    INSERT INTO deliveries (id, project_id, webhook_id, event_id, kind, message_id, status, trigger, attempts, claims, due_at,
        leased_until, created_at)
      VALUES (1, 1, 1, 1, 'task.created', 'msg_1', 0, 0, 0, 0, 1000000000000, 0, 0);
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Claim(usize),
    Send(usize),
    Settle(usize, u16),
    Crash(usize),
    LongTime,
    Off,
    On,
    Rotate,
    Delete,
    Retry,
}

/// What a node has in its hands.
#[derive(Debug, Clone)]
struct Hand {
    claimed: Claimed,
    lease_id: i64,
    /// The secret was rotated since the claim.
    stale_secret: bool,
    lapsed: bool,
    sent: bool,
}

#[derive(Debug, Clone)]
struct World {
    now: Moment,
    nodes: [Option<Hand>; 2],
    next_lease: i64,
    secret: u8,
}

/// What distinguishes two states; counters of no consequence are left out.
type Key = (
    (Status, Trigger, i32, bool, bool, Option<Option<usize>>),
    (bool, i32, bool),
    [Option<(bool, bool, bool, i32)>; 2],
);

struct Row {
    status: Status,
    trigger: Trigger,
    attempts: i32,
    due_at: Moment,
    leased_until: Moment,
    lease_id: Option<i64>,
}

#[test]
fn in_every_interleaving_nothing_is_lost_recorded_twice_or_sent_after_an_off() {
    let (depth, database) = match kind() {
        Kind::Sqlite => (12, TestDatabase::create()),
        // Each step costs a round trip there.
        Kind::Postgres => (9, TestDatabase::create()),
    };
    let url = db::DatabaseUrl::parse(&database.url).unwrap();
    let mut db = Db::open(&url, Purpose::Write).unwrap();
    db.migrate().unwrap();
    if let Kind::Postgres = kind() {
        // All branches are one transaction, whose dead rows nothing sweeps: by way of an index they cost much more.
        db.batch_execute("SET enable_seqscan = on").unwrap();
    }
    db.batch_execute("BEGIN").unwrap();
    db.batch_execute(WORLD).unwrap();
    let world = World {
        now: START,
        nodes: [None, None],
        next_lease: 1,
        secret: b'0',
    };

    let mut seen = HashMap::new();
    explore(&mut db, &world, depth, &mut seen);

    assert!(seen.len() > 500, "only {} states were reached", seen.len());
    println!("{} states to a depth of {depth}", seen.len());
}

fn explore(db: &mut Db, world: &World, depth: u32, seen: &mut HashMap<Key, u32>) {
    let key = key(db, world);
    if seen.get(&key).is_some_and(|seen_with| *seen_with >= depth) {
        return;
    }
    seen.insert(key, depth);
    check(db, world);
    if depth == 0 || row(db).is_none_or(|row| row.attempts > ATTEMPTS) {
        return;
    }
    for step in steps(world) {
        let mut next = world.clone();
        db.batch_execute(&format!("SAVEPOINT depth_{depth}")).unwrap();
        if take(db, &mut next, step) {
            explore(db, &next, depth - 1, seen);
        }
        db.batch_execute(&format!(
            "ROLLBACK TO SAVEPOINT depth_{depth}; RELEASE SAVEPOINT depth_{depth}"
        ))
        .unwrap();
    }
}

fn steps(world: &World) -> Vec<Step> {
    let mut steps = vec![
        Step::LongTime,
        Step::Off,
        Step::On,
        Step::Rotate,
        Step::Delete,
        Step::Retry,
    ];
    for (node, hand) in world.nodes.iter().enumerate() {
        match hand {
            None => steps.push(Step::Claim(node)),
            Some(hand) => {
                steps.push(Step::Crash(node));
                // A lease that has run out is dropped before it connects.
                if !hand.sent && !hand.lapsed {
                    steps.push(Step::Send(node));
                }
                if hand.sent {
                    steps.extend([Step::Settle(node, 200), Step::Settle(node, 500)]);
                }
            }
        }
    }
    steps
}

/// Makes one step; `false` when it changes nothing.
fn take(db: &mut Db, world: &mut World, step: Step) -> bool {
    match step {
        Step::Claim(node) => {
            let (active, _, deleted) = webhook(db);
            let lease_id = world.next_lease;
            let Some(claimed) = claim_any(db, world.now, lease_id) else {
                return false;
            };
            assert!(!deleted, "a deleted webhook was claimed");
            assert!(
                active || claimed.trigger != Trigger::Automatic,
                "an automatic delivery was claimed while off"
            );
            assert_eq!(
                claimed.secret_sealed,
                [world.secret],
                "a claim uses the secret of its moment"
            );
            world.next_lease += 1;
            world.nodes[node] = Some(Hand {
                claimed,
                lease_id,
                stale_secret: false,
                lapsed: false,
                sent: false,
            });
            true
        }
        Step::Send(node) => {
            let hand = world.nodes[node].as_mut().unwrap();
            hand.sent = true;
            true
        }
        Step::Settle(node, code) => {
            let hand = world.nodes[node].take().unwrap();
            settle_one(db, world.now, &hand, code);
            true
        }
        Step::Crash(node) => world.nodes[node].take().is_some(),
        Step::LongTime => {
            world.now = world.now + LONG;
            world.nodes.iter_mut().flatten().for_each(|hand| hand.lapsed = true);
            true
        }
        Step::Off => db::webhooks::turn_off(db, WEBHOOK, OWNER, world.now).unwrap(),
        Step::On => db::webhooks::turn_on(db, WEBHOOK, DeliveryId(0), world.now).unwrap(),
        Step::Rotate => {
            world.secret += 1;
            world
                .nodes
                .iter_mut()
                .flatten()
                .for_each(|hand| hand.stale_secret = true);
            let rotated = diesel::update(webhooks::table.filter(webhooks::deleted_at.is_null()))
                .set(webhooks::secret_sealed.eq(vec![world.secret]))
                .execute(db);
            rotated.unwrap() == 1 && world.secret < b'3'
        }
        Step::Delete => {
            let there = !webhook(db).2;
            db::webhooks::hide(db, WEBHOOK, world.now).unwrap();
            there
        }
        Step::Retry => db::resend::retry(db, DELIVERY, world.now).unwrap(),
    }
}

/// What must hold in every state.
fn check(db: &mut Db, world: &World) {
    let Some(row) = row(db) else { return };
    let recorded: i64 = attempts::table
        .filter(attempts::delivery_id.eq(DELIVERY))
        .count()
        .get_result(db)
        .unwrap();
    assert_eq!(
        recorded,
        i64::from(row.attempts),
        "an attempt was recorded twice, or not at all"
    );
    assert!(row.lease_id.is_none() || row.status == Status::Pending);
    if webhook(db).2 {
        return;
    }
    // Not lost: whatever happened, once the webhook is on and time has passed it is sent, if need be after a press of Retry.
    db.batch_execute("SAVEPOINT lost").unwrap();
    let later = world.now + LONG;
    db::webhooks::turn_on(db, WEBHOOK, DeliveryId(0), later).unwrap();
    match row.status {
        Status::Success => {}
        Status::Failed => assert!(db::resend::retry(db, DELIVERY, later).unwrap()),
        Status::Pending => {}
    }
    if row.status != Status::Success {
        assert!(claim_any(db, later, -1).is_some(), "lost: {world:?}");
        assert!(claim_any(db, later, -2).is_none(), "claimed twice: {world:?}");
    }
    db.batch_execute("ROLLBACK TO SAVEPOINT lost; RELEASE SAVEPOINT lost")
        .unwrap();
}

fn claim_any(db: &mut Db, now: Moment, lease_id: i64) -> Option<Claimed> {
    let lease = Lease {
        id: lease_id,
        now,
        until: now + std::time::Duration::from_secs(20),
        void_before: now,
    };
    let wanted: Vec<Wanted> = [Lane::Automatic, Lane::Direct]
        .map(|lane| Wanted {
            webhook: WEBHOOK,
            lane,
            count: 4,
            floor: Moment(i64::MIN),
        })
        .into();
    let mut claimed = claim(db, &wanted, lease).unwrap();
    assert!(claimed.len() <= 1);
    claimed.pop()
}

fn settle_one(db: &mut Db, now: Moment, hand: &Hand, code: u16) {
    let before = row(db).map(|row| (row.attempts, row.lease_id));
    let claimed = &hand.claimed;
    let number = claimed.attempts + 1;
    let settlement = Settlement {
        webhook: WEBHOOK,
        project: ProjectId(1),
        trigger: claimed.trigger,
        lease_id: hand.lease_id,
        verdict: judge(
            number,
            &Outcome::Answered(code),
            claimed.trigger,
            claimed.schedule,
            None,
            now,
            0.5,
        ),
        attempt: Attempt {
            delivery_id: DELIVERY,
            number,
            started_at: now,
            duration_us: micros(std::time::Duration::from_millis(1)),
            lookup_us: None,
            connect_us: None,
            first_byte_us: None,
            outcome: OutcomeKind::Answered,
            response_code: Some(code.into()),
            reused: false,
            cut: false,
            response_size: 0,
            address: None,
            message: String::new(),
            url: claimed.url.clone(),
            request_headers: "[]".into(),
            response_headers: "[]".into(),
        },
        response_body: Vec::new(),
    };
    let mut tx = Tx::new(db, now, None);
    let recorded = settle(&mut tx, &[settlement]).unwrap().recorded;
    let holds = before.is_some_and(|(_, lease)| lease == Some(hand.lease_id));
    assert_eq!(
        recorded.len(),
        usize::from(holds),
        "exactly the holder of the lease records"
    );
    let after = row(db).map(|row| row.attempts);
    assert_eq!(after, before.map(|(attempts, _)| attempts + i32::from(holds)));
}

fn webhook(db: &mut Db) -> (bool, i32, bool) {
    let (active, failures, deleted): (bool, i32, Option<Moment>) = webhooks::table
        .select((webhooks::active, webhooks::consecutive_failures, webhooks::deleted_at))
        .first(db)
        .unwrap();
    (active, failures, deleted.is_some())
}

fn row(db: &mut Db) -> Option<Row> {
    let row: Option<(Status, Trigger, i32, Moment, Moment, Option<i64>)> = deliveries::table
        .select((
            deliveries::status,
            deliveries::trigger,
            deliveries::attempts,
            deliveries::due_at,
            deliveries::leased_until,
            deliveries::lease_id,
        ))
        .first(db)
        .optional()
        .unwrap();
    row.map(|(status, trigger, attempts, due_at, leased_until, lease_id)| Row {
        status,
        trigger,
        attempts,
        due_at,
        leased_until,
        lease_id,
    })
}

fn key(db: &mut Db, world: &World) -> Key {
    let row = row(db).unwrap();
    let holder = |lease: i64| {
        world
            .nodes
            .iter()
            .position(|hand| hand.as_ref().is_some_and(|hand| hand.lease_id == lease))
    };
    let hands = world
        .nodes
        .clone()
        .map(|hand| hand.map(|hand| (hand.sent, hand.lapsed, hand.stale_secret, hand.claimed.attempts)));
    (
        (
            row.status,
            row.trigger,
            row.attempts,
            row.due_at <= world.now,
            row.leased_until < world.now,
            row.lease_id.map(holder),
        ),
        webhook(db),
        hands,
    )
}
