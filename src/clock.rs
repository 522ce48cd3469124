//! The only reader of the time. Tests build the application with a clock they can move; the binary has no such door.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::domain::moment::{Moment, micros};

/// The system's time plus an offset that only [`Clock::advance`] changes.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: Arc<AtomicI64>,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    pub fn now(&self) -> Moment {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Moment(micros(since_epoch) + self.offset.load(Ordering::Relaxed))
    }

    /// Moves the time forward for everybody who shares this clock.
    pub fn advance(&self, by: Duration) {
        self.offset.fetch_add(micros(by), Ordering::Relaxed);
    }
}
