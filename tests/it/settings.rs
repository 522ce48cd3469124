//! Settings from a file, the environment and the command line: which wins, what is refused, and what `config` says of them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder with a settings file, and the program in it, without any setting of this test's own environment.
struct Desk {
    folder: tempfile::TempDir,
}

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new(file: &str) -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("taskview.toml"), file).expect("written");
        Desk { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("taskview.toml")
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut program = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TASKVIEW_") {
                program.env_remove(name);
            }
        }
        let ended = program
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        Ended {
            code: ended.status.code(),
            out: String::from_utf8_lossy(&ended.stdout).into_owned(),
            err: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    }
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let desk = Desk::new(
        "listen = \"127.0.0.1:1111\"\nmax_in_flight = 100\nmax_in_flight_per_webhook = 7\ntrace_ratio = 0.25\n\
         allow_targets = [\"loopback\", \"10.0.0.0/8\"]\nmaster_key = \"dGhlIGtleSBvZiBldmVyeSB0ZXN0LCAzMiBieXRlcyE=\"\n\
         metrics_token = \"dGhlIGtleSBvZiBtZXRyaWNz\"\n",
    );
    let environment = [
        ("TASKVIEW_LISTEN", "127.0.0.1:2222"),
        ("TASKVIEW_MAX_IN_FLIGHT", "200"),
        ("TASKVIEW_CONFIG", "taskview.toml"),
    ];

    let told = desk.run(&["config", "--listen", "127.0.0.1:3333"], &environment);

    assert_eq!(told.code, Some(0), "{}", told.err);
    for line in [
        "listen = \"127.0.0.1:3333\"  # command line",
        "max_in_flight = 200  # environment, TASKVIEW_MAX_IN_FLIGHT",
        "max_in_flight_per_webhook = 7  # taskview.toml",
        "trace_ratio = 0.25  # taskview.toml",
        "allow_targets = \"loopback,10.0.0.0/8\"  # taskview.toml",
        "data_dir = \"./data\"  # default",
        "# master_key = \"••••\"  # taskview.toml",
        "# metrics_token = \"••••\"  # taskview.toml",
        "# public_url is not set",
        "# public URL: none (laptop mode: only this machine is answered)",
        "# deliveries: to public addresses, and as allowed to loopback, 10.0.0.0/8",
    ] {
        assert!(told.out.lines().any(|one| one == line), "{line}\n{}", told.out);
    }
    assert!(!told.out.contains("dGhlIGtleSBv"), "{}", told.out);
}

#[test]
fn what_config_prints_is_a_settings_file() {
    let desk = Desk::new("public_url = \"https://hooks.example.com\"\nlog = \"warn\"\n");

    let first = desk.run(&["config", "--config", "taskview.toml"], &[]);
    let again = Desk::new(&first.out).run(&["config", "--config", "taskview.toml"], &[]);

    assert_eq!((first.code, again.code), (Some(0), Some(0)), "{}", again.err);
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split("  #").next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(values(&first.out), values(&again.out));
    assert!(first.out.contains("log = \"warn\"  # taskview.toml"), "{}", first.out);
}

#[test]
fn a_file_that_is_wrong_is_refused_with_the_name_that_was_meant() {
    for (file, sentence) in [
        (
            "listne = \"127.0.0.1:1\"",
            "there is no setting “listne”; did you mean listen?",
        ),
        ("wings = 2", "there is no setting “wings”"),
        ("config = \"x\"", "there is no setting “config”"),
        (
            "listen = true",
            "“listen” must be a text in quotes, a number, or a list of texts",
        ),
        ("listen", "line 1 is no TOML"),
        (
            "LISTEN = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
            "“listen” is set twice, in two spellings",
        ),
        ("listen = \"nowhere\"", "nowhere"),
        ("public_url = \"hooks.example.com\"", "TASKVIEW_PUBLIC_URL"),
    ] {
        let desk = Desk::new(file);
        let ended = desk.run(&["serve", "--config", "taskview.toml"], &[]);

        assert_eq!(ended.code, Some(2), "{file}: {}", ended.err);
        assert!(ended.err.contains(sentence), "{file}: {}", ended.err);
        assert!(!desk.folder.path().join("data").exists(), "{file}: nothing was begun");
    }
    let key = "log = \"info\"\nmaster_key = c2VjcmV0\n";
    let key = Desk::new(key).run(&["serve", "--config", "taskview.toml"], &[]);
    assert!(
        key.err.contains("line 2 is no TOML") && !key.err.contains("c2VjcmV0"),
        "{}",
        key.err
    );
    let twice = Desk::new("master_key = \"c2VjcmV0\"\n");
    let file = [("TASKVIEW_MASTER_KEY_FILE", "key")];
    let ended = twice.run(&["serve", "--config", "taskview.toml"], &file);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("leave one of the two out"), "{}", ended.err);
    let missing = Desk::new("").run(&["config", "--config", "none.toml"], &[]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.err.contains("none.toml: the file cannot be read"),
        "{}",
        missing.err
    );
}

