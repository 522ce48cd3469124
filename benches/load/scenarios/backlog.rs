//! A backlog: the database is filled with waiting deliveries while the server is stopped, then it starts and works them off.
//! Measured are the start and the rate at which deliveries reach the receiver with everything about them recorded.

use std::time::{Duration, Instant};

use crate::Common;
use crate::fill;
use crate::generator::FIRST_EVENT;
use crate::notes::Notes;
use crate::prepared::{Prepared, aim, first_page};
use crate::receiver::{Answer, Receiver};
use crate::report::{Column, Table};
use crate::stage::{DISTURBED, efforts};

#[derive(clap::Args)]
pub struct Backlog {
    /// Deliveries that wait
    #[arg(long, default_value_t = 200_000)]
    waiting: i64,
    /// Webhooks that they are spread over
    #[arg(long, default_value_t = 1)]
    webhooks: usize,
    #[command(flatten)]
    history: Prepared,
}

const COLUMNS: &[Column] = &[
    ("delivered/s", 0),
    ("listens ms", 0),
    ("1st page ms", 0),
    ("1st delivery ms", 0),
    ("CPU µs/del", 0),
    ("db µs/del", 0),
    ("own µs/del", 0),
    ("peak RSS MB", 1),
    ("twice", 0),
    ("lost", 0),
    ("others %", 1),
];

/// A backlog that does not shrink for so long will not.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(common: &Common, options: &Backlog) -> usize {
    let (mut stage, webhooks) = options.history.prepare(common, options.webhooks).await;
    let notes = Notes::new(stage.base);
    let noting = notes.clone();
    let receiver = Receiver::start(move |request| {
        noting.note(request);
        Answer::Ok
    });
    aim(&stage, &webhooks, receiver.port());
    let waiting = usize::try_from(options.waiting).expect("a positive number");
    let name = format!("{waiting} over {} webhook(s)", webhooks.count);
    let mut table = Table::new(COLUMNS);
    let mut lost = 0;
    for _ in 0..common.runs {
        fill::waiting(&stage.database, &webhooks, options.waiting);
        notes.begin(FIRST_EVENT);
        stage.start(&[]);
        let began = stage.nodes[0].began;
        let milliseconds = |at: Instant| (at - began).as_secs_f64() * 1e3;
        let listens = milliseconds(Instant::now());
        let meter = stage.meter();
        let page = first_page(&stage).await;
        let (mut peak, mut arrived, mut moved) = (0.0_f64, 0, Instant::now());
        while arrived < waiting && moved.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            peak = peak.max(stage.memory_mb());
            if notes.arrived() > arrived {
                (arrived, moved) = (notes.arrived(), Instant::now());
            }
        }
        let used = meter.read();
        let seen = notes.take();
        stage.stop();
        // What arrived must be recorded too: the last attempts are when the server has stopped.
        let unrecorded = stage
            .database
            .number("(SELECT count(*) FROM deliveries WHERE status = 0)");
        let lost_now = (waiting - arrived).max(usize::try_from(unrecorded).unwrap_or(0));
        let (first, last) = (seen.first.unwrap_or(began), seen.last.unwrap_or(began));
        let mut values = vec![
            arrived as f64 / (last - first).as_secs_f64(),
            listens,
            page,
            milliseconds(first),
        ];
        values.extend(efforts(&used, arrived));
        values.extend([peak, seen.repeated as f64, lost_now as f64, used.strangers * 100.0]);
        table.add(&name, &values, if used.is_disturbed() { DISTURBED } else { "" });
        lost += lost_now;
    }
    table.sum_up();
    lost
}
