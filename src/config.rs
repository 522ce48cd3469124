//! The settings: read once from the environment and the command line, checked at start, passed down. There is no global.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::db::DatabaseUrl;
use crate::domain::retention::Kept;
use crate::domain::target::{AllowList, range};
use crate::limits::{LimitSettings, Limits};
use crate::metrics::settings::{MetricsAccess, MetricsSettings};
use crate::node_role::NodeRole;
use crate::public_url;
use crate::traces::settings::{TraceSettings, Tracing};
use crate::vault::MasterKey;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Settings as they are given. Everything has a default, so that a laptop needs none.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Address to answer on; port 0 picks a free one
    #[arg(
        long,
        env = "TASKVIEW_LISTEN",
        default_value = "127.0.0.1:8080",
        value_parser = address,
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub store: StoreSettings,

    /// What this node does; several nodes share the work of one PostgreSQL
    #[arg(long, env = "TASKVIEW_ROLE", value_enum, default_value_t, value_name = "ROLE")]
    pub role: NodeRole,

    /// Address under which people reach this server, e.g. https://tasks.example.com; ends laptop mode
    #[arg(long, env = "TASKVIEW_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Targets that deliveries may reach besides public addresses: loopback, private, a CIDR, host, host:port or *.suffix,
    /// separated by commas [default: loopback in laptop mode, else none]
    #[arg(long, env = "TASKVIEW_ALLOW_TARGETS", value_name = "LIST")]
    pub allow_targets: Option<String>,

    /// Proxies in front of this server, whose X-Forwarded-For is believed: addresses and CIDRs, separated by commas
    #[arg(long, env = "TASKVIEW_TRUSTED_PROXIES", value_name = "LIST")]
    pub trusted_proxies: Option<String>,

    /// Requests to receivers at a time, in all
    #[arg(long, env = "TASKVIEW_MAX_IN_FLIGHT", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=20_000), value_name = "N")]
    pub max_in_flight: u32,

    /// Requests at a time to one webhook
    #[arg(long, env = "TASKVIEW_MAX_IN_FLIGHT_PER_WEBHOOK", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=20_000), value_name = "N")]
    pub max_in_flight_per_webhook: u32,

    /// Days for which entries of the audit log are kept
    #[arg(long, env = "TASKVIEW_AUDIT_DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    pub audit_days: u32,

    /// Days for which finished deliveries are kept after their last attempt
    #[arg(long, env = "TASKVIEW_RETENTION_DAYS", default_value_t = Kept::default().days, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    pub retention_days: u32,

    /// Finished deliveries that are kept of one webhook, the newest ones
    #[arg(long, env = "TASKVIEW_RETENTION_PER_WEBHOOK", default_value_t = Kept::default().per_webhook, value_parser = clap::value_parser!(i64).range(1..=1_000_000_000), value_name = "N")]
    pub retention_per_webhook: i64,

    #[command(flatten)]
    pub limits: LimitSettings,

    #[command(flatten)]
    pub metrics: MetricsSettings,

    #[command(flatten)]
    pub traces: TraceSettings,

    /// PEM file of additional certificate authorities for receivers
    #[arg(long, env = "TASKVIEW_EXTRA_CA_FILE", value_name = "FILE")]
    pub extra_ca_file: Option<PathBuf>,

    /// Folder of static files to serve instead of those in the binary
    #[arg(long, env = "TASKVIEW_STATIC_DIR", value_name = "DIR")]
    pub static_dir: Option<PathBuf>,
}

/// Where the data is and what opens it: all that commands beside `serve` need.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreSettings {
    /// Folder of the embedded database and its master key
    #[arg(long, env = "TASKVIEW_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME [default: SQLite in the data folder]
    #[arg(long, env = "TASKVIEW_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Concealed>,

    /// Base64 of 32 bytes that seal the secrets [default: made in the data folder; must be given with PostgreSQL]
    #[arg(long, env = "TASKVIEW_MASTER_KEY", hide_env_values = true, value_name = "KEY")]
    pub master_key: Option<Concealed>,

    /// File that holds the master key
    #[arg(
        long,
        env = "TASKVIEW_MASTER_KEY_FILE",
        conflicts_with = "master_key",
        value_name = "FILE"
    )]
    pub master_key_file: Option<PathBuf>,
}

/// A setting with a secret in it, kept out of `Debug`.
#[derive(Clone)]
pub struct Concealed(pub zeroize::Zeroizing<String>);

impl From<String> for Concealed {
    fn from(text: String) -> Self {
        Concealed(zeroize::Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Concealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// A setting that cannot be used: which one and why. The program ends with exit code 2.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct SettingError {
    pub setting: &'static str,
    pub reason: String,
}

/// The settings after the check: what the program runs with.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub database: DatabaseUrl,
    pub role: NodeRole,
    pub master_key: Option<Concealed>,
    pub master_key_file: Option<PathBuf>,
    pub public_url: Option<Url>,
    pub allow: AllowList,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub budget: Budget,
    pub limits: Limits,
    pub timing: Timing,
    pub audit_kept_for: Duration,
    /// Of the history.
    pub kept: Kept,
    pub metrics: MetricsAccess,
    pub traces: Option<Tracing>,
    pub extra_ca_file: Option<PathBuf>,
    pub static_dir: Option<PathBuf>,
}

/// How many requests may be on their way at a time, on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub in_all: usize,
    pub per_webhook: usize,
    /// Besides `in_all`, for what a person waits for: manual retries and tests.
    pub direct: usize,
}

