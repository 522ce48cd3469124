//! Whose turn it is: pure decisions over what is known in memory. For each webhook the lanes keep when something is due and
//! pick what to claim next within the budgets, whose accounts are kept in `slots`.
//!
//! All of it is a hint. The database decides what a claim returns, and a scan puts right what was missed; a wrong entry
//! costs one empty claim. Nothing here reads a clock or touches a database.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::db::{Due, Lane};
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::slots::{DIRECT_PER_WEBHOOK, Ledger, Pace, Slot, Slots, Webhook};

/// An attempt that runs for longer is slow, and so is its webhook until an attempt ends sooner.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);
/// What waits in a lane that a scan has found: nobody has counted it.
const MANY: usize = usize::MAX / 2;
/// Instants that lie ahead are kept in steps of this many microseconds, so that a webhook with many retries has few entries.
const STEP: i64 = 50_000;
/// So many more than are known to wait are asked for: an answer that falls short says that nothing is left.
const SLACK: usize = 8;
/// Publishing stamps a little earlier than it commits; the floor of a claim leaves that much room.
const FLOOR_MARGIN: Duration = Duration::from_secs(5);

type Key = (WebhookId, Lane);

/// What to claim: at most `count` rows of this lane, none that was due before `floor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    pub webhook: WebhookId,
    pub lane: Lane,
    pub count: usize,
    pub floor: Moment,
    /// What the lane had been told when this was picked; an answer that falls short says nothing of later news.
    told: u64,
}

#[derive(Debug, Default)]
struct Queue {
    /// Instants ahead at which something is due.
    ahead: BTreeSet<Moment>,
    /// Its place among the lanes that have something due now.
    turn: Option<u64>,
    floor: Moment,
    /// How often something became due here.
    told: u64,
    /// Rows that claims on their way have asked for.
    asked: usize,
}

#[derive(Debug)]
struct Running {
    webhook: WebhookId,
    lane: Lane,
    since: Moment,
}

pub struct Lanes {
    slots: Slots,
    queues: HashMap<Key, Queue>,
    /// Lanes with something ahead, by the first instant.
    ahead: BTreeSet<(Moment, Key)>,
    /// Lanes with something due now, in the order of their turns.
    ready: BTreeMap<u64, Key>,
    attempts: HashMap<DeliveryId, Running>,
    /// Attempts in the order in which they started, to find the slow ones.
    started: VecDeque<(Moment, DeliveryId)>,
    turn: u64,
}

impl Lanes {
    pub fn new(slots: Slots) -> Self {
        Lanes {
            slots,
            queues: HashMap::new(),
            ahead: BTreeSet::new(),
            ready: BTreeMap::new(),
            attempts: HashMap::new(),
            started: VecDeque::new(),
            turn: 0,
        }
    }

    /// Something of this lane is due at that instant.
    pub fn hint(&mut self, due: Due, now: Moment) {
        let key = (due.webhook, due.lane);
        {
            let mut ledger = self.slots.lock();
            let webhook = ledger.webhooks.entry(due.webhook).or_insert(Webhook {
                project: due.project,
                pace: Pace::Unproven,
                running: 0,
                direct: 0,
                waiting: 0,
            });
            if due.lane == Lane::Automatic && due.at <= now {
                webhook.waiting = webhook.waiting.saturating_add(1);
            }
        }
        let queue = self.queues.entry(key).or_default();
        queue.floor = queue.floor.min(due.at);
        if due.at <= now {
            self.make_ready(key);
            return;
        }
        let first = queue.ahead.first().copied();
        let at = Moment(due.at.0.div_euclid(STEP) * STEP + STEP);
        queue.ahead.insert(at);
        if first.is_none_or(|first| at < first) {
            if let Some(first) = first {
                self.ahead.remove(&(first, key));
            }
            self.ahead.insert((at, key));
        }
    }

    /// The scan's answer: every lane that has a row, with its first instant. Floors start anew: the scan sees everything.
    pub fn resync(&mut self, found: &[Due], now: Moment) {
        for queue in self.queues.values_mut() {
            queue.floor = Moment(i64::MIN);
        }
        for due in found {
            let was_empty = self
                .queues
                .get(&(due.webhook, due.lane))
                .is_none_or(|queue| queue.turn.is_none());
            self.hint(*due, now);
            if was_empty && due.at <= now && due.lane == Lane::Automatic {
                self.set_waiting(due.webhook, MANY);
            }
        }
    }

