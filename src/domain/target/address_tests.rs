//! The table of addresses: what is forbidden, what is not, and what an entry of the allow list opens.

use super::*;

fn rule(address: &str) -> Option<Rule> {
    rule_for(address.parse().unwrap())
}

#[test]
fn every_forbidden_range_is_forbidden_from_its_first_to_its_last_address() {
    let ranges = [
        ("0.0.0.0", "0.255.255.255", Rule::ThisNetwork),
        ("10.0.0.0", "10.255.255.255", Rule::Private),
        ("100.64.0.0", "100.127.255.255", Rule::SharedAddress),
        ("127.0.0.0", "127.255.255.255", Rule::Loopback),
        ("169.254.0.0", "169.254.255.255", Rule::LinkLocal),
        ("172.16.0.0", "172.31.255.255", Rule::Private),
        ("192.0.0.0", "192.0.0.255", Rule::Reserved),
        ("192.0.2.0", "192.0.2.255", Rule::Documentation),
        ("192.88.99.0", "192.88.99.255", Rule::Reserved),
        ("192.168.0.0", "192.168.255.255", Rule::Private),
        ("198.18.0.0", "198.19.255.255", Rule::Benchmarking),
        ("198.51.100.0", "198.51.100.255", Rule::Documentation),
        ("203.0.113.0", "203.0.113.255", Rule::Documentation),
        ("224.0.0.0", "239.255.255.255", Rule::Multicast),
        ("240.0.0.0", "255.255.255.255", Rule::Reserved),
        ("::1", "::1", Rule::Loopback),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::UniqueLocal),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::LinkLocal),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::SiteLocal),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Multicast),
        (
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            Rule::Documentation,
        ),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Documentation),
        ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", Rule::Benchmarking),
        ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Reserved),
        ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Reserved),
        ("2001:1::", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Reserved),
        ("100::", "100::ffff:ffff:ffff:ffff", Rule::Reserved),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Reserved),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Rule::Reserved),
        ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Rule::Reserved),
    ];
    for (first, last, expected) in ranges {
        for address in [first, last] {
            let found = rule(address);
            // What the first and last of a carrying range carry has rules of its own.
            let carrying = first.starts_with("64:ff9b:1");
            assert!(
                found == Some(expected) || carrying && found.is_some(),
                "{address}: {found:?}"
            );
        }
    }
}

#[test]
fn addresses_beside_the_ranges_and_of_the_internet_are_free() {
    for address in [
        "1.0.0.0",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.31.196.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.112.255",
        "223.255.255.255",
        "168.63.129.15",
        "2000::1",
        "2001:200::1",
        "2001:3::1",
        "2001:4:112::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450:4001:80b::200e",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff:1000::1",
    ] {
        assert_eq!(rule(address), None, "{address}");
    }
}

