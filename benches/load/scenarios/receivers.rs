//! Receivers that misbehave, one after the other: what arrives, what is tried again, and how many descriptors the server holds
//! before, at the peak, and when it has been left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::Common;
use crate::generator::Load;
use crate::machine;
use crate::notes::Notes;
use crate::receiver::{Answer, Receiver};
use crate::report::{Column, Table};
use crate::stage::{DISTURBED, Stage};

#[derive(clap::Args)]
pub struct Receivers {
    /// What the receivers do [default: all of these, one after the other]
    #[arg(long, value_delimiter = ',')]
    mode: Vec<Mode>,
    /// Seconds of load
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Events per second
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Milliseconds that a slow receiver takes
    #[arg(long, default_value_t = 250)]
    slow: u64,
    /// Addresses of 127.0.0.0/8 in the mode of many hosts
    #[arg(long, default_value_t = 2_000)]
    hosts: usize,
    /// Seconds from the end of the load to the last look
    #[arg(long, default_value_t = 60)]
    rest: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Answers 200 at once
    Ok,
    /// Answers 200 late
    Slow,
    /// Answers 500
    Fail,
    /// Never answers
    Hang,
    /// Sends a head that never ends, one byte a second
    Drip,
    /// Closes a connection that was idle for 5 ms, just when the next request may be on its way
    CloseIdle,
    /// Many addresses, each of them rarely
    Hosts,
}

const COLUMNS: &[Column] = &[
    ("accepted", 0),
    ("arrived", 0),
    ("tried again", 0),
    ("fds before", 0),
    ("fds peak", 0),
    ("fds after", 0),
    ("RSS MB", 1),
    ("CPU ms", 0),
    ("lost", 0),
    ("others %", 1),
];

/// A receiver that hangs or drips gets as many requests as there are slots, and the rest waits.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(common: &Common, options: &Receivers) -> usize {
    let modes = if options.mode.is_empty() {
        Mode::value_variants().to_vec()
    } else {
        options.mode.clone()
    };
    let mut table = Table::new(COLUMNS);
    let mut lost = 0;
    for _ in 0..common.runs {
        for mode in &modes {
            lost += once(common, options, *mode, &mut table).await;
        }
    }
    table.sum_up();
    lost
}

async fn once(common: &Common, options: &Receivers, mode: Mode, table: &mut Table) -> usize {
    let mut stage = Stage::fresh(common);
    let notes = Notes::new(stage.base);
    let noting = notes.clone();
    let answer = match mode {
        Mode::Ok | Mode::Hosts => Answer::Ok,
        Mode::Slow => Answer::Late(Duration::from_millis(options.slow)),
        Mode::Fail => Answer::Fail,
        Mode::Hang => Answer::Hang,
        Mode::Drip => Answer::Drip,
        Mode::CloseIdle => Answer::CloseIdle(Duration::from_millis(5)),
    };
    let note = move |request: &crate::receiver::Request<'_>| {
        noting.note(request);
        answer
    };
    stage.start(&[]);
    let api = stage.api().await;
    let (receiver, count) = match mode {
        Mode::Hosts => (Receiver::on_all_of_loopback(note), options.hosts),
        _ => (Receiver::start(note), 1),
    };
    let host = |number: usize| match mode {
        Mode::Hosts => format!(
            "127.{}.{}.{}",
            1 + number / 62_500,
            number / 250 % 250,
            1 + number % 250
        ),
        _ => "127.0.0.1".to_owned(),
    };
    let url = |number| format!("http://{}:{}/{number}", host(number), receiver.port());
    let webhooks = api.spread(count, url).await;
    let load = Load::new(vec![stage.nodes[0].port()], &api.token, &webhooks.targets, stage.base);

    let pid = stage.nodes[0].pid();
    // The connections of the set-up are closed after five idle seconds.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let before = machine::descriptors(pid);
    let peak = watch(pid);
    let meter = stage.meter();
    notes.begin(load.next_event());
    let published = load.paced(8, options.rate, Duration::from_secs(options.seconds)).await;
    let answers = !matches!(mode, Mode::Hang | Mode::Drip);
    let arrived = notes.wait_for(published.accepted, PATIENCE).await;
    let ended = Instant::now();
    let (used, seen) = (meter.read(), notes.take());
    let peak = peak.load(Ordering::Relaxed);
    tokio::time::sleep_until((ended + Duration::from_secs(options.rest)).into()).await;
    let lost = if answers { published.accepted - arrived } else { 0 };
    let values = [
        published.accepted as f64,
        arrived as f64,
        seen.retried as f64,
        before as f64,
        peak as f64,
        machine::descriptors(pid) as f64,
        stage.memory_mb(),
        used.nodes.as_secs_f64() * 1e3,
        if answers { lost as f64 } else { f64::NAN },
        used.strangers * 100.0,
    ];
    let name = mode
        .to_possible_value()
        .map_or_else(String::new, |name| name.get_name().to_owned());
    table.add(&name, &values, if used.is_disturbed() { DISTURBED } else { "" });
    stage.kill();
    lost
}

/// The most descriptors that the process has had open, as long as the run lasts.
fn watch(pid: u32) -> Arc<AtomicUsize> {
    let peak = Arc::new(AtomicUsize::new(0));
    let seen = Arc::downgrade(&peak);
    tokio::spawn(async move {
        while let Some(peak) = seen.upgrade() {
            peak.fetch_max(machine::descriptors(pid), Ordering::Relaxed);
            drop(peak);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    peak
}
