//! Requests exactly as a test writes them: no cookie jar, no header that it did not ask for, no redirect followed. Where even
//! that is too well-behaved, bytes over a socket.

use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use super::given::PASSWORD;
use super::page::Page;

const PATIENCE: Duration = Duration::from_secs(15);
/// What a browser says of its own page.
pub const FROM_OUR_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const JSON: (&str, &str) = ("content-type", "application/json");

#[derive(Clone)]
pub struct PlainClient {
    base: String,
    client: Client,
}

impl PlainClient {
    pub fn new(base: &str) -> PlainClient {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        PlainClient {
            base: base.to_owned(),
            client,
        }
    }

    /// A header that is named twice is sent twice.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let method: Method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_owned());
        }
        let mut answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let is_stream = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        // A stream has no end to wait for.
        let html = if is_stream {
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

    /// `session=…`, or `__Host-session=…` under https.
    pub async fn sign_in(&self, login: &str) -> String {
        let typed = form(&[("login", login), ("password", PASSWORD)]);
        let page = self.send("POST", "/sign-in", &[FROM_OUR_PAGE, FORM], &typed).await;
        assert_eq!(page.status, 303, "{login} cannot sign in: {}", page.text());
        let set = page.headers["set-cookie"].to_str().expect("text");
        set.split(';').next().expect("a cookie").to_owned()
    }
}

pub fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// What a server answers to these bytes, until it closes the connection.
pub async fn raw(base: &str, request: &str) -> String {
    let address = base.strip_prefix("http://").expect("an address");
    let talk = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        // A server that has refused a request may reset what was not read of it.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(PATIENCE, talk)
        .await
        .unwrap_or_else(|_| panic!("no end of an answer to {request:?}"))
}

/// Of an answer in bytes; 0 when there was none.
pub fn status_of(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1);
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}
