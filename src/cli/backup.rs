//! `backup` and `restore`: one file with everything in it but the master key. The file is the same whichever database it is of, so that
//! it also moves an installation from SQLite to PostgreSQL and back.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::Failure;
use super::key::given;
use super::user::existing;
use crate::backup::restore::{Before, Caught, Order};
use crate::backup::{self, Existing, Made, restore};
use crate::clock::Clock;
use crate::config::StoreSettings;
use crate::db::DatabaseUrl;
use crate::db::backup::Held;
use crate::db::restore::SignIns;
use crate::web::words::counted;

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// File to write; - is standard output
    file: PathBuf,
    /// Replace the file if it is there, once the new one is complete
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    store: StoreSettings,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// File as backup writes it; - is standard input
    file: PathBuf,
    /// Take the place of the database that is there, which is kept under another name
    #[arg(long)]
    force: bool,
    /// End all sessions and links of invitations and revoke all API tokens: those that were revoked since the backup was made are valid again in it
    #[arg(long)]
    sign_out_everybody: bool,
    #[command(flatten)]
    store: StoreSettings,
}

pub(super) fn backup(backup: &Backup) -> Result<(), Failure> {
    let source = existing(&backup.store)?;
    let (_, ring) = given(&backup.store)?;
    let existing = if backup.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let to_output = backup.file.as_os_str() == "-";
    let made = if to_output {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            return Err(Failure::Usage(
                "A backup is no text for a terminal: name a file, or lead the output into one.".to_owned(),
            ));
        }
        backup::pour(&source, &backup.store.data_dir, ring.as_ref(), &mut out)
    } else {
        backup::make(&source, &backup.file, existing, ring.as_ref())
    };
    let made = made.map_err(Failure::Other)?;
    let file = if to_output {
        "standard output".to_owned()
    } else {
        std::path::absolute(&backup.file)
            .unwrap_or_else(|_| backup.file.clone())
            .display()
            .to_string()
    };
    for line in described(&made, &file, &source, ring.is_some()) {
        if to_output {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }
    Ok(())
}

pub(super) fn restore(restore: &Restore) -> Result<(), Failure> {
    let target = restore.store.database()?;
    let (source, ring) = given(&restore.store)?;
    let caught = if restore.file.as_os_str() == "-" {
        let caught = Caught::from(&mut io::stdin().lock(), &restore.store.data_dir);
        Some(caught.map_err(Failure::Other)?)
    } else {
        None
    };
    let file = caught.as_ref().map_or(restore.file.as_path(), Caught::path);
    let order = Order {
        target: &target,
        data_dir: &restore.store.data_dir,
        source: &source,
        ring: ring.as_ref(),
        before: if restore.force {
            Before::KeepAside
        } else {
            Before::Refuse
        },
        sign_ins: if restore.sign_out_everybody {
            SignIns::End
        } else {
            SignIns::Stay
        },
        now: Clock::default().now(),
    };
    let restored = restore::restore(file, &order).map_err(Failure::Other)?;
    println!("restored:   {target}");
    println!("holds:      {}", counts(&restored.held));
    if let Some(kept) = &restored.kept {
        println!("before:     what was there is kept in {kept}");
    }
    println!("deliveries: {}", pending(&restored.held));
    match order.sign_ins {
        SignIns::End => println!("sign-ins:   everybody is signed out, API tokens and invitations are void"),
        SignIns::Stay => println!(
            "sign-ins:   as they were then: what was revoked since is valid again (--sign-out-everybody ends all of it)"
        ),
    }
    Ok(())
}

fn described(made: &Made, file: &str, source: &DatabaseUrl, tried: bool) -> Vec<String> {
    let mut lines = vec![
        format!(
            "backup:     {file} ({} KiB, schema {})",
            made.size.div_ceil(1024),
            made.schema
        ),
        format!("database:   {source}"),
        format!("holds:      {}", counts(&made.held)),
    ];
    let ids = made.keys.join(" and ");
    lines.push(match (ids.is_empty(), tried) {
        (true, _) => "master key: none yet, no server has run on it".to_owned(),
        (false, true) => {
            format!("master key: {ids} opens it, and is not in it: keep a copy of the key in another place")
        }
        (false, false) => format!("master key: {ids} is needed to open it, which was not tried: no key is given here"),
    });
    if made.loose_ends > 0 {
        lines.push(format!(
            "attention:  {} rows refer to others that are not there, in the database too",
            made.loose_ends
        ));
    }
    lines
}

fn counts(held: &Held) -> String {
    format!(
        "{}, {}, {}, {}",
        counted(held.accounts, "account", "accounts"),
        counted(held.projects, "project", "projects"),
        counted(held.webhooks, "webhook", "webhooks"),
        counted(held.deliveries, "delivery", "deliveries")
    )
}

fn pending(held: &Held) -> String {
    match held.pending {
        0 => "none is pending".to_owned(),
        n => format!(
            "{n} pending; a server sends them when it starts, also those that were sent since the backup was made (with the same \
             webhook-id)"
        ),
    }
}
