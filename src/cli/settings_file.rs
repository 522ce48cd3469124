//! `--config`: settings from a TOML file. What stands in it becomes the default of the option with that name, so that the environment and
//! the command line win over it, and one check holds for all three.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};

use super::Failure;

const PREFIX: &str = "TASKVIEW_";
/// Names this close are meant.
const ALIKE: f64 = 0.8;

pub(crate) struct SettingsFile {
    path: PathBuf,
    /// By the name of the environment variable.
    values: BTreeMap<String, String>,
}

/// The file that the command line or the environment names, before anything else is read.
pub(super) fn named(command: &Command) -> Option<PathBuf> {
    // What is wrong with the line is said when it is read for good.
    let matches = command.clone().ignore_errors(true).try_get_matches().ok()?;
    let deepest = std::iter::successors(Some(&matches), |matches| matches.subcommand().map(|(_, sub)| sub));
    let mut named = deepest.filter_map(|matches| matches.try_get_one::<PathBuf>("config").ok().flatten());
    // Set but empty is not set, as where a template of the environment names it.
    named.next().filter(|path| !path.as_os_str().is_empty()).cloned()
}

impl SettingsFile {
    /// An unknown name, or a value that is no text, number or list, refuses the file.
    pub(super) fn read(command: &Command, path: PathBuf) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("the file cannot be read: {error}"));
        let parsed = text.and_then(|text| SettingsFile::parse(command, path.clone(), &text));
        parsed.map_err(|reason| Failure::Usage(format!("{}: {reason}", path.display())))
    }

    /// The error is a sentence that repeats no value: it may be that of the master key.
    pub(crate) fn parse(command: &Command, path: PathBuf, text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error| no_toml(text, &error))?;
        let known = settings(command);
        let mut values = BTreeMap::new();
        for (name, value) in table {
            let variable = format!("{PREFIX}{}", name.to_uppercase());
            if !known.contains(&variable) {
                let meant = closest(&variable, &known).map(in_file);
                return Err(format!("there is no setting “{name}”{}", did_you_mean(meant)));
            }
            let value = plain(&value)
                .ok_or_else(|| format!("“{name}” must be a text in quotes, a number, or a list of texts"))?;
            if values.insert(variable, value).is_some() {
                return Err(format!("“{name}” is set twice, in two spellings"));
            }
        }
        Ok(SettingsFile { path, values })
    }

    /// The command whose defaults are what the file says.
    pub(crate) fn below(&self, command: Command) -> Command {
        let set: Vec<(String, String)> = command
            .get_arguments()
            .filter_map(|arg| Some((arg.get_id().to_string(), self.value(arg)?.to_owned())))
            .collect();
        let mut command = command;
        for (id, value) in set {
            command = command.mut_arg(id, |arg| arg.default_value(value));
        }
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for name in names {
            command = command.mut_subcommand(name, |sub| self.below(sub));
        }
        command
    }

    /// What it says for the option.
    pub(crate) fn value(&self, arg: &Arg) -> Option<&str> {
        self.values.get(&variable(arg)?).map(String::as_str)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The environment variable of an option.
pub(crate) fn variable(arg: &Arg) -> Option<String> {
    let name = arg.get_env()?.to_str()?;
    Some(name.to_owned())
}

/// `TASKVIEW_PUBLIC_URL` → `public_url`
pub(super) fn in_file(variable: &str) -> String {
    variable.trim_start_matches(PREFIX).to_lowercase()
}

/// Variables that look like settings and are none: most are misspelt.
pub(super) fn unknown_variables(command: &Command) -> Vec<String> {
    let mut known = settings(command);
    known.push(format!("{PREFIX}CONFIG"));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .map(|name| {
            let meant = closest(&name, &known).map(str::to_owned);
            format!("{name} is no setting and has no effect{}", did_you_mean(meant))
        })
        .collect()
}

/// The variables of all settings; serving knows each of them. The file's own name cannot stand in the file.
fn settings(command: &Command) -> Vec<String> {
    let all = command.get_arguments().filter_map(variable);
    all.filter(|name| name != "TASKVIEW_CONFIG").collect()
}

fn closest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let like = |one: &str| strsim::jaro_winkler(name.trim_start_matches(PREFIX), one.trim_start_matches(PREFIX));
    let best = known.iter().max_by(|a, b| like(a).total_cmp(&like(b)))?;
    (like(best) > ALIKE).then_some(best.as_str())
}

fn did_you_mean(meant: Option<String>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
}

/// Without the line itself, which may be that of the master key.
fn no_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    let reason = error.message().lines().next().unwrap_or_default();
    format!("line {line} is no TOML: {reason}; a text stands in quotes, name = \"value\"")
}

/// As it would stand in the environment.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}
