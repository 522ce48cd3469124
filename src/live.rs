//! Who watches a history in an open page: how many streams there are, and which webhooks have had news since a stream looked last.
//! Knows neither HTTP nor the database. What other nodes do is not heard of here; a stream looks for itself now and then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::ids::{SessionId, WebhookId};
use crate::limits::Limits;

/// Looks into the database at the same time, of all streams and exports: most connections are for people who wait for a page.
const LOOKS: usize = 2;

/// Shared by the pages that watch and by what makes news.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    stopped: AtomicBool,
    watched: Mutex<Watched>,
    looks: Semaphore,
    /// Streams of one session: more tabs than that are watched by nobody.
    per_session: usize,
    /// Streams on this node.
    in_all: usize,
}

#[derive(Default)]
struct Watched {
    by_session: HashMap<SessionId, usize>,
    streams: usize,
    /// How often something happened to a webhook while anybody watched.
    news: HashMap<WebhookId, u64>,
}

/// There are as many streams as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    OfSession(usize),
    InAll(usize),
}

/// One stream, until it is dropped.
pub struct Watch {
    live: Live,
    session: SessionId,
}

impl Live {
    pub fn new(limits: &Limits) -> Self {
        Live {
            inner: Arc::new(Inner {
                stopped: AtomicBool::default(),
                watched: Mutex::default(),
                looks: Semaphore::new(LOOKS),
                per_session: limits.streams_per_session,
                in_all: limits.streams,
            }),
        }
    }

    pub fn watch(&self, session: SessionId) -> Result<Watch, TooMany> {
        let mut watched = self.watched();
        let own = watched.by_session.get(&session).copied().unwrap_or(0);
        if own >= self.inner.per_session {
            return Err(TooMany::OfSession(self.inner.per_session));
        }
        if watched.streams >= self.inner.in_all {
            return Err(TooMany::InAll(self.inner.in_all));
        }
        watched.by_session.insert(session, own + 1);
        watched.streams += 1;
        Ok(Watch {
            live: self.clone(),
            session,
        })
    }

    /// Waits until one may look; held while one does.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.inner.looks.acquire().await.ok()
    }

    /// Something happened to this webhook's deliveries.
    pub fn touch(&self, webhook: WebhookId) {
        let mut watched = self.watched();
        if watched.streams > 0 {
            *watched.news.entry(webhook).or_default() += 1;
        }
    }

    /// How many streams there are on this node.
    pub fn streams(&self) -> usize {
        self.watched().streams
    }

    /// Ends all streams; those that are opened from now on end at once.
    pub fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Relaxed);
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        // Counters are right whoever panicked beside them.
        self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// A number that grows with whatever happens to these webhooks.
    pub fn news_of(&self, webhooks: &[WebhookId]) -> u64 {
        let watched = self.live.watched();
        webhooks.iter().filter_map(|webhook| watched.news.get(webhook)).sum()
    }

    /// How many streams there are on this node, this one included.
    pub fn streams(&self) -> usize {
        self.live.streams()
    }

    pub fn is_over(&self) -> bool {
        self.live.inner.stopped.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.live.watched();
        watched.streams -= 1;
        if watched.streams == 0 {
            watched.news.clear();
        }
        if let Some(own) = watched.by_session.get_mut(&self.session) {
            *own -= 1;
            if *own == 0 {
                watched.by_session.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: WebhookId = WebhookId(7);

    #[test]
    fn a_session_has_ten_streams_and_all_have_five_hundred() {
        let live = Live::new(&Limits::default());

        let own: Vec<_> = (0..10).map(|_| live.watch(SessionId(1)).expect("free")).collect();
        assert_eq!(live.watch(SessionId(1)).err(), Some(TooMany::OfSession(10)));
        let others: Vec<_> = (10..500).map(|n| live.watch(SessionId(n)).expect("free")).collect();
        assert_eq!(live.watch(SessionId(9_999)).err(), Some(TooMany::InAll(500)));
        drop(own);
        assert!(live.watch(SessionId(1)).is_ok());
        drop(others);
        assert!(live.watched().by_session.is_empty());
    }

    #[test]
    fn news_is_counted_while_somebody_watches_and_forgotten_afterwards() {
        let live = Live::new(&Limits::default());
        live.touch(HOOK);
        let watch = live.watch(SessionId(1)).expect("free");

        assert_eq!(watch.news_of(&[HOOK]), 0);
        live.touch(HOOK);
        live.touch(WebhookId(8));
        assert_eq!(watch.news_of(&[HOOK]), 1);
        assert_eq!(watch.news_of(&[HOOK, WebhookId(8)]), 2);
        drop(watch);
        assert!(live.watched().news.is_empty());
    }
}
