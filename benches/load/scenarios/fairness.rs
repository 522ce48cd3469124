//! What bad neighbours cost: fifty healthy webhooks at four events a second each, alone, beside a hundred that hang with a
//! thousand deliveries waiting each, and beside one that has a million waiting, a quick one and one that hangs.

use std::time::Duration;

use crate::Common;
use crate::fill;
use crate::generator::Load;
use crate::notes::Notes;
use crate::receiver::{Answer, Receiver};
use crate::report::Table;
use crate::stage::{COLUMNS, Measured, Pace, Stage};

#[derive(clap::Args)]
pub struct Fairness {
    /// Seconds of each part
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Healthy webhooks, each with four events a second
    #[arg(long, default_value_t = 50)]
    healthy: usize,
    /// Deliveries that wait for each of the hundred that hang
    #[arg(long, default_value_t = 1_000)]
    each: i64,
    /// Deliveries that wait for the one
    #[arg(long, default_value_t = 1_000_000)]
    waiting: i64,
}

const EVENTS_A_SECOND: usize = 4;

/// The neighbours: how many, in how many projects, with how many waiting in all, and what they answer.
struct Neighbours {
    count: usize,
    projects: usize,
    waiting: i64,
    answer: Answer,
}

pub async fn run(common: &Common, options: &Fairness) -> usize {
    let mut table = Table::new(COLUMNS);
    let (each, waiting) = (options.each, options.waiting);
    let mut lost = 0;
    for _ in 0..common.runs {
        for (name, count, projects, waiting, answer) in [
            ("alone".to_owned(), 0, 0, 0, Answer::Ok),
            (
                format!("beside 100 that hang, {each} each"),
                100,
                3,
                100 * each,
                Answer::Hang,
            ),
            (format!("beside one quick, {waiting}"), 1, 1, waiting, Answer::Ok),
            (format!("beside one that hangs, {waiting}"), 1, 1, waiting, Answer::Hang),
        ] {
            let neighbours = Neighbours {
                count,
                projects,
                waiting,
                answer,
            };
            lost += beside(common, options, &neighbours, &name, &mut table).await;
        }
    }
    table.sum_up();
    lost
}

async fn beside(common: &Common, options: &Fairness, neighbours: &Neighbours, name: &str, table: &mut Table) -> usize {
    let mut stage = Stage::fresh(common);
    let notes = Notes::new(stage.base);
    let noting = notes.clone();
    let healthy = Receiver::start(move |request| {
        noting.note(request);
        Answer::Ok
    });
    let answer = neighbours.answer;
    let other = Receiver::start(move |_| answer);
    stage.start(&[]);
    let api = stage.api().await;
    let url = |number| format!("http://127.0.0.1:{}/{number}", healthy.port());
    let webhooks = api.spread(options.healthy, url).await;
    let url = |number| format!("http://127.0.0.1:{}/{number}", other.port());
    let bad = api.spread_over(neighbours.projects, neighbours.count, url).await;
    stage.stop();
    fill::waiting(&stage.database, &bad, neighbours.waiting);
    stage.start(&[]);
    let load = Load::new(vec![stage.nodes[0].port()], &api.token, &webhooks.targets, stage.base);
    let measured = Measured {
        stage: &stage,
        load: &load,
        notes: &notes,
        fan_out: 1,
    };
    let rate = u32::try_from(options.healthy * EVENTS_A_SECOND).expect("few webhooks");
    // Long enough for the first requests that hang to meet their deadline.
    let settle = Duration::from_secs(12);
    load.paced(16, rate, settle).await;
    let lost = measured
        .run(name, Pace::Paced(rate), Duration::from_secs(options.seconds), table)
        .await;
    stage.kill();
    lost
}
