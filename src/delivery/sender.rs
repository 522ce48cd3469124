//! One exchange with a receiver: POST, wait for the head under one deadline, read a little of the body. It neither signs
//! nor judges, and knows no database; what it hears is hostile and bounded.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use awc::ClientResponse;
use awc::error::SendRequestError;
use awc::http::header::{ACCEPT_ENCODING, HOST};
use bytes::Bytes;
use futures_util::StreamExt;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::delivery::client::{Clients, tls_config};
use crate::delivery::connector::Trace;
use crate::delivery::failure::{Receiver, is_disconnect};
use crate::delivery::resolve::{Gate, Resolver};
use crate::domain::delivery::Outcome;
use crate::domain::target::AllowList;

/// What is kept of the head of an answer.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_NAME: usize = 256;
const MAX_HEADER_VALUE: usize = 1024;

/// How a sender works. May travel between threads, which the sender itself cannot.
#[derive(Clone)]
pub struct SenderConfig {
    pub allow: Arc<AllowList>,
    pub resolver: Resolver,
    /// Authorities that receivers' certificates may come from, besides those that browsers trust.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// From the name lookup to the head of the answer.
    pub deadline: Duration,
    /// What the body may take after the head, in time and in bytes; the rest is cut.
    pub body_time: Duration,
    pub body_limit: usize,
    /// How often the client is replaced. awc never closes idle connections by itself: after one request to each of many
    /// hosts as many sockets stay, most of them closed by the other side.
    pub renew_every: Duration,
}

impl SenderConfig {
    pub fn new(allow: Arc<AllowList>) -> SenderConfig {
        SenderConfig {
            allow,
            resolver: Resolver::System,
            extra_roots: Vec::new(),
            deadline: Duration::from_secs(10),
            body_time: Duration::from_secs(1),
            body_limit: 16 * 1024,
            renew_every: Duration::from_secs(45),
        }
    }
}

/// A signed request, ready to go. `Host`, `Content-Length` and `Accept-Encoding` are the sender's.
pub struct Request {
    pub url: Url,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// What became of a request.
#[derive(Debug)]
pub struct Exchange {
    pub outcome: Outcome,
    /// From the beginning to the end of what was read of the body.
    pub duration: Duration,
    pub lookup: Option<Duration>,
    pub connect: Option<Duration>,
    /// From the beginning to the head of the answer.
    pub first_byte: Option<Duration>,
    /// The address that was dialled.
    pub address: Option<std::net::SocketAddr>,
    /// An earlier request had opened the connection.
    pub reused: bool,
    /// By name; at most 100, each name at most 256 bytes and each value at most 1 KiB, with what is not UTF-8 replaced.
    pub response_headers: Vec<(String, String)>,
    pub response_body: Vec<u8>,
    /// The body had more than was read.
    pub cut: bool,
}

/// Sends the requests of one thread, any number at a time.
pub struct Sender {
    config: SenderConfig,
    current: Rc<Current>,
}

/// The clients in use and what builds the next ones.
struct Current {
    build: Box<dyn Fn() -> Clients>,
    clients: RefCell<Clients>,
    used: Cell<bool>,
}

impl Sender {
    /// Belongs on an actix arbiter: the client and the task that renews it stay on this thread.
    pub fn new(config: SenderConfig) -> Sender {
        let tls = tls_config(&config.extra_roots);
        let (allow, resolver) = (Arc::clone(&config.allow), config.resolver.clone());
        // A gate of their own: the system's name servers are read anew, as on a laptop that has moved.
        let build = Box::new(move || Clients::new(&Gate::new(Arc::clone(&allow), resolver.clone()), &tls));
        let current = Rc::new(Current {
            clients: RefCell::new(build()),
            build,
            used: Cell::new(false),
        });
        actix_rt::spawn(renew(Rc::downgrade(&current), config.renew_every));
        Sender { config, current }
    }

