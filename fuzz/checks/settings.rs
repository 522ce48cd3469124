//! The settings file. What it says arrives at the settings as if the environment had said it, is written and read again as the same,
//! and no mistake in it makes a sentence that repeats the master key.

use std::cell::RefCell;
use std::path::PathBuf;

use clap::{Args as _, Command, FromArgMatches as _};

use crate::cli::settings_file::{SettingsFile, variable};
use crate::config::Settings;

/// A value that no input has by chance; a fuzzer has found it in here.
const CANARY: &str = "canary-5f1e77c0";

pub fn check(input: &[u8]) {
    thread_local! {
        static COMMAND: RefCell<Command> = RefCell::new(Settings::augment_args(Command::new("t")));
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    COMMAND.with_borrow(|command| {
        if let Ok(file) = parse(command, text) {
            accepted(command, text, &file);
        }
        if text.contains(CANARY) {
            return;
        }
        for with in [
            format!("{text}\nmaster_key = \"{CANARY}\"\n"),
            format!("master_key = \"{CANARY}\"\n{text}"),
            format!("master_key = \"{CANARY}{text}"),
        ] {
            if let Err(sentence) = parse(command, &with) {
                assert!(!sentence.contains(CANARY), "{sentence}");
            }
        }
    });
}

fn parse(command: &Command, text: &str) -> Result<SettingsFile, String> {
    SettingsFile::parse(command, PathBuf::from("taskview.toml"), text)
}

fn accepted(command: &Command, text: &str, file: &SettingsFile) {
    let table: toml::Table = text.parse().expect("it was read as TOML");
    let mut written = toml::Table::new();
    for arg in command.get_arguments() {
        let (Some(variable), Some(value)) = (variable(arg), file.value(arg)) else {
            continue;
        };
        let name = variable.trim_start_matches("TASKVIEW_").to_lowercase();
        assert!(table.keys().any(|key| key.eq_ignore_ascii_case(&name)), "{name} was not set");
        written.insert(name, value.into());
    }
    assert_eq!(written.len(), table.len(), "a setting was lost or set twice");
    let again = parse(command, &written.to_string()).expect("what was written can be read");
    for arg in command.get_arguments() {
        assert_eq!(again.value(arg), file.value(arg));
    }

    let matches = file.below(command.clone()).try_get_matches_from(["t"]);
    let Ok(settings) = matches.and_then(|matches| Settings::from_arg_matches(&matches)) else {
        return;
    };
    let (proxies, given) = (settings.trusted_proxies.clone(), settings.public_url.clone());
    let config = match settings.check() {
        Ok(config) => config,
        Err(error) => {
            assert!(error.setting.starts_with("TASKVIEW_") && !error.reason.is_empty());
            return;
        }
    };
    for net in &config.trusted_proxies {
        let list = proxies.as_deref().unwrap_or_default();
        assert!(list.contains(&net.addr().to_string()) || net.addr().is_ipv6(), "{net} of {list}");
    }
    assert_eq!(config.public_url.is_some(), given.is_some());
    if let Some(url) = &config.public_url {
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host());
        assert_eq!((url.path(), url.query(), url.fragment()), ("/", None, None));
        assert!(url.username().is_empty() && url.password().is_none(), "{url} goes into links");
        assert!(!config.laptop_mode());
    }
    if !config.listen.ip().is_loopback() {
        assert!(!config.laptop_mode());
    }
}
