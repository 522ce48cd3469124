//! What several nodes on one PostgreSQL tell each other beside the rows: that something is due, that a result was recorded,
//! that they are there. And the one time that all of them go by.
//!
//! A thread with a connection of its own does it, after the commits and outside of them. All of it is a hint: what is not
//! heard is found by the engine's scan, and who waits for a result looks by itself. Nothing here decides anything.

pub mod ask;
pub mod outbox;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc};

use crate::clock::{Clock, Sample};
use crate::context::Recorded;
use crate::db::notify::Channel;
use crate::db::{DatabaseUrl, Due};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::node_role::{NodeName, NodeRole, node_name};
use crate::vault::KeyRing;
use crate::version::{self, Version};
use outbox::{News, Outbox};

/// How long news is gathered, and how often a node looks for what others said: libpq cannot be waited for without blocking.
const GATHER: Duration = Duration::from_millis(5);
/// The same for a node without others, which has only a newcomer to wait for.
const ALONE: Duration = Duration::from_millis(100);
/// How often a node says that it is there, and looks at the database's clock.
const BEAT: Duration = Duration::from_secs(5);
/// Who was not heard for this long is gone. At the start everybody else is still unheard.
const SILENCE: Duration = Duration::from_secs(15);
const SETTLING: Duration = Duration::from_secs(2);
/// What is due later is found by every node's own scan before it is due.
const SOON: Duration = Duration::from_secs(3);
/// Between two looks that others asked for.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// Looks at the database's clock, of which the quickest counts; a slower one than this is worth nothing.
const SAMPLES: usize = 3;
const SLOWEST_SAMPLE: Duration = Duration::from_secs(1);
const DRIFT_MICROS: i64 = 2_000_000;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The last words at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// The other nodes, as this one's requests and engine see them.
#[derive(Debug, Default)]
pub struct Others {
    outbox: Mutex<Outbox>,
    bell: Condvar,
    leaving: AtomicBool,
    /// Nobody would hear what is said.
    alone: AtomicBool,
    ahead_micros: AtomicI64,
    nobody_delivers: AtomicBool,
    known: Mutex<Vec<Node>>,
}

/// A node of this database, as far as it told the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub role: NodeRole,
    /// `None`: it did not say.
    pub version: Option<Version>,
    /// As in its log. `None`: it did not say.
    pub name: Option<NodeName>,
}

impl Node {
    /// This one.
    pub fn own(role: NodeRole) -> Node {
        Node {
            role,
            version: Version::parse(version::OWN),
            name: NodeName::parse(&node_name()),
        }
    }
}

/// Where what others said is passed on to on this node.
#[derive(Debug, Clone)]
pub struct Ears {
    pub due: mpsc::UnboundedSender<Vec<Due>>,
    pub recorded: broadcast::Sender<Recorded>,
}

impl Others {
    /// Tells them what may be claimed now or in a moment.
    pub fn tell_due(&self, due: &[Due], now: Moment) {
        self.tell(|outbox| {
            due.iter()
                .filter(|due| due.at <= now + SOON)
                .for_each(|due| outbox.due(*due));
        });
    }

    pub fn tell_recorded(&self, recorded: Recorded) {
        self.tell(|outbox| outbox.recorded(recorded));
    }

    /// Those that were heard lately.
    pub fn known(&self) -> Vec<Node> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By how much this machine's clock is ahead of the database's.
    pub fn ahead_micros(&self) -> i64 {
        self.ahead_micros.load(Ordering::Relaxed)
    }

    /// A sentence when this machine's clock is too far from the database's.
    pub fn wrong_clock(&self) -> Option<String> {
        let ahead = self.ahead_micros();
        (ahead.abs() > DRIFT_MICROS).then(|| wrong_clock(ahead))
    }

    /// No node that runs an engine was heard for a while, and this one has none.
    pub fn nobody_delivers(&self) -> bool {
        self.nobody_delivers.load(Ordering::Relaxed)
    }

