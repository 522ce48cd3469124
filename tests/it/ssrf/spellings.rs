//! Every line of the corpus: in the form, before it is dialled, and through the real sender to where somebody listens.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use taskview_webhooks::delivery::resolve::{Gate, NotVetted, Resolver};
use taskview_webhooks::delivery::sender::{Request, Sender, SenderConfig};
use taskview_webhooks::domain::delivery::Outcome;
use taskview_webhooks::domain::target::{AllowList, TargetUrl};
use url::Url;

use super::{Spelling, Trap, Verdict, address, corpus};

/// A spelling that leads to this machine: nothing else is ever dialled by a test.
fn leads_here(spelling: &Spelling) -> bool {
    match spelling.verdict {
        Verdict::Name | Verdict::NoUrl => true,
        Verdict::Public => false,
        Verdict::Forbidden(rule) => rule.contains("loopback") || rule.contains("this network"),
    }
}

/// What the program would send to, had the form let it through.
fn requested(spelling: &Spelling, port: u16) -> Option<Url> {
    let url = Url::parse(&spelling.url(port)).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host().is_some()).then_some(url)
}

#[test]
fn the_corpus_is_large_and_says_nothing_twice() {
    let mut seen: HashMap<String, String> = HashMap::new();
    for spelling in corpus() {
        let twice = seen.insert(spelling.url(8080), spelling.what.clone());
        assert_eq!(twice, None, "{}: {}", spelling.url(8080), spelling.what);
    }
    assert!(seen.len() >= 400, "{}", seen.len());
}

#[test]
fn the_form_judges_every_spelling() {
    let nothing = AllowList::default();
    let mut wrong = Vec::new();
    for spelling in corpus() {
        let url = spelling.url(8080);
        let saved = TargetUrl::parse(&url, &nothing);
        let right = match (spelling.verdict, &saved) {
            (Verdict::Name | Verdict::Public, Ok(_)) => true,
            (Verdict::NoUrl, Err(why)) => !why.contains("TASKVIEW_ALLOW_TARGETS"),
            (Verdict::Forbidden(rule), Err(why)) => why.contains(rule) && why.contains("TASKVIEW_ALLOW_TARGETS"),
            _ => false,
        };
        if !right {
            let saved = saved.map(|saved| saved.host());
            wrong.push(format!(
                "{url:?} ({}): {:?}, but {saved:?}",
                spelling.what, spelling.verdict
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[actix_rt::test]
async fn the_guard_judges_every_spelling_as_the_form_does() {
    let gate = Gate::new(Arc::default(), Resolver::fixed([]));
    let mut wrong = Vec::new();
    for spelling in corpus() {
        let url = match requested(&spelling, 8080) {
            Some(url) if spelling.verdict != Verdict::NoUrl => url,
            _ => continue,
        };
        let host = url.host_str().unwrap();
        let vetted = gate.admit(host, url.port_or_known_default().unwrap()).await;
        let right = match (spelling.verdict, &vetted) {
            (Verdict::Public, Ok(_)) => true,
            (Verdict::Name, Err(NotVetted::Unknown(why))) => why.contains("no name server knows it"),
            (Verdict::Forbidden(rule), Err(NotVetted::Blocked(why))) => why.contains(rule),
            _ => false,
        };
        if !right {
            wrong.push(format!("{url} ({}): {vetted:?}", spelling.what));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names lead to both loopback addresses.
async fn all_that_lead_here(allow: &str, trap: &Trap) -> usize {
    let spellings: Vec<_> = corpus().into_iter().filter(leads_here).collect();
    let urls: Vec<_> = spellings
        .iter()
        .filter_map(|spelling| requested(spelling, trap.port()))
        .collect();
    let here: Vec<Vec<IpAddr>> = vec![vec![address("127.0.0.1"), address("::1")]];
    let names = urls
        .iter()
        .filter_map(Url::domain)
        .map(|name| (name.trim_end_matches('.'), here.clone()));
    let sender = Sender::new(SenderConfig {
        resolver: Resolver::fixed(names),
        deadline: Duration::from_millis(500),
        ..SenderConfig::new(Arc::new(AllowList::parse(allow).unwrap()))
    });
    for url in &urls {
        let request = Request {
            url: url.clone(),
            headers: Vec::new(),
            body: b"{}".as_slice().into(),
        };
        let exchange = sender.post(request).await;
        assert!(
            matches!(exchange.outcome, Outcome::Blocked(_)),
            "{url}: {:?}",
            exchange.outcome
        );
        assert_eq!(exchange.address, None, "{url} was dialled");
    }
    urls.len()
}

#[actix_rt::test]
async fn no_spelling_of_this_machine_gets_a_connection() {
    let trap = Trap::set();
    // The second opens other hosts, other ports, another loopback address, and a range that is none of this machine's.
    let lists = [
        "",
        "127.0.0.2, 127.0.0.1:1, [::1]:1, localhost:1, elsewhere.test, *.elsewhere.test, private, 169.254.169.254/32",
    ];
    for allow in lists {
        let tried = all_that_lead_here(allow, &trap).await;
        let reached = trap.reached();

        eprintln!("allowed: {allow:?}; {tried} spellings tried, {reached} connections reached the listener");
        assert!(tried > 150, "{tried}");
        assert_eq!(reached, 0);
    }
}

#[actix_rt::test]
async fn the_trap_notices_what_is_allowed() {
    let trap = Trap::set();
    let sender = Sender::new(SenderConfig {
        deadline: Duration::from_millis(200),
        ..SenderConfig::new(Arc::new(AllowList::parse("loopback").unwrap()))
    });
    for host in ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let url = Url::parse(&format!("http://{host}:{}/", trap.port())).unwrap();
        let request = Request {
            url,
            headers: Vec::new(),
            body: b"{}".as_slice().into(),
        };
        sender.post(request).await;
    }
    assert_eq!(trap.reached(), 4);
}

/// `/etc/hosts` is asked before any name server, also for `localhost.localdomain` and the machine's own name.
#[actix_rt::test]
async fn what_the_hosts_file_says_is_judged_too() {
    let gate = Gate::new(Arc::default(), Resolver::System);
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names = vec!["localhost"];
    for line in lines {
        let mut words = line.split_whitespace();
        let ip = words.next().and_then(|ip| ip.parse::<IpAddr>().ok());
        if ip.is_some_and(|ip| ip.is_loopback()) {
            names.extend(words);
        }
    }
    for name in names {
        let vetted = gate.admit(name, 80).await;
        assert!(matches!(vetted, Err(NotVetted::Blocked(_))), "{name}: {vetted:?}");
    }
}
