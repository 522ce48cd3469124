//! The URL of a receiver, as somebody typed it. What the spelling alone forbids is refused here, with a sentence for the
//! form; what its name resolves to is judged again for every connection.

use std::net::IpAddr;

use http::Uri;
use url::{Host, Url};

use super::address::{names_this_machine, vet, vet_this_machine};
use super::allow::AllowList;

/// Characters.
const MAX_LENGTH: usize = 2_000;

/// A URL that a delivery can be sent to: `http` or `https`, with a host, without user, password and fragment.
/// `Debug` shows host only: the path of a chat service's URL is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    typed: String,
    url: Url,
}

/// All that a log, a trace or a page for administrators tells of a stored URL: who the receiver is.
pub fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

impl TargetUrl {
    /// What somebody entered, checked against the address rules by its spelling: an address in any notation
    /// (`0x7f.1`, `2130706433`), and `localhost`. The error is a sentence.
    pub fn parse(text: &str, allow: &AllowList) -> Result<TargetUrl, String> {
        let target = TargetUrl::stored(text)?;
        // The URL standard lets characters into a host that HTTP does not: no request could be made.
        if target.url.as_str().parse::<Uri>().is_err() {
            return Err("The host of this URL has characters that no host has.".into());
        }
        let (host, port) = (target.host(), target.port());
        let vetted = match target.literal() {
            Some(address) => vet(address, &host, port, allow),
            None if names_this_machine(&host) => vet_this_machine(&host, port, allow).map(drop),
            None => Ok(()),
        };
        vetted.map_err(|refusal| refusal.to_string())?;
        Ok(target)
    }

    /// One that was accepted before. The allow list may have changed since: its address is judged when it is dialled.
    pub fn stored(text: &str) -> Result<TargetUrl, String> {
        let typed = text.trim();
        if typed.is_empty() {
            return Err("Enter a URL.".into());
        }
        if typed.chars().count() > MAX_LENGTH {
            return Err(format!("A URL has at most {MAX_LENGTH} characters."));
        }
        // The URL standard drops line breaks and turns backslashes; the page would show another URL than the one asked.
        if typed.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("A URL has no spaces, line breaks or backslashes.".into());
        }
        let url = Url::parse(typed).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => {
                "Enter a whole URL, starting with https:// or http://.".to_owned()
            }
            other => format!("This is not a URL: {other}."),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("A URL starts with https:// or http://.".into());
        }
        if !url.username().is_empty() || url.password().is_some() || authority(typed).contains('@') {
            return Err("A URL must not hold a user name or password; put credentials into a header.".into());
        }
        if url.fragment().is_some() {
            return Err("A URL of a receiver has no #fragment: it is never sent.".into());
        }
        if url.port() == Some(0) {
            return Err("Port 0 cannot be connected to.".into());
        }
        // `127.0.0.1..` would be a name, which no name server can be asked for.
        if url
            .host_str()
            .is_none_or(|host| matches!(host, "" | ".") || host.contains(".."))
            || url.as_str().len() > 4 * MAX_LENGTH
        {
            return Err("This is not a URL of a receiver.".into());
        }
        Ok(TargetUrl {
            typed: typed.to_owned(),
            url,
        })
    }

    /// As it was typed: what is stored and shown to those who may see it.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// What is requested.
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host without the brackets of an IPv6 address; IDNA applied.
    pub fn host(&self) -> String {
        match self.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            None => String::new(),
        }
    }

    /// The port, also when it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(0)
    }

    /// The address, when the host is one rather than a name.
    pub fn literal(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
        }
    }

    /// For members who do not manage webhooks: `https://hooks.example.com/…`.
    pub fn without_path(&self) -> String {
        format!("{}/…", self.url.origin().ascii_serialization())
    }
}

impl std::fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.without_path())
    }
}

