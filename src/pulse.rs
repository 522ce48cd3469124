//! Whether the engine's loop still goes round: it beats in every round, and a round takes a second at most, however little there is
//! to do. Who looks at a node asks for how long it has not beaten. Nothing here restarts anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Without a beat for so long the engine is taken to be stuck. A busy machine may keep it from a round for a second or two.
pub const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// Milliseconds from `began` to the last beat.
    last: AtomicU64,
}

impl Default for Pulse {
    /// Taken to have beaten now, or nobody would be ready before the first round.
    fn default() -> Self {
        Pulse {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    pub fn beat(&self) {
        self.last.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Since the last beat.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.elapsed().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
