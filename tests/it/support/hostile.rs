//! A receiver that plays a script on every connection, byte for byte and without knowing HTTP: what no honest server does is one
//! line of a table. It runs on a thread of its own on loopback; with TLS the script begins after the handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// One step of a script. After the last one the connection is closed.
#[derive(Debug, Clone)]
pub enum Act {
    /// Reads a whole request with a `Content-Length`.
    Request,
    /// Reads at least so many bytes.
    Read(usize),
    Say(Vec<u8>),
    /// Until the other side has gone.
    Forever(Vec<u8>),
    /// A byte a second, then silence.
    Drip(Vec<u8>),
    /// These bytes once a second, for ever.
    EverySecond(Vec<u8>),
    /// Says no more and reads no more; the connection stays.
    Hold,
    /// Ends its own direction only.
    HalfClose,
    /// RST instead of FIN.
    Reset,
    /// Answers a ClientHello with this much of what belongs there.
    PartOfTheHandshake(Arc<ServerConfig>, usize),
}

pub fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

pub fn forever(text: &str) -> Act {
    Act::Forever(text.as_bytes().to_vec())
}

pub struct Hostile {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Dropped with the receiver: ends its thread and with it every connection.
    _stop: oneshot::Sender<()>,
}

impl Hostile {
    pub fn start(script: Vec<Act>) -> Hostile {
        Self::listen(script, None)
    }

    pub fn start_tls(config: Arc<ServerConfig>, script: Vec<Act>) -> Hostile {
        Self::listen(script, Some(TlsAcceptor::from(config)))
    }

    fn listen(script: Vec<Act>, tls: Option<TlsAcceptor>) -> Hostile {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, tls, script, count) => {}
                    _ = stopped => {}
                }
            });
        });
        Hostile {
            address,
            connections,
            _stop: stop,
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, script: Vec<Act>, count: Arc<AtomicUsize>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        count.fetch_add(1, Ordering::SeqCst);
        let (script, tls) = (script.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => play(stream, script).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => play(stream, script).await,
                    Err(_) => None,
                },
            }
        });
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// The next close is an RST.
    fn linger_no_longer(&self);
}

impl Stream for TcpStream {
    fn linger_no_longer(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn linger_no_longer(&self) {
        let _ = self.get_ref().0.set_zero_linger();
    }
}

/// None: the other side went first.
async fn play<S: Stream>(mut stream: S, script: Vec<Act>) -> Option<()> {
    let mut buffer = Vec::new();
    for act in script {
        match act {
            Act::Request => request(&mut stream, &mut buffer).await?,
            Act::Read(bytes) => {
                while buffer.len() < bytes {
                    more(&mut stream, &mut buffer).await?;
                }
            }
            Act::Say(bytes) => told(&mut stream, &bytes).await?,
            Act::Forever(bytes) => {
                let many = bytes.repeat(1 + 64 * 1024 / bytes.len());
                loop {
                    told(&mut stream, &many).await?;
                }
            }
            Act::Drip(bytes) => {
                for byte in bytes {
                    told(&mut stream, &[byte]).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                std::future::pending::<()>().await;
            }
            Act::EverySecond(bytes) => loop {
                told(&mut stream, &bytes).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            },
            Act::Hold => std::future::pending::<()>().await,
            Act::HalfClose => {
                stream.shutdown().await.ok()?;
                std::future::pending::<()>().await;
            }
            Act::Reset => {
                stream.linger_no_longer();
                return None;
            }
            Act::PartOfTheHandshake(config, bytes) => {
                more(&mut stream, &mut buffer).await?;
                let mut flight = first_flight(config, &buffer);
                flight.truncate(bytes);
                told(&mut stream, &flight).await?;
            }
        }
    }
    // Only now: a proper end, also of TLS.
    let _ = stream.shutdown().await;
    Some(())
}

async fn told<S: Stream>(stream: &mut S, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

async fn request<S: Stream>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    while buffer.len() < head_end + length {
        more(stream, buffer).await?;
    }
    buffer.drain(..head_end + length);
    Some(())
}

async fn more<S: Stream>(stream: &mut S, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// ServerHello and what a server sends with it.
fn first_flight(config: Arc<ServerConfig>, hello: &[u8]) -> Vec<u8> {
    let mut server = rustls::ServerConnection::new(config).unwrap();
    server.read_tls(&mut &hello[..]).unwrap();
    server.process_new_packets().unwrap();
    let mut flight = Vec::new();
    server.write_tls(&mut flight).unwrap();
    flight
}
