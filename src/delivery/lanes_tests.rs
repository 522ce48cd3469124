//! The table of cases of the lanes: turns, budgets, suspects, instants ahead.

use std::sync::MutexGuard;

use super::*;
use crate::config::Budget;

const T0: Moment = Moment(1_000_000_000);

fn at(seconds: f64) -> Moment {
    T0 + Duration::from_secs_f64(seconds)
}

fn budget(in_all: usize, per_webhook: usize) -> Budget {
    Budget {
        in_all,
        per_webhook,
        direct: 4,
    }
}

fn slots(budget: Budget) -> Slots {
    Slots::new(budget, Duration::from_secs(20))
}

fn due(webhook: i64, project: i64, at: Moment) -> Due {
    Due {
        webhook: WebhookId(webhook),
        project: ProjectId(project),
        lane: Lane::Automatic,
        at,
    }
}

fn direct(webhook: i64) -> Due {
    Due {
        lane: Lane::Direct,
        ..due(webhook, 1, T0)
    }
}

/// A world in which every webhook has endless rows: what is picked is claimed in full.
struct World {
    lanes: Lanes,
    next_id: i64,
}

impl World {
    fn new(budget: Budget, hints: &[Due]) -> Self {
        let mut lanes = Lanes::new(slots(budget));
        lanes.resync(hints, T0);
        World { lanes, next_id: 0 }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.lanes.slots.lock()
    }

    fn claim(&mut self, now: Moment) -> Vec<(i64, Vec<DeliveryId>)> {
        let picks = self.lanes.pick(now, usize::MAX);
        picks
            .into_iter()
            .map(|pick| {
                let rows: Vec<_> = (0..pick.count)
                    .map(|_| {
                        self.next_id += 1;
                        (DeliveryId(self.next_id), now)
                    })
                    .collect();
                self.lanes.claimed(pick, &rows, now);
                (pick.webhook.0, rows.into_iter().map(|row| row.0).collect())
            })
            .collect()
    }

    /// How many attempts each of the webhooks starts, by webhook id.
    fn counts(&mut self, now: Moment) -> BTreeMap<i64, usize> {
        let mut counts = BTreeMap::new();
        for (webhook, ids) in self.claim(now) {
            *counts.entry(webhook).or_default() += ids.len();
        }
        counts
    }

    /// Lets a webhook answer one request quickly, so that it is known to be quick.
    fn prove(&mut self, webhook: i64) {
        let id = DeliveryId(-webhook);
        self.ledger().start(WebhookId(webhook), 1);
        self.lanes.note(id, (WebhookId(webhook), Lane::Automatic), T0);
        self.lanes.finished(id, T0);
    }
}

/// Slots that are taken, of either kind.
fn taken(lanes: &Lanes) -> usize {
    let ledger = lanes.slots.lock();
    ledger.running + ledger.direct
}

fn map<const N: usize>(pairs: [(i64, usize); N]) -> BTreeMap<i64, usize> {
    pairs.into_iter().collect()
}

#[test]
fn nothing_is_picked_before_its_instant_and_it_is_picked_then() {
    let mut world = World::new(budget(100, 10), &[due(1, 1, at(10.0))]);

    assert_eq!(world.counts(at(9.9)), map([]));
    assert!(
        world
            .lanes
            .next()
            .is_some_and(|next| next >= at(10.0) && next <= at(10.1))
    );
    assert_eq!(world.counts(at(10.1)), map([(1, 4)]));
}

#[test]
fn every_retry_that_lies_ahead_is_remembered_not_only_the_first() {
    let mut lanes = Lanes::new(slots(budget(100, 10)));
    for seconds in [10.0, 10.5, 20.0] {
        lanes.hint(due(1, 1, at(seconds)), T0);
    }

    for seconds in [10.1, 10.6, 20.1] {
        let picks = lanes.pick(at(seconds), 100);
        assert_eq!(picks.len(), 1, "at {seconds}");
        lanes.claimed(picks[0], &[], at(seconds));
    }
    assert_eq!(lanes.pick(at(99.0), 100), []);
}

#[test]
fn an_unproven_webhook_starts_carefully_and_a_quick_one_takes_its_full_share() {
    let mut world = World::new(budget(100, 10), &[due(1, 1, T0), due(2, 1, T0)]);
    world.prove(2);

    assert_eq!(world.counts(T0), map([(1, 4), (2, 10)]));
}

