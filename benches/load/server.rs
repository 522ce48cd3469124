//! The server that is measured: the real binary as a process of its own on a fresh database, set up through its command
//! line and API as an operator would.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection;

use crate::http::{Connection, request};

const BINARY: &str = env!("CARGO_BIN_EXE_taskview-webhooks");
const PASSWORD: &str = "a password for the bench";
/// 32 zero bytes: the database lives as long as the run.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

pub enum Database {
    Sqlite,
    /// A server on which the run makes a database of its own.
    Postgres(String),
}

pub struct Server {
    child: Child,
    port: u16,
    token: String,
    describe: String,
    /// To drop at the end: the server's URL and the name of the run's database.
    made: Option<(String, String)>,
}

impl Server {
    pub async fn start(database: Database, folder: &Path) -> Server {
        let (url, describe, made) = match database {
            Database::Sqlite => (
                format!("sqlite:{}", folder.join("bench.db").display()),
                "SQLite FULL".to_owned(),
                None,
            ),
            Database::Postgres(server) => {
                let name = format!("bench_{}", std::process::id());
                let mut connection = diesel::PgConnection::establish(&server).expect("the PostgreSQL server answers");
                connection
                    .batch_execute(&format!("CREATE DATABASE {name}"))
                    .expect("a database for the run");
                let (base, query) = server
                    .split_once('?')
                    .map_or((server.as_str(), ""), |(base, query)| (base, query));
                let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
                let url = format!("{base}/{name}{}{query}", if query.is_empty() { "" } else { "?" });
                (url, "PostgreSQL".to_owned(), Some((server, name)))
            }
        };
        let command = |arguments: &[&str]| {
            let mut command = Command::new(BINARY);
            command
                .args(arguments)
                .env("TASKVIEW_DATA_DIR", folder)
                .env("TASKVIEW_DATABASE_URL", &url)
                .env("TASKVIEW_MASTER_KEY", KEY)
                .env("TASKVIEW_LOG", "warn");
            command
        };
        let mut add = command(&[
            "user",
            "add",
            "bench",
            "--email",
            "bench@example.com",
            "--name",
            "Bench",
            "--password-stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
        writeln!(add.stdin.take().expect("its input"), "{PASSWORD}").expect("a password is read");
        assert!(add.wait().expect("it ends").success(), "user add failed");
        let mut child = command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"))
            .lines()
            .map_while(Result::ok);
        let port = lines
            .find_map(|line| {
                line.split_once("listening on http://")?
                    .1
                    .rsplit_once(':')?
                    .1
                    .trim()
                    .parse()
                    .ok()
            })
            .expect("it says where it listens");
        // Nobody reads on: a full pipe would block the server.
        std::thread::spawn(move || lines.for_each(drop));
        let mut server = Server {
            child,
            port,
            token: String::new(),
            describe,
            made,
        };
        let login = format!(r#"{{"login":"bench","password":"{PASSWORD}"}}"#);
        server.token = server.call("POST", "/module/auth/login", &login).await["access"]
            .as_str()
            .expect("a token")
            .to_owned();
        server
    }

    /// A project with webhooks at the receiver; returns the project's id.
    pub async fn set_up(&self, receiver: u16, webhooks: usize) -> i64 {
        let project = self.call("POST", "/module/goals", r#"{"name":"Bench"}"#).await["response"]["id"]
            .as_i64()
            .expect("an id");
        for number in 0..webhooks {
            let body = format!(
                r#"{{"goalId":{project},"url":"http://127.0.0.1:{receiver}/{number}","events":["task.created"]}}"#
            );
            self.call("POST", "/module/webhooks", &body).await;
        }
        project
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn token(&self) -> String {
        self.token.clone()
    }

    pub fn describe(&self) -> &str {
        &self.describe
    }

    /// CPU time of the process so far, all threads.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // After the name in parentheses: state is field 3, utime and stime are 14 and 15, in hundredths of a second.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<u64>().ok())
                .unwrap_or(0)
        };
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    pub fn memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 1024.0
    }

    /// SIGTERM, then the end: what was in flight is recorded.
    pub async fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..300 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if let Some((server, name)) = self.made.take()
            && let Ok(mut connection) = diesel::PgConnection::establish(&server)
        {
            let _ = connection.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let mut connection = Connection::open(self.port).await.expect("the server answers");
        connection
            .write(&request(method, path, &self.token, body))
            .await
            .expect("the server reads");
        let answer = connection
            .read()
            .await
            .expect("the server answers")
            .expect("the server stays");
        assert_eq!(
            answer.status(),
            200,
            "{path}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        serde_json::from_slice(&answer.body).expect("JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
