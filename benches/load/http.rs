//! The least HTTP/1.1 that a load needs, read in place, so that generator and receiver cost little beside the server that is
//! measured. Knows messages with a Content-Length only.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection and what was read of it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What the message before took of the buffer.
    taken: usize,
}

/// A message where it was read: the lines before the empty one, and the body.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Of an answer; 0 for anything else.
    pub fn status(&self) -> u16 {
        let digits = self.head.get(9..12).and_then(|digits| str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        // Small messages must not wait for each other's acknowledgement.
        let _ = stream.set_nodelay(true);
        Connection {
            stream,
            buffer: Vec::with_capacity(4096),
            taken: 0,
        }
    }

    pub async fn open(port: u16) -> io::Result<Self> {
        TcpStream::connect(("127.0.0.1", port)).await.map(Connection::new)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next message; `None` when the other side has closed.
    pub async fn read(&mut self) -> io::Result<Option<Message<'_>>> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let (head, end) = loop {
            if let Some(head) = find(&self.buffer, b"\r\n\r\n") {
                let length = header(&self.buffer[..head], "content-length").and_then(|length| length.parse().ok());
                let end = head + 4 + length.unwrap_or(0);
                if self.buffer.len() >= end {
                    break (head, end);
                }
                self.buffer.reserve(end - self.buffer.len());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        self.taken = end;
        Ok(Some(Message {
            head: &self.buffer[..head],
            body: &self.buffer[head + 4..end],
        }))
    }

    /// One request and its answer.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Message<'_>> {
        self.write(request).await?;
        self.read().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Returns when the other side closes.
    pub async fn closed(&mut self) {
        while matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
            self.buffer.clear();
        }
    }
}

/// A request; `authorization` is a whole header line with its end, or nothing.
pub fn request(method: &str, path: &str, authorization: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, most) = (*needle.first()?, haystack.len().checked_sub(needle.len())?);
    let mut from = 0;
    while let Some(at) = haystack[from..=most].iter().position(|byte| *byte == first) {
        from += at;
        if haystack[from..].starts_with(needle) {
            return Some(from);
        }
        from += 1;
        if from > most {
            break;
        }
    }
    None
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = head.split(|byte| *byte == b'\n');
    let line = lines
        .skip(1)
        .find(|line| line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name.as_bytes()))?;
    str::from_utf8(&line[name.len() + 1..]).ok().map(str::trim)
}
