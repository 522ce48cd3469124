//! What goes in slices, on whichever database: discarded and outdated deliveries end, the rows of deleted webhooks and
//! projects go, and what an engine has in its hands is left until it is recorded.

use std::time::Duration;

use diesel::prelude::*;
use taskview_webhooks::db::resend::{self, HeldBounds};
use taskview_webhooks::db::schema::deliveries;
use taskview_webhooks::db::{projects, webhooks};
use taskview_webhooks::domain::delivery::{OutcomeKind, Status, Trigger};
use taskview_webhooks::domain::ids::{DeliveryId, ProjectId, UserId};

use crate::support::queue::{A, B, Queue, at, automatic, direct};

#[test]
fn discarded_deliveries_are_never_claimed_and_end_in_slices() {
    let mut queue = Queue::new();
    let held: Vec<_> = (0..5).map(|second| queue.due(A, second)).collect();
    let manual = queue.pending(A, Trigger::Manual, at(0));
    webhooks::turn_off(&mut queue.db, A, UserId(1), at(5)).unwrap();
    let mark = resend::newest(&mut queue.db, A).unwrap().expect("something is there");
    assert_eq!(mark, manual);
    webhooks::turn_on(&mut queue.db, A, mark, at(6)).unwrap();
    let new = queue.due(A, 7);

    let taken = queue.claim(at(8), &[automatic(A, 10), direct(A, 10)]);
    assert_eq!(taken.ids(), [manual, new]);

    let mut slice = || resend::end_discarded_slice(&mut queue.db, 2, at(9)).unwrap();
    assert_eq!([slice(), slice(), slice(), slice()], [2, 2, 1, 0]);
    for id in held {
        assert_eq!(queue.state(id), (Status::Failed, 0, 0, false));
        assert_eq!(outcome(&mut queue, id), Some(OutcomeKind::Discarded));
    }
    assert_eq!(
        queue.count("webhooks WHERE discarded_to <> 0"),
        0,
        "the mark is taken away"
    );
    assert_eq!(queue.state(new).0, Status::Pending);
}

#[test]
fn a_discarded_delivery_that_is_on_its_way_is_left_until_it_is_recorded() {
    let mut queue = Queue::new();
    let on_its_way = queue.due(A, 0);
    let taken = queue.claim(at(0), &[automatic(A, 1)]);
    webhooks::turn_off(&mut queue.db, A, UserId(1), at(1)).unwrap();
    webhooks::turn_on(&mut queue.db, A, on_its_way, at(2)).unwrap();

    assert_eq!(resend::end_discarded_slice(&mut queue.db, 10, at(3)).unwrap(), 0);
    assert_eq!(queue.count("webhooks WHERE discarded_to <> 0"), 1);

    assert!(queue.fail(taken.lease, &taken.rows[0]));
    assert_eq!(resend::end_discarded_slice(&mut queue.db, 10, at(4)).unwrap(), 0);
    assert_eq!(outcome(&mut queue, on_its_way), Some(OutcomeKind::Answered));
    assert_eq!(queue.count("webhooks WHERE discarded_to <> 0"), 0);
}

#[test]
fn a_discarded_delivery_can_be_sent_again_by_hand() {
    let mut queue = Queue::new();
    let id = queue.due(A, 0);
    webhooks::turn_off(&mut queue.db, A, UserId(1), at(1)).unwrap();
    webhooks::turn_on(&mut queue.db, A, id, at(2)).unwrap();
    resend::end_discarded_slice(&mut queue.db, 10, at(3)).unwrap();

    assert!(resend::retry(&mut queue.db, id, at(4)).unwrap());

    assert_eq!(queue.claim(at(4), &[automatic(A, 5), direct(A, 5)]).ids(), [id]);
}

