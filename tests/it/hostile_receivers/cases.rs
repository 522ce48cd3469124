//! What receivers do that no honest one does, a line each: the script, and how the attempt has to end.

use std::io::Write;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::support::certificates::Authority;
use crate::support::hostile::{Act, Hostile, forever, say};

pub struct Case {
    pub name: &'static str,
    pub receiver: Hostile,
    pub scheme: &'static str,
    pub outcome: &'static str,
    pub code: Option<u64>,
    /// A part of the sentence.
    pub sentence: &'static str,
}

/// Those that end at once, or with the second in which a body is read.
pub fn all(authority: &Authority) -> Vec<Case> {
    // The first delivery of a process costs what the process keeps.
    let ordinary = says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let first = vec![answered("an ordinary answer", ordinary, 200)];
    [first, heads(), bodies(), ends(), tls(authority)]
        .into_iter()
        .flatten()
        .collect()
}

fn case(name: &'static str, script: Vec<Act>, outcome: &'static str, sentence: &'static str) -> Case {
    Case {
        name,
        receiver: Hostile::start(script),
        scheme: "http",
        outcome,
        code: None,
        sentence,
    }
}

fn answered(name: &'static str, script: Vec<Act>, code: u64) -> Case {
    Case {
        code: Some(code),
        ..case(name, script, "answered", "The receiver answered")
    }
}

/// The same over TLS, after the handshake.
fn secured(config: &Arc<ServerConfig>, case: Case, script: Vec<Act>) -> Case {
    Case {
        receiver: Hostile::start_tls(Arc::clone(config), script),
        scheme: "https",
        ..case
    }
}

/// Raw bytes where TLS is expected.
fn no_tls(case: Case) -> Case {
    Case {
        scheme: "https",
        ..case
    }
}

/// After a request.
fn then(acts: impl IntoIterator<Item = Act>) -> Vec<Act> {
    [Act::Request].into_iter().chain(acts).collect()
}

fn says(text: &str) -> Vec<Act> {
    then([say(text), Act::Hold])
}

