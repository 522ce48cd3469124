//! How the HTTP client gets its sockets. It asks here for every new connection, whatever the spelling of the host, and
//! gets one to a vetted address or none. A custom resolver would not do: actix-tls never asks it about IP literals.
//! TLS is made here too, so that `socket` sees what a receiver says in the clear.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use futures_util::future::LocalBoxFuture;
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::delivery::dial::dial;
use crate::delivery::resolve::{Gate, NotVetted};
use crate::delivery::socket::{Socket, Wire};

tokio::task_local! {
    static TRACE: Rc<Trace>;
}

/// What is learned about the connection of one request while it is made and used.
#[derive(Default)]
pub struct Trace {
    asked: Cell<bool>,
    lookup: Cell<Option<Duration>>,
    connect: Cell<Option<Duration>>,
    address: Cell<Option<SocketAddr>>,
    ready: Cell<bool>,
    heard: Cell<bool>,
    failure: RefCell<Option<NotConnected>>,
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub enum NotConnected {
    NotVetted(NotVetted),
    /// None of the addresses took the connection; this is the most telling of their errors.
    Refused(io::ErrorKind, String),
    /// The host is none that a certificate could name.
    Unnameable,
    Tls(Rc<io::Error>),
}

impl Trace {
    /// Runs a request so that what happens to its connection is noted here.
    pub async fn of<F: Future>(self: &Rc<Self>, request: F) -> F::Output {
        TRACE.scope(Rc::clone(self), request).await
    }

    /// Name lookup and address rules together.
    pub fn lookup(&self) -> Option<Duration> {
        self.lookup.get()
    }

    /// TCP only, without TLS.
    pub fn connect(&self) -> Option<Duration> {
        self.connect.get()
    }

    /// Where the request went, or would have gone had the connection been made.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.get()
    }

    /// The request went out on a connection that an earlier one had opened.
    pub fn reused(&self) -> bool {
        !self.asked.get() && self.address.get().is_some()
    }

    /// The connection, TLS included, stood.
    pub fn ready(&self) -> bool {
        self.ready.get() || self.reused()
    }

    /// Whether a single byte of an answer came.
    pub fn heard(&self) -> bool {
        self.heard.get()
    }

    /// Tells the request that runs, if there is one.
    pub(super) fn tell(what: impl FnOnce(&Trace)) {
        let _ = TRACE.try_with(|trace| what(trace));
    }

    pub(super) fn runs() -> bool {
        TRACE.try_with(|_| ()).is_ok()
    }

    /// A request is being written to this address, and nothing has been answered to it.
    pub(super) fn begins(&self, address: SocketAddr) {
        self.address.set(Some(address));
        self.heard.set(false);
    }

    pub(super) fn hears(&self) {
        self.heard.set(true);
    }

    pub fn failure(&self) -> Option<NotConnected> {
        self.failure.borrow().clone()
    }

    fn fail(&self, why: NotConnected) -> ConnectError {
        *self.failure.borrow_mut() = Some(why);
        ConnectError::Unresolved
    }
}

/// The connector service that stands below the client's pool.
#[derive(Clone)]
pub struct Guard {
    gate: Rc<Gate>,
    tls: Option<TlsConnector>,
}

impl Guard {
    pub fn plain(gate: Rc<Gate>) -> Guard {
        Guard { gate, tls: None }
    }

    /// Every connection is one of TLS, whose certificate names the host that was asked for.
    pub fn with_tls(gate: Rc<Gate>, config: Arc<ClientConfig>) -> Guard {
        Guard {
            gate,
            tls: Some(TlsConnector::from(config)),
        }
    }

    async fn connect(&self, host: &str, port: u16, trace: &Trace) -> Result<Socket, NotConnected> {
        let began = Instant::now();
        let vetted = self.gate.admit(host, port).await;
        trace.lookup.set(Some(began.elapsed()));
        let vetted = vetted.map_err(NotConnected::NotVetted)?;

        let began = Instant::now();
        let dialled = dial(&vetted, |address| trace.address.set(Some(address))).await;
        trace.connect.set(Some(began.elapsed()));
        let (stream, address) = dialled.map_err(|(error, address)| {
            trace.address.set(Some(address));
            NotConnected::Refused(error.kind(), error.to_string())
        })?;

        let wire = match &self.tls {
            None => Wire::Left(stream),
            Some(tls) => secure(tls, host, stream).await?,
        };
        trace.ready.set(true);
        Ok(Socket::new(wire, address))
    }
}

async fn secure(tls: &TlsConnector, host: &str, stream: TcpStream) -> Result<Wire, NotConnected> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| NotConnected::Unnameable)?;
    let stream = tls.connect(name, stream).await;
    let stream = stream.map_err(|error| NotConnected::Tls(Rc::new(error)))?;
    Ok(Wire::Right(Box::new(stream)))
}

impl Service<ConnectInfo<Uri>> for Guard {
    type Response = Connection<Uri, Socket>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, wanted: ConnectInfo<Uri>) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            // Outside of a trace nobody could be told why not, so nothing is opened.
            let trace = TRACE.try_with(Rc::clone).map_err(|_| ConnectError::Unresolved)?;
            trace.asked.set(true);
            let socket = guard.connect(wanted.hostname(), wanted.port(), &trace).await;
            let socket = socket.map_err(|why| trace.fail(why))?;
            Ok(Connection::new(wanted.request().clone(), socket))
        })
    }
}
