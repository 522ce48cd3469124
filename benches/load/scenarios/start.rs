//! How fast an empty server is there, and what it costs when nothing happens.

use std::time::{Duration, Instant};

use crate::Common;
use crate::machine;
use crate::node;
use crate::prepared::first_page;
use crate::report::{Column, Table};
use crate::stage::{DISTURBED, Stage};

#[derive(clap::Args)]
pub struct Start {
    /// Seconds of rest before memory is read
    #[arg(long, default_value_t = 10)]
    rest: u64,
}

const COLUMNS: &[Column] = &[
    ("listens ms", 0),
    ("1st page ms", 0),
    ("idle RSS MB", 1),
    ("idle CPU ms/s", 1),
    ("descriptors", 0),
    ("binary MB", 1),
    ("others %", 1),
];

pub async fn run(common: &Common, options: &Start) -> usize {
    let mut table = Table::new(COLUMNS);
    for _ in 0..common.runs {
        let mut stage = Stage::fresh(common);
        stage.start(&[]);
        let listens = stage.nodes[0].began.elapsed().as_secs_f64() * 1e3;
        let page = first_page(&stage).await;
        let (meter, rest) = (stage.meter(), Instant::now());
        tokio::time::sleep(Duration::from_secs(options.rest)).await;
        let used = meter.read();
        let values = [
            listens,
            page,
            stage.memory_mb(),
            used.nodes.as_secs_f64() * 1e3 / rest.elapsed().as_secs_f64(),
            machine::descriptors(stage.nodes[0].pid()) as f64,
            node::binary_mb(),
            used.strangers * 100.0,
        ];
        table.add("start", &values, if used.is_disturbed() { DISTURBED } else { "" });
        stage.stop();
    }
    table.sum_up();
    0
}
