//! Waiting for a condition, the only reason to let time pass in a test.

use std::time::{Duration, Instant};

/// Asks again and again until the answer is `Some`; panics when that takes too long.
pub async fn until<T, F>(patience: Duration, what: &str, mut ask: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < patience, "after {patience:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Real time in which the program is left alone, where no condition tells when to go on.
pub async fn a_while(time: Duration) {
    tokio::time::sleep(time).await;
}
