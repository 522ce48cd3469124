//! How often people may press what makes work, for each webhook: ten single retries and tests a minute, together, which keeps a
//! button that is held down from becoming a load on somebody's receiver, and thirty checks of a signature. Counted on each node.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::ids::WebhookId;

/// Beyond so many webhooks those that are quiet again are forgotten.
const REMEMBERED: usize = 10_000;

/// Shared by everything that counts together.
#[derive(Clone)]
pub struct PressLimit {
    pressed: Arc<DefaultKeyedRateLimiter<WebhookId>>,
}

impl PressLimit {
    fn a_minute(presses: u32) -> Self {
        let presses = NonZeroU32::new(presses).unwrap_or(NonZeroU32::MIN);
        PressLimit {
            pressed: Arc::new(RateLimiter::keyed(Quota::per_minute(presses))),
        }
    }

    /// Single retries and tests.
    pub fn of_sending() -> Self {
        Self::a_minute(10)
    }

    /// Checks of what somebody pasted.
    pub fn of_checking() -> Self {
        Self::a_minute(30)
    }

    /// Counts one press; the error is how long to wait before the next.
    pub fn press(&self, webhook: WebhookId) -> Result<(), Duration> {
        if self.pressed.len() > REMEMBERED {
            self.pressed.retain_recent();
        }
        self.pressed
            .check_key(&webhook)
            .map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_press_in_a_minute_has_to_wait_and_other_webhooks_do_not() {
        let limit = PressLimit::of_sending();

        for _ in 0..10 {
            limit.press(WebhookId(1)).unwrap();
        }

        assert!(limit.press(WebhookId(1)).unwrap_err() <= Duration::from_secs(6));
        limit.press(WebhookId(2)).unwrap();
    }
}
