//! Server-sent events as a browser reads them, one message at a time.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(15);

pub struct Stream {
    response: Response,
    read: String,
}

impl Stream {
    pub fn new(response: Response) -> Stream {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream {
            response,
            read: String::new(),
        }
    }

    /// The next message with data.
    pub async fn news(&mut self) -> Value {
        loop {
            while let Some(end) = self.read.find("\n\n") {
                let message: String = self.read.drain(..end + 2).collect();
                let data = message.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(data) = data {
                    return serde_json::from_str(data).expect("JSON");
                }
            }
            assert!(self.more().await, "the stream ended without news");
        }
    }

    /// The next message that is as `wanted` says.
    pub async fn news_that(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let news = self.news().await;
            if wanted(&news) {
                return news;
            }
        }
    }

    /// Reads until the server ends it, which must be soon.
    pub async fn ends_within(&mut self, soon: Duration) {
        let end = async { while self.more().await {} };
        assert!(timeout(soon, end).await.is_ok(), "the stream goes on after {soon:?}");
    }

    async fn more(&mut self) -> bool {
        let chunk = timeout(PATIENCE, self.response.chunk())
            .await
            .expect("a stream says something");
        match chunk {
            Ok(Some(bytes)) => {
                self.read.push_str(&String::from_utf8_lossy(&bytes));
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}
