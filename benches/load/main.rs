//! The load harness: starts the real binary on a fresh database, publishes through its API and counts what a receiver in
//! this process gets. `cargo bench --bench load -- --help` lists the runs; docs/benchmarks.md says how to read them.
//!
//! Absolute figures drift with the machine; it prints a probe of the disk before and after, and ratios of one run are what
//! counts. Nothing here is a test except that no acknowledged event may be lost.

mod generator;
mod http;
mod probe;
mod receiver;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::generator::Load;
use crate::receiver::Receiver;
use crate::server::{Database, Server};

#[derive(Parser)]
#[command(about = "Publishes events to a real server and measures their way to a receiver")]
struct Options {
    /// postgres://… of a server on which a database may be made for the run [default: SQLite]
    #[arg(long)]
    postgres: Option<String>,
    /// Seconds of each part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Clients that publish as fast as they can
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Events per second of the paced part
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Webhooks that subscribe, all of them at the same receiver
    #[arg(long, default_value_t = 1)]
    webhooks: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = Options::parse();
    let database = options.postgres.clone().map_or(Database::Sqlite, Database::Postgres);
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("disk before: {}", probe::fdatasync(folder.path()));

    let base = Instant::now();
    let receiver = Receiver::start(base);
    let server = Server::start(database, folder.path()).await;
    let project = server.set_up(receiver.port(), options.webhooks).await;
    println!(
        "server: {} · {} webhook(s) · {} byte bodies",
        server.describe(),
        options.webhooks,
        generator::BODY_SIZE
    );
    println!(
        "{:<22} {:>10} {:>12} {:>8} {:>8} {:>8} {:>10} {:>8} {:>6} {:>6}",
        "part", "accepted/s", "delivered/s", "p50 ms", "p99 ms", "max ms", "CPU µs/del", "RSS MB", "twice", "lost"
    );

    let load = Load {
        port: server.port(),
        token: server.token(),
        project,
        base,
    };
    let duration = Duration::from_secs(options.seconds);
    let warm_up = Part {
        name: "warm-up",
        pace: None,
        clients: options.clients,
        duration: Duration::from_secs(2),
    };
    let paced = Part {
        name: "paced",
        pace: Some(options.rate),
        clients: 8,
        duration,
    };
    let saturated = Part {
        name: "saturated",
        pace: None,
        clients: options.clients,
        duration,
    };
    let mut lost = 0;
    for part in [warm_up, paced, saturated] {
        lost += part.run(&load, &receiver, &server, options.webhooks).await;
    }
    server.stop().await;
    println!("disk after:  {}", probe::fdatasync(folder.path()));
    assert_eq!(lost, 0, "acknowledged events were lost");
}

struct Part {
    name: &'static str,
    pace: Option<u32>,
    clients: usize,
    duration: Duration,
}

impl Part {
    /// Prints one line; returns how many acknowledged deliveries did not arrive.
    async fn run(&self, load: &Load, receiver: &Arc<Receiver>, server: &Server, webhooks: usize) -> usize {
        receiver.forget();
        let cpu = server.cpu();
        let began = Instant::now();
        let accepted = match self.pace {
            Some(rate) => generator::paced(load, self.clients, rate, self.duration).await,
            None => generator::saturated(load, self.clients, self.duration).await,
        };
        let published_for = began.elapsed();
        let expected = accepted * webhooks;
        let arrived = receiver.wait_for(expected, Duration::from_secs(60)).await;
        let seen = receiver.take(began);
        let cpu = server.cpu() - cpu;
        let per_second = |count: usize, time: Duration| count as f64 / time.as_secs_f64();
        println!(
            "{:<22} {:>10.0} {:>12.0} {:>8.2} {:>8.2} {:>8.1} {:>10.0} {:>8.1} {:>6} {:>6}",
            format!(
                "{} {}",
                self.name,
                self.pace
                    .map_or(format!("{} clients", self.clients), |rate| format!("{rate}/s"))
            ),
            per_second(accepted, published_for),
            per_second(arrived, seen.last.max(published_for)),
            seen.percentile(50.0),
            seen.percentile(99.0),
            seen.percentile(100.0),
            cpu.as_secs_f64() * 1e6 / arrived.max(1) as f64,
            server.memory_mb(),
            seen.repeated,
            expected.saturating_sub(arrived),
        );
        expected.saturating_sub(arrived)
    }
}
