//! `demo` as somebody sees it who has just heard of the program: signed in with what it printed, everything is alive; nothing is left.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::browser::Browser;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::process::command;
use crate::support::wait;

/// Three tries with 10 and 20 seconds between them, ten times side by side, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_webhooks_in_every_state_and_leaves_nothing() {
    // It brings its own database, whatever the others are.
    if kind() == Kind::Postgres {
        return;
    }
    let database = TestDatabase::create();
    let mut demo = Demo(
        command(&database)
            .args(["demo", "--port", "0"])
            .env("TMPDIR", database.dir())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts"),
    );
    let told = told(&mut demo.0);
    let value = |what: &str| {
        let line = told.iter().find_map(|line| line.split_once(what));
        line.unwrap_or_else(|| panic!("{what}: {told:?}")).1.trim().to_owned()
    };
    let folder = PathBuf::from(
        value("of this demo is in ")
            .split(" and goes")
            .next()
            .expect("a folder"),
    );
    let base = value("listening on ")
        .split_whitespace()
        .next()
        .expect("an address")
        .replace("localhost", "127.0.0.1");
    assert!(folder.starts_with(database.dir()) && folder.is_dir(), "{folder:?}");

    let browser = Browser::new(&base);
    let typed = [("login", value("sign in as:")), ("password", value("password:"))];
    let typed = typed.each_ref().map(|(name, value)| (*name, value.as_str()));
    browser
        .submit("/sign-in", "/sign-in", &typed)
        .await
        .assert_status(200)
        .assert_says("Website relaunch");
    for project in [1, 2] {
        let expected: &[&str] = if project == 1 {
            &[
                "CI pipeline",
                "Slack bot",
                "Dashboard",
                "Turned off by Lea Dorn",
                "held",
            ]
        } else {
            &["Stock levels", "Turned off automatically", "timeout", "connect"]
        };
        wait::until(PATIENCE, "webhooks in every state", async || {
            let mut seen = browser.get(&format!("/projects/{project}/webhooks")).await.text();
            seen += &browser.get(&format!("/projects/{project}/deliveries")).await.text();
            expected.iter().all(|words| seen.contains(words)).then_some(())
        })
        .await;
    }

    let ended = Command::new("kill").args(["-INT", &demo.0.id().to_string()]).status();
    assert!(ended.expect("kill runs").success());
    let code = demo.0.wait().expect("it ends");
    assert!(code.success(), "{code:?}");
    assert!(!folder.exists(), "{folder:?} is left");
}

/// What it prints until it listens.
#[test]
fn a_taken_port_is_told_with_the_option_that_names_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();

    let ended = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"))
        .args(["demo", "--port", &port])
        .output()
        .expect("the binary runs");

    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.starts_with(&format!("Port {port} cannot be used: ")), "{told}");
    assert!(told.trim_end().ends_with("Choose another with --port."), "{told}");
}

fn told(demo: &mut Child) -> Vec<String> {
    let mut lines = BufReader::new(demo.stdout.take().expect("a pipe"))
        .lines()
        .map_while(Result::ok);
    let mut told = Vec::new();
    for line in lines.by_ref() {
        let last = line.contains("listening on ");
        told.push(line);
        if last {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    told
}
