//! A receiver of webhooks on loopback that answers as it is told: at once, late, never, a byte at a time. It keeps nothing
//! itself: whoever starts it looks at each request and says what to answer.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::http::{Connection, Message, find};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno";

/// What the receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Ok,
    Fail,
    /// 200 after a while.
    Late(Duration),
    /// Nothing, with the connection open.
    Hang,
    /// A head that never ends, one byte a second.
    Drip,
    /// 200, then the connection is closed when nothing more comes for so long.
    CloseIdle(Duration),
}

/// A request that has arrived, its body included.
pub struct Request<'a> {
    message: Message<'a>,
    pub at: Instant,
}

impl Request<'_> {
    /// The number in the path, which says which webhook this is.
    pub fn webhook(&self) -> u32 {
        let path = self.message.head.strip_prefix(b"POST /").unwrap_or_default();
        u32::try_from(number(path)).unwrap_or(u32::MAX)
    }

    /// The number of the event that its publisher put first into its task or data.
    pub fn event(&self) -> u64 {
        find(self.message.body, b"{\"id\":").map_or(0, |at| number(&self.message.body[at + 6..]))
    }

    /// Nanoseconds since the base of the run, which its publisher put behind the number.
    pub fn sent(&self) -> u64 {
        find(self.message.body, b",\"sent\":\"").map_or(0, |at| number(&self.message.body[at + 9..]))
    }

    pub fn attempt(&self) -> u32 {
        self.header("x-webhook-attempt").parse().unwrap_or(0)
    }

    /// Empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.message.header(name).unwrap_or_default()
    }
}

/// The digits at the beginning.
fn number(text: &[u8]) -> u64 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

#[derive(Clone)]
pub struct Receiver {
    port: u16,
    hanging: Arc<AtomicUsize>,
}

impl Receiver {
    /// On 127.0.0.1.
    pub fn start<F>(answer: F) -> Receiver
    where
        F: Fn(&Request<'_>) -> Answer + Send + Sync + 'static,
    {
        Receiver::listen(Ipv4Addr::LOCALHOST, answer)
    }

    /// On every address of 127.0.0.0/8. That takes the wildcard address; who comes from elsewhere is not listened to.
    pub fn on_all_of_loopback<F>(answer: F) -> Receiver
    where
        F: Fn(&Request<'_>) -> Answer + Send + Sync + 'static,
    {
        Receiver::listen(Ipv4Addr::UNSPECIFIED, answer)
    }

    /// On a thread of its own, so that a busy generator does not delay what is measured.
    fn listen<F>(address: Ipv4Addr, answer: F) -> Receiver
    where
        F: Fn(&Request<'_>) -> Answer + Send + Sync + 'static,
    {
        let listener = std::net::TcpListener::bind((address, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener without blocking");
        let receiver = Receiver {
            port: listener.local_addr().expect("its address").port(),
            hanging: Arc::default(),
        };
        let hanging = Arc::clone(&receiver.hanging);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                let answer = Arc::new(answer);
                loop {
                    // Out of descriptors: the next moment may have one.
                    let Ok((stream, from)) = listener.accept().await else {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    };
                    if from.ip().is_loopback() {
                        let (answer, hanging) = (Arc::clone(&answer), Arc::clone(&hanging));
                        tokio::spawn(async move {
                            // A sender that went away is none of the receiver's business.
                            let _ = serve(Connection::new(stream), &*answer, &hanging).await;
                        });
                    }
                }
            });
        });
        receiver
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Requests that get no answer just now.
    pub fn hanging(&self) -> usize {
        self.hanging.load(Ordering::Relaxed)
    }
}

async fn serve<F>(mut connection: Connection, answer: &F, hanging: &AtomicUsize) -> io::Result<()>
where
    F: Fn(&Request<'_>) -> Answer,
{
    let mut idle = Duration::MAX;
    loop {
        let answer = {
            let message = if idle == Duration::MAX {
                connection.read().await?
            } else {
                let Ok(message) = tokio::time::timeout(idle, connection.read()).await else {
                    return Ok(());
                };
                message?
            };
            let Some(message) = message else { return Ok(()) };
            answer(&Request {
                message,
                at: Instant::now(),
            })
        };
        match answer {
            Answer::Ok => connection.write(OK).await?,
            Answer::Fail => connection.write(FAILED).await?,
            Answer::Late(time) => {
                tokio::time::sleep(time).await;
                connection.write(OK).await?;
            }
            Answer::Hang => {
                hanging.fetch_add(1, Ordering::Relaxed);
                connection.closed().await;
                hanging.fetch_sub(1, Ordering::Relaxed);
                return Ok(());
            }
            Answer::Drip => drip(&mut connection).await?,
            Answer::CloseIdle(time) => {
                connection.write(OK).await?;
                idle = time;
            }
        }
    }
}

async fn drip(connection: &mut Connection) -> io::Result<()> {
    connection.write(b"HTTP/1.1 200 OK\r\nX-Patience: ").await?;
    loop {
        connection.write(b".").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
