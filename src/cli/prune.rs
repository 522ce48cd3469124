//! `prune`: makes the history as short as the settings say, or shorter, at once and beside a running server. What it cuts off when it is
//! stopped is cut between two slices; run again, it goes on.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::Failure;
use super::user::open_existing;
use crate::actions::retention::{self, Gone, Pruner};
use crate::config::StoreSettings;
use crate::data_lock::DataLock;
use crate::db::{DatabaseUrl, space};
use crate::domain::retention::Kept;
use crate::store::Store;
use crate::web::words::{counted, size, thousands};

/// Between two lines of progress.
const TELL_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Remove finished deliveries whose last attempt is older
    #[arg(long, env = "TASKVIEW_RETENTION_DAYS", default_value_t = Kept::default().days, value_parser = clap::value_parser!(u32).range(1..=36_500), value_name = "DAYS")]
    older_than: u32,
    /// Keep so many finished deliveries of each webhook, the newest ones
    #[arg(long, env = "TASKVIEW_RETENTION_PER_WEBHOOK", default_value_t = Kept::default().per_webhook, value_parser = clap::value_parser!(i64).range(1..=1_000_000_000), value_name = "N")]
    keep: i64,
    /// Count what would go, and remove nothing
    #[arg(long, conflicts_with = "vacuum")]
    dry_run: bool,
    /// Give the space back to the disk afterwards, which new deliveries would fill otherwise. An SQLite file of an older version
    /// is written anew once, for which the server has to be stopped
    #[arg(long)]
    vacuum: bool,
    #[command(flatten)]
    store: StoreSettings,
}

pub(super) async fn run(prune: Prune) -> Result<(), Failure> {
    let url = prune.store.database()?;
    let store = open_existing(&prune.store)?;
    let kept = Kept {
        days: prune.older_than,
        per_webhook: prune.keep,
    };
    let rules = format!(
        "older than {}, or more than {} of a webhook",
        counted(kept.days.into(), "day", "days"),
        thousands(kept.per_webhook)
    );
    if prune.dry_run {
        let plan = retention::plan(&store, kept).await?;
        println!(
            "{} and {} would go ({rules}): {} by their age, {} by their number",
            counted(plan.old + plan.too_many, "delivery", "deliveries"),
            counted(plan.events, "event", "events"),
            thousands(plan.old),
            thousands(plan.too_many),
        );
        println!("dry run: nothing was removed");
        return Ok(());
    }
    let mut pruner = Pruner::new(store.clone(), kept);
    let mut progress = Progress::default();
    let gone = pruner.lap_patiently(&mut |gone| progress.tell(gone)).await;
    progress.end();
    println!("{} ({rules})", removed(gone?));
    if prune.vacuum {
        give_back(&prune.store, &url, &store, &mut pruner).await?;
    }
    Ok(())
}

async fn give_back(
    settings: &StoreSettings,
    url: &DatabaseUrl,
    store: &Store,
    pruner: &mut Pruner,
) -> Result<(), Failure> {
    let failed = |reason: String| Failure::Other(format!("The space was not given back: {reason}"));
    let pages = store.read(|db| Ok(space::pages(db)?)).await?;
    let given = match pages {
        Some(pages) if pages.in_steps => pruner.give_space_back().await?,
        Some(pages) => {
            // Nobody else can write while a file is written anew, and a server must not begin meanwhile.
            let _lock = DataLock::take(&settings.data_dir).map_err(failed)?;
            anew(url).await.map_err(failed)?;
            pages.free * pages.size
        }
        None => {
            anew(url).await.map_err(failed)?;
            println!(
                "the space of what is gone is free for new rows; PostgreSQL gives back what lies at the end of its files"
            );
            return Ok(());
        }
    };
    println!(
        "{} were given back to the disk",
        size(usize::try_from(given).unwrap_or(0))
    );
    Ok(())
}

async fn anew(url: &DatabaseUrl) -> Result<(), String> {
    let url = url.clone();
    let done = tokio::task::spawn_blocking(move || space::vacuum(&url)).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}

fn removed(gone: Gone) -> String {
    let (deliveries, events) = (gone.deliveries as i64, gone.events as i64);
    format!(
        "{} and {} removed",
        counted(deliveries, "delivery", "deliveries"),
        counted(events, "event", "events")
    )
}

/// A line that is written over again and again, where somebody looks.
#[derive(Default)]
struct Progress {
    told: Option<Instant>,
}

impl Progress {
    fn tell(&mut self, gone: Gone) {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if is_due && std::io::stderr().is_terminal() {
            eprint!("\r{} …", removed(gone));
            let _ = std::io::stderr().flush();
            self.told = Some(Instant::now());
        }
    }

    fn end(&self) {
        if self.told.is_some() {
            eprintln!();
        }
    }
}
