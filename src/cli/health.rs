//! `health`: asks a running server how it is, for the health check of a container, in whose image no other program can ask. Opens no
//! database: what counts is what the server says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use url::Url;

use super::Failure;
use super::terminal::printable;

/// A server that waits for its database in vain says so within this.
const PATIENCE: Duration = Duration::from_secs(8);
/// Longer than any answer of the two pages.
const LONGEST_ANSWER: usize = 4 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// Address of the server, e.g. http://127.0.0.1:8080 [default: the one it listens on]
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Ask only whether the process answers, not whether it reaches its database
    #[arg(long)]
    live: bool,
    /// Address that the server listens on
    #[arg(
        long,
        env = "TASKVIEW_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
}

pub(super) async fn run(health: Health) -> Result<(), Failure> {
    let url = health.page().map_err(Failure::Usage)?;
    let unwell = |reason: String| Failure::Other(format!("{url}: {reason}"));
    let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let mut answer = client
        .get(url.as_str())
        .send()
        .await
        .map_err(|error| unwell(format!("no answer: {error}")))?;
    let body = answer.body().limit(LONGEST_ANSWER).await.unwrap_or_default();
    let said = printable(String::from_utf8_lossy(&body).trim());
    if answer.status().is_success() {
        println!("{said}");
        Ok(())
    } else {
        Err(unwell(format!("{} {said}", answer.status().as_u16())))
    }
}

impl Health {
    fn page(&self) -> Result<Url, String> {
        let path = if self.live { "/healthz" } else { "/readyz" };
        let mut url = match &self.url {
            Some(text) => Url::parse(text).map_err(|error| format!("“{}” is not a URL ({error})", printable(text)))?,
            None if self.listen.port() == 0 => {
                return Err(
                    "the server picks a port by itself (TASKVIEW_LISTEN ends with :0): give its URL".to_owned(),
                );
            }
            None => {
                let listen = SocketAddr::new(here(self.listen.ip()), self.listen.port());
                Url::parse(&format!("http://{listen}")).map_err(|error| error.to_string())?
            }
        };
        if url.scheme() != "http" || url.host_str().is_none() {
            return Err(
                "the server itself is asked, which speaks http: give a URL such as http://127.0.0.1:8080".to_owned(),
            );
        }
        if url.path() == "/" {
            url.set_path(path);
        }
        Ok(url)
    }
}

/// Who listens on every address is asked on this machine's own.
fn here(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: Option<&str>, live: bool, listen: &str) -> Result<String, String> {
        let health = Health {
            url: url.map(str::to_owned),
            live,
            listen: listen.parse().unwrap(),
        };
        health.page().map(String::from)
    }

    #[test]
    fn the_server_is_asked_where_it_listens_unless_a_url_says_otherwise() {
        for (url, live, listen, asked) in [
            (None, false, "127.0.0.1:8080", "http://127.0.0.1:8080/readyz"),
            (None, true, "0.0.0.0:80", "http://127.0.0.1/healthz"),
            (None, false, "[::]:8080", "http://[::1]:8080/readyz"),
            (None, false, "192.0.2.7:81", "http://192.0.2.7:81/readyz"),
            (Some("http://web:8080"), true, "127.0.0.1:0", "http://web:8080/healthz"),
            (
                Some("http://web:8080/readyz"),
                true,
                "127.0.0.1:0",
                "http://web:8080/readyz",
            ),
        ] {
            assert_eq!(page(url, live, listen).as_deref(), Ok(asked));
        }
        assert!(page(None, false, "127.0.0.1:0").unwrap_err().contains("give its URL"));
        assert!(
            page(Some("https://web"), false, "127.0.0.1:0")
                .unwrap_err()
                .contains("speaks http")
        );
        assert!(
            page(Some("web"), false, "127.0.0.1:0")
                .unwrap_err()
                .contains("is not a URL")
        );
    }
}
