//! A server that is measured: the real binary as a process of its own, set up through its command line as an operator would.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::database::Database;

const BINARY: &str = env!("CARGO_BIN_EXE_taskview-webhooks");
pub const PASSWORD: &str = "a password for the bench";
/// 32 zero bytes: the database lives as long as the run.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Requests in flight have ten seconds to finish after SIGTERM.
const LAST_WORDS: Duration = Duration::from_secs(30);

pub struct Node {
    child: Child,
    port: u16,
    log: PathBuf,
    /// When the process was started.
    pub began: Instant,
}

impl Node {
    /// `serve` with these settings, once it says that it listens. `name` tells apart the nodes of one database.
    pub fn start(database: &Database, name: &str, settings: &[(&str, &str)]) -> Node {
        Node::try_start(database, name, settings).unwrap_or_else(|log| panic!("{name} never listened:\n{log}"))
    }

    /// The log when the process ends before it listens.
    pub fn try_start(database: &Database, name: &str, settings: &[(&str, &str)]) -> Result<Node, String> {
        let log = database.folder().join(format!("{name}.log"));
        let stderr = File::options().create(true).append(true).open(&log).expect("a log");
        let began = Instant::now();
        let mut child = command(database)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"))
            .lines()
            .map_while(Result::ok);
        let port = lines.find_map(|line| {
            let address = line.split_once("listening on http://")?.1;
            address.rsplit_once(':')?.1.trim().parse().ok()
        });
        let Some(port) = port else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(std::fs::read_to_string(&log).unwrap_or_default());
        };
        // Nobody reads on: a full pipe would block the server.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Node {
            child,
            port,
            log,
            began,
        })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// STOP, CONT, TERM …
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success(), "SIG{name} was not sent");
    }

    /// SIGKILL: no last words.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM, then the end: what was in flight is recorded.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be looked at") {
                return status;
            }
            assert!(began.elapsed() < LAST_WORDS, "it does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// `user add`, which also makes the schema.
pub fn add_user(database: &Database) {
    add_account(database, "bench");
}

/// An account beside it, with the same password.
pub fn add_account(database: &Database, login: &str) {
    let email = format!("{login}@example.com");
    let mut add = command(database)
        .args(["user", "add", login, "--email", &email, "--name", login])
        .arg("--password-stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    writeln!(add.stdin.take().expect("its input"), "{PASSWORD}").expect("a password is read");
    assert!(add.wait().expect("it ends").success(), "user add failed");
}

/// `user disable`.
pub fn disable(database: &Database, login: &str) {
    let done = command(database)
        .args(["user", "disable", login])
        .stdout(Stdio::null())
        .status();
    assert!(done.expect("the binary starts").success(), "user disable failed");
}

/// The size of the binary, in megabytes.
pub fn binary_mb() -> f64 {
    std::fs::metadata(BINARY).map_or(f64::NAN, |file| file.len() as f64 / 1e6)
}

/// The binary, with nothing of the surroundings that could change it.
fn command(database: &Database) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TASKVIEW_")) {
        command.env_remove(name);
    }
    command
        .env("TASKVIEW_DATA_DIR", database.folder())
        .env("TASKVIEW_DATABASE_URL", &database.url)
        .env("TASKVIEW_MASTER_KEY", KEY)
        .env("TASKVIEW_ALLOW_TARGETS", "loopback")
        .env("TASKVIEW_LOG", "warn")
        // A history that was filled in stays, unless it is to go.
        .env("TASKVIEW_RETENTION_DAYS", "36500")
        .env("TASKVIEW_RETENTION_PER_WEBHOOK", "1000000000")
        .stdin(Stdio::null());
    command
}
