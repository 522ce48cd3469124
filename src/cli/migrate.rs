//! `migrate`: brings the schema of a database up to date before a server does it at its start, or says what there is to do.

use super::Failure;
use super::user::existing;
use crate::config::StoreSettings;
use crate::db::migrations::Schema;
use crate::db::{DatabaseUrl, Db, Purpose};

#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    store: StoreSettings,
}

pub(super) fn run(migrate: &Migrate) -> Result<(), Failure> {
    let url = existing(&migrate.store)?;
    let cannot = |reason: String| Failure::Other(format!("The database {url} cannot be migrated: {reason}"));
    // To write also for a look: on PostgreSQL it is the account that migrates which must get in.
    let mut db = Db::open(&url, Purpose::Write).map_err(|error| cannot(error.to_string()))?;
    if migrate.dry_run {
        let schema = Schema::of(&mut db).map_err(|error| cannot(error.to_string()))?;
        let schema = schema.unwrap_or_default();
        schema.check().map_err(cannot)?;
        say(&url, "would run", &schema.pending());
    } else {
        say(&url, "ran", &db.migrate().map_err(cannot)?);
    }
    Ok(())
}

fn say(url: &DatabaseUrl, done: &str, names: &[String]) {
    for name in names {
        println!("{done} {name}");
    }
    if names.is_empty() {
        println!("{url} is up to date");
    }
}
