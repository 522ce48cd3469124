//! Putting a backup back: everything that can be wrong with it is found before anything is touched, and what was there before is kept
//! under another name. The new database gets its name at the very end; a kill before that leaves the old one as it was.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::partial::{COMPANIONS, Partial, beside, flush_folder, suffixed};
use super::{check_keys, is_same, needed};
use crate::data_lock::DataLock;
use crate::db::DatabaseUrl;
use crate::db::backup::{Held, Opened};
use crate::db::restore::{self as database, Folded, Old, SignIns};
use crate::domain::moment::Moment;
use crate::key_file::Source;
use crate::own_folder;
use crate::vault::KeyRing;

/// What is done with a database that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Refuse,
    KeepAside,
}

pub struct Order<'a> {
    pub target: &'a DatabaseUrl,
    pub data_dir: &'a Path,
    /// Where the keys come from, and which there are.
    pub source: &'a Source,
    pub ring: Option<&'a KeyRing>,
    pub before: Before,
    pub sign_ins: SignIns,
    pub now: Moment,
}

#[derive(Debug)]
pub struct Restored {
    pub held: Held,
    /// Where the database is that was there before.
    pub kept: Option<String>,
    pub keys: Vec<String>,
}

/// What comes from somewhere that can be read once only, in a file that goes away with it.
pub struct Caught(Partial);

impl Caught {
    pub fn from(input: &mut dyn io::Read, folder: &Path) -> Result<Caught, String> {
        let cannot = |error: io::Error| format!("The backup cannot be kept in {}: {error}.", folder.display());
        own_folder::make(folder).map_err(cannot)?;
        let mut partial = Partial::take(&beside(&folder.join("backup-from-input")))?;
        partial.fill(input).map_err(cannot)?;
        Ok(Caught(partial))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// An error is a sentence, and nothing was changed.
pub fn restore(file: &Path, order: &Order<'_>) -> Result<Restored, String> {
    let mut opened = open(file)?;
    let keys = match order.ring {
        Some(ring) => check_keys(&mut opened, ring, "this backup")?,
        None => match needed(&mut opened) {
            Ok(none) if none.is_empty() => none,
            Ok(keys) => {
                return Err(format!(
                    "This backup opens with the master key {}, which is not given: put it at {}, or set TASKVIEW_MASTER_KEY.",
                    keys.join(" and "),
                    order.source
                ));
            }
            Err(error) => return Err(format!("The keys of this backup cannot be read: {error}.")),
        },
    };
    let stamp: String = order.now.iso().chars().filter(char::is_ascii_digit).take(17).collect();
    let (held, kept) = match order.target {
        DatabaseUrl::Sqlite(target) => into_file(file, target, &stamp, order)?,
        DatabaseUrl::Postgres(_) => {
            let aside = format!("before_restore_{stamp}");
            let old = match order.before {
                Before::Refuse => Old::Refuse,
                Before::KeepAside => Old::KeepIn(aside.clone()),
            };
            let filled = database::fill(order.target, &mut opened, &old, order.sign_ins)?;
            (filled.held, filled.put_away.then(|| format!("the schema {aside}")))
        }
    };
    Ok(Restored { held, kept, keys })
}

fn open(file: &Path) -> Result<Opened, String> {
    let cannot = |error: io::Error| format!("{} cannot be read: {error}.", file.display());
    if !fs::metadata(file).map_err(cannot)?.is_file() {
        return Err(format!("{} is no file.", file.display()));
    }
    // A database that was copied while it was in use: what is missing in it stands there.
    let log = suffixed(file, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(format!(
            "{} is a database in use and no backup: {} belongs to it. Make one with the command backup.",
            file.display(),
            log.display()
        ));
    }
    Opened::of(file)
}

fn into_file(file: &Path, target: &Path, stamp: &str, order: &Order<'_>) -> Result<(Held, Option<String>), String> {
    // Until the end: a server that starts meanwhile is told to wait.
    let _lock = DataLock::take(order.data_dir)?;
    if is_same(file, target) {
        return Err(format!("{} is the database itself.", file.display()));
    }
    if is_same(file, &beside(target)) {
        return Err(format!(
            "{} is where the database is made, so it would be overwritten: give it another name first.",
            file.display()
        ));
    }
    let is_there = target.exists();
    if is_there && order.before == Before::Refuse {
        return Err(format!(
            "There is a database at {} already. Set TASKVIEW_DATA_DIR or TASKVIEW_DATABASE_URL to another place, or give --force, which \
             keeps it beside under another name.",
            target.display()
        ));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let cannot = |error: io::Error| format!("The backup cannot be written to {}: {error}.", target.display());
    own_folder::make(folder).map_err(cannot)?;
    let mut partial = Partial::take(&beside(target))?;
    File::open(file)
        .and_then(|mut from| partial.fill(&mut from))
        .map_err(cannot)?;
    partial.give_to_owner_of(folder).map_err(cannot)?;
    let held = database::ready(partial.path(), order.sign_ins)?;
    partial.flush()?;
    drop(Opened::of(partial.path())?);
    let aside = suffixed(target, &format!(".before-restore-{stamp}"));
    if is_there {
        if database::fold(target) == Folded::InUse {
            return Err(format!(
                "Something has the database {} open: stop it first.",
                target.display()
            ));
        }
        keep(target, &aside).map_err(|error| format!("{} cannot be kept: {error}.", target.display()))?;
    }
    // What belongs to a database that is damaged, or was deleted without it, must not be taken for a part of the new one.
    for companion in COMPANIONS {
        let beside = suffixed(target, companion);
        if beside.exists() {
            fs::rename(&beside, suffixed(&aside, companion)).map_err(cannot)?;
        }
    }
    flush_folder(target).map_err(cannot)?;
    if is_there {
        partial.replace(target)?;
    } else {
        partial.become_new(target)?;
    }
    Ok((held, is_there.then(|| aside.display().to_string())))
}

/// A second name, so that there is no instant without a database: a server would make an empty one.
fn keep(database: &Path, aside: &Path) -> io::Result<()> {
    match fs::hard_link(database, aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {}
        linked => return linked,
    }
    // A file system without such links.
    fs::copy(database, aside)?;
    File::open(aside)?.sync_all()
}