#[test]
fn what_is_held_too_long_or_in_too_long_a_row_ends_oldest_first() {
    let mut queue = Queue::new();
    let old: Vec<_> = [0, 10].map(|second| queue.due(A, second)).into();
    let many: Vec<_> = [1_000, 1_001, 1_002, 1_003].map(|second| queue.due(A, second)).into();
    let of_one_that_is_on = queue.due(B, 0);
    webhooks::turn_off(&mut queue.db, A, UserId(1), at(1_004)).unwrap();
    let bounds = HeldBounds {
        count: 3,
        age: Duration::from_secs(500),
    };

    let mut slice = || {
        let found = resend::expired(&mut queue.db, 2, &bounds, at(1_010)).unwrap();
        resend::end_expired(&mut queue.db, found, at(1_010)).unwrap()
    };
    assert_eq!([slice(), slice(), slice()], [2, 1, 0]);

    for id in [old[0], old[1], many[0]] {
        assert_eq!(outcome(&mut queue, id), Some(OutcomeKind::Expired));
    }
    for id in [many[1], many[2], many[3], of_one_that_is_on] {
        assert_eq!(queue.state(id).0, Status::Pending);
    }
}

#[test]
fn a_deleted_webhook_goes_row_by_row_and_leaves_the_others_alone() {
    let mut queue = Queue::new();
    for second in 0..3 {
        queue.due(A, second);
    }
    queue.due(B, 0);
    let taken = queue.claim(at(9), &[automatic(A, 2), automatic(B, 1)]);
    for row in &taken.rows {
        assert!(queue.fail(taken.lease, row));
    }
    webhooks::hide(&mut queue.db, A, at(10)).unwrap();

    let mut slice = || webhooks::purge_slice(&mut queue.db, 2).unwrap();
    assert_eq!([slice(), slice(), slice(), slice()], [2, 1, 1, 0]);

    assert_eq!((queue.count("webhooks"), queue.count("deliveries")), (2, 1));
    assert_eq!((queue.count("attempts"), queue.count("attempt_bodies")), (1, 1));
    assert_eq!(queue.count("events"), 1, "another webhook's delivery refers to it");
}

#[test]
fn a_result_that_comes_after_its_delivery_went_is_dropped() {
    let mut queue = Queue::new();
    queue.due(A, 0);
    let taken = queue.claim(at(0), &[automatic(A, 1)]);
    webhooks::hide(&mut queue.db, A, at(1)).unwrap();
    while webhooks::purge_slice(&mut queue.db, 10).unwrap() > 0 {}

    assert!(!queue.fail(taken.lease, &taken.rows[0]));
    assert_eq!(queue.count("attempts"), 0);
}

#[test]
fn a_deleted_project_waits_for_its_webhooks_and_then_goes_in_slices() {
    let mut queue = Queue::new();
    queue.due(A, 0);
    queue.sql(
        "INSERT INTO tasks (id, project_id, description, complete, priority, creator_id, created_at, edited_at)
            VALUES (1, 1, 'T', FALSE, 1, 1, 0, 0);
         INSERT INTO tasks (id, project_id, parent_id, description, complete, priority, creator_id, created_at, edited_at)
            VALUES (2, 1, 1, 'below', FALSE, 1, 1, 0, 0)",
    );
    projects::hide(&mut queue.db, ProjectId(1), at(1)).unwrap();
    assert_eq!(queue.count("webhooks WHERE deleted_at IS NULL"), 0);
    assert_eq!(
        projects::purge_slice(&mut queue.db, 1, at(2)).unwrap(),
        0,
        "webhooks first"
    );
    while webhooks::purge_slice(&mut queue.db, 10).unwrap() > 0 {}

    let mut slice = || projects::purge_slice(&mut queue.db, 1, at(3)).unwrap();
    assert_eq!([slice(), slice(), slice(), slice(), slice()], [1, 1, 1, 1, 0]);

    for table in ["projects", "tasks", "events", "deliveries", "webhooks"] {
        assert_eq!(queue.count(table), 0, "{table}");
    }
}

fn outcome(queue: &mut Queue, id: DeliveryId) -> Option<OutcomeKind> {
    deliveries::table
        .find(id)
        .select(deliveries::outcome)
        .first(&mut queue.db)
        .expect("the delivery")
}