/// Answers of which nothing keeps the outcome waiting.
fn heads() -> Vec<Case> {
    let long = |bytes: usize| "x".repeat(bytes);
    let many: String = (0..10_000).map(|number| format!("X-{number}: 1\r\n")).collect();
    let protocol = |name, script, sentence| case(name, script, "protocol", sentence);
    let large = "The head of the answer of localhost:";
    let no_http = "is not HTTP";
    let version = "another version of HTTP";
    let length = "does not say how long its body is";
    vec![
        protocol(
            "header lines without end",
            then([say("HTTP/1.1 200 OK\r\n"), forever("X-More: and more\r\n")]),
            large,
        ),
        protocol(
            "one header line without end",
            then([say("HTTP/1.1 200 OK\r\nX-Long: "), forever("x")]),
            large,
        ),
        protocol(
            "a header's name without end",
            then([say("HTTP/1.1 200 OK\r\n"), forever("x")]),
            large,
        ),
        protocol(
            "a header's name of 66,000 bytes",
            says(&format!("HTTP/1.1 200 OK\r\n{}: 1\r\n\r\n", long(66_000))),
            large,
        ),
        protocol(
            "a reason without end",
            then([say("HTTP/1.1 200 "), forever("OK ")]),
            large,
        ),
        protocol("empty lines without end", then([forever("\r\n")]), large),
        protocol("10,000 headers", says(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")), large),
        protocol(
            "a header of 1 MB",
            says(&format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", long(1_000_000))),
            large,
        ),
        answered(
            "a header of 20 KB",
            says(&format!(
                "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n",
                long(20_000)
            )),
            200,
        ),
        protocol(
            "100 Continue without end",
            then([forever("HTTP/1.1 100 Continue\r\n\r\n")]),
            "interim answers",
        ),
        protocol(
            "102 Processing without end",
            then([forever("HTTP/1.1 102 Processing\r\n\r\n")]),
            "interim answers",
        ),
        protocol(
            "103 Early Hints without end",
            then([forever("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")]),
            "interim answers",
        ),
        answered(
            "100 Continue, then 200",
            says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            200,
        ),
        answered(
            "103 Early Hints, then 404",
            says("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
            404,
        ),
        protocol(
            "103 Early Hints, then the end",
            then([say("HTTP/1.1 103 Early Hints\r\n\r\n")]),
            "in the middle of its answer",
        ),
        answered(
            "101 Switching Protocols",
            says("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
            101,
        ),
        protocol("status 000", says("HTTP/1.1 000 Nothing\r\n\r\n"), no_http),
        answered(
            "status 999",
            says("HTTP/1.1 999 Most\r\nContent-Length: 0\r\n\r\n"),
            999,
        ),
        protocol("status 1000", says("HTTP/1.1 1000 More\r\n\r\n"), no_http),
        protocol("status 20", says("HTTP/1.1 20 Few\r\n\r\n"), no_http),
        protocol("status -200", says("HTTP/1.1 -200 Less\r\n\r\n"), no_http),
        protocol(
            "status ２００ in full-width digits",
            says("HTTP/1.1 ２００ OK\r\n\r\n"),
            no_http,
        ),
        protocol("HTTP/9.9", says("HTTP/9.9 200 OK\r\n\r\n"), version),
        protocol("HTTP/2.0 in text", says("HTTP/2.0 200 OK\r\n\r\n"), version),
        protocol("HTTP/1.7", says("HTTP/1.7 200 OK\r\n\r\n"), version),
        protocol(
            "HTTP/0.9: a page without a head",
            says("<html>hello</html>\r\n"),
            no_http,
        ),
        protocol(
            "the preface of HTTP/2",
            says("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            no_http,
        ),
        protocol(
            "frames of HTTP/2",
            then([Act::Say(b"\0\0\x12\x04\0\0\0\0\0".to_vec()), Act::Hold]),
            no_http,
        ),
        protocol("http in lower case", says("http/1.1 200 OK\r\n\r\n"), no_http),
        protocol(
            "an SSH server",
            vec![say("SSH-2.0-OpenSSH_9.2\r\n"), Act::Hold],
            no_http,
        ),
        protocol(
            "a mail server",
            vec![say("220 mail.example.com ESMTP\r\n"), Act::Hold],
            no_http,
        ),
        protocol(
            "NUL in a header's value",
            says("HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\n\r\n"),
            no_http,
        ),
        protocol(
            "NUL in a header's name",
            says("HTTP/1.1 200 OK\r\nX\0Nul: a\r\n\r\n"),
            no_http,
        ),
        protocol(
            "a header's name with a quote",
            says("HTTP/1.1 200 OK\r\nX\"Quote: a\r\n\r\n"),
            no_http,
        ),
        protocol(
            "a header's name in Greek",
            says("HTTP/1.1 200 OK\r\nΧ: a\r\n\r\n"),
            no_http,
        ),
        protocol(
            "a header without a name",
            says("HTTP/1.1 200 OK\r\n: a\r\n\r\n"),
            no_http,
        ),
        protocol(
            "a header without a colon",
            says("HTTP/1.1 200 OK\r\nNothing\r\n\r\n"),
            no_http,
        ),
        protocol(
            "a folded header",
            says("HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\n\r\n"),
            no_http,
        ),
        protocol(
            "a bare CR",
            says("HTTP/1.1 200 OK\r\nX-Cr: a\rX-Other: b\r\n\r\n"),
            no_http,
        ),
        answered(
            "line feeds without CR",
            says("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
            200,
        ),
        answered(
            "values in Latin-1 and emoji",
            then([
                Act::Say(
                    b"HTTP/1.1 200 OK\r\nX-L: \xe4\xf6\r\nX-E: \xf0\x9f\x8e\x89\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ),
                Act::Hold,
            ]),
            200,
        ),
        protocol(
            "a length below zero",
            says("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
            length,
        ),
        protocol(
            "a length with a sign",
            says("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"),
            length,
        ),
        protocol(
            "a length in words",
            says("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"),
            length,
        ),
        protocol(
            "a length beyond 64 bit",
            says("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            length,
        ),
        protocol(
            "two lengths that differ",
            says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello"),
            length,
        ),
        protocol(
            "two lengths in one line",
            says("HTTP/1.1 200 OK\r\nContent-Length: 5, 50\r\n\r\nhello"),
            length,
        ),
        answered(
            "one length said twice",
            says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
            200,
        ),
        answered(
            "a length and chunks",
            says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            200,
        ),
        answered(
            "chunks twice",
            says(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            ),
            200,
        ),
    ]
}

fn bodies() -> Vec<Case> {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let zipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 10_000_000]).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        zipped.len()
    );
    vec![
        answered(
            "a body without end, of 10^18 bytes",
            then([
                say("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\n"),
                forever("x"),
            ]),
            200,
        ),
        answered(
            "a body without end or length",
            then([say("HTTP/1.1 200 OK\r\n\r\n"), forever("x")]),
            200,
        ),
        answered(
            "a body of HTTP/1.0 without end",
            then([say("HTTP/1.0 200 OK\r\n\r\n"), forever("x")]),
            200,
        ),
        answered(
            "the largest length of 64 bit",
            then([
                say("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"),
                forever("x"),
            ]),
            200,
        ),
        answered(
            "chunks without end",
            then([say(chunked), forever("5\r\nhello\r\n")]),
            200,
        ),
        answered(
            "one chunk of 2^64 - 1 bytes",
            then([say(&format!("{chunked}FFFFFFFFFFFFFFFF\r\n")), forever("x")]),
            200,
        ),
        answered(
            "a chunk's size beyond 64 bit",
            says(&format!("{chunked}FFFFFFFFFFFFFFFFF\r\nhello")),
            200,
        ),
        answered(
            "a chunk's size in words",
            says(&format!("{chunked}five\r\nhello\r\n")),
            200,
        ),
        answered(
            "a chunk's size below zero",
            says(&format!("{chunked}-5\r\nhello\r\n")),
            200,
        ),
        answered(
            "a chunk's extension without end",
            then([say(&format!("{chunked}5;")), forever("x=y;")]),
            200,
        ),
        answered("a chunk's size without end", then([say(chunked), forever("0")]), 200),
        answered(
            "trailers without end",
            then([say(&format!("{chunked}0\r\n")), forever("X-More: and more\r\n")]),
            200,
        ),
        answered("a gzip bomb", then([say(&bomb), Act::Say(zipped), Act::Hold]), 200),
        answered(
            "204 with a body",
            says("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
            204,
        ),
        answered(
            "304 with a length",
            says("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n"),
            304,
        ),
        answered(
            "a second answer glued to the first",
            says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"),
            200,
        ),
        // These wait for what is missing of a body: a second.
        answered(
            "a body a byte a second",
            then([
                say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
                Act::Drip(b"hello".to_vec()),
            ]),
            200,
        ),
        answered(
            "a body that is promised and never comes",
            says("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
            200,
        ),
        answered(
            "chunks that stop in the middle",
            says(&format!("{chunked}5\r\nhel")),
            200,
        ),
    ]
}

fn ends() -> Vec<Case> {
    let protocol = |name, script, sentence| case(name, script, "protocol", sentence);
    let nothing = "closed the connection without an answer";
    let middle = "in the middle of its answer";
    vec![
        protocol("reset at once", vec![Act::Reset], nothing),
        protocol("closed at once", vec![], nothing),
        protocol(
            "reset after the head of the request",
            vec![Act::Read(200), Act::Reset],
            nothing,
        ),
        protocol(
            "reset in the middle of the request's body",
            vec![Act::Read(5_000), Act::Reset],
            nothing,
        ),
        protocol("reset after the request", then([Act::Reset]), nothing),
        protocol("closed after the request", then([]), nothing),
        protocol("half closed after the request", then([Act::HalfClose]), nothing),
        protocol(
            "reset in the status line",
            then([say("HTTP/1.1 2"), Act::Reset]),
            middle,
        ),
        protocol(
            "reset after the status line",
            then([say("HTTP/1.1 200 OK\r\n"), Act::Reset]),
            middle,
        ),
        protocol(
            "reset in the middle of the headers",
            then([say("HTTP/1.1 200 OK\r\nContent-Le"), Act::Reset]),
            middle,
        ),
        protocol("closed in the status line", then([say("HTTP/1.1 2")]), middle),
        protocol(
            "closed in the middle of the headers",
            then([say("HTTP/1.1 200 OK\r\nContent-Le")]),
            middle,
        ),
        answered(
            "reset in the middle of the body",
            then([say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), Act::Reset]),
            200,
        ),
        answered(
            "reset after the whole answer",
            then([say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), Act::Reset]),
            200,
        ),
        answered(
            "half closed after the answer",
            then([say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), Act::HalfClose]),
            200,
        ),
        answered(
            "an answer before the request is read",
            vec![say(
                "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            )],
            413,
        ),
        answered(
            "an answer before the request, which is never read",
            vec![say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), Act::Hold],
            413,
        ),
    ]
}

fn tls(authority: &Authority) -> Vec<Case> {
    let good = authority.good_for("localhost");
    let wrong = |name, config: Arc<ServerConfig>, sentence| {
        secured(
            &config,
            case(name, vec![], "tls", sentence),
            says("HTTP/1.1 200 OK\r\n\r\n"),
        )
    };
    let over_tls = |case: Case, script| secured(&good, case, script);
    let hello = || Act::Read(100);
    vec![
        wrong(
            "TLS: an expired certificate",
            authority.expired_for("localhost"),
            "has expired",
        ),
        wrong(
            "TLS: a certificate for another name",
            authority.good_for("elsewhere.test"),
            "is not for the name localhost",
        ),
        wrong(
            "TLS: an unknown authority",
            Authority::new().good_for("localhost"),
            "not trusted here",
        ),
        no_tls(case(
            "TLS: garbage",
            vec![hello(), forever("no such thing ")],
            "tls",
            "is not TLS",
        )),
        no_tls(case(
            "TLS: plain HTTP",
            vec![hello(), say("HTTP/1.1 400 Bad Request\r\n\r\n"), Act::Hold],
            "tls",
            "is not TLS",
        )),
        no_tls(case(
            "TLS: records without end",
            vec![
                hello(),
                Act::Forever([b"\x16\x03\x03\x40\x00".as_slice(), &[0; 16_384]].concat()),
            ],
            "tls",
            "localhost",
        )),
        no_tls(case(
            "TLS: alerts without end",
            vec![hello(), Act::Forever(b"\x15\x03\x03\x00\x02\x01\x5a".to_vec())],
            "tls",
            "localhost",
        )),
        no_tls(case(
            "TLS: closed after ClientHello",
            vec![hello()],
            "tls",
            "during the TLS handshake",
        )),
        no_tls(case(
            "TLS: reset after ClientHello",
            vec![hello(), Act::Reset],
            "tls",
            "during the TLS handshake",
        )),
        no_tls(case(
            "TLS: closed in the middle of the handshake",
            vec![Act::PartOfTheHandshake(Arc::clone(&good), 300)],
            "tls",
            "during the TLS handshake",
        )),
        over_tls(
            case(
                "TLS: reset after the handshake",
                vec![],
                "protocol",
                "without an answer",
            ),
            then([Act::Reset]),
        ),
        over_tls(
            case(
                "TLS: closed after the handshake",
                vec![],
                "protocol",
                "without an answer",
            ),
            then([]),
        ),
        over_tls(
            case("TLS: header lines without end", vec![], "protocol", "is too large"),
            then([say("HTTP/1.1 200 OK\r\n"), forever("X-More: 1\r\n")]),
        ),
        over_tls(
            answered("TLS: chunks without end", vec![], 200),
            then([
                say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                forever("5\r\nhello\r\n"),
            ]),
        ),
        over_tls(
            answered("TLS: 103 Early Hints, then 200", vec![], 200),
            says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ),
        over_tls(
            answered("TLS: a body without a length", vec![], 500),
            then([say("HTTP/1.1 500 Oh\r\n\r\nwhy it failed")]),
        ),
    ]
}

/// Those that use up the deadline.
pub fn silent(authority: &Authority) -> Vec<Case> {
    let good = authority.good_for("localhost");
    let timeout = |name, script, sentence| case(name, script, "timeout", sentence);
    let silence = "did not answer within 10 seconds";
    let begun = "began to answer, but its head was not complete after 10 seconds";
    let handshake = "did not finish the TLS handshake within 10 seconds";
    vec![
        timeout("silence", vec![Act::Hold], silence),
        timeout("silence after the request", then([Act::Hold]), silence),
        timeout(
            "a head a byte a second",
            then([Act::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec())]),
            begun,
        ),
        timeout(
            "a header line a second",
            then([say("HTTP/1.1 200 OK\r\n"), Act::EverySecond(b"X-More: 1\r\n".to_vec())]),
            begun,
        ),
        timeout(
            "an interim answer a second",
            then([Act::EverySecond(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec())]),
            begun,
        ),
        timeout(
            "half a head",
            then([say("HTTP/1.1 200 OK\r\nContent-Le"), Act::Hold]),
            begun,
        ),
        no_tls(timeout(
            "TLS: silence after ClientHello",
            vec![Act::Read(100), Act::Hold],
            handshake,
        )),
        no_tls(timeout(
            "TLS: silence in the middle of the handshake",
            vec![Act::PartOfTheHandshake(Arc::clone(&good), 300), Act::Hold],
            handshake,
        )),
        no_tls(timeout(
            "TLS: a handshake a byte a second",
            vec![
                Act::Read(100),
                Act::Drip(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03\x01\x02\x03\x04".to_vec()),
            ],
            handshake,
        )),
        secured(
            &good,
            timeout("TLS: silence after the handshake", vec![], silence),
            vec![Act::Hold],
        ),
        secured(
            &good,
            timeout("TLS: half a head", vec![], begun),
            then([say("HTTP/1.1 200 OK\r\nContent-Le"), Act::Hold]),
        ),
    ]
}
