//! Memory of a server with a thousand requests hanging and a million deliveries waiting.

use std::time::{Duration, Instant};

use crate::Common;
use crate::fill;
use crate::machine;
use crate::receiver::{Answer, Receiver};
use crate::report::{Column, Table};
use crate::stage::{DISTURBED, Stage};

#[derive(clap::Args)]
pub struct Memory {
    /// Requests that hang at a time
    #[arg(long, default_value_t = 1_000)]
    hanging: usize,
    /// Deliveries that wait
    #[arg(long, default_value_t = 1_000_000)]
    waiting: i64,
    /// Seconds to go on once so many hang
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

const COLUMNS: &[Column] = &[
    ("hanging", 0),
    ("RSS MB then", 1),
    ("peak RSS MB", 1),
    ("descriptors", 0),
    ("CPU %", 1),
    ("others %", 1),
];

/// To a webhook that has not answered yet go four requests at a time.
const EACH: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(common: &Common, options: &Memory) -> usize {
    let mut table = Table::new(COLUMNS);
    for _ in 0..common.runs {
        let receiver = Receiver::start(|_| Answer::Hang);
        let mut stage = Stage::fresh(common);
        stage.start(&[]);
        let url = |number| format!("http://127.0.0.1:{}/{number}", receiver.port());
        let count = options.hanging.div_ceil(EACH) * 6 / 5;
        let webhooks = stage.api().await.spread(count, url).await;
        stage.stop();
        fill::waiting(&stage.database, &webhooks, options.waiting);
        // Slow receivers get three quarters of the slots.
        let slots = (options.hanging * 4).div_ceil(3) + 4;
        stage.start(&[("TASKVIEW_MAX_IN_FLIGHT", &slots.to_string())]);
        let meter = stage.meter();
        let began = Instant::now();
        while receiver.hanging() < options.hanging {
            assert!(began.elapsed() < PATIENCE, "only {} requests hang", receiver.hanging());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let then = stage.memory_mb();
        let (mut hanging, mut peak, mut descriptors) = (0, then, 0);
        let until = Instant::now() + Duration::from_secs(options.seconds);
        while Instant::now() < until {
            hanging = hanging.max(receiver.hanging());
            peak = peak.max(stage.memory_mb());
            descriptors = descriptors.max(machine::descriptors(stage.nodes[0].pid()));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let used = meter.read();
        let name = format!("{} hang, {} wait", options.hanging, options.waiting);
        let values = [
            hanging as f64,
            then,
            peak,
            descriptors as f64,
            used.nodes.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0,
            used.strangers * 100.0,
        ];
        table.add(&name, &values, if used.is_disturbed() { DISTURBED } else { "" });
        stage.kill();
    }
    table.sum_up();
    0
}
