//! The only wiring: settings → database, key, context → engine and web. Everything that is started here is stopped here.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::actions::keys;
use crate::clock::Clock;
use crate::config::{Config, SettingError};
use crate::context::Context;
use crate::data_lock::DataLock;
use crate::db::DatabaseUrl;
use crate::delivery::engine::{self, EngineHandle};
use crate::delivery::resolve::Resolver;
use crate::delivery::roots_from_pem;
use crate::key_file::Source;
use crate::nodes::Talk;
use crate::own_folder;
use crate::store::Store;
use crate::traces::Traces;
use crate::vault::{KeyRing, Vault};
use crate::web;

/// Why the program cannot start: one sentence that says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// What a test replaces and the binary does not: the clock and the name service.
pub struct Parts {
    pub clock: Clock,
    pub resolver: Resolver,
}

impl Default for Parts {
    fn default() -> Self {
        Parts {
            clock: Clock::default(),
            resolver: Resolver::System,
        }
    }
}

/// The running program.
pub struct Application {
    context: Context,
    port: u16,
    web: actix_web::dev::Server,
    /// Metrics on an address of their own, and its port.
    metrics: Option<(actix_web::dev::ServerHandle, u16)>,
    /// None on a node that leaves deliveries to others.
    engine: Option<EngineHandle>,
    /// None with an embedded database.
    talk: Option<Talk>,
    signals: Signals,
    /// Held until the end: a second server on the same SQLite file would send everything twice.
    _lock: Option<DataLock>,
}

impl Application {
    /// Must run inside an actix system. Afterwards requests are accepted; they are answered once `run_until_stopped` runs.
    pub async fn build(config: Config, parts: Parts) -> Result<Application, StartError> {
        let mut lock = config
            .database
            .is_sqlite()
            .then(|| DataLock::take(&config.data_dir))
            .transpose()
            .map_err(StartError)?;
        // Opening migrates, and there is no way back from that.
        let (_, ring) = given_keys(&config)?;
        keys::must_be_given(&config.database, ring.as_ref()).map_err(StartError)?;
        let store = open_store(&config.database, parts.clock)?;
        let (source, vault) = open_vault(&store, &config).await?;
        if let Some(lock) = &mut lock {
            let noted = lock.note_keys(&source, &vault.ring().ids());
            noted.map_err(|error| StartError(format!("The lock of the data folder cannot be written: {error}")))?;
        }
        let extra_roots = extra_roots(&config).map_err(|error| StartError(error.to_string()))?;
        let traces = Traces::start(config.traces.as_ref())
            .map_err(|error| StartError(format!("TASKVIEW_OTLP_ENDPOINT: traces cannot be sent there: {error}")))?;
        let (context, wires) = Context::new(store.traced(traces), config, vault);
        let role = context.config().role;
        // Before anything takes the time, which is the database's from here on.
        let talk = match context.others() {
            Some(others) => Some(
                Talk::start(
                    &context.config().database,
                    role,
                    context.clock(),
                    Arc::clone(others),
                    context.ears(),
                    context.vault().ring(),
                )
                .map_err(|error| StartError(format!("The database cannot be listened to: {error}")))?,
            ),
            None => None,
        };
        let engine = role
            .delivers()
            .then(|| engine::start(context.clone(), parts.resolver, extra_roots, wires));
        // Whoever hears that requests are answered may end the program from then on.
        let signals = Signals::listen();
        let (web, port) = if role.serves() {
            web::serve(context.clone()).await
        } else {
            web::serve_health(context.clone())
        }
        .map_err(StartError)?;
        let metrics = match context.config().metrics.listen {
            Some(listen) => {
                let (server, port) = web::serve_metrics(context.clone(), listen).map_err(StartError)?;
                let handle = server.handle();
                actix_rt::spawn(server);
                Some((handle, port))
            }
            None => None,
        };
        Ok(Application {
            context,
            port,
            web,
            metrics,
            engine,
            talk,
            signals,
            _lock: lock,
        })
    }

    /// The port that was bound; of interest when the setting was 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of the address that is for metrics.
    pub fn metrics_port(&self) -> Option<u16> {
        self.metrics.as_ref().map(|(_, port)| *port)
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Stops the web server from elsewhere; `run_until_stopped` then returns.
    pub fn web_handle(&self) -> actix_web::dev::ServerHandle {
        self.web.handle()
    }

    /// Answers until SIGTERM, SIGINT or the web handle's `stop`. Then nothing more is claimed, requests in flight finish
    /// (10 s) and are recorded.
    pub async fn run_until_stopped(self) -> std::io::Result<()> {
        let handle = self.web.handle();
        let mut web = self.web;
        let mut signals = self.signals;
        let answered = tokio::select! {
            answered = &mut web => answered,
            () = signals.told_to_stop() => {
                tracing::info!("stopping: requests in flight may finish");
                // They would not end by themselves.
                self.context.live().stop();
                if let Some(engine) = &self.engine {
                    engine.stop_claiming();
                }
                // The server itself carries the command out: it must go on being polled.
                tokio::join!(web, handle.stop(true)).0
            }
        };
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
        // Until here somebody may watch how it ends.
        if let Some((metrics, _)) = self.metrics {
            metrics.stop(false).await;
        }
        self.context.traces().stop().await;
        // Last: what the engine recorded at the end may be waited for elsewhere.
        if let Some(talk) = self.talk {
            talk.stop().await;
        }
        answered
    }
}

/// SIGTERM and SIGINT, which are kept for us as soon as this exists. Without handlers they end the process at once, as they do by
/// default.
struct Signals(Option<[Signal; 2]>);

impl Signals {
    fn listen() -> Signals {
        let both = || Ok::<_, std::io::Error>([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]);
        Signals(both().ok())
    }

    async fn told_to_stop(&mut self) {
        match &mut self.0 {
            Some([terminate, interrupt]) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// Opens and migrates the database; used by the commands beside `serve` too.
pub fn open_store(url: &DatabaseUrl, clock: Clock) -> Result<Store, StartError> {
    if let DatabaseUrl::Sqlite(path) = url
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        own_folder::make(folder)
            .map_err(|error| StartError(format!("The folder {} cannot be made: {error}", folder.display())))?;
    }
    Store::open(url, clock).map_err(|error| StartError(format!("The database {url} cannot be opened: {error}")))
}

/// Whose certificates receivers may show beside those of the well-known authorities.
pub fn extra_roots(config: &Config) -> Result<Vec<CertificateDer<'static>>, SettingError> {
    let Some(path) = &config.extra_ca_file else {
        return Ok(Vec::new());
    };
    let cannot = |reason: String| SettingError {
        setting: "TASKVIEW_EXTRA_CA_FILE",
        reason: format!("the certificates in {} cannot be used: {reason}", path.display()),
    };
    let pem = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
    roots_from_pem(&pem).map_err(|error| cannot(error.to_string()))
}

fn given_keys(config: &Config) -> Result<(Source, Option<KeyRing>), StartError> {
    let file = config.master_key_file.as_deref();
    keys::given(config.master_key.as_ref(), file, &config.data_dir).map_err(StartError)
}

/// The keys that the settings name, and the vault that they open.
pub async fn open_vault(store: &Store, config: &Config) -> Result<(Source, Vault), StartError> {
    let (source, ring) = given_keys(config)?;
    let vault = keys::unlock(store, &config.database, &source, ring).await;
    Ok((source, vault.map_err(StartError)?))
}
