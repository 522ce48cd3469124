//! One connection as the HTTP client sees it: with or without TLS, and with every answer looked at before it is passed on. It
//! tells the trace of whoever uses it what happens; a pooled one serves many requests.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::delivery::answer::Answer;
use crate::delivery::connector::Trace;

/// What is asked of the connection at a time.
const PIECE: usize = 8 * 1024;

/// Without TLS, or with it.
pub type Wire = Either<TcpStream, Box<TlsStream<TcpStream>>>;

#[derive(Debug)]
pub struct Socket {
    wire: Wire,
    address: SocketAddr,
    answer: Answer,
    /// What the client has not taken yet.
    ready: BytesMut,
    /// The other side takes no more; what it has said may still be there.
    deaf: bool,
}

impl Socket {
    pub fn new(wire: Wire, address: SocketAddr) -> Socket {
        Socket {
            wire,
            address,
            answer: Answer::default(),
            ready: BytesMut::new(),
            deaf: false,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.wire {
            Either::Left(stream) => stream,
            Either::Right(stream) => stream.get_ref().0,
        }
    }

    fn begin(&mut self) {
        self.answer.expect_next();
        Trace::tell(|trace| trace.begins(self.address));
    }

    /// A receiver may answer without reading all of the request, and close. Its answer counts (RFC 9112, section 9.5), but awc
    /// stops at the first write that fails; so none does.
    fn written(&mut self, written: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if is_closed(&error) => {
                self.deaf = true;
                Poll::Ready(Ok(all))
            }
            other => other,
        }
    }
}

/// awc says goodbye to TLS of its own making only, and without one the receiver would have to take this end for an attack.
impl Drop for Socket {
    fn drop(&mut self) {
        if let Either::Right(stream) = &mut self.wire {
            let (tcp, tls) = stream.get_mut();
            let mut goodbye = Vec::new();
            tls.send_close_notify();
            if tls.write_tls(&mut goodbye).is_ok() {
                // What does not fit into the send buffer is not worth waiting for.
                let _ = tcp.try_write(&goodbye);
            }
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        // The own request reads its body outside of its trace, so within one it is the pool that looks for another request. It
        // drops what reads as closed.
        let used_up = socket.answer.used_up() || socket.deaf && socket.answer.has_head();
        if used_up && Trace::runs() && socket.ready.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while socket.ready.is_empty() {
            let mut room = [MaybeUninit::uninit(); PIECE];
            let mut piece = ReadBuf::uninit(&mut room);
            match Pin::new(&mut socket.wire).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            if piece.filled().is_empty() {
                return Poll::Ready(socket.answer.ended().map_err(io::Error::other));
            }
            Trace::tell(Trace::hears);
            let Socket { answer, ready, .. } = socket;
            answer.feed(piece.filled(), ready).map_err(io::Error::other)?;
        }
        let taken = socket.ready.len().min(buf.remaining());
        buf.put_slice(&socket.ready[..taken]);
        socket.ready.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.begin();
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.written(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.wire).poll_flush(cx).map_ok(|()| 0);
        self.written(flushed, 0).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

impl ActixStream for Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.tcp(), cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.tcp(), cx)
    }
}
