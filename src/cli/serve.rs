//! `serve`: says what it runs on and what it may reach, then answers until it is told to stop.

use std::io::Write as _;

use super::Failure;
use crate::config::{Config, Settings};
use crate::node_role::NodeRole;
use crate::server::{Application, Parts};

pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let config = settings.check()?;
    let listen = config.listen;
    describe(&config);
    let application = Application::build(config, Parts::default()).await?;
    // A line that scripts wait for; connections are accepted from here on.
    println!("listening on http://{}:{}", host(listen), application.port());
    let _ = std::io::stdout().flush();
    application
        .run_until_stopped()
        .await
        .map_err(|error| Failure::Other(format!("The server stopped: {error}")))
}

fn describe(config: &Config) {
    let public = config
        .public_url
        .as_ref()
        .map_or("none (laptop mode: only this machine is answered)", |url| url.as_str());
    let public = if config.public_url.is_none() && !config.laptop_mode() {
        "none"
    } else {
        public
    };
    println!("database:   {}", config.database);
    if config.role != NodeRole::All {
        println!("role:       {}", config.role);
    }
    println!("public URL: {public}");
    if config.role.delivers() {
        println!("deliveries: to public addresses{}", also(config));
    } else {
        println!("deliveries: left to the nodes with the role all or worker");
    }
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
