//! The real program in a storm: nodes are killed, paused, stopped and started, the database is restarted, all at random while
//! events come in and receivers fail and hang. Afterwards every acknowledged event, every request that a receiver saw and every
//! row must agree. `scripts/chaos` runs it; what is random follows from the seed that it prints.

mod evidence;
mod faults;
mod publisher;
mod storm;
mod verdict;
mod verdict_tests;
mod witness;

// The pieces of the load harness; what only a load needs is not used here.
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/api.rs"]
mod api;
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/database.rs"]
mod database;
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/generator.rs"]
mod generator;
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/http.rs"]
mod http;
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/machine.rs"]
mod machine;
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/node.rs"]
mod node;
#[allow(dead_code, reason = "shared with the load harness")]
#[path = "../../benches/load/receiver.rs"]
mod receiver;

use std::process::exit;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use crate::faults::Fault;
use crate::storm::Storm;

#[derive(Parser)]
#[command(
    about = "Kills, pauses and restarts the program and its database under load, and checks that nothing is lost"
)]
struct Options {
    /// 100,000 events and pauses longer than a lease, instead of a minute
    #[arg(long)]
    long: bool,
    /// What chance follows from [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// Only this database
    #[arg(long)]
    database: Option<Kind>,
    /// Only these faults [default: all that the database knows]
    #[arg(long, value_delimiter = ',')]
    faults: Vec<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgres,
}

/// Whatever happens, it ends.
const MOST: Duration = Duration::from_secs(600);

fn main() {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("seed {seed}");
    let watchdog = std::thread::spawn(move || {
        std::thread::sleep(MOST);
        eprintln!("seed {seed}: it did not end within {} s", MOST.as_secs());
        exit(1);
    });
    let began = Instant::now();
    let on_postgres = [Fault::CrashDatabase, Fault::RestartDatabase, Fault::CutConnections];
    if !options.faults.is_empty()
        && options.database != Some(Kind::Postgres)
        && options.faults.iter().all(|fault| on_postgres.contains(fault))
    {
        eprintln!("None of these faults is known to SQLite: add --database postgres.");
        exit(2);
    }
    let kinds = options
        .database
        .map_or_else(|| vec![Kind::Sqlite, Kind::Postgres], |kind| vec![kind]);
    let storms: Vec<_> = kinds
        .into_iter()
        .map(|kind| {
            let storm = Storm::new(kind, seed, options.long, options.faults.clone());
            (kind, std::thread::spawn(move || storm.run()))
        })
        .collect();
    // A judge that finds nothing would pass every storm.
    let unfit = verdict_tests::complaints();
    unfit.iter().for_each(|complaint| println!("the judge: {complaint}"));
    let (mut passed, mut failed) = if unfit.is_empty() { (1, 0) } else { (0, 1) };
    for (kind, storm) in storms {
        // A panic has said itself what is wrong.
        let complaints = storm
            .join()
            .unwrap_or_else(|_| vec!["the storm could not be run to its end".to_owned()]);
        if complaints.is_empty() {
            passed += 1;
            continue;
        }
        failed += 1;
        let long = if options.long { " --long" } else { "" };
        let name = format!("{kind:?}").to_lowercase();
        println!(
            "\n{kind:?}, seed {seed}, does not agree (again: scripts/chaos{long} --database {name} --seed {seed}):"
        );
        complaints.iter().for_each(|complaint| println!("  {complaint}"));
    }
    drop(watchdog);
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let time = began.elapsed().as_secs();
    println!("\ntest result: {word}. {passed} passed; {failed} failed; finished in {time} s");
    exit(i32::from(failed > 0));
}
