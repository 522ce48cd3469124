//! The only reader of the time. Several nodes agree on it by taking that of the database they share: `nodes` measures how
//! far off this machine is and tells it here, so that no transaction has to ask. Tests build the application with a clock they
//! can move; the binary has no such door.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::domain::moment::{Moment, micros};

/// No database has told the time: the machine's own holds.
const UNTOLD: i64 = i64::MIN;

/// The time, and an offset that only [`Clock::advance`] changes. Clones show the same.
#[derive(Debug, Clone)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// What the database's clock showed at `started`. From there on only time that passed is added, so that a machine whose
    /// clock is set (back, or an hour on) neither steals leases nor gives void ones.
    told: AtomicI64,
    advanced: AtomicI64,
    machine_error: i64,
}

/// One look at the database's clock.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    told: i64,
    /// The round trip; the error is at most half of it.
    pub trip: Duration,
    /// By how many microseconds this machine's clock is ahead of the database's.
    pub ahead: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Clock::on_a_machine_wrong_by(0)
    }
}

impl Clock {
    /// On a machine whose clock is that many microseconds ahead; for tests.
    pub fn on_a_machine_wrong_by(machine_error: i64) -> Self {
        Clock {
            shared: Arc::new(Shared {
                started: Instant::now(),
                told: AtomicI64::new(UNTOLD),
                advanced: AtomicI64::new(0),
                machine_error,
            }),
        }
    }

    pub fn now(&self) -> Moment {
        let real = match self.shared.told.load(Ordering::Relaxed) {
            UNTOLD => self.machine(),
            told => told + micros(self.shared.started.elapsed()),
        };
        Moment(real + self.shared.advanced.load(Ordering::Relaxed))
    }

    /// Moves the time forward for everybody who shares this clock.
    pub fn advance(&self, by: Duration) {
        self.shared.advanced.fetch_add(micros(by), Ordering::Relaxed);
    }

    /// Asks the database for its time, which is taken to be that of the middle of the round trip.
    pub fn sample<E>(&self, ask: impl FnOnce() -> Result<Moment, E>) -> Result<Sample, E> {
        let (asked, own) = (Instant::now(), self.machine());
        let theirs = ask()?.0;
        let trip = asked.elapsed();
        Ok(Sample {
            told: theirs - micros(asked.duration_since(self.shared.started) + trip / 2),
            trip,
            ahead: own + micros(trip / 2) - theirs,
        })
    }

    /// From now on the time is the database's.
    pub fn follow(&self, sample: Sample) {
        self.shared.told.store(sample.told, Ordering::Relaxed);
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    fn machine(&self) -> i64 {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        micros(since_epoch) + self.shared.machine_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_node_takes_the_time_of_the_database_and_knows_how_wrong_its_own_is() {
        let (right, wrong) = (Clock::default(), Clock::on_a_machine_wrong_by(micros(HOUR)));
        let apart = wrong.now().since(right.now());

        let sample = wrong.sample(|| Ok::<_, ()>(right.now())).unwrap();
        wrong.follow(sample);

        assert!(apart > HOUR - Duration::from_secs(1));
        assert!((sample.ahead - micros(HOUR)).abs() < 100_000, "{sample:?}");
        let (theirs, ours) = (right.now(), wrong.now());
        assert!((theirs.0 - ours.0).abs() < 100_000, "{theirs:?} {ours:?}");
    }

    #[test]
    fn moving_the_clock_adds_to_whatever_it_follows() {
        let clock = Clock::default();
        let sample = clock.sample(|| Ok::<_, ()>(Moment(0))).unwrap();
        clock.follow(sample);

        clock.advance(HOUR);

        assert!(clock.now() >= Moment(micros(HOUR)) && clock.now() < Moment(micros(HOUR) + 5_000_000));
    }
}