#[test]
fn a_variable_that_is_misspelt_is_told_and_has_no_effect() {
    let desk = Desk::new("");

    let told = desk.run(
        &["config"],
        &[("TASKVIEW_ALOW_TARGETS", "private"), ("TASKVIEW_X", "1")],
    );

    assert_eq!(told.code, Some(0));
    let sentence = "TASKVIEW_ALOW_TARGETS is no setting and has no effect; did you mean TASKVIEW_ALLOW_TARGETS?";
    assert!(told.err.contains(sentence), "{}", told.err);
    assert!(
        told.err.contains("TASKVIEW_X is no setting and has no effect\""),
        "{}",
        told.err
    );
    let quiet = desk.run(
        &["config"],
        &[("TASKVIEW_LOG", "info"), ("TASKVIEW_CONFIG", "taskview.toml")],
    );
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
}

#[test]
fn a_public_url_with_a_password_is_refused_and_the_password_told_to_nobody() {
    for url in [
        "https://ada:hunter2@tasks.example",
        "https:/ada:hunter2@tasks.example",
        "https:///ada:hunter2@tasks.example/",
        "ada:hunter2@tasks.example",
        "https://hunter2@tasks.example",
        "https://ada:hunter2@tasks.example/path",
        "https://ada:hunter2@[bad",
    ] {
        let told = Desk::new("").run(&["config"], &[("TASKVIEW_PUBLIC_URL", url)]);

        assert_eq!(told.code, Some(2), "{url}: {}", told.out);
        assert!(told.err.starts_with("TASKVIEW_PUBLIC_URL: "), "{url}: {}", told.err);
        for text in [&told.out, &told.err] {
            assert!(!text.contains("hunter2"), "{url}: {text}");
        }
    }
}

#[test]
fn a_collector_with_a_password_in_its_address_is_refused_and_the_password_told_to_nobody() {
    for url in [
        "http://ada:hunter2@localhost:4318",
        "http://localhost:4318/?key=hunter2",
    ] {
        let told = Desk::new("").run(&["config"], &[("TASKVIEW_OTLP_ENDPOINT", url)]);

        assert_eq!(told.code, Some(2), "{url}: {}", told.out);
        assert!(told.err.starts_with("TASKVIEW_OTLP_ENDPOINT: "), "{url}: {}", told.err);
        for text in [&told.out, &told.err] {
            assert!(!text.contains("hunter2"), "{url}: {text}");
        }
    }
    let told = Desk::new("").run(&["config"], &[("TASKVIEW_OTLP_ENDPOINT", "http://localhost:4318")]);
    assert!(
        told.out.contains("# traces:     to http://localhost:4318/v1/traces"),
        "{}",
        told.out
    );
}

#[test]
fn a_master_key_that_is_none_is_a_wrong_setting() {
    for key in ["c2VjcmV0", "not base64!"] {
        for command in ["config", "serve"] {
            let told = Desk::new("").run(&[command], &[("TASKVIEW_MASTER_KEY", key)]);

            assert_eq!(told.code, Some(2), "{command}: {}", told.err);
            assert!(told.err.starts_with("TASKVIEW_MASTER_KEY: "), "{}", told.err);
            assert!(!told.err.contains(key), "{}", told.err);
        }
    }
}

#[test]
fn an_empty_name_of_the_settings_file_is_none() {
    let told = Desk::new("wings = 2").run(&["config"], &[("TASKVIEW_CONFIG", "")]);

    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(
        told.out.lines().any(|line| line == "# config is not set"),
        "{}",
        told.out
    );
}

