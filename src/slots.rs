//! How many requests may be on their way at a time, and who has taken how many: in all, for each webhook and project, for
//! receivers that are slow. The engine takes slots for what it claims (`delivery::lanes`), a publishing transaction for what
//! it hands to the engine at once. Counted in memory on each node; nothing here reads a clock or touches a database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Budget;
use crate::domain::ids::{ProjectId, WebhookId};

/// Requests at a time to a webhook that has not answered yet: it may hang.
const UNPROVEN: usize = 4;
/// Tests and manual retries at a time to one webhook, so that one that hangs leaves room for the others.
pub const DIRECT_PER_WEBHOOK: usize = 2;
/// An event is handed over past so many deliveries that wait for the same webhook, for which a claim is under way already.
/// With none at all a single slot that was missed would make every following event miss too.
const OVERTAKEN: usize = 64;

/// What is known of how long a webhook takes to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Unproven,
    Quick,
    Slow,
}

#[derive(Debug, Clone)]
pub struct Webhook {
    pub project: ProjectId,
    pub pace: Pace,
    /// Automatic attempts on their way.
    pub running: usize,
    /// Manual and test attempts on their way.
    pub direct: usize,
    /// Automatic deliveries that are due and not claimed, as far as is known.
    pub waiting: usize,
}

/// The accounts. Automatic attempts only, unless something says *direct*.
#[derive(Debug)]
pub struct Ledger {
    pub budget: Budget,
    pub webhooks: HashMap<WebhookId, Webhook>,
    pub running: usize,
    pub running_projects: HashMap<ProjectId, usize>,
    /// Attempts of webhooks that are not known to be quick.
    pub suspect: usize,
    pub direct: usize,
    /// How many lanes each project has that wait for a slot.
    pub ready_projects: HashMap<ProjectId, usize>,
    /// Slots taken by transactions that have not handed anything over yet.
    promised: usize,
    /// An engine runs on this node and takes what it is handed.
    open: bool,
}

impl Ledger {
    pub fn free(&self) -> usize {
        self.budget.in_all.saturating_sub(self.running)
    }

    /// How many more automatic attempts this webhook may start, when `suspect` of the suspects' budget and `taken` of its
    /// project's share are given out.
    pub fn capacity(&self, webhook: &Webhook, suspect: usize, taken: usize) -> usize {
        let in_all = self.budget.in_all;
        // Suspects may hold three quarters of the slots; past that each gets one at a time, in turn, and an eighth of the
        // slots is never theirs, so that a quick webhook starts at once.
        let slow_room = self.budget.slow().saturating_sub(suspect);
        let one_each = usize::from(webhook.running == 0 && suspect < in_all - in_all / 8);
        let limit = match webhook.pace {
            Pace::Unproven => UNPROVEN.min(self.budget.per_webhook),
            Pace::Quick | Pace::Slow => self.budget.per_webhook,
        };
        let most = limit.saturating_sub(webhook.running);
        let own = match webhook.pace {
            Pace::Quick => most,
            Pace::Unproven | Pace::Slow => most.min(slow_room).max(one_each.min(most)),
        };
        if self.ready_projects.len() <= 1 {
            return own;
        }
        let held = self.running_projects.get(&webhook.project).copied().unwrap_or(0) + taken;
        own.min((in_all / 2).max(1).saturating_sub(held))
    }

    pub fn start(&mut self, id: WebhookId, count: usize) {
        let Some(webhook) = self.webhooks.get_mut(&id) else {
            return;
        };
        webhook.running += count;
        self.running += count;
        *self.running_projects.entry(webhook.project).or_default() += count;
        if webhook.pace != Pace::Quick {
            self.suspect += count;
        }
    }

    pub fn end(&mut self, id: WebhookId, count: usize) {
        let Some(webhook) = self.webhooks.get_mut(&id) else {
            return;
        };
        webhook.running -= count;
        self.running -= count;
        if let Some(running) = self.running_projects.get_mut(&webhook.project) {
            *running -= count;
        }
        if webhook.pace != Pace::Quick {
            self.suspect -= count;
        }
    }

    pub fn start_direct(&mut self, id: WebhookId, count: usize) {
        if let Some(webhook) = self.webhooks.get_mut(&id) {
            webhook.direct += count;
            self.direct += count;
        }
    }

    pub fn end_direct(&mut self, id: WebhookId, count: usize) {
        if let Some(webhook) = self.webhooks.get_mut(&id) {
            webhook.direct -= count;
            self.direct -= count;
        }
    }

    /// Its lane has something due and waits for its turn.
    pub fn wait(&mut self, id: WebhookId) {
        if let Some(webhook) = self.webhooks.get(&id) {
            *self.ready_projects.entry(webhook.project).or_default() += 1;
        }
    }

    pub fn wait_no_more(&mut self, id: WebhookId) {
        if let Some(webhook) = self.webhooks.get(&id)
            && let Some(ready) = self.ready_projects.get_mut(&webhook.project)
        {
            *ready -= 1;
            if *ready == 0 {
                self.ready_projects.remove(&webhook.project);
            }
        }
    }

    pub fn set_pace(&mut self, id: WebhookId, pace: Pace) {
        let Some(webhook) = self.webhooks.get_mut(&id) else {
            return;
        };
        match (webhook.pace == Pace::Quick, pace == Pace::Quick) {
            (true, false) => self.suspect += webhook.running,
            (false, true) => self.suspect -= webhook.running,
            _ => {}
        }
        webhook.pace = pace;
    }

