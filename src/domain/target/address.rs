//! Which addresses are forbidden, and by which rule. An IPv6 address that carries an IPv4 address is judged by what it
//! carries; what lies outside the ranges that are routed on the internet is forbidden.
//! Sources: the IANA special-purpose address registries (RFC 6890), and the metadata services of the large clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::allow::AllowList;

/// Why an address must not be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Loopback,
    Private,
    UniqueLocal,
    SharedAddress,
    LinkLocal,
    Metadata,
    Multicast,
    ThisNetwork,
    Documentation,
    Benchmarking,
    SiteLocal,
    Reserved,
}

impl Rule {
    fn words(self) -> &'static str {
        match self {
            Rule::Loopback => "a loopback address (this machine itself)",
            Rule::Private => "an address of a private network",
            Rule::UniqueLocal => "a unique-local address (a private network)",
            Rule::SharedAddress => "a shared address of a provider (100.64.0.0/10)",
            Rule::LinkLocal => "a link-local address",
            Rule::Metadata => "the address of a cloud's metadata service",
            Rule::Multicast => "a multicast address",
            Rule::ThisNetwork => "an address of \"this network\" (0.0.0.0/8)",
            Rule::Documentation => "an address that is reserved for documentation",
            Rule::Benchmarking => "an address that is reserved for benchmarks",
            Rule::SiteLocal => "a site-local address",
            Rule::Reserved => "a reserved address",
        }
    }

    /// An entry that names a host opens private places, and never these.
    pub(super) fn opens_for_a_host(self) -> bool {
        matches!(
            self,
            Rule::Loopback | Rule::Private | Rule::UniqueLocal | Rule::SharedAddress | Rule::SiteLocal
        )
    }
}

/// An address that must not be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub address: IpAddr,
    /// What kind of address it is, in words.
    pub rule: &'static str,
    /// What to add to which setting.
    pub setting: String,
    loopback: bool,
}

impl Refusal {
    /// For a program that runs in a container: there, `localhost` is not the machine that people mean.
    pub fn inside_container(mut self) -> Refusal {
        if self.loopback {
            self.setting
                .push_str(" In a container, localhost is the container itself, not the machine it runs on.");
        }
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} is {}; deliveries do not go there. {}",
            self.address, self.rule, self.setting
        )
    }
}

/// Whether a connection to `ip`, which `host` of a webhook's URL resolved to, may be opened.
/// `host` is as the URL has it, without the brackets of an IPv6 address.
pub fn vet(ip: IpAddr, host: &str, port: u16, allow: &AllowList) -> Result<(), Refusal> {
    let ip = ip.to_canonical();
    match rule_for(ip) {
        None => Ok(()),
        Some(rule) if allow.opens(ip, rule, host, port) => Ok(()),
        Some(rule) => Err(refusal(ip, rule)),
    }
}

/// `localhost` and all below it are loopback by RFC 6761, section 6.3, whatever a resolver says.
pub fn names_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Those of the two addresses of `localhost` that may be dialled. They are ours, not somebody's answer, so that one is forbidden
/// does not speak against the other: `127.0.0.1` on the list opens `localhost`.
pub fn vet_this_machine(host: &str, port: u16, allow: &AllowList) -> Result<Vec<IpAddr>, Refusal> {
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let addresses = [IpAddr::V6(Ipv6Addr::LOCALHOST), v4];
    let open: Vec<_> = addresses
        .into_iter()
        .filter(|&ip| vet(ip, host, port, allow).is_ok())
        .collect();
    if open.is_empty() {
        Err(refusal(v4, Rule::Loopback))
    } else {
        Ok(open)
    }
}

fn refusal(address: IpAddr, rule: Rule) -> Refusal {
    let entry = match (rule, address) {
        (Rule::Loopback, _) => "loopback".to_owned(),
        (_, IpAddr::V4(_)) => format!("{address}/32"),
        (_, IpAddr::V6(_)) => format!("{address}/128"),
    };
    Refusal {
        address,
        rule: rule.words(),
        setting: format!("An operator can allow it by adding {entry} to {}.", super::SETTING),
        loopback: rule == Rule::Loopback,
    }
}

/// The rule that forbids an address; `None` for one that anybody on the internet may be asked at.
pub(super) fn rule_for(ip: IpAddr) -> Option<Rule> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => rule_for_v4(v4),
        IpAddr::V6(v6) => rule_for_v6(v6),
    }
}

