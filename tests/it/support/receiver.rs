//! A receiver of webhooks on loopback that records what it gets, byte for byte, and answers as a test tells it: also late,
//! never, endlessly or wrongly. It runs on a thread of its own, so a busy test cannot make it slow.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use super::received::Received;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A whole answer: status, headers, body.
    Respond(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The same after a while.
    After(Duration, Box<Answer>),
    /// Nothing, with the connection open.
    Hang,
    /// Closes the connection properly, without a byte of an answer.
    Close,
    /// The head of a 200, then a byte of body every 20 ms for ever.
    Drip,
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// These bytes; the connection stays open.
    Write(Vec<u8>),
    /// 500 until the attempt with this number, 200 from it on.
    FailBeforeAttempt(u32),
    /// 200 to the first request of a connection; closes without an answer when it is asked a second time.
    CloseWhenReused,
}

impl Answer {
    pub fn status(code: u16) -> Answer {
        Answer::Respond(code, Vec::new(), b"noted".to_vec())
    }

    pub fn redirect(code: u16, location: &str) -> Answer {
        Answer::Respond(code, vec![("Location", location.to_owned())], Vec::new())
    }
}

pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<State>,
    received: watch::Receiver<usize>,
    /// Dropped with the receiver: ends its thread and with it every connection.
    _stop: oneshot::Sender<()>,
}

struct State {
    standing: Mutex<Answer>,
    /// Used up one by one before the standing answer.
    next: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
    open: watch::Sender<usize>,
    count: watch::Sender<usize>,
}

impl Receiver {
    /// Answers 200 until it is told otherwise.
    pub fn start() -> Receiver {
        Receiver::listen("http", None)
    }

    pub fn start_tls(config: Arc<ServerConfig>) -> Receiver {
        Receiver::listen("https", Some(TlsAcceptor::from(config)))
    }

    fn listen(scheme: &'static str, tls: Option<TlsAcceptor>) -> Receiver {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (count, received) = watch::channel(0);
        let (stop, stopped) = oneshot::channel::<()>();
        let state = Arc::new(State {
            standing: Mutex::new(Answer::status(200)),
            next: Mutex::default(),
            requests: Mutex::default(),
            connections: Mutex::default(),
            open: watch::Sender::new(0),
            count,
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, tls, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Receiver {
            address,
            scheme,
            state,
            received,
            _stop: stop,
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        self.url_of("127.0.0.1", path)
    }

    /// The same under another spelling of the host.
    pub fn url_of(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.port())
    }

    /// From the next request on.
    pub fn answer_with(&self, answer: Answer) {
        *self.state.standing.lock().unwrap() = answer;
    }

    /// One for each of the next requests; then what it answered before.
    pub fn answer_in_turn(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.next.lock().unwrap().extend(answers);
    }

    /// In the order of arrival.
    pub fn requests(&self) -> Vec<Received> {
        self.state.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// Returns once exactly `n` connections are open.
    pub async fn wait_for_open(&self, n: usize) {
        let mut open = self.state.open.subscribe();
        if tokio::time::timeout(PATIENCE, open.wait_for(|open| *open == n))
            .await
            .is_err()
        {
            panic!(
                "{n} open connections were expected within {PATIENCE:?}, there are {}",
                *open.borrow()
            );
        }
    }

    /// All requests so far, once there are at least `n`.
    pub async fn wait_for(&self, n: usize) -> Vec<Received> {
        let mut received = self.received.clone();
        let enough = received.wait_for(|count| *count >= n);
        if tokio::time::timeout(PATIENCE, enough).await.is_err() {
            panic!(
                "{n} requests were expected within {PATIENCE:?}, {} came",
                self.requests().len()
            );
        }
        self.requests()
    }
}

impl State {
    fn answer(&self, request: Received) -> Answer {
        let mut requests = self.requests.lock().unwrap();
        let next = self.next.lock().unwrap().pop_front();
        let mut answer = next.unwrap_or_else(|| self.standing.lock().unwrap().clone());
        if let Answer::FailBeforeAttempt(first_good) = answer {
            let attempt = request
                .header("X-Webhook-Attempt")
                .and_then(|number| number.parse::<u32>().ok());
            answer = Answer::status(if attempt >= Some(first_good) { 200 } else { 500 });
        }
        requests.push(request);
        self.count.send_replace(requests.len());
        answer
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let number = {
            let mut connections = state.connections.lock().unwrap();
            *connections += 1;
            *connections
        };
        let (state, tls) = (Arc::clone(&state), tls.clone());
        tokio::spawn(async move {
            state.open.send_modify(|open| *open += 1);
            match tls {
                None => serve::<TcpStream>(stream, number, &state).await,
                Some(tls) => {
                    // A client that does not like the certificate is none of the receiver's business.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, number, &state).await;
                    }
                }
            }
            state.open.send_modify(|open| *open -= 1);
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, connection: usize, state: &State) {
    let mut buffer = Vec::new();
    let mut first = true;
    while let Some(request) = read_request(&mut stream, &mut buffer, connection).await {
        let answer = state.answer(request);
        if !give(&mut stream, answer, first).await {
            break;
        }
        first = false;
    }
    let _ = stream.shutdown().await;
}

/// False when the connection is over.
async fn give<S: AsyncWrite + Unpin>(stream: &mut S, mut answer: Answer, first: bool) -> bool {
    if let Answer::After(delay, then) = answer {
        tokio::time::sleep(delay).await;
        answer = *then;
    }
    match answer {
        Answer::Respond(code, headers, body) => stream.write_all(&response(code, &headers, &body)).await.is_ok(),
        Answer::CloseWhenReused if first => stream.write_all(&response(200, &[], b"")).await.is_ok(),
        Answer::Close | Answer::CloseWhenReused => false,
        Answer::Hang | Answer::After(..) | Answer::FailBeforeAttempt(_) => std::future::pending().await,
        Answer::Write(bytes) => stream.write_all(&bytes).await.is_ok(),
        Answer::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            false
        }
        Answer::Drip => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                .await;
            while stream.write_all(b".").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            false
        }
    }
}

fn response(code: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 {code} Said\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        response += &format!("{name}: {value}\r\n");
    }
    response += "\r\n";
    let mut response = response.into_bytes();
    response.extend_from_slice(body);
    response
}

/// None at the end of the connection. `buffer` keeps what came beyond this request.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> Option<Received> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).expect("a head in UTF-8");
    let mut lines = head.split("\r\n");
    let mut request_line = lines.next().expect("a request line").split(' ');
    let mut request = Received {
        method: request_line.next().unwrap_or_default().to_owned(),
        path: request_line.next().unwrap_or_default().to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Vec::new(),
        connection,
    };
    let length: usize = request
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a length"));
    let end = head_end + 4 + length;
    while buffer.len() < end {
        more(stream, buffer).await?;
    }
    request.body = buffer[head_end + 4..end].to_vec();
    buffer.drain(..end);
    Some(request)
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
