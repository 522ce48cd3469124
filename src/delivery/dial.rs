//! Opens the TCP connection: vetted addresses only, IPv6 and IPv4 in turn, the next one when the one before has failed
//! or has not answered for 250 ms (RFC 8305, "Happy Eyeballs"). It knows neither names nor rules.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::delivery::resolve::Vetted;

const STAGGER: Duration = Duration::from_millis(250);

/// The first connection that stands, with its address; or the error of the first address, unless another one's says more.
/// `dialling` hears of each address before it is dialled.
pub async fn dial(
    vetted: &Vetted,
    dialling: impl Fn(SocketAddr),
) -> Result<(TcpStream, SocketAddr), (io::Error, SocketAddr)> {
    let mut waiting = in_turn(vetted.addresses()).into_iter().peekable();
    let mut trying = FuturesUnordered::new();
    let mut failure: Option<(io::Error, SocketAddr)> = None;
    loop {
        if let Some(address) = waiting.next() {
            dialling(address);
            trying.push(async move { (TcpStream::connect(address).await, address) });
        }
        let patience = async {
            match waiting.peek() {
                Some(_) => tokio::time::sleep(STAGGER).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            Some((tried, address)) = trying.next() => match tried {
                Ok(stream) => {
                    // A request is written at once; Nagle's algorithm could only delay its last segment.
                    stream.set_nodelay(true).map_err(|error| (error, address))?;
                    return Ok((stream, address));
                }
                Err(error) => {
                    if failure.as_ref().is_none_or(|(known, _)| tells(&error) > tells(known)) {
                        failure = Some((error, address));
                    }
                    if trying.is_empty() && waiting.peek().is_none() && let Some(failure) = failure {
                        return Err(failure);
                    }
                }
            },
            () = patience => {}
        }
    }
}

/// The families in turn, the family of the first answer first.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .rev()
        .copied()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = Vec::with_capacity(addresses.len());
    while let Some(address) = first.pop() {
        order.push(address);
        order.extend(second.pop());
    }
    order.extend(second.into_iter().rev());
    order
}

/// How much an error says about the receiver. That this machine has no way to a family of addresses says nothing; that nobody
/// listens at one address, little when somebody at another one does.
fn tells(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable => 0,
        io::ErrorKind::ConnectionRefused => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), 443))
            .collect()
    }

    #[test]
    fn the_families_are_dialled_in_turn_and_the_first_answers_family_first() {
        let cases: [(&[&str], &[&str]); 4] = [
            (
                &["::1", "::2", "1.1.1.1", "1.1.1.2", "1.1.1.3"],
                &["::1", "1.1.1.1", "::2", "1.1.1.2", "1.1.1.3"],
            ),
            (&["1.1.1.1", "::1", "::2", "::3"], &["1.1.1.1", "::1", "::2", "::3"]),
            (&["::1"], &["::1"]),
            (&["1.1.1.1", "1.1.1.2"], &["1.1.1.1", "1.1.1.2"]),
        ];
        for (answer, order) in cases {
            assert_eq!(in_turn(&addresses(answer)), addresses(order));
        }
    }
}