#[test]
fn an_address_hidden_in_ipv6_is_judged_by_what_it_carries() {
    let table = [
        ("::ffff:127.0.0.1", Some(Rule::Loopback)),
        ("::ffff:10.0.0.1", Some(Rule::Private)),
        ("::ffff:169.254.169.254", Some(Rule::Metadata)),
        ("::ffff:8.8.8.8", None),
        ("::", Some(Rule::ThisNetwork)),
        ("::2", Some(Rule::ThisNetwork)),
        ("::127.0.0.1", Some(Rule::Loopback)),
        ("::10.0.0.1", Some(Rule::Private)),
        ("::8.8.8.8", Some(Rule::Reserved)),
        ("::ffff:0:127.0.0.1", Some(Rule::Loopback)),
        ("::ffff:0:8.8.8.8", Some(Rule::Reserved)),
        ("64:ff9b::127.0.0.1", Some(Rule::Loopback)),
        ("64:ff9b::192.168.1.1", Some(Rule::Private)),
        ("64:ff9b::169.254.169.254", Some(Rule::Metadata)),
        ("64:ff9b::168.63.129.16", Some(Rule::Metadata)),
        ("64:ff9b::8.8.8.8", None),
        ("64:ff9b:1::10.0.0.1", Some(Rule::Private)),
        ("64:ff9b:1::8.8.8.8", Some(Rule::Reserved)),
        ("64:ff9b:2::8.8.8.8", Some(Rule::Reserved)),
        ("2002:7f00:1::", Some(Rule::Loopback)),
        ("2002:c0a8:101::1", Some(Rule::Private)),
        ("2002:a9fe:a9fe::1", Some(Rule::Metadata)),
        ("2002:808:808::1", None),
        // Teredo: server 65.54.227.120 with client 10.0.0.1, then server 10.0.0.1 with client 8.8.8.8
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", Some(Rule::Private)),
        ("2001:0:a00:1:8000:63bf:f7f7:f7f7", Some(Rule::Private)),
        ("2001:0:4136:e378:8000:63bf:5601:5601", Some(Rule::Metadata)),
        ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", None),
        ("2001:470::5efe:127.0.0.1", Some(Rule::Loopback)),
        ("2001:470::200:5efe:169.254.169.254", Some(Rule::Metadata)),
        ("2001:470::5efe:8.8.8.8", None),
        ("fe80::5efe:8.8.8.8", Some(Rule::LinkLocal)),
        ("fd00::200:5efe:8.8.8.8", Some(Rule::UniqueLocal)),
    ];
    for (address, expected) in table {
        assert_eq!(rule(address), expected, "{address}");
    }
}

#[test]
fn the_metadata_services_have_a_rule_of_their_own() {
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
    ] {
        assert_eq!(rule(address), Some(Rule::Metadata), "{address}");
    }
}