    /// Sends `request` and hears the answer. Never fails: a failure is an outcome.
    pub async fn post(&self, request: Request) -> Exchange {
        let began = Instant::now();
        let deadline = began + self.config.deadline;
        self.current.used.set(true);
        let clients = self.current.clients.borrow().clone();

        let mut trace = Rc::new(Trace::default());
        let mut head = head(&clients, &request, &trace, deadline).await;
        if matches!(&head, Some(Err(error)) if trace.reused() && !trace.heard() && is_disconnect(error)) {
            // The receiver had closed the pooled connection: no failure of anybody. A client of its own dials anew.
            trace = Rc::new(Trace::default());
            head = self::head(&(self.current.build)(), &request, &trace, deadline).await;
        }

        let first_byte = began.elapsed();
        let receiver = Receiver::of(&request.url);
        let mut exchange = Exchange {
            outcome: Outcome::Interrupted(String::new()),
            duration: first_byte,
            lookup: trace.lookup(),
            connect: trace.connect(),
            first_byte: None,
            address: trace.address(),
            reused: trace.reused(),
            response_headers: Vec::new(),
            response_body: Vec::new(),
            cut: false,
        };
        match head {
            None => exchange.outcome = receiver.too_slow(&trace, self.config.deadline),
            Some(Err(error)) => exchange.outcome = receiver.failed(&trace, &error),
            Some(Ok(mut response)) => {
                exchange.outcome = Outcome::Answered(response.status().as_u16());
                exchange.first_byte = Some(first_byte);
                exchange.response_headers = headers(&response);
                (exchange.response_body, exchange.cut) =
                    body(&mut response, self.config.body_limit, self.config.body_time).await;
                exchange.duration = began.elapsed();
            }
        }
        exchange
    }
}

/// Ends with the sender. Requests in flight keep the old client, and its idle connections, until the last of them is done.
async fn renew(current: Weak<Current>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(current) = current.upgrade() else { return };
        if current.used.replace(false) {
            let fresh = (current.build)();
            current.clients.replace(fresh);
        }
    }
}

/// None: the deadline passed.
async fn head(
    clients: &Clients,
    request: &Request,
    trace: &Rc<Trace>,
    deadline: Instant,
) -> Option<Result<ClientResponse, SendRequestError>> {
    let mut post = clients
        .post(&request.url)
        // Names as the documentation writes them; receivers must not care, but some do.
        .camel_case()
        .insert_header((HOST, host(&request.url)))
        .insert_header((ACCEPT_ENCODING, "identity"));
    for (name, value) in &request.headers {
        post = post.append_header((name.as_str(), value.as_str()));
    }
    let answer = trace.of(post.send_body(request.body.clone()));
    tokio::time::timeout_at(deadline.into(), answer).await.ok()
}

/// The port only when it is not the scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn headers(response: &ClientResponse) -> Vec<(String, String)> {
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .take(MAX_HEADERS)
        .map(|(name, value)| {
            let value = value.as_bytes();
            let value = String::from_utf8_lossy(&value[..value.len().min(MAX_HEADER_VALUE)]);
            // Names are ASCII.
            let name = &name.as_str()[..name.as_str().len().min(MAX_HEADER_NAME)];
            (name.to_owned(), value.into_owned())
        })
        .collect();
    headers.sort();
    headers
}

/// What came of the body within the limits, and whether more was to come.
async fn body(response: &mut ClientResponse, limit: usize, time: Duration) -> (Vec<u8>, bool) {
    let until = tokio::time::Instant::now() + time;
    let announced = response
        .headers()
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    loop {
        match tokio::time::timeout_at(until, response.next()).await {
            Ok(Some(Ok(chunk))) => {
                let room = limit - body.len();
                if chunk.len() > room {
                    body.extend_from_slice(&chunk[..room]);
                    return (body, true);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => {
                let cut = announced.is_some_and(|length: usize| body.len() < length);
                return (body, cut);
            }
            Ok(Some(Err(_))) | Err(_) => return (body, true),
        }
    }
}