    /// Picks lanes in turn within the budgets, `room` rows at most besides the direct ones, and takes their slots. The caller
    /// claims exactly these and reports each with [`Lanes::claimed`] or [`Lanes::not_claimed`].
    pub fn pick(&mut self, now: Moment, room: usize) -> Vec<Pick> {
        self.ripen(now);
        let mut ledger = self.slots.lock();
        let mut left = room.min(ledger.free());
        let mut direct_left = ledger.budget.direct.saturating_sub(ledger.direct);
        let mut picks: Vec<Pick> = Vec::new();
        let mut suspect = ledger.suspect;
        let mut projects: HashMap<ProjectId, usize> = HashMap::new();
        let share = (left / self.ready.len().max(1)).max(1);
        let mut served: Vec<u64> = Vec::new();
        for (&turn, &(id, lane)) in &self.ready {
            if left == 0 && direct_left == 0 {
                break;
            }
            let (Some(webhook), Some(queue)) = (ledger.webhooks.get(&id), self.queues.get(&(id, lane))) else {
                continue;
            };
            let count = match lane {
                Lane::Direct => DIRECT_PER_WEBHOOK.saturating_sub(webhook.direct).min(direct_left),
                Lane::Automatic => {
                    let taken = projects.get(&webhook.project).copied().unwrap_or(0);
                    let wanted = webhook.waiting.saturating_add(SLACK).saturating_sub(queue.asked);
                    ledger
                        .capacity(webhook, suspect, taken)
                        .min(left)
                        .min(share)
                        .min(wanted)
                }
            };
            if count == 0 {
                continue;
            }
            match lane {
                Lane::Direct => direct_left -= count,
                Lane::Automatic => {
                    left -= count;
                    *projects.entry(webhook.project).or_default() += count;
                    if webhook.pace != Pace::Quick {
                        suspect += count;
                    }
                }
            }
            served.push(turn);
            picks.push(Pick {
                webhook: id,
                lane,
                count,
                floor: queue.floor,
                told: queue.told,
            });
        }
        give_rest(&ledger, &mut picks, &self.queues, left, suspect, projects);
        for pick in &picks {
            match pick.lane {
                Lane::Direct => ledger.start_direct(pick.webhook, pick.count),
                Lane::Automatic => ledger.start(pick.webhook, pick.count),
            }
            if let Some(queue) = self.queues.get_mut(&(pick.webhook, pick.lane)) {
                queue.asked += pick.count;
            }
        }
        drop(ledger);
        for turn in served {
            self.send_to_the_end(turn);
        }
        picks
    }

    /// What a pick brought: ids in the order of their instants. Fewer than asked for means that nothing else was due.
    pub fn claimed(&mut self, pick: Pick, rows: &[(DeliveryId, Moment)], now: Moment) {
        let key = (pick.webhook, pick.lane);
        self.give_back(pick, pick.count - rows.len());
        let told = self.queues.get(&key).map(|queue| queue.told);
        let nothing_left = rows.len() < pick.count && told == Some(pick.told);
        if nothing_left {
            self.not_ready(key);
        }
        if pick.lane == Lane::Automatic
            && let Some(webhook) = self.slots.lock().webhooks.get_mut(&pick.webhook)
        {
            let left = webhook.waiting.saturating_sub(rows.len());
            webhook.waiting = match (nothing_left, rows.len() < pick.count) {
                (true, _) => 0,
                (false, true) => left,
                // A full answer: there may well be as much again that nobody has counted.
                (false, false) => left.max(rows.len()),
            };
        }
        if let (Some(queue), Some(first)) = (self.queues.get_mut(&key), rows.iter().map(|row| row.1).min()) {
            queue.floor = queue.floor.max(first - FLOOR_MARGIN);
        }
        for (delivery, _) in rows {
            self.note(*delivery, key, now);
        }
    }

    /// The claim could not be made; what waits goes on waiting.
    pub fn not_claimed(&mut self, pick: Pick) {
        self.give_back(pick, pick.count);
    }

    fn give_back(&mut self, pick: Pick, unused: usize) {
        if let Some(queue) = self.queues.get_mut(&(pick.webhook, pick.lane)) {
            queue.asked -= pick.count;
        }
        let mut ledger = self.slots.lock();
        match pick.lane {
            Lane::Direct => ledger.end_direct(pick.webhook, unused),
            Lane::Automatic => ledger.end(pick.webhook, unused),
        }
    }

    /// A publishing transaction has taken a slot and gives its delivery to this engine.
    pub fn handed(&mut self, delivery: DeliveryId, webhook: WebhookId, slot: Slot, now: Moment) {
        slot.keep();
        self.note(delivery, (webhook, Lane::Automatic), now);
    }

