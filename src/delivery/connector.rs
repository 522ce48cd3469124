//! How the HTTP client gets its sockets. It asks here for every new connection, whatever the spelling of the host, and
//! gets one to a vetted address or none. A custom resolver would not do: actix-tls never asks it about IP literals.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_rt::net::{ActixStream, Ready, TcpStream};
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use futures_util::future::LocalBoxFuture;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::delivery::dial::dial;
use crate::delivery::resolve::{Gate, NotVetted};

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
    heard: Cell<bool>,
    used_up: RefCell<Option<Rc<Cell<bool>>>>,
    failure: RefCell<Option<NotConnected>>,
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub enum NotConnected {
    NotVetted(NotVetted),
    /// None of the addresses took the connection; this is the most telling of their errors.
    Refused(io::ErrorKind, String),
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

    /// Whether a single byte came back on the connection, be it of TLS or HTTP.
    pub fn heard(&self) -> bool {
        self.heard.get()
    }

    /// The connection serves no other request: more may come on it that belongs to this one. Said before anything is awaited
    /// after the head, when nobody can have taken the connection from the pool yet.
    pub fn never_reuse(&self) {
        if let Some(used_up) = &*self.used_up.borrow() {
            used_up.set(true);
        }
    }

    pub fn failure(&self) -> Option<NotConnected> {
        self.failure.borrow().clone()
    }

    fn fail(&self, why: NotConnected) -> ConnectError {
        *self.failure.borrow_mut() = Some(why);
        ConnectError::Unresolved
    }
}

/// The connector service that stands below the client's pool and its TLS.
#[derive(Clone)]
pub struct Guard {
    gate: Rc<Gate>,
}

impl Guard {
    pub fn new(gate: Rc<Gate>) -> Guard {
        Guard { gate }
    }
}

impl Service<ConnectInfo<Uri>> for Guard {
    type Response = Connection<Uri, Socket>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, wanted: ConnectInfo<Uri>) -> Self::Future {
        let gate = Rc::clone(&self.gate);
        Box::pin(async move {
            // Outside of a trace nobody could be told why not, so nothing is opened.
            let trace = TRACE.try_with(Rc::clone).map_err(|_| ConnectError::Unresolved)?;
            trace.asked.set(true);

            let began = Instant::now();
            let vetted = gate.admit(wanted.hostname(), wanted.port()).await;
            trace.lookup.set(Some(began.elapsed()));
            let vetted = vetted.map_err(|why| trace.fail(NotConnected::NotVetted(why)))?;

            let began = Instant::now();
            let dialled = dial(&vetted, |address| trace.address.set(Some(address))).await;
            trace.connect.set(Some(began.elapsed()));
            let (stream, address) = dialled.map_err(|(error, address)| {
                trace.address.set(Some(address));
                trace.fail(NotConnected::Refused(error.kind(), error.to_string()))
            })?;

            Ok(Connection::new(wanted.request().clone(), Socket::new(stream, address)))
        })
    }
}

/// A TCP stream that tells the trace of whoever uses it where it leads. A pooled one serves many requests.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    address: SocketAddr,
    /// Reads as closed to the pool, which looks before it hands a connection out, and drops it.
    used_up: Rc<Cell<bool>>,
}

impl Socket {
    fn new(stream: TcpStream, address: SocketAddr) -> Socket {
        Socket {
            stream,
            address,
            used_up: Rc::default(),
        }
    }

    fn tell_trace(&self) {
        let _ = TRACE.try_with(|trace| {
            trace.address.set(Some(self.address));
            *trace.used_up.borrow_mut() = Some(Rc::clone(&self.used_up));
        });
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // The own request reads its body outside of its trace, so within one it is the pool that looks for another request.
        if self.used_up.get() && TRACE.try_with(|_| ()).is_ok() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            let _ = TRACE.try_with(|trace| trace.heard.set(true));
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.tell_trace();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tell_trace();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl ActixStream for Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, cx)
    }
}
