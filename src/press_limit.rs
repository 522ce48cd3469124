//! How often people may send something by hand: ten single retries and tests a minute for each webhook, together. It keeps
//! a button that is held down from becoming a load on somebody's receiver. Counted on each node.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::ids::WebhookId;

const A_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Beyond so many webhooks those that are quiet again are forgotten.
const REMEMBERED: usize = 10_000;

/// Shared by everything that sends by hand.
#[derive(Clone)]
pub struct PressLimit {
    pressed: Arc<DefaultKeyedRateLimiter<WebhookId>>,
}

impl Default for PressLimit {
    fn default() -> Self {
        PressLimit {
            pressed: Arc::new(RateLimiter::keyed(Quota::per_minute(A_MINUTE))),
        }
    }
}

impl PressLimit {
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
        let limit = PressLimit::default();

        for _ in 0..10 {
            limit.press(WebhookId(1)).unwrap();
        }

        assert!(limit.press(WebhookId(1)).unwrap_err() <= Duration::from_secs(6));
        limit.press(WebhookId(2)).unwrap();
    }
}
