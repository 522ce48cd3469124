//! The binary as an operator meets it: what it prints, how it ends, and what it refuses with a sentence.

use std::process::{Command, Output, Stdio};

use crate::support::api_client::ApiClient;
use crate::support::browser::Browser;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given::PASSWORD;
use crate::support::process::{Process, add_user, command, tell};

/// Any 32 bytes that are not the key of every test.
const ANOTHER_KEY: &str = "YW5vdGhlciBrZXkgdGhhbiB0aGF0IG9mIHRoZSB0ZXM=";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_what_an_earlier_process_kept_and_ends_well_on_sigterm() {
    let database = TestDatabase::create();
    add_user(&database, "lead", PASSWORD);

    let first = Process::serve(&database);
    let page = Browser::new(&first.base).get("/healthz").await;
    let first_end = first.terminate();
    let second = Process::serve(&database);
    ApiClient::signed_in(&second.base, "lead", PASSWORD).await;

    page.assert_status(200);
    assert!(first_end.success());
    assert!(second.terminate().success());
}

#[test]
fn a_wrong_setting_is_named_and_ends_with_code_2() {
    let database = TestDatabase::create();

    for (name, value) in [
        ("TASKVIEW_DATABASE_URL", "mysql://localhost/tasks"),
        ("TASKVIEW_PUBLIC_URL", "tasks.example.com"),
        ("TASKVIEW_ALLOW_TARGETS", "10.0.0.0/99"),
        ("TASKVIEW_LISTEN", "nowhere"),
    ] {
        let ended = end_of(command(&database).env(name, value));

        assert_eq!(ended.status.code(), Some(2), "{name}: {ended:?}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains(name) || said.contains("--listen"), "{name}: {said}");
    }
}

#[test]
fn another_master_key_does_not_open_the_database() {
    let database = TestDatabase::create();
    drop(Process::serve(&database));

    let ended = end_of(command(&database).env("TASKVIEW_MASTER_KEY", ANOTHER_KEY));

    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("does not open this database"), "{said}");
}

