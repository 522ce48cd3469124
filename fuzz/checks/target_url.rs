//! The URL of a receiver, and the operator's list of exceptions. The first line is the list, the rest is the URL. What the rules
//! looked at must be what the HTTP client would dial, and nothing that the standard library calls internal is accepted
//! without an exception.

use std::net::IpAddr;

use actix_web::http::Uri;
use url::Url;

use super::first_line;
use crate::domain::target::{AllowList, TargetUrl, vet};

pub fn check(input: &[u8]) {
    let (list, typed) = first_line(input);
    let (Ok(list), Ok(typed)) = (std::str::from_utf8(list), std::str::from_utf8(typed)) else {
        return;
    };
    let none = AllowList::default();
    let allow = allow_list(list);
    let target = TargetUrl::parse(typed, &allow);
    if TargetUrl::parse(typed, &none).is_ok() {
        assert!(target.is_ok(), "an exception closed something: {list:?} {typed:?}");
    }
    let Ok(target) = target else {
        return;
    };

    let again = TargetUrl::parse(target.as_str(), &allow).expect("what was accepted is accepted again");
    assert_eq!(again.url(), target.url());
    assert_eq!(target.as_str(), typed.trim());
    assert!(target.as_str().chars().count() <= 2_000);

    let url = target.url();
    assert!(matches!(url.scheme(), "http" | "https"));
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    assert_ne!(target.port(), 0);
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(url), "the URL is not written as it is read");
    assert!(!target.without_path().contains(|c: char| c == '?' || c.is_whitespace()));

    as_dialled(&target, &allow);
    // What an attempt reads from the database is what was typed.
    let stored = Url::parse(target.as_str()).expect("it was parsed before");
    assert_eq!(stored.host(), url.host());
}

/// The client gets the URL as text and takes it apart by itself; the connector vets the host that came out.
fn as_dialled(target: &TargetUrl, allow: &AllowList) {
    let uri: Uri = target.url().as_str().parse().expect("the HTTP client takes the URL");
    let host = uri.host().expect("a host");
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    assert_eq!(port, target.port());
    let dialled = bare.parse::<IpAddr>().ok();
    assert_eq!(dialled, target.literal(), "{host}");
    let Some(address) = dialled else {
        assert_eq!(bare, target.host());
        return;
    };
    vet(address, bare, port, allow).expect("the connector lets through what the form accepted");
    vet(address, &target.host(), port, allow).expect("in either spelling of the host");
    if is_internal(address) {
        vet(address, bare, port, &AllowList::default()).expect_err("an internal address is closed without an exception");
    }
    if is_metadata(address) {
        let text = allow.to_string();
        assert!(text.contains("/32") || text.contains("/128"), "{text} opened {address}");
    }
}

/// It is written as it is read, and an entry means the same when it is read again.
fn allow_list(text: &str) -> AllowList {
    let Ok(list) = AllowList::parse(text) else {
        return AllowList::default();
    };
    let written = list.to_string();
    assert_eq!(AllowList::parse(&written).as_ref(), Ok(&list), "{text:?} was written as {written:?}");
    list
}

fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_unspecified()
                || v4.is_documentation()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some_and(|v4| is_internal(v4.into()))
        }
    }
}

fn is_metadata(address: IpAddr) -> bool {
    let all = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"];
    all.iter().any(|one| one.parse() == Ok(address.to_canonical()))
}