/// What stands between the scheme and the path. An empty user (`http://@host`) leaves no trace in a parsed URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once(':').map_or("", |(_, rest)| rest).trim_start_matches('/');
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, entries: &str) -> Result<TargetUrl, String> {
        TargetUrl::parse(text, &AllowList::parse(entries).unwrap())
    }

    #[test]
    fn a_receivers_url_is_kept_as_it_was_typed() {
        let long = format!("https://h.test/{}", "a".repeat(2_000 - "https://h.test/".len()));
        for text in [
            "https://hooks.example.com/services/T0/B0/x?y=1&z",
            "http://93.184.216.34:8080",
            "https://[2606:4700::1111]/",
            "https://bücher.example/ü",
            "https://h.test/a@b?c@d",
            "HTTPS://H.test",
            long.as_str(),
        ] {
            assert_eq!(parse(text, "").unwrap().as_str(), text);
        }
        assert_eq!(parse("  https://h.test/ \n", "").unwrap().as_str(), "https://h.test/");
    }

    #[test]
    fn what_is_no_receivers_url_gets_a_sentence() {
        let long = format!("https://h.test/{}", "a".repeat(2_000));
        let table = [
            ("", "Enter a URL"),
            ("example.com/hook", "whole URL"),
            ("/hook", "whole URL"),
            ("ftp://h.test/", "starts with"),
            ("javascript:alert(1)", "starts with"),
            ("file:///etc/passwd", "starts with"),
            ("https://", "not a URL"),
            ("https://user@h.test/", "user name or password"),
            ("https://:pw@h.test/", "user name or password"),
            ("https://user:pw@h.test/", "user name or password"),
            ("https://@h.test/", "user name or password"),
            ("https:@h.test/", "user name or password"),
            ("https://h.test/#top", "#fragment"),
            ("https://h.test/#", "#fragment"),
            ("https://h.test:0/", "Port 0"),
            ("https://h.test:99999/", "not a URL"),
            ("https://h te.st/", "spaces"),
            ("https://h.test/a\nb", "spaces"),
            ("https:\\\\h.test\\", "backslashes"),
            ("https://1.2.3.4.5/", "not a URL"),
            ("https://256.1.1.1/", "not a URL"),
            ("https://./", "not a URL"),
            ("https://127.0.0.1../", "not a URL"),
            ("https://h..test/", "not a URL"),
            ("https://h\"x.test/", "characters"),
            (long.as_str(), "2000 characters"),
        ];
        for (text, part) in table {
            let error = parse(text, "").unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_forbidden_address_is_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "１２７.0.0.1",
            "0",
            "10.0.0.1",
            "167772161",
            "192.168.257",
            "169.254.169.254",
            "2852039166",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "%6c%6fcalhost",
            "ⓛocalhost",
        ] {
            let error = parse(&format!("http://{host}/hook"), "").unwrap_err();
            assert!(error.contains("TASKVIEW_ALLOW_TARGETS"), "{host}: {error}");
        }
    }

    #[test]
    fn the_allow_list_opens_the_documented_local_receiver() {
        assert!(parse("http://localhost:4545", "loopback").is_ok());
        assert!(parse("http://127.0.0.1:4545", "loopback").is_ok());
        assert!(parse("http://[::1]:4545", "loopback").is_ok());
        assert!(parse("http://localhost:4545", "localhost:4545").is_ok());
        assert!(parse("http://localhost:4546", "localhost:4545").is_err());
        assert!(parse("http://localhost:4545", "127.0.0.1").is_ok());
        assert!(parse("http://localhost:4545", "::1").is_ok());
        assert!(parse("http://127.0.0.1:4545", "::1").is_err());
    }

    #[test]
    fn its_parts_are_those_of_the_request() {
        let target = parse("https://Bücher.example/secret?token=1", "").unwrap();

        assert_eq!(target.host(), "xn--bcher-kva.example");
        assert_eq!((target.port(), target.is_https(), target.literal()), (443, true, None));
        assert_eq!(target.without_path(), "https://xn--bcher-kva.example/…");
        assert_eq!(format!("{target:?}"), "https://xn--bcher-kva.example/…");
        let local = parse("http://[::1]:8080/x", "loopback").unwrap();
        assert_eq!((local.host().as_str(), local.port()), ("::1", 8080));
        assert_eq!(local.without_path(), "http://[::1]:8080/…");
    }
}
