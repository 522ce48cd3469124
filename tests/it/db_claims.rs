//! The statements by which the engine takes work and hands results in, on whichever database: what is claimed and in which
//! order, what a lease allows, and what a webhook that is off or gone holds back.

use diesel::Connection as _;
use diesel::prelude::*;
use taskview_webhooks::db::attempts::Outlook;
use taskview_webhooks::db::deliveries::{Lease, claim, release, waiting};
use taskview_webhooks::db::schema::{attempt_bodies, attempts};
use taskview_webhooks::db::{Db, Lane, Purpose, health, resend, webhooks};
use taskview_webhooks::domain::delivery::{Status, Trigger};
use taskview_webhooks::domain::health::OffReason;
use taskview_webhooks::domain::ids::{DeliveryId, UserId};
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::domain::retry::Schedule;

use crate::support::queue::{A, B, C, LEASE, Queue, at, automatic, direct};

#[test]
fn what_is_due_is_claimed_oldest_first_up_to_the_count_of_each_webhook() {
    let mut queue = Queue::new();
    let late = queue.due(A, 30);
    let early = queue.due(A, 10);
    let middle = queue.due(A, 20);
    let other = queue.due(B, 15);
    let not_yet = queue.due(B, 41);
    let not_asked_for = queue.due(C, 5);

    let taken = queue.claim(at(40), &[automatic(A, 2), automatic(B, 5)]);

    assert_eq!(taken.ids(), [early, other, middle]);
    for id in [late, not_yet, not_asked_for] {
        assert_eq!(queue.state(id), (Status::Pending, 0, 0, false));
    }
    assert_eq!(queue.state(early), (Status::Pending, 0, 1, true));
    assert_eq!(queue.claim(at(40), &[automatic(A, 2)]).ids(), [late]);
}

