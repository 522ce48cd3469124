//! A person's browser without the pixels: cookies, `Sec-Fetch-Site`, forms that are filled in as the page shows them. Redirects
//! are followed where a browser would, and can be looked at where a test wants to.

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use super::page::{Form, Page};
use super::stream::Stream;

#[derive(Clone)]
pub struct Browser {
    base: String,
    client: Client,
}

impl Browser {
    /// One visitor: a new cookie jar.
    pub fn new(base: &str) -> Browser {
        Browser::called(base, "")
    }

    /// One that calls itself this.
    pub fn called(base: &str, user_agent: &str) -> Browser {
        let client = Client::builder()
            .user_agent(user_agent)
            .cookie_store(true)
            .redirect(Policy::none())
            .no_proxy()
            // The server closes a connection that was idle for five seconds, on a busy machine in the very instant of the next request.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        Browser {
            base: base.to_owned(),
            client,
        }
    }

    pub async fn get(&self, path: &str) -> Page {
        let answer = self.get_only(path).await;
        self.follow(answer).await
    }

    /// Without following where the answer leads.
    pub async fn get_only(&self, path: &str) -> Page {
        self.ask(path, self.client.get(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let answer = self.post_only(path, fields).await;
        self.follow(answer).await
    }

    pub async fn post_only(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.ask(path, self.client.post(format!("{}{path}", self.base)).form(fields))
            .await
    }

    /// Sends a form as it is filled in.
    pub async fn send(&self, form: &Form) -> Page {
        let fields: Vec<_> = form
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.post(&form.action, &fields).await
    }

    /// Opens a page, types into the form whose action ends like `action`, and presses its button.
    pub async fn submit(&self, path: &str, action: &str, typed: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        self.send(&page.form(action).filled(typed)).await
    }

    /// Opens server-sent events.
    pub async fn stream(&self, path: &str) -> Stream {
        self.try_stream(path).await.expect("a stream")
    }

    /// The status with which it was refused.
    pub async fn try_stream(&self, path: &str) -> Result<Stream, u16> {
        let request = self.client.get(format!("{}{path}", self.base));
        let response = request.send().await.expect("an answer");
        match response.status().as_u16() {
            200 => Ok(Stream::new(response)),
            status => Err(status),
        }
    }

    async fn follow(&self, mut answer: Page) -> Page {
        for _ in 0..5 {
            if !(300..400).contains(&answer.status) {
                return answer;
            }
            let to = answer.headers["location"].to_str().expect("an address").to_owned();
            assert!(to.starts_with('/'), "a redirect leads to {to}, away from this server");
            // What stands behind # is for the browser itself.
            answer = self.get_only(to.split('#').next().unwrap_or_default()).await;
        }
        panic!("{} redirects for ever", answer.path)
    }

    async fn ask(&self, path: &str, request: RequestBuilder) -> Page {
        let mut answer: Response = request
            .header("sec-fetch-site", "same-origin")
            .send()
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        // A stream has no end to wait for.
        let html = if headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream")
        {
            let first = answer.chunk().await.expect("a stream").unwrap_or_default();
            String::from_utf8_lossy(&first).into_owned()
        } else {
            answer.text().await.expect("a body of text")
        };
        Page {
            path: path.to_owned(),
            status,
            headers,
            html,
        }
    }
}
