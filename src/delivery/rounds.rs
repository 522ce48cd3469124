//! The background loop: claim what the lanes pick, send each as a local task, settle in batches, wait for news. It decides nothing itself: whose turn it is say the lanes, what a result means says the domain.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::context::{Context, Wires};
use crate::db::deliveries::Claimed;
use crate::db::{self, Due, Handed};
use crate::delivery::attempt::{self, Keys, LeaseHold};
use crate::delivery::claims::{Claim, Claims};
use crate::delivery::janitor;
use crate::delivery::lanes::Lanes;
use crate::delivery::sender::Sender;
use crate::delivery::settle::{self, Settlement, Unrecorded};
use crate::delivery::tally::{self, Tally};
use crate::domain::ids::DeliveryId;
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::vault::DoesNotOpen;

/// How often the lanes are put right by a scan, and the longest sleep.
const SCAN_EVERY: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_secs(1);
/// Results that may wait for the database before nothing more is claimed.
const MAX_UNRECORDED: usize = 4096;
/// After a claim that failed, or a secret that does not open.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_FOR_KEY: Duration = Duration::from_secs(60);
/// A promise that is given back rings no bell.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What results get at the end to reach the database.
const RECORD_WITHIN: Duration = Duration::from_secs(10);
/// What the last counts for the charts get.
const TALLY_WITHIN: Duration = Duration::from_secs(2);

enum News {
    Due(Vec<Due>),
    Handed(Vec<Handed>),
    Claimed(Claim),
    Ended(DeliveryId),
    Scanned(Vec<Due>),
    Stop,
    Nothing,
}

pub(super) struct Engine {
    context: Context,
    sender: Rc<Sender>,
    lanes: Lanes,
    claims: Claims,
    /// The lease of each attempt on its way, to give it back at the end.
    leases: HashMap<DeliveryId, i64>,
    results: mpsc::UnboundedSender<Settlement>,
    unrecorded: Rc<Unrecorded>,
    ended: (mpsc::UnboundedSender<DeliveryId>, mpsc::UnboundedReceiver<DeliveryId>),
    scanned: (mpsc::UnboundedSender<Vec<Due>>, mpsc::UnboundedReceiver<Vec<Due>>),
    settler: actix_rt::task::JoinHandle<()>,
    tally: Rc<Tally>,
    tallier: actix_rt::task::JoinHandle<()>,
    janitor: actix_rt::task::JoinHandle<()>,
    last_scan: Option<Instant>,
    paused_until: Option<Instant>,
}

impl Engine {
    pub(super) fn new(context: Context, sender: Sender) -> Engine {
        let (results, to_settle) = mpsc::unbounded_channel();
        let unrecorded = Rc::new(Unrecorded::default());
        let tally = Rc::new(Tally::default());
        let settler = settle::run(context.clone(), to_settle, Rc::clone(&unrecorded), Rc::clone(&tally));
        Engine {
            sender: Rc::new(sender),
            lanes: Lanes::new(context.slots().clone()),
            claims: Claims::new(context.clone()),
            leases: HashMap::new(),
            results,
            settler: actix_rt::spawn(settler),
            tallier: actix_rt::spawn(tally::run(context.clone(), Rc::clone(&tally))),
            tally,
            janitor: actix_rt::spawn(janitor::run(context.clone())),
            unrecorded,
            ended: mpsc::unbounded_channel(),
            scanned: mpsc::unbounded_channel(),
            last_scan: None,
            paused_until: None,
            context,
        }
    }

    pub(super) async fn run(mut self, mut wires: Wires, mut stopped: mpsc::UnboundedReceiver<()>) {
        loop {
            self.context.pulse().beat();
            self.scan_now_and_then();
            let now = self.context.now();
            let may_start = !self.is_paused() && self.room() > 0;
            self.context.slots().set_open(may_start);
            let picks = if may_start && self.claims.may_start() {
                self.lanes.pick(now, self.room())
            } else {
                Vec::new()
            };
            let news = if picks.is_empty() {
                self.wait(now, &mut wires, &mut stopped).await
            } else {
                self.claims.start(picks, now);
                News::Nothing
            };
            if self.hear(news) || self.hear_the_rest(&mut wires, &mut stopped) {
                break;
            }
        }
        self.finish(wires).await;
    }

    /// True: stop.
    fn hear(&mut self, news: News) -> bool {
        let now = self.context.now();
        match news {
            News::Due(due) => due.into_iter().for_each(|due| self.lanes.hint(due, now)),
            News::Handed(handed) => handed.into_iter().for_each(|one| self.take(one, now)),
            News::Scanned(found) => self.lanes.resync(&found, now),
            News::Claimed(claim) => self.take_claim(claim, now),
            News::Ended(delivery) => {
                self.leases.remove(&delivery);
                self.lanes.finished(delivery, now);
            }
            News::Nothing => {}
            News::Stop => return true,
        }
        false
    }

