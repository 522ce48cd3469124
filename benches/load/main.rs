//! The load harness: starts the real binary on a fresh database, publishes through its API and counts what a receiver in
//! this process gets. `cargo bench --bench load -- --help` lists the scenarios; docs/benchmarks.md says how to read them.
//!
//! Absolute figures drift with the machine; it prints a probe of the disk before and after, and ratios of one run are what
//! counts. Nothing here is a test except that no acknowledged event may be lost.

mod api;
mod database;
mod fill;
mod generator;
mod http;
mod machine;
mod node;
mod notes;
mod prepared;
mod probe;
mod receiver;
mod report;
mod scenarios;
mod stage;

use clap::{Args, Parser, Subcommand};

use crate::scenarios::{backlog, fairness, history, memory, publish, receivers, retention, sign_in, start, watch};

#[derive(Parser)]
#[command(about = "Starts a real server, loads it and measures what it does")]
struct Options {
    #[command(flatten)]
    common: Common,
    /// Without one: publish
    #[command(subcommand)]
    scenario: Option<Scenario>,
}

#[derive(Args)]
struct Common {
    /// postgres://… of a server on which a database may be made for the run [default: SQLite]
    #[arg(long, global = true)]
    postgres: Option<String>,
    /// Repeat so often, and print minimum and maximum
    #[arg(long, global = true, default_value_t = 1)]
    runs: usize,
    /// Given by cargo
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Scenario {
    /// Events from the request that publishes them to the body at the receiver
    Publish(publish::Publish),
    /// A backlog of waiting deliveries, and the start of a server that finds one
    Backlog(backlog::Backlog),
    /// Healthy webhooks alone, beside hanging ones and beside one with a million waiting
    Fairness(fairness::Fairness),
    /// Pages of the delivery history on a table of millions
    History(history::History),
    /// Memory with a thousand requests hanging and a million waiting
    Memory(memory::Memory),
    /// Receivers that hang, drip, fail, close or are many, and the descriptors they cost
    Receivers(receivers::Receivers),
    /// Deliveries while a million old ones are removed
    Retention(retention::Retention),
    /// Wrong sign-ins, with names that there are and names that there are not
    SignIn(sign_in::SignIn),
    /// Time to the first page, memory at rest, size of the binary
    Start(start::Start),
    /// Open history pages while their webhook gets a thousand deliveries a second
    Watch(watch::Watch),
}

/// What is measured when nothing is asked for, with its defaults.
#[derive(Parser)]
struct Bare {
    #[command(flatten)]
    publish: publish::Publish,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = Options::parse();
    let common = &options.common;
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("disk before: {}", probe::fdatasync(folder.path()));
    let scenario = options
        .scenario
        .unwrap_or_else(|| Scenario::Publish(Bare::parse_from(["load"]).publish));
    let lost = match scenario {
        Scenario::Publish(options) => publish::run(common, &options).await,
        Scenario::Backlog(options) => backlog::run(common, &options).await,
        Scenario::Fairness(options) => fairness::run(common, &options).await,
        Scenario::History(options) => history::run(common, &options).await,
        Scenario::Memory(options) => memory::run(common, &options).await,
        Scenario::Receivers(options) => receivers::run(common, &options).await,
        Scenario::Retention(options) => retention::run(common, &options).await,
        Scenario::SignIn(options) => sign_in::run(common, &options).await,
        Scenario::Start(options) => start::run(common, &options).await,
        Scenario::Watch(options) => watch::run(common, &options).await,
    };
    println!("disk after:  {}", probe::fdatasync(folder.path()));
    assert_eq!(lost, 0, "acknowledged deliveries were lost");
}