#[test]
fn one_webhook_never_has_more_requests_on_their_way_than_its_cap() {
    let mut world = World::new(budget(100, 10), &[due(1, 1, T0)]);
    world.prove(1);

    let first = world.claim(T0);
    assert_eq!(first[0].1.len(), 10);
    assert_eq!(world.counts(T0), map([]));
    world.lanes.finished(first[0].1[0], at(0.1));
    assert_eq!(world.counts(at(0.1)), map([(1, 1)]));
}

#[test]
fn a_short_budget_is_shared_and_the_turn_goes_round() {
    let hints: Vec<_> = (1..=6).map(|webhook| due(webhook, webhook, T0)).collect();
    let mut world = World::new(budget(4, 4), &hints);
    for webhook in 1..=6 {
        world.prove(webhook);
    }

    let first = world.claim(T0);
    let served: Vec<_> = first.iter().map(|(webhook, _)| *webhook).collect();
    assert_eq!(served, [1, 2, 3, 4]);
    for (_, ids) in first {
        for id in ids {
            world.lanes.finished(id, T0);
        }
    }
    let second: Vec<_> = world.claim(T0).into_iter().map(|(webhook, _)| webhook).collect();
    assert_eq!(second, [5, 6, 1, 2]);
}

#[test]
fn a_claim_that_brings_less_than_asked_ends_the_lane_until_the_next_hint() {
    let mut lanes = Lanes::new(slots(budget(100, 10)));
    lanes.hint(due(1, 1, T0), T0);
    let picks = lanes.pick(T0, 100);
    lanes.claimed(picks[0], &[(DeliveryId(1), T0)], T0);

    assert_eq!(lanes.pick(at(1.0), 100), []);
    lanes.hint(due(1, 1, at(1.0)), at(1.0));
    assert_eq!(lanes.pick(at(1.0), 100).len(), 1);
}

#[test]
fn news_that_comes_while_a_claim_is_on_its_way_outlives_an_answer_that_falls_short() {
    let mut lanes = Lanes::new(slots(budget(100, 50)));
    lanes.hint(due(1, 1, T0), T0);
    let early = lanes.pick(T0, 100)[0];
    lanes.hint(due(1, 1, T0), T0);
    lanes.claimed(early, &[(DeliveryId(1), T0)], T0);

    let late = lanes.pick(T0, 100)[0];
    lanes.claimed(late, &[(DeliveryId(2), T0)], T0);
    assert_eq!(lanes.pick(T0, 100), []);
}

#[test]
fn claims_on_their_way_ask_for_what_is_known_to_wait_and_a_little_more() {
    let mut lanes = Lanes::new(slots(budget(100, 50)));
    lanes.hint(due(1, 1, T0), T0);
    lanes.slots.lock().set_pace(WebhookId(1), Pace::Quick);
    let counts = |lanes: &mut Lanes| lanes.pick(T0, 100).iter().map(|pick| pick.count).collect::<Vec<_>>();

    assert_eq!(counts(&mut lanes), [1 + SLACK]);
    assert_eq!(counts(&mut lanes), [0; 0], "the first claim brings it");
    lanes.hint(due(1, 1, T0), T0);
    assert_eq!(counts(&mut lanes), [1]);
}

#[test]
fn a_claim_that_could_not_be_made_gives_its_slots_back_and_is_made_again() {
    let mut lanes = Lanes::new(slots(budget(100, 50)));
    for hint in [due(1, 1, T0), direct(2)] {
        lanes.hint(hint, T0);
    }
    let picks = lanes.pick(T0, 100);
    assert_eq!(taken(&lanes), 4 + 2);
    picks.iter().for_each(|pick| lanes.not_claimed(*pick));

    assert_eq!(taken(&lanes), 0);
    assert_eq!(lanes.pick(T0, 100).len(), picks.len());
}

#[test]
fn hanging_webhooks_leave_room_so_that_a_quick_one_starts_at_once() {
    let hints: Vec<_> = (1..=100).map(|webhook| due(webhook, webhook % 3, T0)).collect();
    let mut world = World::new(budget(512, 32), &hints);
    for _ in 0..50 {
        world.claim(T0);
    }
    world.claim(at(2.0));
    world.lanes.resync(&[due(200, 9, T0)], at(2.0));
    world.prove(200);

    assert!(world.ledger().running <= 512 - 512 / 8);
    assert_eq!(world.counts(at(2.0)), map([(200, 32)]));
}

