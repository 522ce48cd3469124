//! `demo`: the program as it looks in use, within seconds. A server of its own on a database that is gone when it ends, with people,
//! projects and webhooks in every state, receivers on this machine that misbehave, and tasks that change all the time. Nothing that is
//! set for a real server reaches it.

mod receivers;
mod sample;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use zeroize::Zeroizing;

use self::receivers::Receivers;
use super::Failure;
use crate::config::{Config, Timing};
use crate::db::DatabaseUrl;
use crate::domain::token::Token;
use crate::server::{Application, Parts};

/// Characters of the password, which has to be typed.
const PASSWORD: usize = 12;

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Port on this machine; 0 picks one
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// Until it is interrupted.
pub(super) async fn run(demo: Demo) -> Result<(), Failure> {
    is_free(demo.port)?;
    let dir = tempfile::Builder::new().prefix("taskview-demo-").tempdir();
    let dir = dir.map_err(|error| Failure::Other(format!("No folder can be made for the demo's data: {error}")))?;
    let laptop = Config::laptop(
        DatabaseUrl::Sqlite(dir.path().join("taskview.db")),
        dir.path().to_path_buf(),
    );
    let config = Config {
        // Nobody waits for the answer of a receiver that is gone at the same moment.
        timing: Timing {
            farewell: Duration::from_millis(500),
            ..laptop.timing
        },
        listen: on_this_machine(demo.port),
        ..laptop
    };
    let application = Application::build(config, Parts::default()).await?;
    let receivers = Receivers::start()
        .map_err(|error| Failure::Other(format!("The demo's receivers cannot be started: {error}")))?;
    let password = Token::random(&mut rand::rng())
        .expose()
        .chars()
        .take(PASSWORD)
        .collect::<String>();
    let sample = sample::make(application.context(), &receivers, Zeroizing::new(password.clone())).await?;
    let traffic = actix_rt::spawn(traffic::flow(application.context().clone(), sample));

    println!(
        "Everything of this demo is in {} and goes when it ends.",
        dir.path().display()
    );
    println!("sign in as: {}", sample::LOGIN);
    println!("password:   {password}");
    println!("listening on http://localhost:{}  (Ctrl-C ends it)", application.port());
    let served = application.run_until_stopped().await;
    traffic.abort();
    receivers.stop().await;
    served.map_err(|error| Failure::Other(format!("The demo stopped: {error}")))
}

fn on_this_machine(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Asked first: a server would name a setting that the demo does not have.
fn is_free(port: u16) -> Result<(), Failure> {
    let bound = TcpListener::bind(on_this_machine(port));
    bound.map(drop).map_err(|error| {
        Failure::Other(format!(
            "Port {port} cannot be used: {error}. Choose another with --port."
        ))
    })
}
