//! A client of the JSON API: a bearer token, no cookies. Knows the envelope, not the stories.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

#[derive(Clone)]
pub struct ApiClient {
    base: String,
    token: Option<String>,
    client: Client,
}

/// Status and body; an empty body is `null`.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    /// Seconds; only of a refusal that passes.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// Refused because the database is away: nothing changed, and when to try again.
    #[track_caller]
    pub fn assert_outage(&self) {
        assert_eq!(self.status, 503, "{}", self.body);
        assert!(self.retry_after.is_some(), "{self:?}");
        let message = self.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("database cannot be reached"), "{message}");
    }

    /// What stands under `response`; the call must have succeeded.
    #[track_caller]
    pub fn response(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.body);
        &self.body["response"]
    }
}

impl ApiClient {
    pub fn new(base: &str) -> ApiClient {
        // The program closes what is idle for five seconds; a request that meets the close would fail for no reason of a test.
        let client = Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(2));
        let client = client.build().expect("a client");
        ApiClient {
            base: base.to_owned(),
            token: None,
            client,
        }
    }

    pub fn with_token(base: &str, token: &str) -> ApiClient {
        ApiClient {
            token: Some(token.to_owned()),
            ..ApiClient::new(base)
        }
    }

    pub async fn signed_in(base: &str, login: &str, password: &str) -> ApiClient {
        let mut client = Self::new(base);
        let answer = client
            .post("/module/auth/login", json!({ "login": login, "password": password }))
            .await;
        assert_eq!(answer.status, 200, "{login} cannot sign in: {}", answer.body);
        client.token = Some(answer.body["access"].as_str().expect("an access token").to_owned());
        client
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("somebody signed in")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str, body: Value) -> Answer {
        self.call(Method::DELETE, path, Some(body)).await
    }

    /// For a server that may go away at any moment.
    pub async fn try_post(&self, path: &str, body: Value) -> reqwest::Result<Answer> {
        self.send(self.request(Method::POST, path, Some(body))).await
    }

    /// With a header of its own.
    pub async fn post_with(&self, (name, value): (&str, &str), path: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path, Some(body)).header(name, value);
        let answer = self.send(request).await;
        answer.unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// JSON as somebody wrote it, with its spaces and line breaks.
    pub async fn post_text(&self, path: &str, json: &'static str) -> Answer {
        let request = self.request(Method::POST, path, None);
        let request = request.header("content-type", "application/json").body(json);
        self.send(request).await.expect("an answer")
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let answer = self.send(self.request(method.clone(), path, body)).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn request(&self, method: Method, path: &str, body: Option<Value>) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request
    }

    async fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let seconds = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        let retry_after = seconds.and_then(|seconds| seconds.parse().ok());
        let text = answer.text().await?;
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        Ok(Answer {
            status,
            body,
            retry_after,
        })
    }
}
