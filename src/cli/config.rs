//! `config`: the settings that hold, as a settings file, with where each comes from. What is secret is not shown.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _};

use super::settings_file::{SettingsFile, in_file, variable};
use super::{Cli, Failure, serve, terminal};
use crate::config::Settings;
use crate::public_url::without_password;
use crate::server;

/// Prints them, then checks them: a wrong one is seen beside the others.
pub(super) fn run(settings: Settings, matches: &ArgMatches, file: Option<&SettingsFile>) -> Result<(), Failure> {
    let matches = matches.subcommand().map_or(matches, |(_, sub)| sub);
    let mut shown = Vec::new();
    for arg in Cli::command().get_arguments() {
        let Some(variable) = variable(arg) else { continue };
        let name = in_file(&variable);
        let id = arg.get_id().as_str();
        let value = matches
            .try_get_raw(id)
            .ok()
            .flatten()
            .and_then(|mut values| values.next());
        let Some(value) = value.map(|value| value.to_string_lossy()) else {
            shown.push(format!("# {name} is not set"));
            continue;
        };
        if value.is_empty() && name == "config" {
            shown.push(format!("# {name} is not set"));
            continue;
        }
        let value = if name == "public_url" {
            without_password(&value)
        } else {
            value.into_owned()
        };
        let from = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "command line".to_owned(),
            Some(ValueSource::EnvVariable) => format!("environment, {variable}"),
            _ => match file.filter(|file| file.value(arg).is_some()) {
                Some(file) => file.path().display().to_string(),
                None => "default".to_owned(),
            },
        };
        // The file cannot name itself.
        let hidden = if arg.is_hide_env_values_set() {
            "••••"
        } else {
            ""
        };
        shown.push(match (name.as_str(), hidden) {
            ("config", _) => format!("# config = {}  # {from}", quoted(&value)),
            (_, "") => format!("{name} = {}  # {from}", literal(&value)),
            (_, hidden) => format!("# {name} = {}  # {from}", quoted(hidden)),
        });
    }
    terminal::print(&lines(shown))?;
    let config = settings.check()?;
    server::extra_roots(&config)?;
    let described = serve::described(&config).into_iter().map(|line| format!("# {line}"));
    terminal::print(&format!("\n{}", lines(described)))
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}

fn literal(value: &str) -> String {
    // Written as it is given: 1 and 0.25 are numbers, 1e5 and 01 may be names of folders.
    match toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .as_ref()
        .and_then(|table| table.get("v"))
    {
        Some(toml::Value::Integer(number)) if number.to_string() == value => value.to_owned(),
        Some(toml::Value::Float(number)) if number.to_string() == value => value.to_owned(),
        _ => quoted(value),
    }
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}
