//! The command line: reads it, starts the log, runs one command. Exit code 2 means wrong use or a wrong setting, 1 that it
//! failed; both come with one sentence that says what to change.

mod backup;
mod config;
mod demo;
mod health;
mod key;
mod listen;
mod log;
mod migrate;
mod prune;
mod serve;
pub(crate) mod settings_file;
mod terminal;
mod transfer;
mod user;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::TypedValueParser as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use self::settings_file::SettingsFile;
use crate::config::{SettingError, Settings};
use crate::error::AppError;
use crate::server::StartError;
use crate::web::api::openapi;

#[derive(Debug, Parser)]
#[command(
    name = "taskview-webhooks",
    version,
    about = "Self-hosted webhooks for tasks: every change becomes an event, every event a signed, retried, visible delivery.",
    long_about = "Self-hosted webhooks for tasks: every change becomes an event, every event a signed, retried, visible delivery.\n\n\
                  Without a command it serves: pages and JSON on one address, deliveries in the background. Every setting is an \
                  option, an environment variable, and a line of the file that --config names; the first of these wins.",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong use or a wrong setting."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: Settings,

    /// TOML file with settings: their names as in the environment, in lower case and without TASKVIEW_
    #[arg(long, env = "TASKVIEW_CONFIG", global = true, value_parser = file_or_nothing(), value_name = "FILE")]
    config: Option<PathBuf>,

    /// What to log, e.g. info, warn or taskview_webhooks=debug
    #[arg(
        long,
        env = "TASKVIEW_LOG",
        default_value = "info",
        global = true,
        value_name = "FILTER"
    )]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve pages and JSON, and deliver (the default)
    Serve(Settings),
    /// Show it alive: a throw-away installation with projects, people, traffic and receivers that misbehave
    Demo(demo::Demo),
    /// Manage accounts
    #[command(subcommand)]
    User(user::Command),
    /// See and rotate the master key
    #[command(subcommand)]
    Key(key::Command),
    /// Receive deliveries on this machine and print them
    Listen(listen::Listen),
    /// Check the signatures of a saved body
    Verify(verify::Verify),
    /// Write the webhooks of a project as TOML, without secrets
    Export(transfer::Export),
    /// Add and change webhooks of a project as a TOML file says
    Import(transfer::Import),
    /// Remove what is old, or too much, of the delivery history
    Prune(prune::Prune),
    /// Write everything into one file, while servers run; the master key is not in it
    Backup(backup::Backup),
    /// Make a database of such a file; SQLite or PostgreSQL, whichever it was
    Restore(backup::Restore),
    /// Bring the schema of the database up to date, which a server also does when it starts
    Migrate(migrate::Migrate),
    /// Ask a running server how it is: exit code 0 when it is well, 1 when not
    Health(health::Health),
    /// Print the settings that hold, and where each comes from
    Config(Settings),
    /// Print the description of the API (OpenAPI 3.1)
    Openapi,
    /// Print what lets a shell complete commands and options
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// An empty name too, which clap's own parser of paths refuses.
fn file_or_nothing() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    clap::builder::OsStringValueParser::new().map(PathBuf::from)
}

/// Why a command ended without having done its work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Setting(#[from] SettingError),
    #[error("{0}")]
    Start(#[from] StartError),
    /// The command or a setting is not as it must be.
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Other(String),
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let sentence = match &error {
            AppError::Invalid(fields) => fields
                .iter()
                .map(|field| terminal::printable(&format!("{}: {}", field.name, field.message)))
                .collect::<Vec<_>>()
                .join("\n"),
            other => match other.detail() {
                Some(detail) => format!("{other} ({detail})"),
                None => other.to_string(),
            },
        };
        Failure::Other(sentence)
    }
}

pub async fn run() -> ExitCode {
    keep_memory_off_disks();
    let done = match read() {
        Ok(line) => command(line).await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            let wrong_use = matches!(failure, Failure::Setting(_) | Failure::Usage(_));
            ExitCode::from(if wrong_use { 2 } else { 1 })
        }
    }
}