    /// What has come meanwhile, without waiting, so that one pick sees all of it.
    fn hear_the_rest(&mut self, wires: &mut Wires, stopped: &mut mpsc::UnboundedReceiver<()>) -> bool {
        while let Ok(delivery) = self.ended.1.try_recv() {
            self.hear(News::Ended(delivery));
        }
        while let Ok(handed) = wires.handed.try_recv() {
            self.hear(News::Handed(handed));
        }
        while let Some(claim) = self.claims.try_next() {
            self.hear(News::Claimed(claim));
        }
        while let Ok(hints) = wires.due.try_recv() {
            self.hear(News::Due(hints));
        }
        while let Ok(found) = self.scanned.1.try_recv() {
            self.hear(News::Scanned(found));
        }
        stopped.try_recv().is_ok()
    }

    async fn wait(&mut self, now: Moment, wires: &mut Wires, stopped: &mut mpsc::UnboundedReceiver<()>) -> News {
        let until_next = match self.paused_until {
            Some(until) if self.is_paused() => until.saturating_duration_since(Instant::now()),
            _ => self.lanes.next().map_or(POLL, |next| next.since(now)),
        };
        // A lane that is ready but has no budget waits for an attempt to end, not for its instant.
        let sleep = until_next.clamp(Duration::from_millis(1), POLL);
        tokio::select! {
            Some(handed) = wires.handed.recv() => News::Handed(handed),
            Some(hints) = wires.due.recv() => News::Due(hints),
            Some(claim) = self.claims.next() => News::Claimed(claim),
            Some(delivery) = self.ended.1.recv() => News::Ended(delivery),
            Some(found) = self.scanned.1.recv() => News::Scanned(found),
            () = self.unrecorded.fewer(), if self.room() == 0 => News::Nothing,
            _ = stopped.recv() => News::Stop,
            () = tokio::time::sleep(sleep) => News::Nothing,
        }
    }

    fn room(&self) -> usize {
        MAX_UNRECORDED.saturating_sub(self.unrecorded.count())
    }

    fn is_paused(&self) -> bool {
        self.paused_until.is_some_and(|until| Instant::now() < until)
    }

    fn pause(&mut self, time: Duration) {
        self.paused_until = Some(Instant::now() + time);
    }

