//! The operator's list of exceptions to the address rules (`TASKVIEW_ALLOW_TARGETS`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use url::Host;

use super::address::Rule;

/// What is allowed in spite of the rules. The default allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// 127.0.0.0/8 and ::1
    Loopback,
    /// 10/8, 172.16/12, 192.168/16, fc00::/7
    Private,
    /// Written with its prefix. One of full length also opens a metadata address.
    Net(IpNet),
    /// A bare address, in any spelling that a URL may have it in.
    Address { address: IpAddr, port: Option<u16> },
    /// Compared with the URL's host.
    Host { name: String, port: Option<u16> },
    /// `*.suffix`, kept with its leading dot.
    Suffix(String),
}

impl AllowList {
    /// Entries separated by commas or spaces: `loopback`, `private`, an address, a CIDR, `host`, `host:port`, `*.suffix`.
    /// The error is a sentence that names the entry.
    pub fn parse(text: &str) -> Result<AllowList, String> {
        let words = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|word| !word.is_empty());
        let entries = words.map(Entry::parse).collect::<Result<_, _>>()?;
        Ok(AllowList { entries })
    }

    /// Whether a receiver on this very machine may be asked.
    pub fn allows_loopback(&self) -> bool {
        self.opens(Ipv4Addr::LOCALHOST.into(), Rule::Loopback, "localhost", 0)
    }

    /// Whether an entry lifts `rule` from `ip` for the host and port of a URL. `ip` is canonical.
    pub(super) fn opens(&self, ip: IpAddr, rule: Rule, host: &str, port: u16) -> bool {
        let host = comparable(host);
        self.entries.iter().any(|entry| match entry {
            Entry::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr() == ip,
            _ if rule == Rule::Metadata => false,
            Entry::Loopback => ip.is_loopback(),
            // Not by rule alone: NAT64 and its like carry private addresses to somewhere else.
            Entry::Private => matches!((rule, ip), (Rule::Private, IpAddr::V4(_)) | (Rule::UniqueLocal, _)),
            Entry::Net(net) => net.contains(&ip),
            // Not by its spelling, of which an IPv6 address has several.
            Entry::Address { address, port: wanted } => *address == ip && wanted.is_none_or(|wanted| wanted == port),
            Entry::Host { name, port: wanted } => {
                rule.opens_for_a_host() && *name == host && wanted.is_none_or(|wanted| wanted == port)
            }
            Entry::Suffix(suffix) => rule.opens_for_a_host() && host.len() > suffix.len() && host.ends_with(suffix),
        })
    }
}

/// As it would be written in the setting.
impl std::fmt::Display for AllowList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, entry) in self.entries.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            match entry {
                Entry::Loopback => f.write_str("loopback")?,
                Entry::Private => f.write_str("private")?,
                Entry::Net(net) => write!(f, "{net}")?,
                Entry::Address { address, port: None } => write!(f, "{address}")?,
                Entry::Address {
                    address,
                    port: Some(port),
                } => write!(f, "{}", SocketAddr::new(*address, *port))?,
                Entry::Host { name, port: None } => f.write_str(name)?,
                Entry::Host { name, port: Some(port) } => write!(f, "{name}:{port}")?,
                Entry::Suffix(suffix) => write!(f, "*{suffix}")?,
            }
        }
        Ok(())
    }
}

impl Entry {
    fn parse(word: &str) -> Result<Entry, String> {
        let unreadable = || {
            format!(
                "\"{word}\" is none of loopback, private, an address, a range (10.0.0.0/8), host, host:port, *.suffix"
            )
        };
        if word.eq_ignore_ascii_case("loopback") {
            return Ok(Entry::Loopback);
        }
        if word.eq_ignore_ascii_case("private") {
            return Ok(Entry::Private);
        }
        if word.contains('/') {
            let net = range(word).ok_or_else(unreadable)?;
            return Ok(Entry::Net(canonical(net)));
        }
        let bare = word
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(word);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Entry::at(address, None));
        }
        if let Some(suffix) = word.strip_prefix("*.") {
            return match host(suffix) {
                Some(Named::Host(suffix)) => Ok(Entry::Suffix(format!(".{suffix}"))),
                // Below an address there is nothing.
                Some(Named::Address(_)) | None => Err(unreadable()),
            };
        }
        let (name, port) = match word.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse::<u16>().map_err(|_| unreadable())?)),
            None => (word, None),
        };
        match host(name).ok_or_else(unreadable)? {
            // With a dot behind it; without, it is the word for a range.
            Named::Host(name) if port.is_none() && matches!(name.as_str(), "private" | "loopback") => Err(unreadable()),
            Named::Host(name) => Ok(Entry::Host { name, port }),
            Named::Address(address) => Ok(Entry::at(address, port)),
        }
    }

    fn at(address: IpAddr, port: Option<u16>) -> Entry {
        Entry::Address {
            address: address.to_canonical(),
            port,
        }
    }
}