    /// The request of an attempt has ended.
    pub fn finished(&mut self, delivery: DeliveryId, now: Moment) {
        let Some(Running { webhook, lane, since }) = self.attempts.remove(&delivery) else {
            return;
        };
        let quick = now.since(since) < SLOW_AFTER;
        let pace = if quick { Pace::Quick } else { Pace::Slow };
        let mut ledger = self.slots.lock();
        match lane {
            Lane::Direct => ledger.end_direct(webhook, 1),
            Lane::Automatic => ledger.end(webhook, 1),
        }
        ledger.set_pace(webhook, pace);
    }

    /// When to look again: the first instant that lies ahead, or when the oldest quick attempt becomes a slow one.
    pub fn next(&self) -> Option<Moment> {
        let slow = self.started.front().map(|(since, _)| *since + SLOW_AFTER);
        let due = self.ahead.first().map(|(at, _)| *at);
        [slow, due].into_iter().flatten().min()
    }

    pub fn in_flight(&self) -> usize {
        self.attempts.len()
    }

    /// Moves lanes whose instant has come to the ready ones, and finds the attempts that have become slow.
    fn ripen(&mut self, now: Moment) {
        while let Some(&(at, key)) = self.ahead.first().filter(|(at, _)| *at <= now) {
            self.ahead.remove(&(at, key));
            if let Some(queue) = self.queues.get_mut(&key) {
                queue.ahead = queue.ahead.split_off(&Moment(now.0 + 1));
                if let Some(next) = queue.ahead.first() {
                    self.ahead.insert((*next, key));
                }
            }
            self.make_ready(key);
            if key.1 == Lane::Automatic {
                self.set_waiting(key.0, MANY);
            }
        }
        while let Some(&(since, delivery)) = self.started.front() {
            let running = self.attempts.get(&delivery).filter(|running| running.since == since);
            match running.map(|running| running.webhook) {
                Some(webhook) if now.since(since) >= SLOW_AFTER => self.slots.lock().set_pace(webhook, Pace::Slow),
                Some(_) => break,
                None => {}
            }
            self.started.pop_front();
        }
    }

    fn note(&mut self, delivery: DeliveryId, (webhook, lane): Key, now: Moment) {
        let running = Running {
            webhook,
            lane,
            since: now,
        };
        self.attempts.insert(delivery, running);
        self.started.push_back((now, delivery));
    }

    fn set_waiting(&mut self, webhook: WebhookId, waiting: usize) {
        if let Some(webhook) = self.slots.lock().webhooks.get_mut(&webhook) {
            webhook.waiting = waiting;
        }
    }

    fn make_ready(&mut self, key: Key) {
        let Some(queue) = self.queues.get_mut(&key) else { return };
        queue.told += 1;
        if queue.turn.is_some() {
            return;
        }
        self.turn += 1;
        queue.turn = Some(self.turn);
        self.ready.insert(self.turn, key);
        if key.1 == Lane::Automatic {
            self.slots.lock().wait(key.0);
        }
    }

    fn not_ready(&mut self, key: Key) {
        let Some(turn) = self.queues.get_mut(&key).and_then(|queue| queue.turn.take()) else {
            return;
        };
        self.ready.remove(&turn);
        if key.1 == Lane::Automatic {
            self.slots.lock().wait_no_more(key.0);
        }
    }

    fn send_to_the_end(&mut self, turn: u64) {
        let Some(key) = self.ready.remove(&turn) else { return };
        self.turn += 1;
        self.ready.insert(self.turn, key);
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.turn = Some(self.turn);
        }
    }
}

/// What the equal shares left over goes to the picked webhooks that can use it, in the order of their turns.
fn give_rest(
    ledger: &Ledger,
    picks: &mut [Pick],
    queues: &HashMap<Key, Queue>,
    mut left: usize,
    mut suspect: usize,
    mut projects: HashMap<ProjectId, usize>,
) {
    for pick in picks.iter_mut().filter(|pick| pick.lane == Lane::Automatic) {
        if left == 0 {
            return;
        }
        let (Some(webhook), Some(queue)) = (
            ledger.webhooks.get(&pick.webhook),
            queues.get(&(pick.webhook, pick.lane)),
        ) else {
            continue;
        };
        let wanted = webhook.waiting.saturating_add(SLACK).saturating_sub(queue.asked);
        let taken = projects.entry(webhook.project).or_default();
        // The pick itself is already part of `suspect` and `taken`, but not of `webhook.running`.
        let own = if webhook.pace == Pace::Quick { 0 } else { pick.count };
        let more = ledger
            .capacity(webhook, suspect - own, *taken - pick.count)
            .min(wanted)
            .saturating_sub(pick.count)
            .min(left);
        pick.count += more;
        *taken += more;
        left -= more;
        if webhook.pace != Pace::Quick {
            suspect += more;
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
