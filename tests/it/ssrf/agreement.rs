//! The check of the form and the check of the connection, with hosts that nobody thought of: they say the same, and neither lets
//! through what the standard library knows for an inner address.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use taskview_webhooks::delivery::resolve::{Gate, NotVetted, Resolver};
use taskview_webhooks::domain::target::{AllowList, TargetUrl};
use url::{Host, Url};

use super::address;

const LISTS: [&str; 6] = [
    "",
    "loopback",
    "private, localhost:8080",
    "127.0.0.1",
    "*.localhost, 10.0.0.0/8, ::1, 127.0.0.1:8080",
    "0.0.0.0/0, ::/0",
];

/// What hosts are made of, and what takes them apart.
const PIECES: [&str; 46] = [
    "0",
    "1",
    "7",
    "8",
    "10",
    "127",
    "168",
    "169",
    "192",
    "254",
    "255",
    "256",
    "0x",
    "0x7f",
    "0xA9",
    "0177",
    "00",
    "08",
    "2130706433",
    "127.0.0.1",
    "169.254.169.254",
    "10.0.0.1",
    ".",
    ".",
    ".",
    "..",
    "。",
    "%2e",
    "%31",
    "１",
    "①",
    "\u{ad}",
    "localhost",
    "LOCALHOST",
    "ⓛocalhost",
    "a",
    "test",
    "-",
    "_",
    "xn--",
    "[",
    "]",
    "::1",
    ":",
    "ffff",
    "@",
];

fn many() -> Config {
    Config {
        cases: 4_000,
        failure_persistence: None,
        ..Config::default()
    }
}

/// What the guard says of the host of `url`; a name leads to an address of the internet.
fn guarded(runtime: &actix_rt::Runtime, allow: &Arc<AllowList>, url: &Url) -> Result<(), NotVetted> {
    let names = url
        .domain()
        .map(|name| (name.trim_end_matches('.'), vec![vec![address("8.8.8.8")]]));
    let gate = Gate::new(Arc::clone(allow), Resolver::fixed(names));
    let port = url.port_or_known_default().unwrap();
    runtime.block_on(async move { gate.admit(url.host_str().unwrap(), port).await.map(drop) })
}

#[test]
fn form_and_guard_agree_about_every_host() {
    let runtime = actix_rt::Runtime::new().unwrap();
    let lists: Vec<_> = LISTS
        .iter()
        .map(|list| Arc::new(AllowList::parse(list).unwrap()))
        .collect();
    let hosts = proptest::collection::vec(select(PIECES.as_slice()), 1..9).prop_map(|pieces| pieces.concat());

    let result = TestRunner::new(many()).run(&(hosts, select(lists)), |(host, allow)| {
        let text = format!("http://{host}:8080/");
        let saved = TargetUrl::parse(&text, &allow);
        let Ok(stored) = TargetUrl::stored(&text) else {
            prop_assert!(saved.is_err(), "{text}");
            return Ok(());
        };
        let dialled = guarded(&runtime, &allow, stored.url());
        prop_assert_eq!(
            saved.is_ok(),
            dialled.is_ok(),
            "{} {}: {:?}, {:?}",
            text,
            allow,
            saved,
            dialled
        );
        prop_assert!(!matches!(dialled, Err(NotVetted::Unknown(_))), "{text}: {dialled:?}");
        Ok(())
    });

    result.unwrap();
}

/// One of the ways in which the URL standard reads an IPv4 address: parts, the number system of each, a dot behind.
fn spelt(ip: Ipv4Addr, parts: usize, systems: [u8; 4], dot: &str) -> String {
    let bits = ip.to_bits();
    let own = |place: usize| bits >> (24 - 8 * place) & 0xff;
    let mut words = Vec::new();
    for (place, system) in systems.iter().take(parts).enumerate() {
        let last = place + 1 == parts;
        let rest = if place == 0 {
            bits
        } else {
            bits & (u32::MAX >> (8 * place))
        };
        let number = if last { rest } else { own(place) };
        words.push(match system {
            0 => number.to_string(),
            1 => format!("0x{number:x}"),
            2 => format!("0X{number:08X}"),
            3 => format!("0{number:o}"),
            _ => format!("000{number:o}"),
        });
    }
    words.join(".") + dot
}

/// Inner addresses by the standard library's own judgement.
fn is_inner(ip: Ipv4Addr) -> bool {
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_unspecified()
}

#[test]
fn an_address_is_the_same_address_in_every_notation() {
    let runtime = actix_rt::Runtime::new().unwrap();
    let nothing = Arc::new(AllowList::default());
    let inner = prop_oneof![
        any::<u32>(),
        (0..1u32 << 24).prop_map(|low| 10 << 24 | low),
        (0..1u32 << 24).prop_map(|low| 127 << 24 | low),
        (0..1u32 << 16).prop_map(|low| 0xa9fe << 16 | low),
        (0..1u32 << 16).prop_map(|low| 0xc0a8 << 16 | low),
    ];
    let notations = (inner, 1..5usize, any::<[u8; 4]>(), select(vec!["", "."]));

    let result = TestRunner::new(many()).run(&notations, |(bits, parts, systems, dot)| {
        let ip = Ipv4Addr::from_bits(bits);
        let host = spelt(ip, parts, systems.map(|system| system % 5), dot);
        let url = Url::parse(&format!("http://{host}:8080/")).unwrap();
        prop_assert_eq!(url.host(), Some(Host::Ipv4(ip)), "{}", host);
        let saved = TargetUrl::parse(url.as_str(), &nothing);
        let dialled = guarded(&runtime, &nothing, &url);
        prop_assert_eq!(saved.is_ok(), dialled.is_ok(), "{}", host);
        prop_assert!(!is_inner(ip) || saved.is_err(), "{host} is {ip}");
        let v6: [IpAddr; 3] = [
            ip.to_ipv6_mapped().into(),
            address(&format!("64:ff9b::{ip}")),
            address(&format!("2002:{:x}:{:x}::1", bits >> 16, bits & 0xffff)),
        ];
        for carrier in v6 {
            let carried = TargetUrl::parse(&format!("http://[{carrier}]/"), &nothing);
            prop_assert_eq!(carried.is_ok(), saved.is_ok(), "{} carries {}", carrier, ip);
        }
        Ok(())
    });

    result.unwrap();
}
