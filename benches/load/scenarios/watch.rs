//! Open history pages while their webhook gets many deliveries: what ten of them cost, and whether as many as are allowed slow
//! anything down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Common;
use crate::api::{Api, Webhooks};
use crate::generator::Load;
use crate::http::{Connection, request};
use crate::notes::Notes;
use crate::receiver::{Answer, Receiver};
use crate::report::Table;
use crate::stage::{COLUMNS, Measured, Pace, Stage};

/// Streams that one session may have.
const PER_SESSION: usize = 10;

#[derive(clap::Args)]
pub struct Watch {
    /// Seconds of each part
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Events per second, all for the webhook that is watched
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Open pages of each part
    #[arg(long, value_delimiter = ',', default_values_t = [0, 10, 500])]
    pages: Vec<usize>,
}

pub async fn run(common: &Common, options: &Watch) -> usize {
    let mut table = Table::new(COLUMNS);
    let mut lost = 0;
    for _ in 0..common.runs {
        lost += once(common, options, &mut table).await;
    }
    table.sum_up();
    lost
}

async fn once(common: &Common, options: &Watch, table: &mut Table) -> usize {
    let mut stage = Stage::fresh(common);
    let notes = Notes::new(stage.base);
    let noting = notes.clone();
    let receiver = Receiver::start(move |request| {
        noting.note(request);
        Answer::Ok
    });
    stage.start(&[]);
    let api = stage.api().await;
    let url = |number| format!("http://127.0.0.1:{}/{number}", receiver.port());
    let webhooks = api.fan_out(1, url).await;
    let load = Load::new(vec![api.port], &api.token, &webhooks.targets, stage.base);
    let measured = Measured {
        stage: &stage,
        load: &load,
        notes: &notes,
        fan_out: 1,
    };
    let mut lost = measured
        .run("warm-up", Pace::Paced(options.rate), Duration::from_secs(2), table)
        .await;
    let time = Duration::from_secs(options.seconds);
    for &count in &options.pages {
        let heard = Arc::new(AtomicU64::new(0));
        let mut pages = watch(&api, &webhooks, count, &heard).await;
        let name = format!("{count} pages, paced {}/s", options.rate);
        lost += measured.run(&name, Pace::Paced(options.rate), time, table).await;
        let name = format!("{count} pages, saturated");
        lost += measured.run(&name, Pace::Saturated(32), time, table).await;
        pages.shutdown().await;
        // The server finds out when it writes, and their places are free then.
        tokio::time::sleep(Duration::from_secs(6)).await;
        if count > 0 {
            let each = heard.load(Ordering::Relaxed) as f64 / count as f64 / (2.0 * time.as_secs_f64());
            println!("  each page was told {each:.0} bytes a second");
        }
    }
    stage.stop();
    lost
}

/// Opens the page in so many tabs, each of which then listens.
async fn watch(api: &Api, webhooks: &Webhooks, count: usize, heard: &Arc<AtomicU64>) -> JoinSet<()> {
    let page = format!(
        "/projects/{}/webhooks/{}/deliveries",
        webhooks.targets[0].project, webhooks.first
    );
    let mut pages = JoinSet::new();
    let mut session = String::new();
    for number in 0..count {
        if number % PER_SESSION == 0 {
            session = api.session().await;
        }
        let mut connection = Connection::open(api.port).await.expect("the server answers");
        let answer = connection.ask(&request("GET", &page, &session, "")).await;
        let html = String::from_utf8_lossy(answer.expect("a page").body).into_owned();
        let (_, rest) = html.split_once("data-stream=\"").expect("a page that can be kept true");
        let stream = rest.split('"').next().unwrap_or_default().replace("&#38;", "&");
        let mut socket = TcpStream::connect(("127.0.0.1", api.port)).await.expect("a connection");
        socket
            .write_all(&request("GET", &stream, &session, ""))
            .await
            .expect("a request");
        let mut first = [0; 12];
        socket.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200", "{stream}");
        let heard = Arc::clone(heard);
        pages.spawn(async move {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                heard.fetch_add(read as u64, Ordering::Relaxed);
            }
        });
    }
    pages
}
