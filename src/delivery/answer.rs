//! The answer on a connection, looked at byte by byte before the HTTP client sees it. awc takes an interim answer (`103 Early
//! Hints`) for the last one, a body without a length for none, panics at the name of a header that is longer than 64 KiB, and
//! reads an endless chunk extension for as long as it is asked to. Here answers become such that it does none of this.
//! It neither reads bodies nor knows sockets.

use bytes::{BufMut, BytesMut};

/// Bytes of all heads of one answer. actix-http stops at 128 KiB; a name of 64 KiB would make it panic.
const MAX_HEAD: usize = 64 * 1024 - 1;
/// Interim answers before the final one.
const MAX_INTERIM: usize = 32;
/// What actix-http takes.
const MAX_HEADERS: usize = 96;
/// Bytes of a body on the connection, chunk sizes, extensions and trailers among them. Much less of it is kept.
const MAX_BODY: usize = 256 * 1024;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("not HTTP")]
    NotHttp,
    #[error("another version of HTTP")]
    OtherVersion,
    #[error("the head is too large")]
    TooLarge,
    #[error("interim answers without end")]
    EndlessInterim,
    #[error("no usable length")]
    Length,
    #[error("the connection ended within the head")]
    Unfinished,
    #[error("the body is too long")]
    EndlessBody,
}

/// One answer after the other on a connection.
#[derive(Debug, Default)]
pub struct Answer {
    state: State,
    /// What has come of the head that is being read.
    head: Vec<u8>,
    heads: usize,
    interim: usize,
    body: usize,
    used_up: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    /// So many bytes are to come.
    Counted(u64),
    /// Until the client finds the end: of its chunks, or of the connection.
    Uncounted,
    Over,
}

impl Answer {
    /// A request is being written: what comes next is its answer.
    pub fn expect_next(&mut self) {
        if self.has_head() {
            *self = Answer {
                used_up: self.used_up,
                ..Answer::default()
            };
        }
    }

    /// The head of the final answer has come.
    pub fn has_head(&self) -> bool {
        !matches!(self.state, State::Head)
    }

    /// Something has come that does not belong to a known end, so nobody may take this connection for another request.
    pub fn used_up(&self) -> bool {
        self.used_up
    }

    /// What the client is to see of `bytes` goes to `out`.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head => bytes = self.head(bytes, out)?,
                State::Counted(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    out.put_slice(&bytes[..here]);
                    *left -= here as u64;
                    if *left == 0 {
                        self.end(&bytes[here..]);
                    }
                    return Ok(());
                }
                State::Uncounted => {
                    self.body += bytes.len();
                    if self.body > MAX_BODY {
                        return Err(Fault::EndlessBody);
                    }
                    out.put_slice(bytes);
                    return Ok(());
                }
                // Nobody has asked for these; the pool drops a connection on which there is something to read.
                State::Over => {
                    out.put_slice(bytes);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The other side has closed.
    pub fn ended(&self) -> Result<(), Fault> {
        match self.state {
            State::Head if !self.head.is_empty() || self.interim > 0 => Err(Fault::Unfinished),
            _ => Ok(()),
        }
    }

    /// Takes a line at most, and gives back what is left.
    fn head<'a>(&mut self, bytes: &'a [u8], out: &mut BytesMut) -> Result<&'a [u8], Fault> {
        // Line breaks that a careless receiver has left behind its last answer.
        let begins = |byte: &u8| !self.head.is_empty() || !matches!(byte, b'\r' | b'\n');
        let empty = bytes.iter().position(begins).unwrap_or(bytes.len());
        self.heads += empty;
        let bytes = &bytes[empty..];
        let line_feed = bytes.iter().position(|&byte| byte == b'\n');
        let (line, rest) = bytes.split_at(line_feed.map_or(bytes.len(), |at| at + 1));
        self.heads += line.len();
        if self.heads > MAX_HEAD {
            return Err(Fault::TooLarge);
        }
        self.head.extend_from_slice(line);
        begins_like_http(&self.head)?;
        // Once a line, of which there are few: a byte at a time must not cost a look at all that came before.
        if line_feed.is_none() {
            return Ok(rest);
        }
        let Some(head) = Head::parse(&self.head)? else {
            return Ok(rest);
        };
        // An idle connection keeps no room for it.
        self.head = Vec::new();
        match head {
            Head::Interim => {
                self.interim += 1;
                if self.interim > MAX_INTERIM {
                    return Err(Fault::EndlessInterim);
                }
                Ok(rest)
            }
            Head::Final { told, length, reusable } => {
                out.put_slice(&told);
                self.used_up |= !reusable;
                match length {
                    Length::Bytes(0) => self.end(rest),
                    Length::Bytes(length) => self.state = State::Counted(length),
                    Length::Chunks | Length::Connection => self.state = State::Uncounted,
                }
                Ok(if matches!(self.state, State::Over) { &[] } else { rest })
            }
        }
    }

    /// What comes behind the end came unasked, and more of it may follow.
    fn end(&mut self, surplus: &[u8]) {
        self.state = State::Over;
        self.used_up |= !surplus.is_empty();
    }
}

