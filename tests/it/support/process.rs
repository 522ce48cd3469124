//! The real binary as a process of its own, for what the library cannot show: signals, exit codes, restarts.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::database::{MASTER_KEY, TestDatabase};

/// Requests in flight have ten seconds to finish after SIGTERM; then the program must be gone.
const LAST_WORDS: Duration = Duration::from_secs(20);

pub struct Process {
    pub base: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// `serve` on this database, answering on a free port. Its log is kept in the data directory.
    pub fn serve(database: &TestDatabase) -> Process {
        Self::start(database, &mut command(database))
    }

    /// The same with more settings, or through another program that ends up as this one.
    pub fn start(database: &TestDatabase, command: &mut Command) -> Process {
        let log = database.dir().join("serve.log");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let mut child = command
            .arg("serve")
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let base = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let address = line.split_once("listening on ")?.1.split_whitespace().next()?;
            Some(address.trim_end_matches('/').to_owned())
        });
        // Somebody must read on, or the program would be ended by a broken pipe.
        std::thread::spawn(move || lines.for_each(drop));
        match base {
            Some(base) => Process { base, child, log },
            None => panic!(
                "it never listened: {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            ),
        }
    }

    /// SIGKILL: no last words, no clean-up.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `STOP`, `CONT` and the like.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// SIGTERM, and the exit code that follows.
    pub fn terminate(mut self) -> ExitStatus {
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
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `user add`, as an operator types it.
pub fn add_user(database: &TestDatabase, login: &str, password: &str) {
    let email = format!("{login}@example.com");
    let mut child = command(database)
        .args([
            "user",
            "add",
            login,
            "--email",
            &email,
            "--name",
            login,
            "--password-stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("it reads the password");
    assert!(child.wait().expect("it ends").success(), "`user add` failed");
}

/// `user password` beside the running program.
pub fn set_password(database: &TestDatabase, login: &str, password: &str) {
    let mut child = command(database)
        .args(["user", "password", login, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("it reads the password");
    assert!(child.wait().expect("it ends").success(), "`user password` failed");
}

/// `user disable` beside the running program.
pub fn disable_user(database: &TestDatabase, login: &str) {
    let done = command(database)
        .args(["user", "disable", "--force", login])
        .stdout(Stdio::null())
        .status();
    assert!(done.expect("the binary starts").success(), "`user disable` failed");
}

/// The binary with the settings of a laptop, and nothing of the surroundings that could change them.
pub fn command(database: &TestDatabase) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TASKVIEW_")) {
        command.env_remove(name);
    }
    command
        .env("TASKVIEW_LISTEN", "127.0.0.1:0")
        .env("TASKVIEW_DATA_DIR", database.dir())
        .env("TASKVIEW_DATABASE_URL", &database.url)
        .env("TASKVIEW_MASTER_KEY", MASTER_KEY)
        .stdin(Stdio::null());
    command
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn tell(command: &mut Command) -> Told {
    let ended = command.stdin(Stdio::null()).output().expect("the binary runs");
    Told {
        code: ended.status.code(),
        out: String::from_utf8_lossy(&ended.stdout).into_owned(),
        err: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}
