//! The program itself, built from the library on port 0 with a clock that the test moves. Runs on a thread of its own and is
//! stopped when the test ends.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use taskview_webhooks::clock::Clock;
use taskview_webhooks::config::{Concealed, Config, Settings};
use taskview_webhooks::context::Context;
use taskview_webhooks::server::{Application, Parts};

use super::browser::Browser;
use super::database::{MASTER_KEY, TestDatabase};
use super::log;

pub struct App {
    pub base: String,
    /// The address that is for metrics, where one is set.
    pub metrics: Option<String>,
    pub database: Arc<TestDatabase>,
    clock: Clock,
    context: Context,
    web: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl App {
    pub async fn start() -> App {
        Self::configured(|_| ()).await
    }

    /// With settings that differ from those of a laptop without any.
    pub async fn configured(change: impl FnOnce(&mut Config)) -> App {
        Self::on(Arc::new(TestDatabase::migrated()), change).await
    }

    /// On a database that may have been used before, as after a restart.
    pub async fn on(database: Arc<TestDatabase>, change: impl FnOnce(&mut Config)) -> App {
        Self::with_clock(database, Clock::default(), change).await
    }

    /// On a machine with this clock, which may be wrong or shared with another node.
    pub async fn with_clock(database: Arc<TestDatabase>, clock: Clock, change: impl FnOnce(&mut Config)) -> App {
        log::keep();
        let mut config = laptop(&database);
        change(&mut config);
        let parts = Parts {
            clock: clock.clone(),
            ..Parts::default()
        };
        let (started, start) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = Application::build(config, parts).await.expect("the program starts");
                let _ = started.send((app.port(), app.metrics_port(), app.context().clone(), app.web_handle()));
                app.run_until_stopped().await.expect("the program stops in good order");
            });
        });
        let (port, metrics, context, web) = start.await.expect("the program starts");
        App {
            base: format!("http://127.0.0.1:{port}"),
            metrics: metrics.map(|port| format!("http://127.0.0.1:{port}")),
            database,
            clock,
            context,
            web,
            thread: Some(thread),
        }
    }

    /// A new visitor, signed in nowhere.
    pub fn visitor(&self) -> Browser {
        Browser::new(&self.base)
    }

    /// What the program itself holds; for what no page shows.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Moves the program's clock and makes it look at the time.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.context.nudge(Vec::new());
    }

    /// Stops in good order and leaves the database, to be looked at or started on again.
    pub fn stop(mut self) -> Arc<TestDatabase> {
        self.end();
        Arc::clone(&self.database)
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The command is on its way when `stop` returns; the future only waits for the answer.
            drop(self.web.stop(false));
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the program panicked");
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.end();
    }
}

/// The settings of a laptop: none, but for the place of the data and a free port.
fn laptop(database: &TestDatabase) -> Config {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }
    let dir = database.dir().display().to_string();
    let line = [
        "test",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &dir,
        "--database-url",
        &database.url,
    ];
    let mut config = <Line as clap::Parser>::parse_from(line)
        .settings
        .check()
        .expect("settings that can be used");
    config.master_key = Some(Concealed::from(MASTER_KEY.to_owned()));
    config
}