    fn tell(&self, news: impl FnOnce(&mut Outbox)) {
        if self.alone.load(Ordering::Relaxed) {
            return;
        }
        let mut outbox = self.lock();
        let silent = outbox.is_empty();
        news(&mut outbox);
        if silent && !outbox.is_empty() {
            self.bell.notify_one();
        }
    }

    /// Until there is something to say, it is time to leave, or `most` has passed.
    fn wait(&self, most: Duration) {
        let nothing = |outbox: &mut Outbox| outbox.is_empty() && !self.leaving();
        let waited = self.bell.wait_timeout_while(self.lock(), most, nothing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running thread; it ends when this is dropped.
pub struct Talk {
    others: Arc<Others>,
    thread: Option<JoinHandle<()>>,
}

impl Talk {
    /// Connects and takes over the database's time before it returns.
    pub fn start(
        url: &DatabaseUrl,
        role: NodeRole,
        clock: &Clock,
        others: Arc<Others>,
        ears: Ears,
        ring: &KeyRing,
    ) -> Result<Talk, String> {
        let mut channel = Channel::open(url)?;
        let mut talker = Talker {
            url: url.clone(),
            role,
            clock: clock.clone(),
            others: Arc::clone(&others),
            ears,
            ring: ring.clone(),
            known: HashMap::new(),
            began: Instant::now(),
            must_look: false,
            looked: None,
        };
        talker.measure(&mut channel).map_err(|error| error.to_string())?;
        let thread = std::thread::Builder::new().name("nodes".into());
        let thread = thread
            .spawn(move || talker.run(channel))
            .map_err(|error| error.to_string())?;
        Ok(Talk {
            others,
            thread: Some(thread),
        })
    }

    /// Says what is still to be said.
    pub async fn stop(mut self) {
        self.leave();
        if let Some(thread) = self.thread.take() {
            let ended = tokio::task::spawn_blocking(move || thread.join());
            let _ = tokio::time::timeout(FAREWELL, ended).await;
        }
    }

    fn leave(&self) {
        self.others.leaving.store(true, Ordering::Relaxed);
        self.others.bell.notify_all();
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.leave();
    }
}

struct Talker {
    url: DatabaseUrl,
    role: NodeRole,
    clock: Clock,
    others: Arc<Others>,
    ears: Ears,
    ring: KeyRing,
    /// Who was heard, what they do, and when they were heard last.
    known: HashMap<i32, (Node, Instant)>,
    began: Instant,
    must_look: bool,
    looked: Option<Instant>,
}

impl Talker {
    fn run(mut self, mut channel: Channel) {
        loop {
            let Err(error) = self.talk(&mut channel) else { return };
            if self.others.leaving() {
                return;
            }
            tracing::warn!(
                detail = error.detail(),
                "the connection on which this node hears the others is gone; it is made again"
            );
            let Some(again) = self.reconnect() else { return };
            channel = again;
            tracing::info!("this node hears the others again");
            // Whatever was said meanwhile is lost, on both sides.
            self.must_look = true;
            self.others.lock().look();
        }
    }

    fn reconnect(&self) -> Option<Channel> {
        let mut pause = FIRST_PAUSE;
        loop {
            std::thread::sleep(pause);
            if self.others.leaving() {
                return None;
            }
            if let Ok(channel) = Channel::open(&self.url) {
                return Some(channel);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// `Ok`: it was time to leave.
    fn talk(&mut self, channel: &mut Channel) -> Result<(), AppError> {
        let own = channel.speaker()?;
        let mut beat: Option<Instant> = None;
        loop {
            if beat.is_none_or(|at| at.elapsed() >= BEAT) {
                beat = Some(Instant::now());
                self.measure(channel)?;
                channel.say(&News::Here(Node::own(self.role)).to_string())?;
                self.known.retain(|_, (_, heard)| heard.elapsed() < SILENCE);
            }
            self.note_who_is_there();
            let alone = self.others.alone.load(Ordering::Relaxed);
            self.others.wait(if alone { ALONE } else { GATHER });
            let news = self.others.lock().take();
            if !alone {
                news.iter().try_for_each(|payload| channel.say(payload))?;
            }
            if self.others.leaving() {
                return Ok(channel.say(&News::Gone.to_string())?);
            }
            for heard in channel.heard()?.iter().filter(|heard| heard.speaker != own) {
                for news in outbox::read(&heard.text) {
                    self.hear(heard.speaker, news, channel)?;
                }
            }
            self.look_if_asked(channel)?;
            if !news.is_empty() {
                // What comes meanwhile is gathered and said at once.
                std::thread::sleep(GATHER);
            }
        }
    }

    fn hear(&mut self, speaker: i32, news: News, channel: &mut Channel) -> Result<(), AppError> {
        match news {
            News::Here(node) => {
                let known = self.known.insert(speaker, (node, Instant::now())).is_some();
                if !known {
                    // It does not know us either, and has not heard what was said before it listened.
                    channel.say(&format!("{}\n{}", News::Here(Node::own(self.role)), News::Look))?;
                }
            }
            News::Gone => drop(self.known.remove(&speaker)),
            News::Look => self.must_look = true,
            News::Due(due) => drop(self.ears.due.send(vec![due])),
            News::Recorded(recorded) => drop(self.ears.recorded.send(recorded)),
            News::WhoHas(key) => {
                let answer = match self.ring.key(key) {
                    Some(_) => News::Has(key),
                    None => News::Lacks(key),
                };
                channel.say(&answer.to_string())?;
            }
            News::Has(_) | News::Lacks(_) => {}
        }
        Ok(())
    }

    fn look_if_asked(&mut self, channel: &mut Channel) -> Result<(), AppError> {
        let lately = self.looked.is_some_and(|looked| looked.elapsed() < LOOK_PAUSE);
        if !self.must_look || lately {
            return Ok(());
        }
        self.must_look = false;
        self.looked = Some(Instant::now());
        if self.role.delivers() {
            let _ = self.ears.due.send(channel.waiting()?);
        }
        Ok(())
    }

    fn note_who_is_there(&self) {
        let mut known: Vec<Node> = self.known.values().map(|(node, _)| node.clone()).collect();
        known.sort_unstable();
        *self.others.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        let settled = self.began.elapsed() >= SETTLING;
        let alone = self.known.is_empty() && settled;
        self.others.alone.store(alone, Ordering::Relaxed);

        let delivers = self.role.delivers() || self.known.values().any(|(node, _)| node.role.delivers());
        let nobody = !delivers && settled;
        if nobody != self.others.nobody_delivers.swap(nobody, Ordering::Relaxed) {
            if nobody {
                tracing::warn!(
                    "no node that delivers is there: deliveries wait until one runs with TASKVIEW_ROLE all or worker"
                );
            } else {
                tracing::info!("a node that delivers is there");
            }
        }
    }

    fn measure(&mut self, channel: &mut Channel) -> Result<(), AppError> {
        let mut best: Option<Sample> = None;
        for _ in 0..SAMPLES {
            let sample = self.clock.sample(|| channel.time())?;
            if best.is_none_or(|best| sample.trip < best.trip) {
                best = Some(sample);
            }
        }
        let Some(best) = best.filter(|best| best.trip <= SLOWEST_SAMPLE) else {
            return Ok(());
        };
        self.clock.follow(best);
        let before = self.others.ahead_micros.swap(best.ahead, Ordering::Relaxed);
        match (before.abs() > DRIFT_MICROS, best.ahead.abs() > DRIFT_MICROS) {
            (false, true) => tracing::warn!("{}", wrong_clock(best.ahead)),
            (true, false) => tracing::info!("this machine's clock agrees with the database's again"),
            _ => {}
        }
        Ok(())
    }
}

fn wrong_clock(ahead_micros: i64) -> String {
    let seconds = (ahead_micros.unsigned_abs() + 500_000) / 1_000_000;
    let side = if ahead_micros > 0 { "ahead of" } else { "behind" };
    format!(
        "This machine's clock is {seconds} s {side} the database's, and 2 s are tolerated: set it right. \
         Deliveries go by the database's clock meanwhile."
    )
}
