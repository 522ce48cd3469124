//! The lock that the server of an embedded database holds on its data folder: a second server on the same file would send everything
//! twice. In the locked file stands which master keys the server has, for whoever rotates them beside it; ids only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::key_file::Source;
use crate::master_key::KeyId;
use crate::own_folder;

const LOCK_FILE: &str = "lock";
/// Whoever looks whether a server runs holds the lock for an instant.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// Held until it is dropped, or the process ends in whatever way.
pub struct DataLock(File);

/// The server that runs on a data folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Running {
    /// `None`: they were given in the environment, and a restart gives it others.
    pub key_file: Option<PathBuf>,
    pub keys: Vec<KeyId>,
}

impl DataLock {
    /// An error is a sentence.
    pub fn take(folder: &Path) -> Result<DataLock, String> {
        let cannot = |error: io::Error| format!("The data folder {} cannot be used: {error}", folder.display());
        own_folder::make(folder).map_err(cannot)?;
        let file = open(folder).map_err(cannot)?;
        let mut tries = 1;
        while file.try_lock().is_err() {
            if tries == TRIES {
                let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
                return Err(format!(
                    "Another taskview-webhooks is running on the data folder {}: stop it first, or set TASKVIEW_DATA_DIR to \
                     another folder.",
                    folder.display()
                ));
            }
            tries += 1;
            std::thread::sleep(PAUSE);
        }
        Ok(DataLock(file))
    }

    pub fn note_keys(&mut self, source: &Source, keys: &[KeyId]) -> io::Result<()> {
        let keys: Vec<String> = keys.iter().map(KeyId::to_string).collect();
        let mut text = format!("master keys: {}\n", keys.join(" "));
        // A key that comes through a pipe has no place that somebody else could look into.
        if let Source::File(path) = source
            && let Ok(path) = std::fs::canonicalize(path)
        {
            text.push_str(&format!("key file: {}\n", path.display()));
        }
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(text.as_bytes())
    }
}

/// Who runs on it, if anybody does.
pub fn running(folder: &Path) -> io::Result<Option<Running>> {
    let mut file = match File::open(folder.join(LOCK_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let keys = line("master keys: ").unwrap_or_default();
    Ok(Some(Running {
        key_file: line("key file: ").map(PathBuf::from),
        keys: keys.split(' ').filter_map(KeyId::parse).collect(),
    }))
}

/// Without emptying it: it may be somebody else's.
fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master_key::MasterKey;

    #[test]
    fn whoever_looks_beside_a_server_learns_which_keys_it_has_and_takes_nothing_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::random().id();
        let key_file = folder.path().join("k");
        std::fs::write(&key_file, "").unwrap();

        let nobody = running(folder.path()).unwrap();
        let mut lock = DataLock::take(folder.path()).unwrap();
        lock.note_keys(&Source::File(key_file.clone()), &[key, MasterKey::random().id()])
            .unwrap();
        lock.note_keys(&Source::File(key_file.clone()), &[key]).unwrap();
        let second = DataLock::take(folder.path()).err().unwrap();
        let with_file = running(folder.path()).unwrap();
        lock.note_keys(&Source::Environment, &[key]).unwrap();
        let with_variable = running(folder.path()).unwrap();
        drop(lock);

        assert_eq!(nobody, None);
        assert!(second.contains("Another taskview-webhooks is running"));
        let key_file = Some(std::fs::canonicalize(key_file).unwrap());
        assert_eq!(
            with_file,
            Some(Running {
                key_file,
                keys: vec![key]
            })
        );
        assert_eq!(
            with_variable,
            Some(Running {
                key_file: None,
                keys: vec![key]
            })
        );
        assert_eq!(running(folder.path()).unwrap(), None);
    }
}