    fn take_claim(&mut self, claim: Claim, now: Moment) {
        let claimed = match claim.result {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(detail = error.detail(), "nothing can be claimed: {error}");
                self.context.metrics().deliveries.claimed(None);
                claim.picks.into_iter().for_each(|pick| self.lanes.not_claimed(pick));
                self.pause(PAUSE);
                return;
            }
        };
        self.context.metrics().deliveries.claimed(Some(claimed.len()));
        self.context.traces().claimed(&claimed, claim.began, now);
        let mut rows = HashMap::<_, Vec<(DeliveryId, Moment)>>::new();
        for row in &claimed {
            let lane = (row.webhook_id, lane_of(row));
            rows.entry(lane).or_default().push((row.id, row.due_at));
        }
        for pick in claim.picks {
            let rows = rows.remove(&(pick.webhook, pick.lane)).unwrap_or_default();
            self.lanes.claimed(pick, &rows, now);
        }
        self.send(claimed, self.hold(claim.lease_id, claim.since));
    }

    /// An attempt must not outlive its lease.
    fn hold(&self, lease_id: i64, claimed: Instant) -> LeaseHold {
        let timing = self.context.config().timing;
        LeaseHold {
            id: lease_id,
            claimed,
            usable_for: timing.lease.saturating_sub(timing.deadline + timing.body),
        }
    }

    fn take(&mut self, handed: Handed, now: Moment) {
        let Handed {
            claimed,
            lease_id,
            since,
            slot,
        } = handed;
        self.context.metrics().deliveries.handed_over();
        self.lanes.handed(claimed.id, claimed.webhook_id, slot, now);
        self.send(vec![claimed], self.hold(lease_id, since));
    }

    fn send(&mut self, claimed: Vec<Claimed>, hold: LeaseHold) {
        let (mut locked_out, mut webhooks) = (Vec::new(), BTreeSet::new());
        for delivery in claimed {
            let Ok(keys) = self.open(&delivery) else {
                locked_out.push(delivery.id);
                webhooks.insert(delivery.webhook_id.0);
                continue;
            };
            let ended = Ended {
                delivery: delivery.id,
                tell: self.ended.0.clone(),
            };
            self.leases.insert(delivery.id, hold.id);
            let (sender, context) = (Rc::clone(&self.sender), self.context.clone());
            let (results, unrecorded) = (self.results.clone(), Rc::clone(&self.unrecorded));
            actix_rt::spawn(async move {
                let counts = &context.metrics().deliveries;
                match attempt::make(delivery, keys, hold, &sender, &context).await {
                    Some(settlement) => {
                        unrecorded.add();
                        let _ = results.send(settlement);
                    }
                    None => counts.lost(1),
                }
                drop(ended);
            });
        }
        if !locked_out.is_empty() {
            tracing::error!(
                deliveries = locked_out.len(),
                ?webhooks,
                "the master keys that are given do not open what is sealed of a webhook: deliveries are paused; start with the key that is \
                 current (key list shows it), or rotate that webhook's secret and enter its headers again"
            );
            self.give_back(locked_out, hold.id);
            self.pause(PAUSE_FOR_KEY);
        }
    }

    fn open(&self, delivery: &Claimed) -> Result<Keys, DoesNotOpen> {
        let vault = self.context.vault();
        Ok(Keys {
            secret: vault.open_secret(delivery.webhook_id, &delivery.secret_sealed)?,
            own: vault.open_headers(delivery.webhook_id, delivery.headers_sealed.as_deref())?,
        })
    }

    fn give_back(&mut self, ids: Vec<DeliveryId>, lease_id: i64) {
        for id in &ids {
            self.leases.remove(id);
            self.lanes.finished(*id, self.context.now());
        }
        let context = self.context.clone();
        actix_rt::spawn(async move {
            let released: Result<usize, AppError> = context
                .write(move |tx| Ok(db::deliveries::release(tx.db, &ids, lease_id)?))
                .await;
            if let Err(error) = released {
                tracing::warn!(
                    detail = error.detail(),
                    "claims were not given back; their leases will run out: {error}"
                );
            }
        });
    }

    fn scan_now_and_then(&mut self) {
        if self.last_scan.is_some_and(|last| last.elapsed() < SCAN_EVERY) {
            return;
        }
        self.last_scan = Some(Instant::now());
        let (context, tell) = (self.context.clone(), self.scanned.0.clone());
        actix_rt::spawn(async move {
            match context.read(|db| Ok(db::deliveries::waiting(db)?)).await {
                Ok(found) => drop(tell.send(found)),
                Err(error) => tracing::warn!(detail = error.detail(), "what waits cannot be looked up: {error}"),
            }
        });
    }

    async fn finish(mut self, mut wires: Wires) {
        self.context.slots().set_open(false);
        self.janitor.abort();
        let deadline = tokio::time::Instant::now() + self.context.config().timing.farewell;
        // What a transaction has claimed for us is sent as well: its lease would keep others off.
        while self.lanes.in_flight() + self.claims.in_flight() + self.context.slots().promised() > 0 {
            let news = async {
                tokio::select! {
                    Some(handed) = wires.handed.recv() => News::Handed(handed),
                    Some(claim) = self.claims.next() => News::Claimed(claim),
                    Some(delivery) = self.ended.1.recv() => News::Ended(delivery),
                    () = tokio::time::sleep(LOOK_AGAIN) => News::Nothing,
                }
            };
            match tokio::time::timeout_at(deadline, news).await {
                Ok(news) => drop(self.hear(news)),
                Err(_) => break,
            }
        }
        let open: Vec<(DeliveryId, i64)> = self.leases.drain().collect();
        if !open.is_empty() {
            tracing::warn!(
                attempts = open.len(),
                "stopping with requests in flight; they are sent again after the next start"
            );
        }
        for (delivery, lease_id) in open {
            let released = self
                .context
                .write(move |tx| Ok(db::deliveries::release(tx.db, &[delivery], lease_id)?))
                .await;
            if released.is_err() {
                break;
            }
        }
        // What was given back still holds the way to the settler, which therefore does not end by itself.
        let recorded = async {
            while self.unrecorded.count() > 0 {
                self.unrecorded.fewer().await;
            }
        };
        if tokio::time::timeout(RECORD_WITHIN, recorded).await.is_err() {
            tracing::warn!(
                results = self.unrecorded.count(),
                "the database did not take these results: what they belong to is sent again"
            );
        }
        self.settler.abort();
        self.tallier.abort();
        let tallied = tokio::time::timeout(TALLY_WITHIN, self.tally.flush(&self.context)).await;
        if !matches!(tallied, Ok(Ok(()))) {
            tracing::warn!("the database did not take the last counts for the charts");
        }
    }
}

fn lane_of(row: &Claimed) -> db::Lane {
    match row.trigger {
        crate::domain::delivery::Trigger::Automatic => db::Lane::Automatic,
        _ => db::Lane::Direct,
    }
}

/// Frees the slot however the attempt ends, also by a panic.
struct Ended {
    delivery: DeliveryId,
    tell: mpsc::UnboundedSender<DeliveryId>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.tell.send(self.delivery);
    }
}
