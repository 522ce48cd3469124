//! Where a request comes from. Behind a proxy every connection is the proxy's, so the header that proxies add is believed, but
//! only as far as `TASKVIEW_TRUSTED_PROXIES` names them: everything before the first stranger may be made up.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, USER_AGENT};
use actix_web::{HttpRequest, web};
use ipnet::IpNet;

use crate::context::Context;
use crate::db::sessions::Device;

/// Of a header that browsers fill with a hundred characters or two.
const LONGEST_AGENT: usize = 300;

/// The client's address, as far as it is known.
pub fn address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let trusted = request
        .app_data::<web::Data<Context>>()
        .map(|ctx| ctx.config().trusted_proxies.as_slice());
    Some(beyond_proxies(peer, request.headers(), trusted.unwrap_or_default()))
}

/// A proxy of ours brought it.
pub fn is_behind_proxy(request: &HttpRequest) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let ctx = request.app_data::<web::Data<Context>>();
    peer.zip(ctx)
        .is_some_and(|(peer, ctx)| is_ours(&ctx.config().trusted_proxies, peer))
}

fn is_ours(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|net| net.contains(&address.to_canonical()))
}

/// What a list of sessions says of who signs in.
pub fn device(request: &HttpRequest) -> Device {
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Device {
        address: address(request).map(|address| address.to_string()),
        user_agent: agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect()),
    }
}

/// From the right, where the nearest proxy wrote, to the first address that is no proxy of ours.
pub(crate) fn beyond_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let named: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut client = peer;
    for name in named.into_iter().rev() {
        // What is not an address was not written by a proxy of ours.
        let (true, Ok(before)) = (is_ours(trusted, client), name.parse()) else {
            break;
        };
        client = before;
    }
    client.to_canonical()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_static(value),
            );
        }
        let trusted = ["10.0.0.0/8".parse().expect("a range")];
        beyond_proxies(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn the_client_is_the_first_address_that_no_proxy_of_ours_has() {
        for (peer, forwarded, expected) in [
            ("203.0.113.9", vec![], "203.0.113.9"),
            // A stranger's header is worth nothing.
            ("203.0.113.9", vec!["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", vec!["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", vec!["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", vec!["made up, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", vec!["unknown"], "10.0.0.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("::ffff:10.0.0.1", vec!["2001:db8::7"], "2001:db8::7"),
        ] {
            assert_eq!(seen(peer, &forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
