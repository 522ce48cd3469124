//! Where deliveries must not go. `corpus.txt` holds the spellings, one a line; `spellings` tries each of them without and with
//! sockets, `agreement` compares the check of the form with that of the connection, `application` is the whole program.

mod agreement;
mod application;
mod spellings;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

/// A line of the corpus.
pub struct Spelling {
    pub verdict: Verdict,
    /// With `PORT` where a port belongs.
    url: String,
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    NoUrl,
    Name,
    Public,
    /// Words of the refusal.
    Forbidden(&'static str),
}

impl Spelling {
    pub fn url(&self, port: u16) -> String {
        self.url.replace("PORT", &port.to_string())
    }
}

pub fn corpus() -> Vec<Spelling> {
    let lines = include_str!("corpus.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(spelling).collect()
}

fn spelling(line: &str) -> Spelling {
    let (left, what) = line
        .split_once(" -- ")
        .unwrap_or_else(|| panic!("without what it is: {line}"));
    let (verdict, url) = left.split_once(' ').unwrap_or_else(|| panic!("without a URL: {line}"));
    let verdict = match verdict {
        "no-url" => Verdict::NoUrl,
        "name" => Verdict::Name,
        "public" => Verdict::Public,
        "loopback" => Verdict::Forbidden("a loopback address"),
        "private" => Verdict::Forbidden("an address of a private network"),
        "unique-local" => Verdict::Forbidden("a unique-local address"),
        "shared" => Verdict::Forbidden("a shared address of a provider"),
        "link-local" => Verdict::Forbidden("a link-local address"),
        "metadata" => Verdict::Forbidden("the address of a cloud's metadata service"),
        "multicast" => Verdict::Forbidden("a multicast address"),
        "this-network" => Verdict::Forbidden("an address of \"this network\""),
        "documentation" => Verdict::Forbidden("reserved for documentation"),
        "benchmarking" => Verdict::Forbidden("reserved for benchmarks"),
        "site-local" => Verdict::Forbidden("a site-local address"),
        "reserved" => Verdict::Forbidden("a reserved address"),
        other => panic!("no verdict: {other}"),
    };
    Spelling {
        verdict,
        url: unescaped(url.trim()),
        what: what.to_owned(),
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('s') => plain.push(' '),
            Some('t') => plain.push('\t'),
            Some('\\') => plain.push('\\'),
            Some('u') => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(&digits, 16).unwrap();
                plain.push(char::from_u32(code).unwrap());
            }
            other => panic!("\\{other:?} in {text}"),
        }
    }
    plain
}

/// Listens on both loopback addresses and lets every connection wait to be counted.
pub struct Trap {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Trap {
    pub fn set() -> Trap {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        v4.set_nonblocking(true).unwrap();
        // A machine may be without IPv6.
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, v4.local_addr().unwrap().port())).ok();
        if let Some(v6) = &v6 {
            v6.set_nonblocking(true).unwrap();
        }
        Trap { v4, v6 }
    }

    pub fn port(&self) -> u16 {
        self.v4.local_addr().unwrap().port()
    }

    /// Connections since the last time.
    pub fn reached(&self) -> usize {
        let listeners = [Some(&self.v4), self.v6.as_ref()];
        let count = |listener: &TcpListener| std::iter::from_fn(|| listener.accept().ok()).count();
        listeners.into_iter().flatten().map(count).sum()
    }
}

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
