//! What of the history goes and what stays, lap by lap on whichever database: by age, by number, beside re-sends, deleted webhooks
//! and a second node that does the same.

use std::time::Duration;

use diesel::Connection as _;
use taskview_webhooks::actions::retention::{Gone, Plan, Pruner, plan};
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::hourly::{self, Count};
use taskview_webhooks::db::{Db, Purpose, turn, webhooks};
use taskview_webhooks::domain::ids::UserId;
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::domain::retention::Kept;
use taskview_webhooks::store::Store;

use crate::support::database::{Kind, kind};
use crate::support::past::{self, Past, State, delivered};
use crate::support::queue::{A, B, Queue};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MONTH: Kept = Kept {
    days: 30,
    per_webhook: 100_000,
};
const THREE: Kept = Kept {
    per_webhook: 3,
    ..MONTH
};

#[tokio::test]
async fn what_ended_long_ago_goes_and_everything_else_stays() {
    use State::{Discarded, Failed, Pending, Success};
    let mut queue = Queue::new();
    let (off, days) = (B, |days: u32| now() - DAY * days);
    webhooks::turn_off(&mut queue.db, off, UserId(1), days(50)).unwrap();
    // Oldest first, as it happens.
    let cases = [
        (A, Failed, 40, Some(29), true, "what was sent again lately"),
        (A, Pending, 40, None, true, "what waits"),
        (A, Pending, 40, Some(39), true, "what waits for its next attempt"),
        (off, Pending, 40, None, true, "what is held"),
        (off, Success, 31, Some(31), false, "an old one of a webhook that is off"),
        (A, Success, 31, Some(31), false, "an old success"),
        (A, Failed, 31, Some(31), false, "an old failure"),
        (A, Discarded, 31, None, false, "what was discarded long ago"),
        (A, Success, 29, Some(29), true, "a young success"),
        (A, Discarded, 29, None, true, "what was discarded lately"),
    ];
    let rows: Vec<Past> = (100..)
        .zip(cases)
        .map(|(id, (webhook, state, made, tried, ..))| Past {
            id,
            project: 1,
            webhook: webhook.0,
            state,
            made: days(made),
            tried: tried.map(days),
        })
        .collect();
    past::insert(&mut queue.db, &rows);
    let event = |id, age| {
        format!(
            "INSERT INTO events (id, project_id, kind, body, occurred_at, published) VALUES ({id}, 1, 'task.created', '{{}}', {}, TRUE)",
            days(age).0
        )
    };
    queue.sql(&event(50, 41));
    queue.sql(&event(1_001, 29));
    let planned = plan(&store(&queue), MONTH).await.unwrap();

    let gone = lap(&queue, MONTH).await;

    for (row, (.., stays, what)) in rows.iter().zip(cases) {
        let of = |table: &str| format!("{table} = {}", row.id);
        assert_eq!(queue.count(&of("deliveries WHERE id")), i64::from(stays), "{what}");
        let kept = i64::from(stays && row.tried.is_some());
        assert_eq!(queue.count(&of("attempts WHERE delivery_id")), kept, "attempts: {what}");
        assert_eq!(
            queue.count(&of("attempt_bodies WHERE delivery_id")),
            kept,
            "answers: {what}"
        );
        assert_eq!(queue.count(&of("events WHERE id")), i64::from(stays), "event: {what}");
    }
    assert_eq!(
        queue.count("events WHERE id = 1"),
        0,
        "an old event that nobody listened to"
    );
    assert_eq!(queue.count("events WHERE id = 50"), 0, "another one");
    assert_eq!(
        queue.count("events WHERE id = 1001"),
        1,
        "a young event that nobody listened to"
    );
    assert_eq!((gone.deliveries, gone.events), (4, 6));
    let expected = Plan {
        old: 4,
        too_many: 0,
        events: 6,
    };
    assert_eq!(planned, expected);
    assert_eq!(lap(&queue, MONTH).await, Gone::default(), "nothing is left to do");
}

#[tokio::test]
async fn of_a_webhook_with_too_many_the_oldest_go_and_its_mark_says_up_to_where() {
    let mut queue = Queue::new();
    let yesterday = now() - DAY;
    let mut rows = delivered(1, A.0, 100, 7, yesterday);
    rows[0].state = State::Pending;
    rows[0].tried = None;
    rows[1].tried = Some(now());
    past::insert(&mut queue.db, &rows);
    past::insert(&mut queue.db, &delivered(1, B.0, 200, 3, yesterday));
    let planned = plan(&store(&queue), THREE).await.unwrap();

    let gone = lap(&queue, THREE).await;

    assert_eq!((planned.old, planned.too_many), (0, 3));
    assert_eq!(gone.deliveries, 3);
    assert_eq!(
        queue.count("deliveries WHERE webhook_id = 1 AND id BETWEEN 102 AND 104"),
        0
    );
    assert_eq!(
        queue.count("deliveries WHERE webhook_id = 1 AND id IN (100, 105, 106)"),
        3
    );
    assert_eq!(
        queue.count("deliveries WHERE id = 101"),
        1,
        "somebody may wait for its result"
    );
    assert_eq!(queue.count("deliveries WHERE webhook_id = 2"), 3);
    assert_eq!(queue.count("events WHERE id BETWEEN 102 AND 104"), 3, "they are young");
    assert_eq!(queue.count("webhooks WHERE id = 1 AND pruned_to = 104"), 1);
    assert_eq!(
        queue.count("webhooks WHERE pruned_to = 0"),
        2,
        "the others lost nothing"
    );
}

