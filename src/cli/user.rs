//! `user …`: accounts without the browser. `add` makes the database when there is none, so that an installation can be
//! scripted; the others refuse. A server may be running beside it.

use std::io::Read as _;

use clap::Subcommand;
use zeroize::Zeroizing;

use super::Failure;
use crate::actions::accounts::NewAccount;
use crate::actions::operator::{self, Left};
use crate::clock::Clock;
use crate::config::StoreSettings;
use crate::db::{DatabaseUrl, users};
use crate::gate::Gate;
use crate::server::open_store;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an account; the first one may be made like this too
    Add {
        /// Name to sign in with
        login: String,
        /// E-mail address, with which one can sign in too; nothing is ever sent to it
        #[arg(long)]
        email: String,
        /// Display name [default: the login]
        #[arg(long)]
        name: Option<String>,
        /// An administrator, who sees the audit log of the installation; the first account is one anyway
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        store: StoreSettings,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        store: StoreSettings,
    },
    /// Set a new password; the account's sessions end
    Password {
        /// Login or e-mail of the account
        login: String,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        store: StoreSettings,
    },
    /// Make somebody an administrator, who sees the audit log of the installation
    Admin {
        /// Login or e-mail of the account
        login: String,
        /// Take it back
        #[arg(long)]
        revoke: bool,
        #[command(flatten)]
        store: StoreSettings,
    },
    /// End all sessions of an account; who knows the password can sign in again
    SignOut {
        /// Login or e-mail of the account
        login: String,
        /// Revoke its API tokens too
        #[arg(long)]
        api_tokens: bool,
        #[command(flatten)]
        store: StoreSettings,
    },
    /// Keep somebody from signing in; the account's sessions end
    Disable {
        /// Login or e-mail of the account
        login: String,
        /// Even if nobody is left to look after the installation
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        store: StoreSettings,
    },
    /// Let somebody who was disabled sign in again, with the same password
    Enable {
        /// Login or e-mail of the account
        login: String,
        #[command(flatten)]
        store: StoreSettings,
    },
}

/// Never an argument: the list of processes would show it.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordFrom {
    /// Read the password from standard input
    #[arg(long, required = true)]
    password_stdin: bool,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Add {
            login,
            email,
            name,
            admin,
            password: _,
            store,
        } => {
            let url = store.database()?;
            let store = open_store(&url, Clock::default())?;
            let new = NewAccount {
                login,
                email,
                name: name.unwrap_or_default(),
                password: read_password()?,
            };
            let gate = Gate::default();
            let user = if admin {
                operator::add_administrator(&store, &gate, new).await?
            } else {
                operator::add(&store, &gate, new).await?
            };
            println!("added {} to the database {url}", user.login);
        }
        Command::List { store } => {
            let people = open_existing(&store)?.read(|db| Ok(users::list(db)?)).await?;
            for user in people {
                let state = if user.disabled_at.is_some() {
                    "disabled"
                } else {
                    "active"
                };
                let rights = if user.administrator { "\tadministrator" } else { "" };
                println!("{}\t{}\t{}\t{state}{rights}", user.login, user.email, user.name);
            }
        }
        Command::Password {
            login,
            password: _,
            store,
        } => {
            let store = open_existing(&store)?;
            operator::reset_password(&store, &Gate::default(), login.clone(), read_password()?).await?;
            println!("changed the password of {login}");
        }
        Command::Admin { login, revoke, store } => {
            let store = open_existing(&store)?;
            if revoke {
                let user = operator::unmake_administrator(&store, login).await?;
                println!("{} is no administrator", user.login);
            } else {
                let user = operator::make_administrator(&store, login).await?;
                println!("{} is an administrator", user.login);
            }
        }
        Command::SignOut {
            login,
            api_tokens,
            store,
        } => {
            let store = open_existing(&store)?;
            let ended = if api_tokens {
                operator::sign_out_programs_too(&store, login.clone()).await?
            } else {
                operator::sign_out(&store, login.clone()).await?
            };
            print!("signed out {login}: {} ended", counted(ended.sessions, "session"));
            if api_tokens {
                print!(", {} revoked", counted(ended.api_tokens, "API token"));
            }
            println!();
        }
        Command::Disable { login, force, store } => {
            let left = if force { Left::Nobody } else { Left::Somebody };
            operator::disable(&open_existing(&store)?, login.clone(), left).await?;
            println!("disabled {login}");
        }
        Command::Enable { login, store } => {
            operator::enable(&open_existing(&store)?, login.clone()).await?;
            println!("enabled {login}");
        }
    }
    Ok(())
}

pub(super) fn open_existing(settings: &StoreSettings) -> Result<Store, Failure> {
    Ok(open_store(&existing(settings)?, Clock::default())?)
}

/// A database that only `serve` and `user add` would make.
pub(super) fn existing(settings: &StoreSettings) -> Result<DatabaseUrl, Failure> {
    let url = settings.database()?;
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
    {
        return Err(Failure::Other(format!(
            "There is no database at {url}: set TASKVIEW_DATA_DIR or TASKVIEW_DATABASE_URL to where it is."
        )));
    }
    Ok(url)
}

pub(super) fn counted(count: usize, what: &str) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{count} {what}{many}")
}

fn read_password() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::Other(format!("The password cannot be read from standard input: {error}.")))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
