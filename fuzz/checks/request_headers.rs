//! Headers of requests to us. The first line is the address of the peer and the trusted proxies, then a header a line. Whoever is not a
//! proxy of ours cannot say who they are; laptop mode answers to this machine alone; another site's page changes nothing.

use std::net::IpAddr;

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::Uri;
use actix_web::http::uri::Authority;
use ipnet::IpNet;
use url::Url;

use super::first_line;
use crate::web::client::beyond_proxies;
use crate::web::laptop::refusal;
use crate::web::same_origin::allowed;

pub fn check(input: &[u8]) {
    let (first, rest) = first_line(input);
    let first = String::from_utf8_lossy(first);
    let mut words = first.split([' ', ',']);
    let peer = words.next().and_then(|word| word.parse().ok()).unwrap_or(IpAddr::from([203, 0, 113, 9]));
    let trusted: Vec<IpNet> = words.filter_map(|word| word.parse().ok()).collect();
    let lines: Vec<(HeaderName, HeaderValue)> = rest.split(|&byte| byte == b'\n').filter_map(header).collect();
    let headers = map(lines.iter());
    forwarded(peer, &lines, &trusted);
    laptop(&headers);
    origin(&headers);
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

fn map<'a>(lines: impl Iterator<Item = &'a (HeaderName, HeaderValue)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.clone(), value.clone());
    }
    headers
}

fn forwarded(peer: IpAddr, lines: &[(HeaderName, HeaderValue)], trusted: &[IpNet]) {
    let client = beyond_proxies(peer, &map(lines.iter()), trusted);
    let is_ours = |address: IpAddr| trusted.iter().any(|net| net.contains(&address.to_canonical()));
    assert_eq!(client, client.to_canonical());
    if !is_ours(peer) {
        assert_eq!(client, peer.to_canonical(), "a stranger was believed");
    }
    let said: Vec<IpAddr> = lines
        .iter()
        .filter(|(name, _)| name == "x-forwarded-for")
        .filter_map(|(_, value)| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|word| word.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .collect();
    assert!(client == peer.to_canonical() || said.contains(&client));
    // What a stranger wrote before it was passed on by the first proxy of ours changes nothing.
    if !is_ours(client) {
        let made_up = (HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("198.51.100.7, 10.0.0.1"));
        let more = map(std::iter::once(&made_up).chain(lines));
        assert_eq!(beyond_proxies(peer, &more, trusted), client);
    }
}

fn laptop(headers: &HeaderMap) {
    match refusal(&Uri::from_static("/"), headers) {
        Some(sentence) => assert!(sentence.contains("TASKVIEW_PUBLIC_URL")),
        None => {
            let of_a_proxy = |name: &str| name == "forwarded" || name.starts_with("x-forwarded-");
            assert!(!headers.keys().any(|name| of_a_proxy(name.as_str())), "{headers:?}");
            let host = headers.get("host").and_then(|value| value.to_str().ok()).expect("a host");
            // As the server itself takes an authority apart.
            let authority: Authority = host.parse().expect("an authority");
            let name = authority.host().to_ascii_lowercase();
            assert!(["localhost", "127.0.0.1", "[::1]"].contains(&name.as_str()), "{host}");
            assert!(!host.contains('@'));
        }
    }
}

/// What no browser adds by itself: one `Authorization`, of the kind that programs send.
fn bears_a_token(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all("authorization");
    let (first, second) = (all.next(), all.next());
    let bearer = |text: &str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    second.is_none() && first.and_then(|value| value.to_str().ok()).is_some_and(bearer)
}

fn origin(headers: &HeaderMap) {
    assert!(allowed(&Method::GET, headers, None));
    let public = Url::parse("https://tasks.example").expect("a URL");
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    for public in [None, Some(&public)] {
        if !allowed(&Method::POST, headers, public) || bears_a_token(headers) || text("sec-fetch-site") == Some("same-origin") {
            continue;
        }
        assert!(!headers.contains_key("sec-fetch-site"));
        let origin = text("origin").expect("neither header came");
        match public {
            Some(public) => assert_eq!(origin, public.origin().ascii_serialization()),
            None => {
                let (_, there) = origin.split_once("://").expect("an origin that is none");
                assert_eq!(Some(there), text("host"));
            }
        }
    }
}