#[test]
fn limits_are_printed_and_kept_within_what_makes_sense() {
    let desk = Desk::new("max_webhooks = 5\n");

    let told = desk.run(
        &["config", "--config", "taskview.toml"],
        &[("TASKVIEW_MAX_HELD_DAYS", "2")],
    );

    assert_eq!(told.code, Some(0), "{}", told.err);
    for line in [
        "max_body_kib = 1024  # default",
        "max_projects = 100  # default",
        "max_webhooks = 5  # taskview.toml",
        "max_members = 500  # default",
        "max_held = 10000  # default",
        "max_held_days = 2  # environment, TASKVIEW_MAX_HELD_DAYS",
        "max_api_tokens = 100  # default",
        "max_sessions = 100  # default",
        "max_streams = 500  # default",
        "max_streams_per_session = 10  # default",
    ] {
        assert!(told.out.lines().any(|one| one == line), "{line}\n{}", told.out);
    }
    for (name, value) in [
        ("TASKVIEW_MAX_BODY_KIB", "1"),
        ("TASKVIEW_MAX_WEBHOOKS", "0"),
        ("TASKVIEW_MAX_SESSIONS", "201"),
        ("TASKVIEW_MAX_STREAMS", "many"),
    ] {
        let refused = desk.run(&["config"], &[(name, value)]);
        assert_eq!(refused.code, Some(2), "{name}={value}");
    }
}

#[test]
fn a_wrong_setting_is_seen_beside_the_others() {
    let told = Desk::new("").run(&["config"], &[("TASKVIEW_PUBLIC_URL", "ftp://x")]);

    assert_eq!(told.code, Some(2));
    assert!(told.out.contains("public_url = \"ftp://x\""), "{}", told.out);
    assert!(told.err.starts_with("TASKVIEW_PUBLIC_URL: "), "{}", told.err);
}

#[test]
fn authorities_that_cannot_be_used_are_told_by_config() {
    let desk = Desk::new("extra_ca_file = \"taskview.toml\"\n");

    let told = desk.run(&["config", "--config", "taskview.toml"], &[]);
    let absent = desk.run(&["config"], &[("TASKVIEW_EXTRA_CA_FILE", "absent.pem")]);

    assert_eq!((told.code, absent.code), (Some(2), Some(2)));
    let sentence = "TASKVIEW_EXTRA_CA_FILE: the certificates in taskview.toml cannot be used: ";
    assert!(told.err.starts_with(sentence), "{}", told.err);
    assert!(absent.err.contains("absent.pem"), "{}", absent.err);
}

/// As `config | head -1` does.
#[test]
fn whoever_has_read_enough_may_close_the_pipe() {
    for arguments in [&["config"][..], &["openapi"], &["completions", "bash"]] {
        let (reading, writing) = std::io::pipe().expect("a pipe");
        drop(reading);
        let ended = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(writing)
            .output()
            .expect("the binary runs");

        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*told), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn the_file_holds_for_every_command_that_opens_the_database() {
    let desk = Desk::new("data_dir = \"elsewhere\"\n");
    let file = desk.file();
    let file = file.to_str().expect("a path");

    let listed = desk.run(&["user", "list", "--config", file], &[]);

    assert_eq!(listed.code, Some(1));
    assert!(listed.err.contains("elsewhere/taskview.db"), "{}", listed.err);
}

#[test]
fn a_shell_can_be_taught_to_complete() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef taskview-webhooks"),
        ("fish", "complete -c taskview-webhooks"),
    ] {
        let told = Desk::new("").run(&["completions", shell], &[]);

        assert_eq!(told.code, Some(0), "{}", told.err);
        assert!(told.out.contains(word) && told.out.contains("secret-file"), "{shell}");
    }
    assert_eq!(Desk::new("").run(&["completions", "cmd"], &[]).code, Some(2));
}

#[test]
fn what_every_command_takes_may_stand_before_it_and_what_serving_takes_may_not() {
    let desk = Desk::new("listen = \"127.0.0.1:1111\"\n");

    let told = desk.run(&["--config", "taskview.toml", "--log", "warn", "config"], &[]);
    let refused = desk.run(&["--listen", "127.0.0.1:0", "user", "list"], &[]);

    assert_eq!(told.code, Some(0), "{}", told.err);
    let line = "listen = \"127.0.0.1:1111\"  # taskview.toml";
    assert!(told.out.contains(line), "{}", told.out);
    assert_eq!(refused.code, Some(2));
    let sentence = "--listen stands before user; put it behind it";
    assert!(refused.err.contains(sentence), "{}", refused.err);
}