    /// Whether a fresh delivery may start now, before those that wait have had their turn. When others wait, an eighth of the
    /// slots stays theirs: publishers are many and would snatch each one that gets free.
    fn may_overtake(&self, id: WebhookId) -> bool {
        let Some(webhook) = self.webhooks.get(&id).filter(|_| self.open) else {
            return false;
        };
        let kept = if self.ready_projects.is_empty() {
            0
        } else {
            self.budget.in_all / 8
        };
        webhook.waiting <= OVERTAKEN && self.free() > kept && self.capacity(webhook, self.suspect, 0) > 0
    }
}

/// The accounts of this node, shared between its engine and whoever publishes.
#[derive(Clone)]
pub struct Slots {
    ledger: Arc<Mutex<Ledger>>,
    lease: Duration,
}

impl Slots {
    /// Closed, until an engine opens them. `lease` is how long a claim keeps others off.
    pub fn new(budget: Budget, lease: Duration) -> Slots {
        Slots {
            ledger: Arc::new(Mutex::new(Ledger {
                budget,
                webhooks: HashMap::new(),
                running: 0,
                running_projects: HashMap::new(),
                suspect: 0,
                direct: 0,
                ready_projects: HashMap::new(),
                promised: 0,
                open: false,
            })),
            lease,
        }
    }

    /// Held for a moment, never over an await. No invariant spans two locks, so a panic elsewhere leaves it usable.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether transactions may hand deliveries to the engine of this node.
    pub fn set_open(&self, open: bool) {
        self.lock().open = open;
    }

    /// Slots whose deliveries are still on their way to the engine.
    pub fn promised(&self) -> usize {
        self.lock().promised
    }

    /// A slot for a delivery of this webhook that is about to be written, if one is free and it is the webhook's turn.
    pub fn promise(&self, webhook: WebhookId) -> Option<Slot> {
        let mut ledger = self.lock();
        if !ledger.may_overtake(webhook) {
            return None;
        }
        ledger.start(webhook, 1);
        ledger.promised += 1;
        Some(Slot {
            slots: self.clone(),
            webhook,
            kept: false,
        })
    }
}

/// One slot. Given back when it is dropped, as when the transaction that took it is rolled back.
pub struct Slot {
    slots: Slots,
    webhook: WebhookId,
    kept: bool,
}

impl Slot {
    /// It belongs to an attempt now, whose end gives it back.
    pub fn keep(mut self) {
        self.kept = true;
        self.slots.lock().promised -= 1;
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({})", self.webhook)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.kept {
            let mut ledger = self.slots.lock();
            ledger.promised -= 1;
            ledger.end(self.webhook, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: WebhookId = WebhookId(1);

    fn slots(in_all: usize, per_webhook: usize) -> Slots {
        let budget = Budget {
            in_all,
            per_webhook,
            direct: 4,
        };
        let slots = Slots::new(budget, Duration::from_secs(20));
        slots.set_open(true);
        let quick = Webhook {
            project: ProjectId(1),
            pace: Pace::Quick,
            running: 0,
            direct: 0,
            waiting: 0,
        };
        slots.lock().webhooks.insert(QUICK, quick);
        slots
    }

    #[test]
    fn a_slot_is_promised_up_to_the_webhooks_own_limit_and_comes_back_when_dropped() {
        let slots = slots(10, 2);

        let (first, second) = (slots.promise(QUICK), slots.promise(QUICK));
        assert!(first.is_some() && second.is_some());
        assert!(slots.promise(QUICK).is_none());

        drop(first);
        assert_eq!(slots.promised(), 1);
        assert!(slots.promise(QUICK).is_some());
    }

    #[test]
    fn a_kept_slot_is_given_back_by_the_end_of_its_attempt_and_not_before() {
        let slots = slots(10, 1);

        slots.promise(QUICK).unwrap().keep();

        assert_eq!(slots.promised(), 0);
        assert!(slots.promise(QUICK).is_none());
        slots.lock().end(QUICK, 1);
        assert!(slots.promise(QUICK).is_some());
    }

    #[test]
    fn nothing_is_promised_while_closed_or_to_a_webhook_that_is_not_known() {
        let slots = slots(10, 2);

        assert!(slots.promise(WebhookId(2)).is_none());
        slots.set_open(false);
        assert!(slots.promise(QUICK).is_none());
    }

    #[test]
    fn nothing_overtakes_a_long_queue_of_the_same_webhook() {
        let slots = slots(10, 2);

        let waiting = |count| {
            if let Some(webhook) = slots.lock().webhooks.get_mut(&QUICK) {
                webhook.waiting = count;
            }
        };
        waiting(OVERTAKEN);
        assert!(slots.promise(QUICK).is_some());
        waiting(OVERTAKEN + 1);
        assert!(slots.promise(QUICK).is_none());
    }

    #[test]
    fn when_others_wait_an_eighth_of_the_slots_stays_theirs() {
        let slots = slots(8, 8);
        slots.lock().ready_projects.insert(ProjectId(1), 1);

        let promised: Vec<Slot> = std::iter::from_fn(|| slots.promise(QUICK)).collect();

        assert_eq!(promised.len(), 7);
    }

    #[test]
    fn a_project_hands_over_no_more_than_half_of_the_slots_while_another_waits() {
        let slots = slots(16, 16);
        slots
            .lock()
            .ready_projects
            .extend([(ProjectId(1), 1), (ProjectId(2), 1)]);

        let promised: Vec<Slot> = std::iter::from_fn(|| slots.promise(QUICK)).collect();

        assert_eq!(promised.len(), 8);
    }
}