/// Every command has secrets in its memory. Without this a crash may write it to a file, wherever this system puts such files, and
/// other programs of the same account may read it.
fn keep_memory_off_disks() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Refused by some sandboxes, which then have the say.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// What somebody asked for, over what the settings file says.
struct Line {
    cli: Cli,
    matches: clap::ArgMatches,
    file: Option<SettingsFile>,
}

fn read() -> Result<Line, Failure> {
    let command = without_empty_variables(Cli::command());
    let file = settings_file::named(&command).map(|path| SettingsFile::read(&command, path));
    let file = file.transpose()?;
    let command = match &file {
        Some(file) => file.below(command),
        None => command,
    };
    // Ends the program with its own words when the line is wrong, or asks for help.
    let matches = command.get_matches();
    misplaced(&matches)?;
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Ok(Line { cli, matches, file })
}

/// `NAME=` is what compose files make of a variable that nobody has set. Only a list of allowed targets says something by being empty.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let unset = |arg: clap::Arg| match arg.get_env() {
        Some(name)
            if arg.get_id() != "allow_targets" && std::env::var_os(name).is_some_and(|value| value.is_empty()) =>
        {
            arg.env(clap::builder::Resettable::Reset)
        }
        _ => arg,
    };
    command.mut_args(unset).mut_subcommands(without_empty_variables)
}

/// What stands before a command is for serving, which is not what was asked for; but for what every command takes.
fn misplaced(matches: &clap::ArgMatches) -> Result<(), Failure> {
    let Some(name) = matches.subcommand_name() else {
        return Ok(());
    };
    let given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(clap::parser::ValueSource::CommandLine);
    let own = Cli::command();
    let mut options = matches.ids().filter(given).filter_map(|id| {
        let arg = own.get_arguments().find(|arg| arg.get_id() == id)?;
        arg.get_long().filter(|_| !arg.is_global_set()).map(str::to_owned)
    });
    match options.next() {
        Some(option) => Err(Failure::Usage(format!(
            "--{option} stands before {name}; put it behind it: taskview-webhooks {name} --{option} …"
        ))),
        None => Ok(()),
    }
}

async fn command(line: Line) -> Result<(), Failure> {
    let cli = line.cli;
    log::start(&cli.log).map_err(|reason| Failure::Usage(format!("TASKVIEW_LOG: {reason}")))?;
    for sentence in settings_file::unknown_variables(&Cli::command()) {
        tracing::warn!("{sentence}");
    }
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Demo(demo)) => demo::run(demo).await,
        Some(Command::Serve(settings)) => serve::run(settings).await,
        Some(Command::User(command)) => user::run(command).await,
        Some(Command::Key(command)) => key::run(command).await,
        Some(Command::Listen(listen)) => listen::run(listen).await,
        Some(Command::Verify(verify)) => verify::run(&verify),
        Some(Command::Export(export)) => transfer::export(export).await,
        Some(Command::Import(import)) => transfer::import(import).await,
        Some(Command::Prune(prune)) => prune::run(prune).await,
        Some(Command::Backup(wanted)) => backup::backup(&wanted),
        Some(Command::Restore(wanted)) => backup::restore(&wanted),
        Some(Command::Migrate(wanted)) => migrate::run(&wanted),
        Some(Command::Health(health)) => health::run(health).await,
        Some(Command::Config(settings)) => config::run(settings, &line.matches, line.file.as_ref()),
        Some(Command::Openapi) => terminal::print(&openapi::text()),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
            terminal::print(&String::from_utf8_lossy(&script))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_memory_goes_into_no_core_dump() {
        use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();

        keep_memory_off_disks();

        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn serving_is_what_happens_without_a_command() {
        let cli = Cli::try_parse_from(["t", "--listen", "127.0.0.1:0"]).unwrap();

        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen.port(), 0);
    }
}
