//! How much of the history is kept, and how much of what is not goes at a time. Only decisions: it knows neither rows nor a clock.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// For how long nobody else can write while a slice goes, where only one can write at a time.
const AIM: Duration = Duration::from_millis(4);
/// Where a flush alone takes that long, fewer rows would not make a slice shorter, only the whole longer.
const LEAST: i64 = 50;
const MOST: i64 = 500;
/// What is begun with, while nothing is known of the disk.
pub const FIRST_SLICE: i64 = LEAST;

/// What history is kept: finished deliveries by their age and by their number. What waits or is held is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Since a delivery was last attempted or, when it never was, made.
    pub days: u32,
    /// Finished ones of one webhook.
    pub per_webhook: i64,
}

impl Default for Kept {
    fn default() -> Self {
        Kept {
            days: 30,
            per_webhook: 100_000,
        }
    }
}

impl Kept {
    pub fn age(&self) -> Duration {
        DAY * self.days
    }
}

/// The size of the next slice, after one of `slice` rows at most went, really had `rows`, and took so long. It shrinks at once and grows
/// slowly, so that a disk that is slow for a moment is left alone for a moment.
pub fn next_slice(slice: i64, rows: usize, took: Duration) -> i64 {
    let right = if rows == 0 {
        slice
    } else {
        let aimed = AIM.as_secs_f64() / took.max(Duration::from_micros(1)).as_secs_f64() * rows as f64;
        aimed as i64
    };
    right.clamp(slice / 2, slice + slice / 4 + 1).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_takes_what_the_last_one_says_is_right() {
        let us = Duration::from_micros;
        for (slice, rows, took, next, why) in [
            (100, 100, us(4_000), 100, "just right"),
            (100, 100, us(5_000), 80, "a little too long"),
            (100, 100, us(40_000), 50, "far too long: half of it"),
            (100, 100, us(3_500), 114, "a little more fits"),
            (100, 100, us(10), 126, "nearly nothing: it grows slowly all the same"),
            (100, 20, us(800), 100, "few rows say what many would take"),
            (100, 20, us(4_000), 50, "few rows that took long"),
            (100, 0, us(10), 100, "nothing was there: nothing is known"),
            (100, 100, us(0), 126, "a clock that stands still"),
            (60, 60, us(90_000), 50, "never so few that only the flushes count"),
            (490, 490, us(100), 500, "never everything"),
        ] {
            assert_eq!(next_slice(slice, rows, took), next, "{why}");
        }
    }

    #[test]
    fn it_finds_the_right_size_from_wherever_it_begins_and_stays_there() {
        let row = Duration::from_micros(25);
        for first in [LEAST, FIRST_SLICE, MOST] {
            let mut slice = first;
            for _ in 0..25 {
                slice = next_slice(slice, slice as usize, row * slice as u32);
            }
            assert_eq!(slice, 160, "from {first}");
        }
    }
}
