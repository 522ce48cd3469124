//! From the host of a URL to addresses that may be dialled: the only maker of [`Vetted`], and so the only way to a socket.
//! One forbidden address among the answers refuses all of them. It opens no connection to a receiver.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;
use tokio::sync::watch;

use crate::domain::target::{AllowList, Refusal, names_this_machine, vet, vet_this_machine};

/// What one lookup may take (SPEC 8).
const LOOKUP_LIMIT: Duration = Duration::from_secs(4);
/// What one question to one name server may take, so that a second one still fits into the limit.
const QUESTION_LIMIT: Duration = Duration::from_millis(1300);

/// Addresses with a port, each of which the rules let through. Never empty.
#[derive(Debug)]
pub struct Vetted(Vec<SocketAddr>);

impl Vetted {
    /// In the order of the answer.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

/// Why there is no address to dial, as a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotVetted {
    /// The name has no address, or nobody could say.
    Unknown(String),
    /// There is one, and the rules forbid it.
    Blocked(String),
}

/// Who answers for names. Cheap to clone, and may travel between threads.
#[derive(Clone)]
pub enum Resolver {
    /// The name servers and search domains of the system, after its hosts file.
    System,
    /// Answers fixed beforehand; names without one are unknown.
    Fixed(Arc<FixedAnswers>),
}

impl Resolver {
    /// For each name the answers of its first, second, … lookup; the last one is repeated. For a name with none at all nobody
    /// ever answers.
    pub fn fixed<'a>(table: impl IntoIterator<Item = (&'a str, Vec<Vec<IpAddr>>)>) -> Resolver {
        let answers = table
            .into_iter()
            .map(|(name, answers)| (name.to_owned(), answers))
            .collect();
        Resolver::Fixed(Arc::new(FixedAnswers(Mutex::new(answers))))
    }
}

/// The table behind [`Resolver::fixed`].
pub struct FixedAnswers(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl FixedAnswers {
    async fn next(&self, name: &str) -> Answer {
        let answer = {
            let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let answers = table.get_mut(name).ok_or_else(|| unknown_name(name))?;
            if answers.len() > 1 {
                Some(answers.remove(0))
            } else {
                answers.first().cloned()
            }
        };
        match answer {
            Some(answer) => Ok(answer.into()),
            None => future::pending().await,
        }
    }
}

/// Addresses without a port, or the sentence that says why there are none.
type Answer = Result<Arc<[IpAddr]>, String>;

/// Resolves and vets for the connections of one thread.
pub struct Gate {
    allow: Arc<AllowList>,
    resolver: Resolver,
    in_container: bool,
    system: OnceCell<Result<TokioResolver, String>>,
    /// Lookups that run now: whoever wants the same name waits for the same answer.
    running: RefCell<HashMap<String, watch::Receiver<Option<Answer>>>>,
}

impl Gate {
    pub fn new(allow: Arc<AllowList>, resolver: Resolver) -> Rc<Gate> {
        Rc::new(Gate {
            allow,
            resolver,
            in_container: in_container(),
            system: OnceCell::new(),
            running: RefCell::default(),
        })
    }

    /// The addresses of `host`, a name or an address (IPv6 with or without brackets), if all of them are allowed.
    pub async fn admit(self: &Rc<Self>, host: &str, port: u16) -> Result<Vetted, NotVetted> {
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if names_this_machine(host) {
            let open = vet_this_machine(host, port, &self.allow);
            let open = open.map_err(|refusal| NotVetted::Blocked(self.why(refusal)))?;
            return Ok(vetted(&open, port));
        }
        let addresses = self.addresses(host).await.map_err(NotVetted::Unknown)?;
        for &ip in addresses.iter() {
            vet(ip, host, port, &self.allow).map_err(|refusal| NotVetted::Blocked(self.why(refusal)))?;
        }
        if addresses.is_empty() {
            return Err(NotVetted::Unknown(no_address(host)));
        }
        Ok(vetted(&addresses, port))
    }

    fn why(&self, refusal: Refusal) -> String {
        let refusal = if self.in_container {
            refusal.inside_container()
        } else {
            refusal
        };
        refusal.to_string()
    }

    async fn addresses(self: &Rc<Self>, host: &str) -> Answer {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Ok([ip].into());
        }
        self.lookup(name).await
    }

    async fn lookup(self: &Rc<Self>, name: String) -> Answer {
        let running = self.running.borrow().get(&name).cloned();
        let mut answer = running.unwrap_or_else(|| self.start(name.clone()));
        match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Err(lookup_failed(&name))),
            Err(_) => Err(lookup_failed(&name)),
        }
    }

    /// Runs on its own, so that the deadline of the attempt that began it does not end it for the others.
    fn start(self: &Rc<Self>, name: String) -> watch::Receiver<Option<Answer>> {
        let (tell, answer) = watch::channel(None);
        self.running.borrow_mut().insert(name.clone(), answer.clone());
        let gate = Rc::clone(self);
        actix_rt::spawn(async move {
            let found = match tokio::time::timeout(LOOKUP_LIMIT, gate.ask(&name)).await {
                Ok(found) => found,
                Err(_) => Err(lookup_took_too_long(&name)),
            };
            gate.running.borrow_mut().remove(&name);
            tell.send_replace(Some(found));
        });
        answer
    }

    async fn ask(&self, name: &str) -> Answer {
        let system = match &self.resolver {
            Resolver::Fixed(table) => return table.next(name).await,
            Resolver::System => self
                .system
                .get_or_init(system_resolver)
                .as_ref()
                .map_err(Clone::clone)?,
        };
        // The URL has been through IDNA; from here on underscores are fine, as container networks use them.
        let host = Name::from_ascii(name).map_err(|_| unknown_name(name))?;
        match system.lookup_ip(host).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) => Err(sentence(name, &error)),
        }
    }
}

fn vetted(addresses: &[IpAddr], port: u16) -> Vetted {
    Vetted(addresses.iter().map(|&ip| SocketAddr::new(ip, port)).collect())
}

/// The files that Docker and Podman put into every container.
fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| Path::new(mark).exists())
}

fn system_resolver() -> Result<TokioResolver, String> {
    let build = || -> Result<TokioResolver, NetError> {
        let mut builder = TokioResolver::builder_tokio()?;
        let options = builder.options_mut();
        // Both families: an address that is not asked for is not vetted.
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        options.use_hosts_file = ResolveHosts::Always;
        options.timeout = options.timeout.min(QUESTION_LIMIT);
        builder.build()
    };
    build()
        .map_err(|error| format!("The name servers of this system could not be read from its configuration: {error}."))
}

fn sentence(name: &str, error: &NetError) -> String {
    match error {
        error if error.is_nx_domain() => unknown_name(name),
        error if error.is_no_records_found() => no_address(name),
        NetError::Timeout => lookup_took_too_long(name),
        error => format!("The name {name} could not be looked up: {error}."),
    }
}

fn unknown_name(name: &str) -> String {
    format!("The name {name} does not exist: no name server knows it.")
}

fn no_address(name: &str) -> String {
    format!("The name {name} has no address.")
}

fn lookup_took_too_long(name: &str) -> String {
    format!(
        "The name {name} could not be looked up: no name server answered within {} seconds.",
        LOOKUP_LIMIT.as_secs()
    )
}

fn lookup_failed(name: &str) -> String {
    format!("The name {name} could not be looked up.")
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