const METADATA_V4: [Ipv4Addr; 4] = [
    // AWS, Google, Azure, DigitalOcean, OpenStack and others
    Ipv4Addr::new(169, 254, 169, 254),
    // AWS ECS task credentials
    Ipv4Addr::new(169, 254, 170, 2),
    // Alibaba
    Ipv4Addr::new(100, 100, 100, 200),
    // Azure's wire server: a public address that only a virtual machine's host answers
    Ipv4Addr::new(168, 63, 129, 16),
];
/// AWS over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn rule_for_v4(ip: Ipv4Addr) -> Option<Rule> {
    if METADATA_V4.contains(&ip) {
        return Some(Rule::Metadata);
    }
    let rule = match ip.octets() {
        [0, ..] => Rule::ThisNetwork,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Rule::Private,
        [100, 64..=127, ..] => Rule::SharedAddress,
        [127, ..] => Rule::Loopback,
        [169, 254, ..] => Rule::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Rule::Documentation,
        [198, 18..=19, ..] => Rule::Benchmarking,
        // IETF protocol assignments, and the withdrawn anycast prefix of 6to4 relays
        [192, 0, 0, _] | [192, 88, 99, _] => Rule::Reserved,
        [224..=239, ..] => Rule::Multicast,
        // Also 255.255.255.255, the broadcast address
        [240..=255, ..] => Rule::Reserved,
        _ => return None,
    };
    Some(rule)
}

fn rule_for_v6(ip: Ipv6Addr) -> Option<Rule> {
    if ip == METADATA_V6 {
        return Some(Rule::Metadata);
    }
    if ip.is_loopback() {
        return Some(Rule::Loopback);
    }
    if let Some(carried) = Carried::of(ip) {
        let rule = carried.addresses.into_iter().flatten().find_map(rule_for_v4);
        return if carried.routed {
            rule
        } else {
            rule.or(Some(Rule::Reserved))
        };
    }
    let rule = match ip.segments() {
        [0xfc00..=0xfdff, ..] => Rule::UniqueLocal,
        [0xfe80..=0xfebf, ..] => Rule::LinkLocal,
        [0xfec0..=0xfeff, ..] => Rule::SiteLocal,
        [0xff00..=0xffff, ..] => Rule::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Rule::Documentation,
        [0x2001, 2, 0, ..] => Rule::Benchmarking,
        // AMT (2001:3::/32) and AS112 (2001:4:112::/48) are routed in spite of standing among the protocol assignments.
        [0x2001, 3, ..] | [0x2001, 4, 0x112, ..] => return None,
        // 2001::/23: protocol assignments, among them ORCHID (2001:10::/28), ORCHIDv2 and DRIP identifiers
        [0x2001, 0..=0x1ff, ..] => Rule::Reserved,
        // ISATAP (RFC 5214): a router of the site that has the prefix tunnels to the address at the end.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, high, low] => {
            return rule_for_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
        }
        // 2000::/3 is all of IPv6 that is handed out to the internet.
        [0x2000..=0x3fff, ..] => return None,
        _ => Rule::Reserved,
    };
    Some(rule)
}

/// The IPv4 addresses that an IPv6 address of a transition mechanism carries.
struct Carried {
    addresses: [Option<Ipv4Addr>; 2],
    /// Whether such an address leads anywhere; otherwise it is forbidden whatever it carries.
    routed: bool,
}

impl Carried {
    fn of(ip: Ipv6Addr) -> Option<Carried> {
        let s = ip.segments();
        let v4 = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
        let (addresses, routed) = match s {
            // IPv4-mapped addresses are IPv4 addresses; `to_canonical` has made them so.
            // IPv4-compatible (withdrawn, RFC 4291), `::` among them, and IPv4-translated (::ffff:0:0/96, RFC 2765)
            [0, 0, 0, 0, 0 | 0xffff, 0, high, low] => ([v4(high, low), None], false),
            // NAT64 (RFC 6052): how a host without IPv4 reaches IPv4 receivers
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => ([v4(high, low), None], true),
            // NAT64 for local use (RFC 8215); where it puts the address depends on the network's prefix.
            [0x64, 0xff9b, 1, _, _, _, high, low] => ([v4(high, low), None], false),
            // 6to4 (RFC 3056)
            [0x2002, high, low, ..] => ([v4(high, low), None], true),
            // Teredo (RFC 4380): the server, and the client with its bits inverted
            [0x2001, 0, high, low, _, _, client_high, client_low] => {
                ([v4(high, low), v4(!client_high, !client_low)], true)
            }
            _ => return None,
        };
        Some(Carried { addresses, routed })
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
