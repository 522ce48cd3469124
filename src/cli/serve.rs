//! `serve`: says what it runs on and what it may reach, then answers until it is told to stop.

use std::io::Write as _;

use super::Failure;
use crate::config::{Config, Settings};
use crate::node_role::NodeRole;
use crate::server::{Application, Parts};

pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let config = settings.check()?;
    open_many_files();
    let (listen, metrics_listen) = (config.listen, config.metrics.listen);
    for line in described(&config) {
        println!("{line}");
    }
    let application = Application::build(config, Parts::default()).await?;
    if let (Some(listen), Some(port)) = (metrics_listen, application.metrics_port()) {
        println!("metrics on http://{}:{port}/metrics", host(listen));
    }
    // A line that scripts wait for; connections are accepted from here on.
    println!("listening on http://{}:{}", host(listen), application.port());
    let _ = std::io::stdout().flush();
    application
        .run_until_stopped()
        .await
        .map_err(|error| Failure::Other(format!("The server stopped: {error}")))
}

/// Each connection is one. Systems begin with few, for the sake of programs that this one is not, and allow more.
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it is refused, what there was is left.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

/// What it runs on, who is answered, and what may be reached.
pub(super) fn described(config: &Config) -> Vec<String> {
    let public = match &config.public_url {
        Some(url) => url.as_str(),
        None if config.laptop_mode() => "none (laptop mode: only this machine is answered)",
        None => "none",
    };
    let mut lines = vec![format!("database:   {}", config.database)];
    if config.role != NodeRole::All {
        lines.push(format!("role:       {}", config.role));
    }
    lines.push(format!("public URL: {public}"));
    lines.push(if config.role.delivers() {
        format!("deliveries: to public addresses{}", also(config))
    } else {
        "deliveries: left to the nodes with the role all or worker".to_owned()
    });
    if let Some(tracing) = &config.traces {
        lines.push(format!("traces:     to {}", tracing.endpoint));
    }
    lines
}

fn also(config: &Config) -> String {
    let allowed = config.allow.to_string();
    if allowed.is_empty() {
        String::new()
    } else {
        format!(", and as allowed to {allowed}")
    }
}

/// An IPv6 address needs brackets in a URL.
fn host(listen: std::net::SocketAddr) -> String {
    match listen.ip() {
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        std::net::IpAddr::V4(ip) => ip.to_string(),
    }
}
