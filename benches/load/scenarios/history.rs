//! Pages of the delivery history on a table of millions, first pages and deep ones, each as a signed-in person or the API
//! asks for it. One request at a time: the time is the server's, and a little of the loopback.

use std::time::Instant;

use diesel::connection::SimpleConnection;
use rand::Rng;
use serde_json::json;

use crate::Common;
use crate::api::Webhooks;
use crate::http::{Connection, request};
use crate::prepared::Prepared;
use crate::report::{Column, Table};
use crate::stage::{DISTURBED, Stage};

#[derive(clap::Args)]
pub struct History {
    /// Webhooks that the deliveries are spread over
    #[arg(long, default_value_t = 10)]
    webhooks: usize,
    /// Requests for each page
    #[arg(long, default_value_t = 200)]
    requests: usize,
    #[command(flatten)]
    history: Prepared,
}

const COLUMNS: &[Column] = &[
    ("first ms", 2),
    ("p50 ms", 2),
    ("p99 ms", 2),
    ("max ms", 2),
    ("KB", 1),
    ("others %", 1),
];

/// One in so many events belongs to the task whose page is asked for.
const OF_THE_TASK: i64 = 5_000;

pub async fn run(common: &Common, options: &History) -> usize {
    let (mut stage, webhooks) = options.history.prepare(common, options.webhooks).await;
    let project = stage.database.number(&format!(
        "(SELECT project_id FROM webhooks WHERE id = {})",
        webhooks.first
    ));
    let task = task(&mut stage, project).await;
    let newest = stage.database.number("(SELECT coalesce(max(id), 0) FROM deliveries)");
    let mut table = Table::new(COLUMNS);
    for _ in 0..common.runs {
        stage.start(&[]);
        let api = stage.api().await;
        let (cookie, bearer) = (api.session().await, api.authorization());
        for (name, path) in pages(project, &webhooks, task) {
            let credentials = if path.starts_with("/module") { &bearer } else { &cookie };
            let port = stage.nodes[0].port();
            ask(
                &stage,
                port,
                credentials,
                name,
                &path,
                newest,
                options.requests,
                &mut table,
            )
            .await;
        }
        stage.stop();
    }
    table.sum_up();
    0
}

/// `ID` stands for any id in the older four fifths of the table.
fn pages(project: i64, webhooks: &Webhooks, task: i64) -> Vec<(&'static str, String)> {
    let webhook = webhooks.first;
    let page = format!("/projects/{project}/webhooks/{webhook}/deliveries");
    let api = format!("/module/webhooks/deliveries/{webhook}?limit=20");
    vec![
        ("page, newest", page.clone()),
        ("page, deep", format!("{page}?before=ID")),
        ("page, failed, newest", format!("{page}?status=failed")),
        ("page, failed, deep", format!("{page}?status=failed&before=ID")),
        ("page, success, newest", format!("{page}?status=success")),
        ("page, success, deep", format!("{page}?status=success&before=ID")),
        ("page, pending", format!("{page}?status=pending")),
        ("page, held", format!("{page}?status=held")),
        ("page, no answer, newest", format!("{page}?code=none")),
        ("page, last hour", format!("{page}?time=1h")),
        ("page, until an instant", format!("{page}?to=2026-01-01T00:00")),
        ("page, one task", format!("{page}?id={task}")),
        ("project, newest", format!("/projects/{project}/deliveries")),
        ("project, deep", format!("/projects/{project}/deliveries?before=ID")),
        (
            "project, failed, deep",
            format!("/projects/{project}/deliveries?status=failed&before=ID"),
        ),
        (
            "project, success, newest",
            format!("/projects/{project}/deliveries?status=success"),
        ),
        ("page of a task", format!("/projects/{project}/tasks/{task}")),
        ("page of the webhooks", format!("/projects/{project}/webhooks")),
        ("API, newest", api.clone()),
        ("API, deep", format!("{api}&cursor=ID")),
        ("API, failed, deep", format!("{api}&status=failed&cursor=ID")),
        ("API, rare event, newest", format!("{api}&event=task.deleted")),
        ("API, rare event, deep", format!("{api}&event=task.deleted&cursor=ID")),
    ]
}

/// A task of our own with deliveries all over the history; made once.
async fn task(stage: &mut Stage, project: i64) -> i64 {
    if stage.database.number("(SELECT count(*) FROM tasks)") == 0 {
        stage.start(&[]);
        let new = json!({ "goalId": project, "description": "A task with a history" });
        stage.api().await.call("POST", "/module/tasks", &new).await;
        stage.stop();
        let text = format!(
            "UPDATE events SET published = FALSE, task_id = (SELECT max(id) FROM tasks)
               WHERE id % {OF_THE_TASK} = 0 AND project_id = {project}"
        );
        stage.database.open().batch_execute(&text).expect("events of the task");
    }
    stage.database.number("(SELECT max(id) FROM tasks)")
}

#[allow(clippy::too_many_arguments, reason = "one caller, which has them all at hand")]
async fn ask(
    stage: &Stage,
    port: u16,
    credentials: &str,
    name: &str,
    path: &str,
    newest: i64,
    requests: usize,
    table: &mut Table,
) {
    let mut connection = Connection::open(port).await.expect("the server answers");
    let meter = stage.meter();
    let (mut times, mut bytes) = (Vec::with_capacity(requests), 0);
    for _ in 0..requests {
        let deep = rand::rng().random_range(1..=(newest * 4 / 5).max(1));
        let request = request("GET", &path.replace("ID", &deep.to_string()), credentials, "");
        let began = Instant::now();
        let answer = connection.ask(&request).await.expect("the server answers");
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let text = String::from_utf8_lossy(answer.body);
        assert_eq!(answer.status(), 200, "{path}: {text}");
        bytes += answer.body.len();
    }
    let (first, used) = (times[0], meter.read());
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    let values = [
        first,
        at(50),
        at(99),
        at(100),
        bytes as f64 / requests as f64 / 1e3,
        used.strangers * 100.0,
    ];
    table.add(name, &values, if used.is_disturbed() { DISTURBED } else { "" });
}
