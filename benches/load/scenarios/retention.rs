//! What it costs others that the history is made shorter: deliveries at a steady rate without it and beside it, and for how long each
//! slice of it holds the writer. Afterwards the pages can be measured on what is left (`history --keep` with the same name).

use std::time::{Duration, Instant};

use taskview_webhooks::clock::Clock;

use crate::Common;
use crate::generator::Load;
use crate::notes::Notes;
use crate::prepared::Prepared;
use crate::receiver::{Answer, Receiver};
use crate::report::Table;
use crate::stage::{COLUMNS, Measured, Pace, Stage};

#[derive(clap::Args)]
pub struct Retention {
    /// Finished deliveries that go, about: the oldest of those that are there
    #[arg(long, default_value_t = 1_000_000)]
    prune: i64,
    /// Seconds of each part
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events per second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Webhooks that the history is spread over
    #[arg(long, default_value_t = 10)]
    webhooks: usize,
    #[command(flatten)]
    history: Prepared,
}

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// For all of them to go.
const PATIENCE: Duration = Duration::from_secs(3_600);

pub async fn run(common: &Common, options: &Retention) -> usize {
    let mut table = Table::new(COLUMNS);
    let mut lost = 0;
    for _ in 0..common.runs {
        let (mut stage, _) = options.history.prepare(common, options.webhooks).await;
        lost += part(&mut stage, options, "nothing goes", &[], &mut table).await;
        let (days, first) = rule(&stage, options.prune);
        let days = days.to_string();
        let settings = [
            ("TASKVIEW_RETENTION_DAYS", days.as_str()),
            ("TASKVIEW_LOG", "warn,taskview_webhooks::actions::retention=debug"),
        ];
        let (oldest, earlier) = (oldest(&stage), held(&stage).len());
        let began = Instant::now();
        lost += part(&mut stage, options, "while the oldest go", &settings, &mut table).await;
        // What was left when that part ended.
        stage.start(&settings);
        while self::oldest(&stage) < first && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        println!(
            "  {} deliveries older than {days} days went in {:.0} s",
            self::oldest(&stage) - oldest,
            began.elapsed().as_secs_f64()
        );
        stage.stop();
        let mut held = held(&stage).split_off(earlier);
        held.sort_by(f64::total_cmp);
        println!(
            "  {} slices held the writer for {:.1} ms (p50), {:.1} ms (p95), {:.1} ms (max)",
            held.len(),
            at(&held, 50),
            at(&held, 95),
            at(&held, 100)
        );
    }
    table.sum_up();
    lost
}

async fn part(
    stage: &mut Stage,
    options: &Retention,
    name: &str,
    settings: &[(&str, &str)],
    table: &mut Table,
) -> usize {
    let notes = Notes::new(stage.base);
    let noting = notes.clone();
    let receiver = Receiver::start(move |request| {
        noting.note(request);
        Answer::Ok
    });
    stage.start(settings);
    let api = stage.api().await;
    let url = |number| format!("http://127.0.0.1:{}/{number}", receiver.port());
    let webhooks = api.fan_out(1, url).await;
    let load = Load::new(vec![api.port], &api.token, &webhooks.targets, stage.base);
    let (pace, time) = (Pace::Paced(options.rate), Duration::from_secs(options.seconds));
    load.paced(16, options.rate, Duration::from_secs(2)).await;
    let measured = Measured {
        stage,
        load: &load,
        notes: &notes,
        fan_out: 1,
    };
    let lost = measured.run(name, pace, time, table).await;
    stage.nodes.drain(..).for_each(|node| {
        node.stop();
    });
    lost
}

/// The days that are kept so that about so many go, and the first that stays.
fn rule(stage: &Stage, prune: i64) -> (i64, i64) {
    let number = |expression: &str| stage.database.number(expression);
    let now = Clock::default().now().0;
    let made = number("(SELECT created_at FROM deliveries ORDER BY id LIMIT 1)");
    let rows = number("(SELECT max(id) - min(id) FROM deliveries)").max(1);
    let gone = (now - made) as f64 * prune as f64 / rows as f64;
    let days = ((now - made - gone as i64) / DAY_US).max(1);
    let edge = now - days * DAY_US;
    let first = number(&format!("(SELECT min(id) FROM deliveries WHERE created_at >= {edge})"));
    (days, first)
}

fn oldest(stage: &Stage) -> i64 {
    stage.database.number("(SELECT min(id) FROM deliveries)")
}

/// How long each slice held the writer, in milliseconds, as the log of all starts on this database says it.
fn held(stage: &Stage) -> Vec<f64> {
    let log = std::fs::read_to_string(stage.database.folder().join("node-1.log")).unwrap_or_default();
    let held = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("\"took_us\":")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(digits.parse::<f64>().ok()? / 1e3)
    });
    held.collect()
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(f64::NAN)
}