impl Budget {
    /// Of `in_all`, for receivers that are not known as quick: three quarters.
    pub fn slow(self) -> usize {
        self.in_all - self.in_all / 4
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            in_all: 512,
            per_webhook: 32,
            direct: 8,
        }
    }
}

/// The deadlines of an attempt and its lease. Real time also in tests, which shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From the name lookup to the response head.
    pub deadline: Duration,
    /// For the body that follows the head.
    pub body: Duration,
    /// How long a claim keeps others off; longer than an attempt can take.
    pub lease: Duration,
    /// What requests in flight get at the end of the program.
    pub farewell: Duration,
    /// In which the body of a request to us has to come.
    pub request_body: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            deadline: Duration::from_secs(10),
            body: Duration::from_secs(1),
            lease: Duration::from_secs(20),
            farewell: Duration::from_secs(10),
            request_body: Duration::from_secs(30),
        }
    }
}

impl Settings {
    pub fn check(self) -> Result<Config, SettingError> {
        // The command line is refused by its own rules; a settings file can add the other one.
        if self.store.master_key.is_some() && self.store.master_key_file.is_some() {
            return Err(SettingError {
                setting: "TASKVIEW_MASTER_KEY_FILE",
                reason: "the master key is given too; leave one of the two out, wherever it stands".to_owned(),
            });
        }
        if let Some(key) = &self.store.master_key {
            MasterKey::parse_all(&key.0).map_err(|reason| SettingError {
                setting: "TASKVIEW_MASTER_KEY",
                reason,
            })?;
        }
        let database = self.store.database()?;
        let public_url = self.public_url.as_deref().map(public_url::check).transpose()?;
        let role = self.role.check(&database)?;
        let laptop = is_laptop(self.listen, public_url.as_ref(), role);
        // Set but empty means that nothing is allowed.
        let allow = self
            .allow_targets
            .as_deref()
            .unwrap_or(if laptop { "loopback" } else { "" });
        let allow = AllowList::parse(allow).map_err(|reason| SettingError {
            setting: "TASKVIEW_ALLOW_TARGETS",
            reason: reason.to_string(),
        })?;
        Ok(Config {
            listen: self.listen,
            data_dir: self.store.data_dir,
            database,
            role,
            master_key: self.store.master_key,
            master_key_file: self.store.master_key_file,
            public_url,
            allow,
            trusted_proxies: check_proxies(self.trusted_proxies.as_deref().unwrap_or_default())?,
            budget: Budget {
                in_all: self.max_in_flight as usize,
                per_webhook: self.max_in_flight_per_webhook as usize,
                ..Budget::default()
            },
            limits: self.limits.into(),
            timing: Timing::default(),
            audit_kept_for: DAY * self.audit_days,
            kept: Kept {
                days: self.retention_days,
                per_webhook: self.retention_per_webhook,
            },
            metrics: self.metrics.check()?,
            traces: self.traces.check()?,
            extra_ca_file: self.extra_ca_file,
            static_dir: self.static_dir.map(check_static_dir).transpose()?,
        })
    }
}

impl StoreSettings {
    pub fn database(&self) -> Result<DatabaseUrl, SettingError> {
        match &self.database_url {
            Some(text) => DatabaseUrl::parse(&text.0).map_err(|reason| SettingError {
                setting: "TASKVIEW_DATABASE_URL",
                reason,
            }),
            None => Ok(DatabaseUrl::Sqlite(self.data_dir.join("taskview.db"))),
        }
    }
}

impl Config {
    /// What holds without any setting, on a free port: for tests, and for the demo, which nothing around it may change.
    pub fn laptop(database: DatabaseUrl, data_dir: PathBuf) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir,
            database,
            role: NodeRole::All,
            master_key: None,
            master_key_file: None,
            public_url: None,
            allow: AllowList::parse("loopback").unwrap_or_default(),
            trusted_proxies: Vec::new(),
            budget: Budget::default(),
            limits: Limits::default(),
            timing: Timing::default(),
            audit_kept_for: DAY * 365,
            kept: Kept::default(),
            metrics: MetricsAccess::default(),
            traces: None,
            extra_ca_file: None,
            static_dir: None,
        }
    }

    /// Reached from this machine only: no code is needed to set it up, and loopback targets are allowed by default. In
    /// exchange only requests that name this machine are answered.
    pub fn laptop_mode(&self) -> bool {
        is_laptop(self.listen, self.public_url.as_ref(), self.role)
    }

    /// Browsers reach us over TLS, so cookies must not travel without it.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}

/// One of several nodes is never a laptop's, whatever it listens on: the set-up code and what may be reached would differ
/// from node to node.
fn is_laptop(listen: SocketAddr, public_url: Option<&Url>, role: NodeRole) -> bool {
    listen.ip().is_loopback() && public_url.is_none() && role == NodeRole::All
}

fn check_proxies(list: &str) -> Result<Vec<IpNet>, SettingError> {
    let parse = |word: &str| {
        let net = range(word).or_else(|| word.parse().map(|address: IpAddr| address.into()).ok());
        net.ok_or_else(|| SettingError {
            setting: "TASKVIEW_TRUSTED_PROXIES",
            reason: format!("“{word}” is neither an address nor a range such as 10.0.0.0/8"),
        })
    };
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(parse)
        .collect()
}

/// Without it every page would come without its style, and nothing would say why.
fn check_static_dir(folder: PathBuf) -> Result<PathBuf, SettingError> {
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(SettingError {
        setting: "TASKVIEW_STATIC_DIR",
        reason: format!("{} is not a folder", folder.display()),
    })
}

/// Of this machine, with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "it must be an address and a port, like 127.0.0.1:8080 for this machine alone or 0.0.0.0:8080 for all that reach it".to_owned()
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