#[test]
fn an_entry_opens_what_it_names_and_no_more() {
    let table = [
        // (entries, URL's host, port, address, may be dialled)
        ("", "h.test", 80, "8.8.8.8", true),
        ("", "h.test", 80, "10.0.0.1", false),
        ("loopback", "localhost", 80, "127.0.0.1", true),
        ("loopback", "localhost", 80, "127.8.9.1", true),
        ("loopback", "localhost", 80, "::1", true),
        ("loopback", "localhost", 80, "::ffff:127.0.0.1", true),
        ("loopback", "localhost", 80, "10.0.0.1", false),
        ("loopback", "localhost", 80, "0.0.0.0", false),
        ("loopback", "h.test", 80, "64:ff9b::127.0.0.1", false),
        ("private", "h.test", 80, "10.1.2.3", true),
        ("private", "h.test", 80, "172.31.0.1", true),
        ("private", "h.test", 80, "192.168.0.1", true),
        ("private", "h.test", 80, "fd12::1", true),
        ("private", "h.test", 80, "127.0.0.1", false),
        ("private", "h.test", 80, "100.64.0.1", false),
        ("private", "h.test", 80, "169.254.1.1", false),
        ("private", "h.test", 80, "fd00:ec2::254", false),
        ("10.1.0.0/16", "h.test", 80, "10.1.255.1", true),
        ("10.1.0.0/16", "h.test", 80, "10.2.0.1", false),
        ("10.1.0.0/16", "h.test", 80, "::ffff:10.1.0.1", true),
        ("10.1.2.3", "h.test", 80, "10.1.2.3", true),
        ("10.1.2.3", "h.test", 80, "10.1.2.4", false),
        ("[fd12::1]", "h.test", 80, "fd12::1", true),
        ("fd12::/32", "h.test", 80, "fd12::9", true),
        ("169.254.0.0/16", "h.test", 80, "169.254.1.1", true),
        ("169.254.0.0/16", "h.test", 80, "169.254.169.254", false),
        ("0.0.0.0/0", "h.test", 80, "127.0.0.1", true),
        ("0.0.0.0/0,::/0", "h.test", 80, "168.63.129.16", false),
        ("0.0.0.0/0,::/0", "h.test", 80, "fd00:ec2::254", false),
        ("169.254.169.254/32", "h.test", 80, "169.254.169.254", true),
        ("169.254.169.254/32", "h.test", 80, "::ffff:169.254.169.254", true),
        ("169.254.169.254/32", "h.test", 80, "64:ff9b::169.254.169.254", false),
        ("169.254.169.254/32", "h.test", 80, "169.254.170.2", false),
        ("169.254.169.254/31", "h.test", 80, "169.254.169.254", false),
        ("169.254.169.254", "169.254.169.254", 80, "169.254.169.254", false),
        ("fd00:ec2::254/128", "h.test", 80, "fd00:ec2::254", true),
        ("intern.test", "intern.test", 80, "10.0.0.1", true),
        ("Intern.Test.", "intern.test", 80, "10.0.0.1", true),
        ("intern.test", "INTERN.test.", 80, "127.0.0.1", true),
        ("intern.test", "other.test", 80, "10.0.0.1", false),
        ("intern.test", "a.intern.test", 80, "10.0.0.1", false),
        ("intern.test", "intern.test", 80, "100.64.0.1", true),
        ("intern.test", "intern.test", 80, "fd12::1", true),
        ("intern.test", "intern.test", 80, "169.254.169.254", false),
        ("intern.test", "intern.test", 80, "169.254.1.1", false),
        ("intern.test", "intern.test", 80, "fe80::1", false),
        ("intern.test", "intern.test", 80, "224.0.0.1", false),
        ("intern.test", "intern.test", 80, "0.0.0.0", false),
        ("intern.test", "intern.test", 80, "240.0.0.1", false),
        ("intern.test:8080", "intern.test", 8080, "10.0.0.1", true),
        ("intern.test:8080", "intern.test", 80, "10.0.0.1", false),
        ("10.0.0.1:8080", "10.0.0.1", 8080, "10.0.0.1", true),
        ("10.0.0.1:8080", "10.0.0.1", 81, "10.0.0.1", false),
        ("[fd12::1]:8080", "fd12::1", 8080, "fd12::1", true),
        ("bücher.test", "xn--bcher-kva.test", 80, "10.0.0.1", true),
        ("*.intern.test", "a.intern.test", 80, "10.0.0.1", true),
        ("*.intern.test", "a.b.intern.test.", 80, "10.0.0.1", true),
        ("*.intern.test", "intern.test", 80, "10.0.0.1", false),
        ("*.intern.test", "xintern.test", 80, "10.0.0.1", false),
        // To the last address of what a word stands for, and not beyond.
        ("loopback", "h.test", 80, "127.255.255.255", true),
        ("loopback", "h.test", 80, "::2", false),
        ("private", "h.test", 80, "10.255.255.255", true),
        ("private", "h.test", 80, "172.16.0.0", true),
        ("private", "h.test", 80, "192.168.255.255", true),
        ("private", "h.test", 80, "fc00::", true),
        ("private", "h.test", 80, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("private", "h.test", 80, "fec0::1", false),
        ("private", "h.test", 80, "64:ff9b::10.0.0.1", false),
        ("private", "h.test", 80, "192.0.2.1", false),
        ("PRIVATE LoopBack", "h.test", 80, "127.0.0.1", true),
        // A range opens whatever lies in it, but for metadata.
        ("224.0.0.0/4", "h.test", 80, "239.0.0.1", true),
        ("0.0.0.0/8", "h.test", 80, "0.0.0.0", true),
        ("240.0.0.0/4", "h.test", 80, "255.255.255.255", true),
        ("fe80::/10", "h.test", 80, "fe80::1", true),
        ("fd00::/8", "h.test", 80, "fd00:ec2::254", false),
        ("100.64.0.0/10", "h.test", 80, "100.100.100.200", false),
        ("100.64.0.0/10", "h.test", 80, "100.100.100.201", true),
        ("10.0.0.0/8", "h.test", 80, "2002:a00:1::", false),
        ("64:ff9b::/96", "h.test", 80, "64:ff9b::10.0.0.1", true),
        ("64:ff9b::/96", "h.test", 80, "64:ff9b::169.254.169.254", false),
        // A host opens what it leads to: private places, and none that nobody can live in.
        ("intern.test", "intern.test", 80, "192.0.2.1", false),
        ("intern.test", "intern.test", 80, "198.18.0.1", false),
        ("intern.test", "intern.test", 80, "255.255.255.255", false),
        ("intern.test", "intern.test", 80, "ff02::1", false),
        ("intern.test", "intern.test", 80, "fec0::1", true),
        ("intern.test", "intern.test", 80, "100.100.100.200", false),
        ("intern.test", "intern.test", 80, "168.63.129.16", false),
        ("intern.test", "intern.test", 80, "fd00:ec2::254", false),
        ("intern.test", "intern.test", 80, "::ffff:169.254.169.254", false),
        ("intern.test", "10.0.0.1", 80, "10.0.0.1", false),
        ("intern.test:8080", "intern.test.", 8080, "10.0.0.1", true),
        ("intern.test:8080", "intern.test", 8080, "169.254.169.254", false),
        ("INTERN.test:08080", "intern.test", 8080, "10.0.0.1", true),
        (
            "metadata.google.internal",
            "metadata.google.internal",
            80,
            "169.254.169.254",
            false,
        ),
        ("*.intern.test", "a.intern.test", 80, "169.254.169.254", false),
        ("*.intern.test", "a.intern.test", 80, "224.0.0.1", false),
        ("*.Intern.Test.", "A.INTERN.test.", 80, "10.0.0.1", true),
        ("*.bücher.test", "a.xn--bcher-kva.test", 80, "10.0.0.1", true),
        ("*.intern.test", ".intern.test", 80, "10.0.0.1", false),
        // A metadata address is opened by itself, in full length, and by nothing else.
        ("168.63.129.16/32", "h.test", 80, "168.63.129.16", true),
        ("100.100.100.200/32", "h.test", 80, "100.100.100.200", true),
        ("169.254.170.2/32", "h.test", 8080, "169.254.170.2", true),
        ("::ffff:169.254.169.254/128", "h.test", 80, "169.254.169.254", true),
        ("fd00:ec2::254", "h.test", 80, "fd00:ec2::254", false),
        ("fd00:ec2::254/127", "h.test", 80, "fd00:ec2::254", false),
        ("169.254.169.254:80", "169.254.169.254", 80, "169.254.169.254", false),
        ("64:ff9b::a9fe:a9fe/128", "h.test", 80, "64:ff9b::169.254.169.254", true),
    ];
    for (entries, host, port, address, expected) in table {
        let allow = AllowList::parse(entries).unwrap();

        let vetted = vet(address.parse().unwrap(), host, port, &allow);

        assert_eq!(vetted.is_ok(), expected, "{entries:?} {host}:{port} {address}");
    }
}

#[test]
fn a_refusal_says_which_address_which_rule_and_which_setting() {
    let refuse = |address: &str| vet(address.parse().unwrap(), "h.test", 80, &AllowList::default()).unwrap_err();

    assert_eq!(
        refuse("10.0.0.5").to_string(),
        "10.0.0.5 is an address of a private network; deliveries do not go there. \
         An operator can allow it by adding 10.0.0.5/32 to TASKVIEW_ALLOW_TARGETS."
    );
    assert!(refuse("::ffff:127.0.0.1").to_string().contains("adding loopback to"));
    assert!(refuse("fd12::1").to_string().contains("fd12::1/128"));
    assert!(
        refuse("127.0.0.1")
            .inside_container()
            .to_string()
            .contains("localhost is the container")
    );
    assert!(!refuse("10.0.0.5").inside_container().to_string().contains("container"));
}
