//! A database that holds webhooks and a long history before anything is measured. Filling one with ten millions takes
//! minutes, so it can be kept under a name and used again.

use diesel::connection::SimpleConnection;

use crate::Common;
use crate::api::Webhooks;
use crate::database::Database;
use crate::node;
use crate::stage::Stage;
use crate::{fill, http};

#[derive(clap::Args, Clone)]
pub struct Prepared {
    /// Finished deliveries that the table holds already
    #[arg(long, default_value_t = 0)]
    finished: i64,
    /// Keep the filled database under this name, or use the one that was kept
    #[arg(long)]
    keep: Option<String>,
}

impl Prepared {
    /// A stopped server with so many webhooks, fifty to a project, and the history.
    pub async fn prepare(&self, common: &Common, count: usize) -> (Stage, Webhooks) {
        let database = Database::create(common.postgres.as_deref(), self.keep.as_deref());
        let label = database.folder().join("holds");
        let holds = format!("{count} webhooks, {} finished deliveries", self.finished);
        let mut stage = Stage::on(database);
        if stage.database.is_new {
            node::add_user(&stage.database);
            stage.start(&[]);
            // Where they really go is said by `aim`, once there is a receiver.
            let url = |number| format!("http://127.0.0.1:9/{number}");
            let webhooks = stage.api().await.spread(count, url).await;
            stage.stop();
            fill::finished(&stage.database, &webhooks, self.finished);
            std::fs::write(&label, holds).expect("a label on the database");
            return (stage, webhooks);
        }
        let kept = std::fs::read_to_string(&label).unwrap_or_default();
        assert_eq!(
            kept, holds,
            "the kept database holds something else; give another name to --keep"
        );
        let webhooks = Webhooks {
            first: stage.database.number("(SELECT min(id) FROM webhooks)"),
            count: count as i64,
            targets: Vec::new(),
        };
        (stage, webhooks)
    }
}

/// Lets all webhooks of a stopped server deliver to this port, each under its number, and turns them on.
pub fn aim(stage: &Stage, webhooks: &Webhooks, port: u16) {
    let text = format!(
        "UPDATE webhooks SET url = 'http://127.0.0.1:{port}/' || (id - {}), active = TRUE, off_at = NULL, off_reason = NULL,
           off_by = NULL, consecutive_failures = 0",
        webhooks.first
    );
    stage
        .database
        .open()
        .batch_execute(&text)
        .expect("webhooks that can be aimed");
}

/// The time from the start of the last node to its first page, in milliseconds.
pub async fn first_page(stage: &Stage) -> f64 {
    let node = stage.nodes.last().expect("a node");
    let mut connection = http::Connection::open(node.port()).await.expect("the server answers");
    let page = http::request("GET", "/sign-in", "", "");
    let answer = connection.ask(&page).await.expect("the server answers");
    assert_eq!(answer.status(), 200, "the first page");
    node.began.elapsed().as_secs_f64() * 1e3
}