#[test]
fn an_embedded_database_refuses_a_node_that_does_half_of_the_work() {
    let database = TestDatabase::of(Kind::Sqlite);

    for role in ["web", "worker"] {
        let ended = end_of(command(&database).args(["serve", "--role", role]));

        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains("TASKVIEW_ROLE") && said.contains("PostgreSQL"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_is_not_disabled_by_mistake_and_whoever_was_can_be_enabled_again() {
    let database = TestDatabase::create();
    add_user(&database, "lead", PASSWORD);
    add_user(&database, "max", PASSWORD);
    let user = |arguments: &[&str]| tell(command(&database).arg("user").args(arguments));

    let last = user(&["disable", "lead"]);
    let other = user(&["disable", "max"]);
    let forced = user(&["disable", "lead", "--force"]);
    let back = [user(&["enable", "lead"]), user(&["enable", "lead"])];
    let listed = user(&["list"]);

    assert_eq!((last.code, other.code, forced.code), (Some(1), Some(0), Some(0)));
    assert!(last.err.contains("lead is the only administrator"), "{}", last.err);
    assert!(back.iter().all(|told| told.out == "enabled lead\n"), "{back:?}");
    let states: Vec<&str> = listed.out.lines().filter_map(|line| line.split('\t').nth(3)).collect();
    assert_eq!(states, ["active", "disabled"], "{}", listed.out);
    let server = Process::serve(&database);
    ApiClient::signed_in(&server.base, "lead", PASSWORD).await;
}

#[test]
fn what_people_wrote_is_readable_by_the_servers_account_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data");
    let database = TestDatabase::of(Kind::Sqlite);
    let mut serve = command(&database);
    serve
        .env("TASKVIEW_DATA_DIR", &folder)
        .env_remove("TASKVIEW_DATABASE_URL");

    let server = Process::start(&database, &mut serve);
    let files = std::fs::read_dir(&folder).expect("it is there");
    let files = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some());
    let rights: Vec<_> = std::iter::once(folder.clone())
        .chain(files)
        .map(|path| {
            (
                std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o077,
                path,
            )
        })
        .collect();
    drop(server);

    assert!(
        rights.iter().any(|(_, path)| path.ends_with("taskview.db-wal")),
        "{rights:?}"
    );
    for (others, path) in rights {
        assert_eq!(others, 0, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_is_set_to_nothing_is_not_set_and_a_monitor_may_ask_for_heads() {
    let database = TestDatabase::create();
    let mut serve = command(&database);
    for name in [
        "TASKVIEW_PUBLIC_URL",
        "TASKVIEW_METRICS_TOKEN",
        "TASKVIEW_ROLE",
        "TASKVIEW_EXTRA_CA_FILE",
    ] {
        serve.env(name, "");
    }

    let server = Process::start(&database, &mut serve);

    for path in ["/healthz", "/readyz"] {
        let asked = reqwest::Client::new()
            .head(format!("{}{path}", server.base))
            .send()
            .await;
        assert_eq!(asked.expect("an answer").status(), 200, "{path}");
    }
}

/// On PostgreSQL several processes share a database, each with a data folder of its own.
#[test]
fn a_second_server_on_the_same_file_is_refused() {
    if kind() == Kind::Postgres {
        return;
    }
    let database = TestDatabase::create();
    let _first = Process::serve(&database);

    let ended = end_of(&mut command(&database));

    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("Another taskview-webhooks is running"), "{said}");
}

#[test]
fn the_help_names_every_setting_of_the_documents() {
    let database = TestDatabase::create();
    let document = std::fs::read_to_string("docs/settings.md").expect("docs/settings.md");
    let settings = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `TASKVIEW_"))
        .map(|line| line.split('`').next().unwrap_or(line));

    let help = end_of(command(&database).arg("--help"));

    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let settings: Vec<_> = settings.map(|name| format!("TASKVIEW_{name}")).collect();
    assert!(settings.len() > 10);
    for setting in &settings {
        assert!(
            help.contains(&format!("[env: {setting}")),
            "{setting} is in docs/settings.md and not in --help"
        );
    }
    let in_help = help.matches("[env: TASKVIEW_").count();
    assert_eq!(
        in_help,
        settings.len(),
        "docs/settings.md lists as many settings as --help"
    );
}

#[test]
fn the_documents_name_every_command() {
    let database = TestDatabase::create();
    let document = std::fs::read_to_string("docs/commands.md").expect("docs/commands.md");
    let help = end_of(command(&database).arg("--help"));
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty()).filter_map(|line| {
        line.strip_prefix("  ")?
            .split(' ')
            .next()
            .filter(|name| !name.is_empty())
    });

    let commands: Vec<&str> = commands.filter(|name| *name != "help").collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for name in commands {
        assert!(
            document.contains(&format!("| `{name}")),
            "{name} is not in docs/commands.md"
        );
    }
}

fn end_of(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

#[test]
fn the_signatures_of_a_saved_body_are_checked_and_a_mistake_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    // The example of the Standard Webhooks libraries' own tests.
    let secret = write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let (body, edited) = (
        write("body", r#"{"test": 2432232314}"#),
        write("edited", "{\"test\": 2432232314}\n"),
    );
    let standard = [
        "--webhook-id=msg_p5jXN8AQM9LWM0D4loKWxJek",
        "--webhook-timestamp=1614265330",
        "--webhook-signature=v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ];
    let verify = |body: &std::path::Path, arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"));
        program
            .arg("verify")
            .arg("--secret-file")
            .arg(&secret)
            .args(arguments)
            .arg(body);
        let ended = end_of(&mut program);
        let said = [ended.stdout.as_slice(), &ended.stderr].concat();
        (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
    };

    let (good, said_good) = verify(&body, &standard);
    let (bad, said_bad) = verify(&edited, &standard);
    let (both, said_both) = verify(&body, &[&standard[..], &["--signature=sha256=00"]].concat());
    let (missing, said_missing) = verify(&folder.path().join("none"), &standard);
    let (nothing, _) = verify(&body, &[]);
    let (half, said_half) = verify(&body, &standard[2..]);
    let headers = write(
        "headers",
        "> POST / HTTP/1.1\nwebhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n\
         webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n",
    );
    let from_file = format!("--headers-file={}", headers.display());
    let (of_file, said_of_file) = verify(&body, &[&from_file]);
    let computed = "--computed=v1,mXZK6nAwFkmM1t7S8SySsQOAsDTbpzZwSMZKbpNY6nI=";
    let (unknown, said_unknown) = verify(&body, &[&from_file, computed]);
    let right = "--computed=v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let (right, said_right) = verify(&body, &[&from_file, right]);
    let (empty, said_empty) = verify(&body, &[&format!("--headers-file={}", body.display())]);

    assert_eq!((good, said_good.trim()), (Some(0), "webhook-signature: verified"));
    assert_eq!(bad, Some(1));
    assert!(said_bad.contains("has a line end that was not sent"), "{said_bad}");
    assert_eq!(both, Some(1));
    assert!(said_both.contains("webhook-signature: verified") && said_both.contains("X-Webhook-Signature: does not"));
    assert_eq!(missing, Some(1));
    assert!(said_missing.contains("none cannot be read"), "{said_missing}");
    assert_eq!((nothing, half), (Some(2), Some(2)), "{said_half}");
    assert_eq!((of_file, said_of_file.trim()), (Some(0), "webhook-signature: verified"));
    assert_eq!(unknown, Some(1));
    assert!(
        said_unknown.contains("No mistake that is known leads to this value."),
        "{said_unknown}"
    );
    assert_eq!(right, Some(0));
    assert!(
        said_right.contains("the right value of webhook-signature"),
        "{said_right}"
    );
    assert_eq!(empty, Some(1));
    assert!(said_empty.contains("put one header on each line"), "{said_empty}");
}