#[test]
fn past_their_budget_slow_webhooks_get_one_slot_each() {
    let mut world = World::new(budget(16, 8), &[due(1, 1, T0), due(2, 1, T0)]);
    for webhook in [1, 2] {
        world.prove(webhook);
        world.ledger().set_pace(WebhookId(webhook), Pace::Slow);
    }
    assert_eq!(world.counts(T0), map([(1, 8), (2, 4)]));

    world.lanes.hint(due(3, 1, T0), T0);
    world.lanes.hint(due(4, 1, T0), T0);
    world.lanes.hint(due(5, 1, T0), T0);
    assert_eq!(
        world.counts(T0),
        map([(3, 1), (4, 1)]),
        "twelve and two are the seven eighths"
    );
}

#[test]
fn an_attempt_that_runs_for_a_second_makes_its_webhook_slow_until_one_ends_sooner() {
    let mut world = World::new(budget(100, 10), &[due(1, 1, T0)]);
    world.prove(1);
    let ids = world.claim(T0).remove(0).1;

    world.lanes.ripen(at(1.0));
    assert_eq!(world.ledger().webhooks[&WebhookId(1)].pace, Pace::Slow);
    assert_eq!(world.ledger().suspect, 10);

    world.lanes.finished(ids[0], at(1.1));
    assert_eq!(world.ledger().suspect, 9);
    let quick = world.claim(at(1.2)).remove(0).1[0];
    world.lanes.finished(quick, at(1.3));
    assert_eq!(world.ledger().suspect, 0);
}

#[test]
fn a_project_holds_half_of_the_slots_while_others_wait() {
    let one: Vec<_> = (1..=8).map(|webhook| due(webhook, 1, T0)).collect();
    let mut alone = World::new(budget(16, 8), &one);
    let mut beside = World::new(budget(16, 8), &[one, vec![due(9, 2, T0)]].concat());
    for webhook in 1..=9 {
        alone.prove(webhook.min(8));
        beside.prove(webhook);
    }

    assert_eq!(alone.counts(T0).values().sum::<usize>(), 16);
    let counts = beside.counts(T0);
    assert_eq!(counts[&9], 8);
    assert_eq!(counts.values().sum::<usize>(), 16);
}

#[test]
fn tests_and_manual_retries_have_slots_of_their_own() {
    let mut world = World::new(budget(4, 4), &[due(1, 1, T0), direct(1), direct(2), direct(3)]);
    world.prove(1);

    assert_eq!(
        world.counts(T0),
        map([(1, 4 + 2), (2, 2)]),
        "four automatic, four direct, two of them at most for each"
    );
}

#[test]
fn the_floor_follows_the_claims_and_an_earlier_hint_or_a_scan_lowers_it() {
    let mut lanes = Lanes::new(slots(budget(100, 10)));
    lanes.hint(due(1, 1, at(100.0)), at(100.0));
    let pick = lanes.pick(at(100.0), 100)[0];
    let rows: Vec<_> = (0..4).map(|n| (DeliveryId(n), at(100.0))).collect();
    lanes.claimed(pick, &rows, at(100.0));
    lanes.finished(DeliveryId(0), at(100.0));

    let floor = |lanes: &mut Lanes| lanes.pick(at(100.0), 1)[0].floor;
    assert_eq!(floor(&mut lanes), at(95.0));
    lanes.hint(due(1, 1, at(50.0)), at(100.0));
    assert_eq!(floor(&mut lanes), at(50.0));
    lanes.resync(&[], at(100.0));
    assert_eq!(floor(&mut lanes), Moment(i64::MIN));
}

#[test]
fn the_books_balance_after_everything_has_finished() {
    let hints: Vec<_> = (1..=20).map(|webhook| due(webhook, webhook % 4, T0)).collect();
    let mut world = World::new(budget(64, 8), &hints);
    let mut open: Vec<DeliveryId> = Vec::new();
    for step in 0..200 {
        let now = at(f64::from(step) * 0.3);
        open.extend(world.claim(now).into_iter().flat_map(|(_, ids)| ids));
        assert!(world.ledger().running <= 64);
        let half = open.len() / 2;
        for id in open.drain(..half) {
            world.lanes.finished(id, now);
        }
    }
    for id in open {
        world.lanes.finished(id, at(1000.0));
    }

    assert_eq!(world.lanes.in_flight(), 0);
    let ledger = world.ledger();
    assert_eq!((ledger.running, ledger.suspect, ledger.direct), (0, 0, 0));
    assert!(ledger.running_projects.values().all(|running| *running == 0));
    assert!(ledger.webhooks.values().all(|webhook| webhook.running == 0));
}