fn begins_like_http(head: &[u8]) -> Result<(), Fault> {
    let same = |expected: &[u8]| head.iter().zip(expected).all(|(byte, expected)| byte == expected);
    if !same(b"HTTP/") {
        Err(Fault::NotHttp)
    } else if !same(b"HTTP/1.") {
        Err(Fault::OtherVersion)
    } else {
        Ok(())
    }
}

/// What tells where a body ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    Chunks,
    Connection,
}

enum Head {
    /// 1xx: the real one follows (RFC 9110, section 15.2).
    Interim,
    Final {
        /// The head as the client is told of it.
        told: Vec<u8>,
        length: Length,
        reusable: bool,
    },
}

impl Head {
    /// `None`: it is not complete.
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Fault> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let mut config = httparse::ParserConfig::default();
        config.allow_spaces_after_header_name_in_responses(true);
        match config.parse_response(&mut response, bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLarge),
            Err(httparse::Error::Version) => return Err(Fault::OtherVersion),
            Err(_) => return Err(Fault::NotHttp),
        }
        let code = response.code.filter(|code| *code >= 100).ok_or(Fault::NotHttp)?;
        // 101 answers an `Upgrade` that was never asked for: nothing of HTTP follows it.
        if (100..200).contains(&code) && code != 101 {
            return Ok(Some(Head::Interim));
        }
        let old = response.version != Some(1);
        let coding = last_coding(response.headers);
        let announced = announced_length(response.headers)?;
        let length = match (code, &coding, announced) {
            (204 | 304, ..) => Length::Bytes(0),
            (101, ..) => Length::Connection,
            (_, Some(coding), _) if !old && coding == "chunked" => Length::Chunks,
            (_, None, Some(length)) => Length::Bytes(length),
            _ => Length::Connection,
        };
        // A sender that contradicts itself may see the end elsewhere than we do.
        let contradiction = announced.is_some() && coding.is_some();
        let bodiless = matches!(code, 204 | 304);
        let announces = announced.is_some_and(|length| length > 0) || coding.is_some();
        let reusable = !old && !contradiction && length != Length::Connection && (code != 204 || !announces);
        let told = retold(code, response.headers, length, bodiless);
        Ok(Some(Head::Final { told, length, reusable }))
    }
}

/// The head as awc understands it: one header says where the body ends, and a body without a length is one of HTTP/1.0.
fn retold(code: u16, headers: &[httparse::Header<'_>], length: Length, bodiless: bool) -> Vec<u8> {
    let version = if length == Length::Connection { "1.0" } else { "1.1" };
    let mut told = format!("HTTP/{version} {code} \r\n").into_bytes();
    let is_length =
        |name: &str| name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding");
    for header in headers.iter().filter(|header| !is_length(header.name)) {
        told.extend_from_slice(header.name.as_bytes());
        told.extend_from_slice(b": ");
        told.extend_from_slice(header.value);
        told.extend_from_slice(b"\r\n");
    }
    match length {
        Length::Bytes(length) if !bodiless => {
            told.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        Length::Chunks => told.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        _ => {}
    }
    told.extend_from_slice(b"\r\n");
    told
}

fn values<'a>(headers: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let named = headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name));
    named
        .flat_map(|header| header.value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// One number, however often it is said (RFC 9110, section 8.6).
fn announced_length(headers: &[httparse::Header<'_>]) -> Result<Option<u64>, Fault> {
    let mut announced = None;
    for value in values(headers, "content-length") {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().filter(|_| digits);
        let length: u64 = length.and_then(|digits| digits.parse().ok()).ok_or(Fault::Length)?;
        if announced.is_some_and(|known| known != length) {
            return Err(Fault::Length);
        }
        announced = Some(length);
    }
    Ok(announced)
}

/// Lower case. `identity` is none.
fn last_coding(headers: &[httparse::Header<'_>]) -> Option<String> {
    let last = values(headers, "transfer-encoding").last()?;
    let last = String::from_utf8_lossy(last).to_ascii_lowercase();
    (last != "identity").then_some(last)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
