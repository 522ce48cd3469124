//! A request that is on its way: its head has been sent and half of its body, so that the program has begun with it and waits. And the
//! cookie of a browser's session, for who holds a copy of it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::app::App;
use super::page::Page;

pub struct Held {
    stream: TcpStream,
    rest: String,
}

impl Held {
    /// A form, sent as far as its middle.
    pub async fn send(app: &App, cookie: &str, path: &str, form: &str) -> Held {
        let host = app.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await.expect("a connection");
        let (half, rest) = form.split_at(form.len() / 2);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{half}",
            form.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        Held {
            stream,
            rest: rest.to_owned(),
        }
    }

    /// Sends the rest; the status, and the head of the answer.
    pub async fn finish(mut self) -> (u16, String) {
        self.stream.write_all(self.rest.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).await.expect("an answer");
        let text = String::from_utf8_lossy(&answer).into_owned();
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        (status.expect("a status"), head)
    }
}

/// `session=…` of an answer that signs somebody in.
pub fn cookie_of(page: &Page) -> String {
    let cookies = page.headers.get_all("set-cookie").iter();
    let mut texts = cookies.filter_map(|value| value.to_str().ok());
    let session = texts
        .find(|text| text.starts_with("session="))
        .expect("a session's cookie");
    session.split(';').next().unwrap_or_default().to_owned()
}

/// The status of a page for whoever holds this cookie: 200, or 303 to the sign-in page.
pub async fn status_with(app: &App, cookie: &str, path: &str) -> u16 {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let request = client.get(format!("{}{path}", app.base)).header("cookie", cookie);
    request.send().await.expect("an answer").status().as_u16()
}