/// `10.0.0.0/8`. Not what has zeros in front, which some read as octal numbers.
pub fn range(word: &str) -> Option<IpNet> {
    let (address, bits) = word.split_once('/')?;
    let plain = bits == "0" || !bits.starts_with(['0', '+']);
    IpNet::new(address.parse().ok()?, bits.parse().ok().filter(|_| plain)?).ok()
}

/// What stands where a host may stand.
enum Named {
    Host(String),
    Address(IpAddr),
}

/// A range of IPv4-mapped addresses is the range of IPv4 addresses that it holds.
fn canonical(net: IpNet) -> IpNet {
    match (net.addr().to_canonical(), net.prefix_len()) {
        (IpAddr::V4(v4), bits @ 96..) if net.addr().is_ipv6() => {
            IpNet::new(IpAddr::V4(v4), bits - 96).map_or(net, |net| net.trunc())
        }
        _ => net,
    }
}

/// A host as the `url` crate spells it in a URL: IDNA applied, lower case, numeric spellings resolved; here without the
/// trailing dot and without brackets.
fn host(text: &str) -> Option<Named> {
    match Host::parse(text).ok()? {
        Host::Domain(name) => {
            let name = comparable(&name);
            // An escaped comma would end the entry when it is read again.
            let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let no_name = !name.chars().all(usual) || name.split('.').any(str::is_empty);
            (!no_name).then_some(Named::Host(name))
        }
        Host::Ipv4(ip) => Some(Named::Address(ip.into())),
        Host::Ipv6(ip) => Some(Named::Address(ip.into())),
    }
}

fn comparable(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_means_nothing_is_named() {
        for bad in [
            "10.0.0.0/99",
            "10.0.0.0/",
            "host:port",
            "host:99999",
            "*.",
            "*.[::1]",
            "*.127.0.0.1",
            "a.*.test",
            "*",
            "http://h",
            "a b/c",
            "h#x",
            "..",
            "private.",
            "Loopback.",
            "a%2cb:80",
            "10.0.00.1/24",
            "10.0.0.0/08",
            "a..test",
            "*..test",
            "host.test..",
        ] {
            let error = AllowList::parse(bad).unwrap_err();
            assert!(
                bad.split(' ').any(|word| error.contains(&format!("\"{word}\""))),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn entries_are_separated_by_commas_and_spaces() {
        let list = AllowList::parse(" loopback, PRIVATE\n10.9.0.0/16 ,, intern.test:80 ").unwrap();

        assert_eq!(list.entries.len(), 4);
        assert_eq!(AllowList::parse("").unwrap(), AllowList::default());
    }

    #[test]
    fn loopback_is_allowed_by_its_word_its_range_or_the_name_localhost() {
        for (text, expected) in [
            ("loopback", true),
            ("127.0.0.0/8", true),
            ("127.0.0.1", true),
            ("localhost", true),
            ("", false),
            ("private", false),
            ("localhost:4545", false),
        ] {
            assert_eq!(AllowList::parse(text).unwrap().allows_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_the_same_entry_in_every_spelling_and_is_written_so_that_it_is_read_again() {
        for (text, written) in [
            ("0x7f.1", "127.0.0.1"),
            ("127.0.0.1:4545", "127.0.0.1:4545"),
            ("[::1]", "::1"),
            ("[::1]:80", "[::1]:80"),
            ("[::ffff:a00:1]:80", "10.0.0.1:80"),
        ] {
            let list = AllowList::parse(text).unwrap();

            assert_eq!(list.to_string(), written);
            assert_eq!(AllowList::parse(written).unwrap(), list);
        }
        let with_port = AllowList::parse("[::ffff:10.0.0.1]:80").unwrap();
        for spelling in ["::ffff:10.0.0.1", "::ffff:a00:1", "10.0.0.1"] {
            let opens = |port| with_port.opens(IpAddr::from([10, 0, 0, 1]), Rule::Private, spelling, port);
            assert!(opens(80) && !opens(81), "{spelling}");
        }
    }

    #[test]
    fn a_range_of_mapped_addresses_is_the_range_of_ipv4_that_it_holds() {
        let mapped = AllowList::parse("::ffff:10.0.0.0/104").unwrap();

        assert_eq!(mapped, AllowList::parse("10.0.0.0/8").unwrap());
    }
}
