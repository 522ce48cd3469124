//! A backup: written beside a running server under another name, flushed, opened again and checked, and only then called what it is to
//! be called. The master key is never in it, so it is tried whether the key that is given opens it. What is copied and how stands in
//! `db::backup`; putting one back in `restore`.

mod partial;
pub mod restore;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::partial::Partial;
use crate::db::DatabaseUrl;
use crate::db::backup::{self as database, Held, Opened};
use crate::vault::{KeyId, KeyRing};

/// What is done when there is a file of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Refuse,
    Replace,
}

/// A backup that was checked.
#[derive(Debug)]
pub struct Made {
    pub size: u64,
    pub schema: String,
    pub held: Held,
    /// The ids of the master keys that open it.
    pub keys: Vec<String>,
    /// Rows that refer to others which are not there, as in the database itself.
    pub loose_ends: i64,
}

/// Writes the backup of a database into a file. An error is a sentence; what was at that place before is still there.
pub fn make(source: &DatabaseUrl, file: &Path, existing: Existing, ring: Option<&KeyRing>) -> Result<Made, String> {
    if file.is_dir() {
        return Err(format!("{} is a folder: name a file in it.", file.display()));
    }
    if let DatabaseUrl::Sqlite(database) = source
        && is_same(database, file)
    {
        return Err(format!("{} is the database itself: name another file.", file.display()));
    }
    if existing == Existing::Refuse && file.exists() {
        return Err(format!(
            "{} is there already: name another file, or give --force to replace it.",
            file.display()
        ));
    }
    let partial = Partial::take(&partial::beside(file))?;
    let made = write(source, &partial, ring)?;
    match existing {
        Existing::Refuse => partial.become_new(file)?,
        Existing::Replace => partial.replace(file)?,
    }
    Ok(made)
}

/// Writes it to somebody who cannot be asked what has arrived; checked before the first byte goes out. Meanwhile it lies in `folder`.
pub fn pour(source: &DatabaseUrl, folder: &Path, ring: Option<&KeyRing>, out: &mut dyn Write) -> Result<Made, String> {
    fs::create_dir_all(folder).map_err(|error| format!("The folder {} cannot be made: {error}.", folder.display()))?;
    let partial = Partial::take(&partial::beside(&folder.join("backup-to-output")))?;
    let made = write(source, &partial, ring)?;
    let poured = fs::File::open(partial.path())
        .and_then(|mut file| io::copy(&mut file, out))
        .and_then(|_| out.flush());
    poured.map_err(|error| format!("The backup cannot be written to the output: {error}."))?;
    Ok(made)
}

fn write(source: &DatabaseUrl, partial: &Partial, ring: Option<&KeyRing>) -> Result<Made, String> {
    database::write(source, partial.path())?;
    let size = partial.flush()?;
    let unreadable = |error: String| format!("The backup was written and cannot be read again: {error}.");
    let mut opened = Opened::of(partial.path())?;
    let keys = match ring {
        Some(ring) => check_keys(&mut opened, ring, "the backup of this database")?,
        None => needed(&mut opened).map_err(unreadable)?,
    };
    Ok(Made {
        size,
        schema: opened.schema().to_string(),
        held: opened.held().map_err(|error| unreadable(error.to_string()))?,
        keys,
        loose_ends: opened.loose_ends().map_err(|error| unreadable(error.to_string()))?,
    })
}

fn needed(opened: &mut Opened) -> Result<Vec<String>, String> {
    let keys = opened.keys().map_err(|error| error.to_string())?;
    Ok(keys.into_iter().map(|(id, _)| id).collect())
}

/// The ids of the keys that are needed, when these open all of them.
fn check_keys(opened: &mut Opened, ring: &KeyRing, what: &str) -> Result<Vec<String>, String> {
    let keys = opened.keys();
    let keys = keys.map_err(|error| format!("The keys of {what} cannot be read: {error}."))?;
    let missing: Vec<&str> = keys
        .iter()
        .filter(|(_, proof)| !ring.opens_check(proof))
        .map(|(id, _)| id.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(keys.into_iter().map(|(id, _)| id).collect());
    }
    let given: Vec<String> = ring.ids().iter().map(KeyId::to_string).collect();
    Err(format!(
        "The master key does not open {what}. Needed by id: {}; given: {}.",
        missing.join(", "),
        given.join(", ")
    ))
}

fn is_same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> { fs::canonicalize(path).ok() };
    real(a).is_some_and(|a| real(b) == Some(a))
}