#[test]
fn a_claim_carries_all_that_an_attempt_needs() {
    let mut queue = Queue::new();
    queue.due(B, 0);
    queue.sql("UPDATE webhooks SET url = 'http://new.test/', secret_sealed = 'new' WHERE id = 2");

    let taken = queue.claim(at(0), &[automatic(B, 1)]);

    let row = &taken.rows[0];
    assert_eq!(
        (row.url.as_str(), row.secret_sealed.as_slice()),
        ("http://new.test/", &b"new"[..])
    );
    assert_eq!(
        (row.body.as_slice(), row.kind.as_str()),
        (&br#"{"n":1}"#[..], "task.created")
    );
    assert_eq!((row.schedule, row.trigger), (Schedule::Patient, Trigger::Automatic));
    assert_eq!((row.attempts, row.claims, row.due_at), (0, 1, at(0)));
}

#[test]
fn a_floor_hides_nothing_that_is_due_from_it_on() {
    let mut queue = Queue::new();
    let on_it = queue.due(A, 10);
    let above = queue.due(A, 11);
    let mut wanted = automatic(A, 5);
    wanted.floor = at(10);

    assert_eq!(queue.claim(at(20), &[wanted]).ids(), [on_it, above]);
}

#[test]
fn a_webhook_that_is_off_holds_what_is_automatic_and_sends_what_a_person_asked_for() {
    let mut queue = Queue::new();
    let held = queue.due(A, 0);
    let manual = queue.pending(A, Trigger::Manual, at(1));
    let test = queue.pending(A, Trigger::Test, at(2));
    let both = [automatic(A, 5), direct(A, 5)];
    assert!(webhooks::turn_off(&mut queue.db, A, UserId(1), at(3)).unwrap());

    assert_eq!(queue.claim(at(9), &both).ids(), [manual, test]);

    assert!(webhooks::turn_on(&mut queue.db, A, DeliveryId(0), at(10)).unwrap());
    assert_eq!(queue.claim(at(10), &both).ids(), [held]);
}

#[test]
fn of_a_deleted_webhook_nothing_is_claimed() {
    let mut queue = Queue::new();
    queue.due(A, 0);
    queue.pending(A, Trigger::Test, at(0));
    webhooks::hide(&mut queue.db, A, at(1)).unwrap();

    assert!(queue.claim(at(2), &[automatic(A, 5), direct(A, 5)]).ids().is_empty());
    assert!(waiting(&mut queue.db).unwrap().is_empty());
}

#[test]
fn a_lease_keeps_others_away_until_it_runs_out_and_then_only_the_new_holder_records() {
    let mut queue = Queue::new();
    let id = queue.due(A, 0);
    let first = queue.claim(at(0), &[automatic(A, 1)]);

    assert!(
        queue.claim(at(0) + LEASE, &[automatic(A, 1)]).ids().is_empty(),
        "to the last moment"
    );
    let second = queue.claim(at(21), &[automatic(A, 1)]);
    assert_eq!(second.ids(), [id]);
    assert_eq!(second.rows[0].claims, 2, "nobody recorded the first");

    assert!(!queue.fail(first.lease, &first.rows[0]), "the fence holds");
    assert_eq!(queue.count("attempts"), 0);
    assert!(queue.fail(second.lease, &second.rows[0]));
    assert!(!queue.fail(second.lease, &second.rows[0]), "not a second time");
    assert_eq!(queue.state(id), (Status::Failed, 1, 0, false));
    assert_eq!(queue.count("attempts"), 1);
}

#[test]
fn leases_of_a_process_that_is_gone_can_be_declared_void() {
    let mut queue = Queue::new();
    let id = queue.due(A, 0);
    queue.claim(at(0), &[automatic(A, 1)]);
    let lease = Lease {
        id: 77,
        now: at(1),
        until: at(21),
        void_before: Moment(i64::MAX),
    };

    let claimed = claim(&mut queue.db, &[automatic(A, 1)], lease).unwrap();

    assert_eq!(claimed[0].id, id);
}

#[test]
fn what_is_given_back_is_as_if_it_had_not_been_claimed() {
    let mut queue = Queue::new();
    let id = queue.due(A, 0);
    let taken = queue.claim(at(0), &[automatic(A, 1)]);

    assert_eq!(
        release(&mut queue.db, &[id], taken.lease + 1).unwrap(),
        0,
        "of somebody else"
    );
    assert_eq!(release(&mut queue.db, &[id], taken.lease).unwrap(), 1);
    assert_eq!(
        release(&mut queue.db, &[id], taken.lease).unwrap(),
        0,
        "given back before"
    );

    assert_eq!(queue.state(id), (Status::Pending, 0, 0, false));
    assert_eq!(queue.claim(at(0), &[automatic(A, 1)]).ids(), [id]);
}

#[test]
fn a_recorded_attempt_is_kept_with_its_body_and_the_delivery_goes_on_when_it_is_due() {
    let mut queue = Queue::new();
    let id = queue.due(A, 0);
    let taken = queue.claim(at(0), &[automatic(A, 1)]);
    let outlook = Outlook {
        status: Status::Pending,
        due_at: at(10),
    };

    assert!(queue.record(taken.lease, &taken.rows[0], 503, outlook));

    assert_eq!(queue.state(id), (Status::Pending, 1, 0, false));
    let kept: (i32, Option<i32>, Option<i64>) = attempts::table
        .select((attempts::number, attempts::response_code, attempts::first_byte_us))
        .first(&mut queue.db)
        .unwrap();
    assert_eq!(kept, (1, Some(503), Some(900)));
    let body: Vec<u8> = attempt_bodies::table
        .select(attempt_bodies::body)
        .first(&mut queue.db)
        .unwrap();
    assert_eq!(body, b"no");
    assert!(queue.claim(at(9), &[automatic(A, 1)]).ids().is_empty());
    assert_eq!(queue.claim(at(10), &[automatic(A, 1)]).rows[0].attempts, 1);
}

#[test]
fn the_scan_names_every_lane_in_which_something_waits_and_its_first_due() {
    let mut queue = Queue::new();
    queue.due(A, 20);
    queue.due(A, 10);
    queue.pending(B, Trigger::Manual, at(30));
    queue.due(C, 5);
    webhooks::turn_off(&mut queue.db, C, UserId(1), at(6)).unwrap();
    queue.pending(C, Trigger::Test, at(7));

    let mut found: Vec<_> = waiting(&mut queue.db)
        .unwrap()
        .into_iter()
        .map(|due| (due.webhook, due.lane, due.at))
        .collect();

    found.sort_unstable();
    let expected = [
        (A, Lane::Automatic, at(10)),
        (B, Lane::Direct, at(30)),
        (C, Lane::Direct, at(7)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn many_who_claim_at_once_get_each_row_once() {
    let mut queue = Queue::new();
    let mut expected: Vec<_> = (0..40).map(|second| queue.due(A, second)).collect();
    let url = queue.url.clone();
    let claimer = |node: i64| {
        let url = url.clone();
        move || {
            let mut db = Db::open(&url, Purpose::Write).expect("the database opens");
            let lease = Lease {
                id: 100 + node,
                now: at(60),
                until: at(80),
                void_before: at(60),
            };
            let rows = db
                .transaction(|db| claim(db, &[automatic(A, 10)], lease))
                .expect("a claim");
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        }
    };

    let nodes: Vec<_> = (0..4).map(|node| std::thread::spawn(claimer(node))).collect();
    let mut taken: Vec<_> = nodes
        .into_iter()
        .flat_map(|node| node.join().expect("a node"))
        .collect();
    // A node that found rows locked took fewer; another look takes the rest.
    taken.extend(queue.claim(at(60), &[automatic(A, 40)]).ids());

    taken.sort_unstable();
    expected.sort_unstable();
    assert_eq!(taken, expected);
}

#[test]
fn a_retry_is_taken_by_one_of_two_who_press_and_never_revives_a_test() {
    let mut queue = Queue::new();
    let id = queue.due(A, 0);
    let test = queue.pending(A, Trigger::Test, at(0));
    assert!(!resend::retry(&mut queue.db, id, at(0)).unwrap(), "it is still pending");
    let taken = queue.claim(at(0), &[automatic(A, 1), direct(A, 1)]);
    for row in &taken.rows {
        assert!(queue.fail(taken.lease, row));
    }

    assert!(resend::retry(&mut queue.db, id, at(50)).unwrap());
    assert!(
        !resend::retry(&mut queue.db, id, at(50)).unwrap(),
        "it is already running"
    );
    assert!(!resend::retry(&mut queue.db, test, at(50)).unwrap());

    assert!(queue.claim(at(60), &[automatic(A, 5)]).ids().is_empty());
    let again = queue.claim(at(60), &[direct(A, 5)]);
    assert_eq!(
        (again.ids(), again.rows[0].trigger, again.rows[0].attempts),
        (vec![id], Trigger::Manual, 1)
    );
}

#[test]
fn the_failure_counter_is_the_webhooks_and_a_deleted_one_has_none() {
    let mut queue = Queue::new();
    let load = |queue: &mut Queue| health::load_locked(&mut queue.db, A).unwrap();
    assert_eq!(load(&mut queue), Some((0, true)));

    health::set_failures(&mut queue.db, A, 9).unwrap();
    assert_eq!(load(&mut queue), Some((9, true)));
    health::turn_off(&mut queue.db, A, 10, OffReason::Failures, at(5)).unwrap();
    assert_eq!(load(&mut queue), Some((10, false)));
    health::reset(&mut queue.db, A).unwrap();
    assert_eq!(load(&mut queue), Some((0, false)), "a success does not turn it on");
    webhooks::hide(&mut queue.db, A, at(6)).unwrap();
    assert_eq!(load(&mut queue), None);
    assert_eq!(health::load_locked(&mut queue.db, B).unwrap(), Some((0, true)));
}
