//! Publish → receiver: paced, where latency is read, and saturated, where throughput is read. One webhook, many that get each
//! event, or many that take turns; one node or several.

use std::time::Duration;

use crate::Common;
use crate::generator::{BODY_SIZE, Load};
use crate::notes::Notes;
use crate::receiver::{Answer, Receiver};
use crate::report::Table;
use crate::stage::{COLUMNS, Measured, Pace, Stage};

#[derive(clap::Args)]
pub struct Publish {
    /// Seconds of each part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Clients that publish as fast as they can
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Events per second of the paced part
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Webhooks that get each event, all of them at the same receiver
    #[arg(long, default_value_t = 1)]
    webhooks: usize,
    /// Webhooks that take turns instead, fifty to a project
    #[arg(long, conflicts_with = "webhooks")]
    spread: Option<usize>,
    /// Roles of the nodes, such as all,all or web,worker; more than one needs PostgreSQL
    #[arg(long, value_delimiter = ',')]
    nodes: Vec<String>,
}

pub async fn run(common: &Common, options: &Publish) -> usize {
    let mut table = Table::new(COLUMNS);
    let mut lost = 0;
    for _ in 0..common.runs {
        lost += once(common, options, &mut table).await;
    }
    table.sum_up();
    lost
}

async fn once(common: &Common, options: &Publish, table: &mut Table) -> usize {
    let mut stage = Stage::fresh(common);
    let notes = Notes::new(stage.base);
    let noting = notes.clone();
    let receiver = Receiver::start(move |request| {
        noting.note(request);
        Answer::Ok
    });
    for role in &options.nodes {
        stage.start(&[("TASKVIEW_ROLE", role)]);
    }
    if options.nodes.is_empty() {
        stage.start(&[]);
    }
    let roles = options.nodes.iter().map(String::as_str).chain(std::iter::repeat("all"));
    let takes_events = stage.nodes.iter().zip(roles).filter(|(_, role)| *role != "worker");
    let ports: Vec<u16> = takes_events.map(|(node, _)| node.port()).collect();
    let api = crate::api::Api::sign_in(*ports.first().expect("a node that takes events")).await;
    let url = |number| format!("http://127.0.0.1:{}/{number}", receiver.port());
    let (webhooks, fan_out) = match options.spread {
        Some(count) => (api.spread(count, url).await, 1),
        None => (api.fan_out(options.webhooks, url).await, options.webhooks),
    };
    let load = Load::new(ports, &api.token, &webhooks.targets, stage.base);
    println!(
        "{} · {} webhook(s), {fan_out} for each event · {} node(s) · {BODY_SIZE} byte bodies",
        stage.database.describe(),
        webhooks.count,
        stage.nodes.len(),
    );
    let measured = Measured {
        stage: &stage,
        load: &load,
        notes: &notes,
        fan_out,
    };
    let (time, clients) = (Duration::from_secs(options.seconds), options.clients);
    let mut lost = 0;
    for (name, pace, time) in [
        ("warm-up".to_owned(), Pace::Saturated(clients), Duration::from_secs(2)),
        (format!("paced {}/s", options.rate), Pace::Paced(options.rate), time),
        (format!("saturated, {clients} clients"), Pace::Saturated(clients), time),
    ] {
        lost += measured.run(&name, pace, time, table).await;
    }
    stage.stop();
    lost
}
