//! Re-sending all that has failed, statement by statement on whichever database: what is counted, what gets its turn and when,
//! and that nothing gets a second one.

use taskview_webhooks::db::resend_runs::{self, Portion, Span};
use taskview_webhooks::db::{Tx, webhooks};
use taskview_webhooks::domain::delivery::{Status, Trigger};
use taskview_webhooks::domain::ids::{DeliveryId, UserId, WebhookId};
use taskview_webhooks::domain::moment::Moment;

use crate::support::queue::{A, B, C, Queue, at, direct};

const EVERYTHING: Moment = Moment(0);

#[test]
fn a_run_goes_up_in_portions_and_takes_what_fails_again_no_second_time() {
    let mut queue = Queue::new();
    let failed: Vec<_> = (0..5).map(|second| failed(&mut queue, A, second)).collect();
    let test = queue.pending(A, Trigger::Test, at(2));
    end(&mut queue, test);
    assert_eq!(start(&mut queue, A, EVERYTHING), 5);
    let later = self::failed(&mut queue, A, 20);

    let mut sent = Vec::new();
    let mut rounds = 0;
    while feed(&mut queue, 2, 1) {
        rounds += 1;
        assert!(rounds < 10, "it never ends");
        let waiting = queue.claim(at(30), &[direct(A, 10)]);
        assert!(waiting.rows.len() <= 2, "more than a portion waits");
        let before = queue.count("deliveries WHERE status = 0");
        feed(&mut queue, 2, 1);
        assert_eq!(
            queue.count("deliveries WHERE status = 0"),
            before,
            "the last ones have not ended"
        );
        for row in &waiting.rows {
            assert_eq!(row.trigger, Trigger::Manual);
            sent.push(row.id);
            assert!(queue.fail(waiting.lease, row));
        }
    }

    assert_eq!(sent, failed, "oldest first, each once");
    assert_eq!(queue.state(later), (Status::Failed, 0, 0, false));
    assert_eq!(queue.state(test).0, Status::Failed);
    assert_eq!(queue.count("resend_runs"), 0);
}

#[test]
fn only_so_many_webhooks_are_at_it_at_a_time_and_they_take_turns() {
    let mut queue = Queue::new();
    for webhook in [A, B, C] {
        for second in 0..4 {
            failed(&mut queue, webhook, second);
        }
        start(&mut queue, webhook, EVERYTHING);
    }

    let mut turns = Vec::new();
    for second in 30..34 {
        assert!(feed_at(&mut queue, second, 1, 2));
        let taken = queue.claim(at(second), &[A, B, C].map(|webhook| direct(webhook, 10)));
        turns.push(taken.rows.iter().map(|row| row.webhook_id).collect::<Vec<_>>());
        for row in &taken.rows {
            assert!(queue.fail(taken.lease, row));
        }
    }

    assert!(turns.iter().all(|turn| turn.len() == 2), "{turns:?}");
    for webhook in [A, B, C] {
        let times = turns.iter().flatten().filter(|one| **one == webhook).count();
        assert!((2..=3).contains(&times), "{webhook}: {turns:?}");
    }
}

#[test]
fn a_run_waits_while_somebody_waits_for_a_test_of_that_webhook() {
    let mut queue = Queue::new();
    let old = failed(&mut queue, A, 0);
    start(&mut queue, A, EVERYTHING);
    let test = queue.pending(A, Trigger::Test, at(25));

    feed(&mut queue, 4, 2);
    assert_eq!(queue.state(old).0, Status::Failed);

    end(&mut queue, test);
    feed(&mut queue, 4, 2);
    assert_eq!(queue.state(old).0, Status::Pending);
}

#[test]
fn what_is_counted_begins_at_the_instant_and_stops_at_the_limit() {
    let mut queue = Queue::new();
    for second in 0..300 {
        let webhook = if second % 3 == 0 { B } else { A };
        failed(&mut queue, webhook, second * 10);
    }
    queue.due(A, 2_995);
    let count = |queue: &mut Queue, since, most| {
        let span = resend_runs::span(&mut queue.db, A, since).unwrap().expect("a span");
        resend_runs::count(&mut queue.db, A, &span, most).unwrap()
    };

    assert_eq!(count(&mut queue, EVERYTHING, 1_000), 200);
    assert_eq!(count(&mut queue, EVERYTHING, 101), 101);
    assert_eq!(count(&mut queue, at(1_500), 1_000), 100);
    assert_eq!(count(&mut queue, at(2_990), 1_000), 1);
    assert_eq!(count(&mut queue, at(2_991), 1_000), 0);
    assert_eq!(resend_runs::span(&mut queue.db, C, EVERYTHING).unwrap(), None);
}

#[test]
fn the_search_for_the_beginning_skips_what_is_older() {
    let mut queue = Queue::new();
    let failed: Vec<_> = (0..100).map(|minute| failed(&mut queue, A, minute * 60)).collect();

    let span = resend_runs::span(&mut queue.db, A, at(80 * 60))
        .unwrap()
        .expect("a span");

    let expected = Span {
        since: at(80 * 60),
        // A minute of overlap is looked at besides.
        after: failed[78],
        up_to: failed[99],
    };
    assert_eq!(span, expected);
}

#[test]
fn there_is_one_run_of_a_webhook_at_a_time() {
    let mut queue = Queue::new();
    failed(&mut queue, A, 0);
    start(&mut queue, A, EVERYTHING);

    let span = resend_runs::span(&mut queue.db, A, EVERYTHING)
        .unwrap()
        .expect("a span");
    let mut tx = Tx::new(&mut queue.db, at(11), None);
    let second = resend_runs::insert(&mut tx, A, &span, UserId(1)).unwrap();

    assert!(!second);
}

#[test]
fn deleting_the_webhook_ends_its_run() {
    let mut queue = Queue::new();
    let old = failed(&mut queue, A, 0);
    start(&mut queue, A, EVERYTHING);
    webhooks::hide(&mut queue.db, A, at(11)).unwrap();

    assert!(!feed(&mut queue, 4, 2), "there is nothing more to do");
    assert_eq!(queue.state(old).0, Status::Failed);
    while webhooks::purge_slice(&mut queue.db, 10).unwrap() > 0 {}

    assert_eq!((queue.count("resend_runs"), queue.count("webhooks")), (0, 2));
}

fn failed(queue: &mut Queue, webhook: WebhookId, second: i64) -> DeliveryId {
    let id = queue.due(webhook, second);
    end(queue, id);
    id
}

/// Without an attempt, as what was discarded.
fn end(queue: &mut Queue, id: DeliveryId) {
    queue.sql(&format!(
        "UPDATE deliveries SET status = 2, outcome = 8 WHERE id = {id}"
    ));
}

/// How many it is about.
fn start(queue: &mut Queue, webhook: WebhookId, since: Moment) -> i64 {
    let span = resend_runs::span(&mut queue.db, webhook, since)
        .unwrap()
        .expect("something has failed");
    let mut tx = Tx::new(&mut queue.db, at(10), None);
    assert!(resend_runs::insert(&mut tx, webhook, &span, UserId(1)).unwrap());
    resend_runs::count(&mut queue.db, webhook, &span, 1_000).unwrap()
}

fn feed(queue: &mut Queue, deliveries: i64, webhooks: i64) -> bool {
    feed_at(queue, 30, deliveries, webhooks)
}

fn feed_at(queue: &mut Queue, second: i64, deliveries: i64, webhooks: i64) -> bool {
    let mut tx = Tx::new(&mut queue.db, at(second), None);
    resend_runs::feed(&mut tx, Portion { deliveries, webhooks }).unwrap()
}
