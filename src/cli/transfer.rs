//! `export` and `import`: the webhooks of a project as a TOML file. The operator acts in the name of the project's owner.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use super::terminal::{printable, read_input};
use super::user::open_existing;
use crate::actions::access::Actor;
use crate::actions::transfer::{self, Change};
use crate::config::{Settings, StoreSettings};
use crate::db::{memberships, projects};
use crate::domain::ids::ProjectId;
use crate::domain::webhook_file::WebhookFile;
use crate::server::open_vault;
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Name or number of the project
    project: String,
    #[command(flatten)]
    store: StoreSettings,
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// Name or number of the project
    project: String,
    /// TOML file as export writes it; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the secrets of the webhooks that are added; otherwise rotate them on their pages to see one
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    settings: Settings,
}

pub(super) async fn export(export: Export) -> Result<(), Failure> {
    let store = open_existing(&export.store)?;
    let (project, name, owner) = find(&store, &export.project).await?;
    let file = store.read(move |db| transfer::export(db, &owner, project)).await?;
    let text = file.to_text().map_err(Failure::Other)?;
    println!(
        "# Webhooks of “{}”. Secrets are not in here, and of own headers no values.\n",
        printable(&name)
    );
    print!("{text}");
    Ok(())
}

pub(super) async fn import(import: Import) -> Result<(), Failure> {
    let file = read(&import.file)?;
    let store = open_existing(&import.settings.store)?;
    let config = import.settings.check()?;
    let store = store.under(config.limits);
    let (project, name, owner) = find(&store, &import.project).await?;
    let (allow, most) = (config.allow.clone(), config.limits.webhooks);
    if import.dry_run {
        let changes = store
            .read(move |db| transfer::plan(db, &owner, project, &file, &allow, most))
            .await?;
        show(&changes);
        println!("dry run: nothing was changed in “{}”", printable(&name));
        return Ok(());
    }
    let (_, vault) = open_vault(&store, &config).await?;
    let file = Arc::new(file);
    let ((changes, added), _) = store
        .write(move |tx| transfer::import(tx, &owner, project, &file, &vault, &allow))
        .await?;
    show(&changes);
    for one in &added {
        let title = printable(&one.title);
        if import.show_secrets {
            println!("secret of {title}: {}", one.secret.expose());
        } else {
            println!("{title} has a new secret: rotate it on its page to see one, or import with --show-secrets");
        }
    }
    println!("imported into “{}”", printable(&name));
    Ok(())
}

/// The project that is meant, and its owner.
async fn find(store: &Store, wanted: &str) -> Result<(ProjectId, String, Actor), Failure> {
    let text = wanted.to_owned();
    let mut found = store.read(move |db| Ok(projects::called(db, &text)?)).await?;
    // A number is a number, whatever some project is called.
    if found.iter().any(|(id, _)| id.to_string() == wanted) {
        found.retain(|(id, _)| id.to_string() == wanted);
    }
    let Some((id, name)) = found.pop() else {
        return Err(Failure::Other(format!("There is no project “{wanted}”.")));
    };
    if !found.is_empty() {
        found.push((id, name));
        let ids: Vec<String> = found.iter().map(|(id, _)| id.to_string()).collect();
        return Err(Failure::Other(format!(
            "{} projects are called “{wanted}”; name one by its number: {}.",
            ids.len(),
            ids.join(", ")
        )));
    }
    let owner = store.read(move |db| Ok(memberships::owner(db, id)?)).await?;
    Ok((id, name, Actor::account(owner, None)))
}

fn read(path: &Path) -> Result<WebhookFile, Failure> {
    let bytes = read_input(path)?;
    let wrong = |sentence: String| Failure::Other(format!("{}: {sentence}", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not a text".to_owned()))?;
    WebhookFile::parse(&text).map_err(|sentence| wrong(printable(&sentence)))
}

fn show(changes: &[Change]) {
    for change in changes {
        match change {
            Change::Add(entry) => {
                let state = if entry.active == Some(false) { ", off" } else { "" };
                let (title, url) = (printable(entry.title()), printable(&entry.url));
                println!("+ {title}: {url} for {}{state}", printable(&entry.events.join(", ")));
            }
            Change::Edit { entry, differences, .. } => {
                println!("~ {}", printable(entry.title()));
                for (field, before, after) in differences {
                    println!("    {field}: {} → {}", printable(before), printable(after));
                }
            }
            Change::Same { title } => println!("= {}", printable(title)),
            Change::LeftAlone { title } => println!("  {} is not in the file and is left alone", printable(title)),
        }
    }
}