#[tokio::test]
async fn a_webhook_that_is_counted_on_from_lap_to_lap_is_kept_at_its_number() {
    let mut queue = Queue::new();
    let mut pruner = Pruner::new(store(&queue), THREE);
    let yesterday = now() - DAY;

    let mut left = Vec::new();
    for (from, count) in [(100, 2), (200, 1), (300, 0), (400, 2), (500, 4)] {
        past::insert(&mut queue.db, &delivered(1, A.0, from, count, yesterday));
        pruner.lap(&mut |_| ()).await.unwrap();
        left.push(queue.count("deliveries"));
        // Somebody else removes one, which this pruner does not hear of.
        queue.sql("DELETE FROM attempt_bodies WHERE delivery_id = 401; DELETE FROM attempts WHERE delivery_id = 401");
        queue.sql("DELETE FROM deliveries WHERE id = 401");
    }

    assert_eq!(left, [2, 3, 3, 3, 3]);
    assert_eq!(queue.count("deliveries WHERE id IN (501, 502, 503)"), 3, "the newest");
}

#[tokio::test]
async fn what_a_re_send_is_still_to_reach_stays_until_it_has() {
    let mut queue = Queue::new();
    let old = now() - DAY * 40;
    let mut rows = delivered(1, A.0, 100, 6, old);
    rows.iter_mut().for_each(|row| row.state = State::Failed);
    past::insert(&mut queue.db, &rows);
    queue.sql(
        "INSERT INTO resend_runs (webhook_id, since, fed_to, up_to, fed_at, started_by, started_at)
           VALUES (1, 0, 101, 104, 0, 1, 0)",
    );

    let planned = plan(&store(&queue), MONTH).await.unwrap();
    let beside = lap(&queue, MONTH).await;
    let left = queue.count("deliveries WHERE id BETWEEN 102 AND 104");
    queue.sql("DELETE FROM resend_runs");
    let after = lap(&queue, MONTH).await;

    assert_eq!(planned.old, 3);
    assert_eq!((beside.deliveries, left, after.deliveries), (3, 3, 3));
}

#[tokio::test]
async fn the_rows_of_a_deleted_webhook_go_from_both_sides() {
    let mut queue = Queue::new();
    past::insert(&mut queue.db, &delivered(1, A.0, 100, 50, now() - DAY * 40));
    past::insert(&mut queue.db, &delivered(1, A.0, 200, 50, now()));
    webhooks::hide(&mut queue.db, A, now()).unwrap();
    let mut pruner = Pruner::new(store(&queue), MONTH);

    let own = webhooks::purge_slice(&mut queue.db, 20).unwrap();
    let gone = pruner.lap(&mut |_| ()).await.unwrap();
    while webhooks::purge_slice(&mut queue.db, 20).unwrap() > 0 {}
    pruner.lap(&mut |_| ()).await.unwrap();

    assert_eq!((own, gone.deliveries), (20, 30));
    assert_eq!(queue.count("webhooks WHERE id = 1"), 0);
    for table in ["deliveries", "attempts", "attempt_bodies"] {
        assert_eq!(queue.count(table), 0, "{table}");
    }
    assert_eq!(queue.count("events WHERE id < 200"), 0);
    assert_eq!(queue.count("events"), 50, "the young ones");
}

#[tokio::test]
async fn charts_keep_what_they_count() {
    let mut queue = Queue::new();
    let count = Count {
        webhook: A,
        hour: now().hour(),
        ok: 5,
        failed: 1,
    };
    hourly::add(&mut queue.db, &[count]).unwrap();
    past::insert(&mut queue.db, &delivered(1, A.0, 100, 6, now() - DAY * 40));

    lap(&queue, MONTH).await;

    assert_eq!(queue.count("deliveries"), 0);
    assert_eq!(hourly::of_webhooks(&mut queue.db, &[A], 0).unwrap(), [count]);
}

#[tokio::test]
async fn two_that_prune_at_once_remove_everything_once_and_in_slices() {
    let mut queue = Queue::new();
    let rows = 600;
    for webhook in [A, B] {
        past::insert(
            &mut queue.db,
            &delivered(1, webhook.0, 1_000 * webhook.0, rows / 2, now() - DAY * 40),
        );
    }
    let mut steps = 0;
    let (mut one, mut other) = (Pruner::new(store(&queue), MONTH), Pruner::new(store(&queue), MONTH));

    let (mut step, mut deaf) = (|_| steps += 1, |_| ());
    let (first, second) = tokio::join!(one.lap(&mut step), other.lap(&mut deaf));

    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.deliveries + second.deliveries) as i64, rows);
    assert_eq!((first.events + second.events) as i64, rows + 1);
    assert!(steps >= 4, "{steps} slices");
    assert_eq!(
        queue.count("deliveries") + queue.count("attempts") + queue.count("events"),
        0
    );
}

#[tokio::test]
async fn of_several_nodes_one_at_a_time_prunes() {
    if kind() == Kind::Sqlite {
        return;
    }
    let mut queue = Queue::new();
    let mut other = Db::open(&queue.url, Purpose::Write).unwrap();
    let mut turns = |theirs: &mut Db| -> Result<_, diesel::result::Error> {
        queue
            .db
            .transaction(|db| Ok((turn::to_prune(db)?, theirs.transaction(turn::to_prune)?)))
    };

    let together = turns(&mut other).unwrap();
    let after = other.transaction(turn::to_prune).unwrap();

    assert_eq!((together, after), ((true, false), true));
}

fn now() -> Moment {
    Clock::default().now()
}

fn store(queue: &Queue) -> Store {
    Store::open(&queue.url, Clock::default()).unwrap()
}

async fn lap(queue: &Queue, kept: Kept) -> Gone {
    Pruner::new(store(queue), kept).lap(&mut |_| ()).await.unwrap()
}
