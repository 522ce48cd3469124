//! The least HTTP/1.1 that a load needs, so that generator and receiver cost little beside the server that is measured.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection and what was read of it too far.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A message without its framing: the first line and the body.
pub struct Message {
    pub first_line: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.first_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        // Small messages must not wait for each other's acknowledgement.
        let _ = stream.set_nodelay(true);
        Connection {
            stream,
            buffer: Vec::with_capacity(4096),
        }
    }

    pub async fn open(port: u16) -> std::io::Result<Self> {
        TcpStream::connect(("127.0.0.1", port)).await.map(Connection::new)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next message with a Content-Length; `None` when the other side has closed.
    pub async fn read(&mut self) -> std::io::Result<Option<Message>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                let length = content_length(&head);
                let total = end + 4 + length;
                if self.buffer.len() >= total {
                    let body = self.buffer[end + 4..total].to_vec();
                    self.buffer.drain(..total);
                    let first_line = head.lines().next().unwrap_or_default().to_owned();
                    return Ok(Some(Message { first_line, head, body }));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// A request with a JSON body.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let authorization = if token.is_empty() {
        String::new()
    } else {
        format!("Authorization: Bearer {token}\r\n")
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
