//! The only wiring: settings → database, key, context → engine and web. Everything that is started here is stopped here.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::clock::Clock;
use crate::config::Config;
use crate::context::{Context, Store};
use crate::db::{self, DatabaseUrl};
use crate::delivery::engine::{self, EngineHandle};
use crate::delivery::resolve::Resolver;
use crate::delivery::roots_from_pem;
use crate::error::AppError;
use crate::nodes::Talk;
use crate::vault::{MasterKey, Vault};
use crate::web;

const CHECK_ROW: &str = "key check";
const CHECK_TEXT: &[u8] = b"this key opens this database";
const KEY_FILE: &str = "master.key";
const LOCK_FILE: &str = "lock";

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
    /// None on a node that leaves deliveries to others.
    engine: Option<EngineHandle>,
    /// None with an embedded database.
    talk: Option<Talk>,
    /// Held until the end: a second server on the same SQLite file would send everything twice.
    _lock: Option<File>,
}

impl Application {
    /// Must run inside an actix system. Afterwards requests are accepted; they are answered once `run_until_stopped` runs.
    pub async fn build(config: Config, parts: Parts) -> Result<Application, StartError> {
        let lock = config
            .database
            .is_sqlite()
            .then(|| lock_data_dir(&config.data_dir))
            .transpose()?;
        let store = open_store(&config.database, parts.clock)?;
        let vault = open_vault(&store, &config).await?;
        let extra_roots = match &config.extra_ca_file {
            Some(path) => read_authorities(path)?,
            None => Vec::new(),
        };
        let (context, wires) = Context::new(store, config, vault);
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
                )
                .map_err(|error| StartError(format!("The database cannot be listened to: {error}")))?,
            ),
            None => None,
        };
        let engine = role
            .delivers()
            .then(|| engine::start(context.clone(), parts.resolver, extra_roots, wires));
        let (web, port) = if role.serves() {
            web::serve(context.clone()).await
        } else {
            web::serve_health(context.clone())
        }
        .map_err(StartError)?;
        Ok(Application {
            context,
            port,
            web,
            engine,
            talk,
            _lock: lock,
        })
    }

    /// The port that was bound; of interest when the setting was 0.
    pub fn port(&self) -> u16 {
        self.port
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
        let answered = tokio::select! {
            answered = &mut web => answered,
            () = told_to_stop() => {
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
        // Last: what the engine recorded at the end may be waited for elsewhere.
        if let Some(talk) = self.talk {
            talk.stop().await;
        }
        answered
    }
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process at once, as they do by default.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Opens and migrates the database; used by the commands beside `serve` too.
pub fn open_store(url: &DatabaseUrl, clock: Clock) -> Result<Store, StartError> {
    if let DatabaseUrl::Sqlite(path) = url
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .map_err(|error| StartError(format!("The folder {} cannot be made: {error}", folder.display())))?;
    }
    Store::open(url, clock).map_err(|error| StartError(format!("The database {url} cannot be opened: {error}")))
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let cannot = |reason: String| {
        StartError(format!(
            "TASKVIEW_EXTRA_CA_FILE: the certificates in {} cannot be used: {reason}",
            path.display()
        ))
    };
    let pem = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
    roots_from_pem(&pem).map_err(|error| cannot(error.to_string()))
}

fn lock_data_dir(folder: &Path) -> Result<File, StartError> {
    let cannot =
        |error: std::io::Error| StartError(format!("The data folder {} cannot be used: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let file = File::create(folder.join(LOCK_FILE)).map_err(cannot)?;
    file.try_lock().map_err(|_| {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        StartError(format!(
            "Another taskview-webhooks is running on the data folder {}: stop it first, or set TASKVIEW_DATA_DIR to another folder.",
            folder.display()
        ))
    })?;
    Ok(file)
}

/// The key that is given or kept, and proof that it belongs to this database. A new one is made for an empty database only:
/// anything else would make every secret in it unreadable for good.
pub async fn open_vault(store: &Store, config: &Config) -> Result<Vault, StartError> {
    let key_file = config
        .master_key_file
        .clone()
        .unwrap_or_else(|| config.data_dir.join(KEY_FILE));
    let given = match &config.master_key {
        Some(text) => {
            Some(MasterKey::parse(&text.0).map_err(|reason| StartError(format!("TASKVIEW_MASTER_KEY: {reason}.")))?)
        }
        None => read_key_file(&key_file, config.master_key_file.is_some())?,
    };
    let sentence = |error: AppError| {
        StartError(format!(
            "The database cannot be read: {error} {}",
            error.detail().unwrap_or("")
        ))
    };
    let (checks, empty) = store
        .read(|db| Ok((db::key_checks::load(db)?, db::key_checks::database_is_empty(db)?)))
        .await
        .map_err(sentence)?;
    let key = match given {
        Some(key) => key,
        None if !empty => {
            return Err(StartError(format!(
                "The master key of the database {} is missing: put it back at {} or set TASKVIEW_MASTER_KEY. Without it no secret can be opened.",
                config.database,
                key_file.display()
            )));
        }
        None if !config.database.is_sqlite() => {
            return Err(StartError(
                "TASKVIEW_MASTER_KEY is not set; with PostgreSQL it must be given (openssl rand -base64 32), because every node needs the same.".into(),
            ));
        }
        None => make_key_file(&key_file)?,
    };
    let vault = Vault::new(key);
    let checks = if checks.is_empty() {
        let (id, sealed) = (vault.key_id(), vault.seal(CHECK_ROW, CHECK_TEXT));
        store
            .write(move |tx| Ok(db::key_checks::insert_first(tx.db, &id, &sealed, tx.now)?))
            .await
            .map_err(sentence)?
            .0
    } else {
        checks
    };
    if !checks.iter().any(|check| vault.open(CHECK_ROW, check).is_ok()) {
        return Err(StartError(format!(
            "The master key does not open this database ({}): give the key that it was made with.",
            config.database
        )));
    }
    Ok(vault)
}

fn read_key_file(path: &Path, must_exist: bool) -> Result<Option<MasterKey>, StartError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            let key = MasterKey::parse(&text).map_err(|reason| {
                StartError(format!(
                    "The master key in {} cannot be used: {reason}.",
                    path.display()
                ))
            })?;
            Ok(Some(key))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => Ok(None),
        Err(error) => Err(StartError(format!(
            "The master key file {} cannot be read: {error}",
            path.display()
        ))),
    }
}

fn make_key_file(path: &Path) -> Result<MasterKey, StartError> {
    use std::os::unix::fs::OpenOptionsExt;

    let key = MasterKey::random();
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(key.to_base64().as_bytes())?;
        file.write_all(b"\n")?;
        // The key must be on disk before the first secret sealed under it is.
        file.sync_all()
    };
    write().map_err(|error| {
        StartError(format!(
            "The master key file {} cannot be made: {error}",
            path.display()
        ))
    })?;
    Ok(key)
}
