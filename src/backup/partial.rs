//! A file that is being written under a name of its own, `….partial`, until it is complete. A kill leaves it behind, and the next who
//! writes to the same place begins it anew; two at once are kept apart by a lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// For its owner only: everything that people wrote is in it.
const MODE: u32 = 0o600;

pub(super) struct Partial {
    path: PathBuf,
    file: File,
    /// It has another name now, and this one may be somebody else's.
    renamed: bool,
}

/// What SQLite keeps beside a database.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn beside(path: &Path) -> PathBuf {
    suffixed(path, ".partial")
}

pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Partial {
    /// Empty. An error is a sentence.
    pub(super) fn take(path: &Path) -> Result<Partial, String> {
        let cannot = |error: io::Error| format!("{} cannot be written: {error}.", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(MODE);
        let file = options.open(path).map_err(cannot)?;
        file.try_lock()
            .map_err(|_| format!("Something else is writing {}: wait for its end.", path.display()))?;
        // Whoever had it before has taken it away since it was opened.
        let named = fs::metadata(path).map_err(cannot)?;
        let opened = file.metadata().map_err(cannot)?;
        if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
            return Err(format!(
                "Something else has just written {}: try again.",
                path.display()
            ));
        }
        file.set_len(0).map_err(cannot)?;
        for companion in COMPANIONS {
            match fs::remove_file(suffixed(path, companion)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(error)),
                _ => {}
            }
        }
        file.set_permissions(fs::Permissions::from_mode(MODE)).map_err(cannot)?;
        Ok(Partial {
            path: path.to_owned(),
            file,
            renamed: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What comes from elsewhere.
    pub(super) fn fill(&mut self, from: &mut dyn io::Read) -> io::Result<u64> {
        io::copy(from, &mut self.file)
    }

    /// Afterwards it is on disk; says how long it is.
    pub(super) fn flush(&self) -> Result<u64, String> {
        let flushed = self.file.sync_all().and_then(|()| self.file.metadata());
        flushed
            .map(|found| found.len())
            .map_err(|error| format!("{} cannot be flushed to the disk: {error}.", self.path.display()))
    }

    /// Gives it to whom the folder belongs: somebody may restore as root what the server opens under its own name.
    pub(super) fn give_to_owner_of(&self, folder: &Path) -> io::Result<()> {
        let (owner, now) = (fs::metadata(folder)?, self.file.metadata()?);
        if owner.uid() != now.uid() {
            std::os::unix::fs::fchown(&self.file, Some(owner.uid()), Some(owner.gid()))?;
        }
        Ok(())
    }

    /// Takes a name that nothing has.
    pub(super) fn become_new(self, name: &Path) -> Result<(), String> {
        // Unlike a rename it puts nothing in the place of what somebody else has just made.
        match fs::hard_link(&self.path, name) {
            // Dropping it takes the other name away.
            Ok(()) => flush_folder(name).map_err(|error| cannot_be_named(name, &error)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(format!("{} was made by something else meanwhile.", name.display()))
            }
            // A file system without such links.
            Err(_) => self.replace(name),
        }
    }

    /// Takes the name, whatever had it.
    pub(super) fn replace(mut self, name: &Path) -> Result<(), String> {
        let renamed = fs::rename(&self.path, name);
        self.renamed = renamed.is_ok();
        renamed
            .and_then(|()| flush_folder(name))
            .map_err(|error| cannot_be_named(name, &error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn cannot_be_named(name: &Path, error: &io::Error) -> String {
    format!("{} cannot be written: {error}.", name.display())
}

/// The name is on disk as well.
pub(super) fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_is_begun_anew_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("a.db");
        fs::write(beside(&name), "left by a kill, readable by all").unwrap();

        let partial = Partial::take(&beside(&name)).unwrap();
        let second = Partial::take(&beside(&name)).err().unwrap();
        let length = partial.flush().unwrap();
        partial.become_new(&name).unwrap();

        assert!(second.contains("Something else is writing"), "{second}");
        assert_eq!(length, 0);
        assert_eq!(fs::metadata(&name).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_name_that_was_taken_meanwhile_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("a.db");
        let mut partial = Partial::take(&beside(&name)).unwrap();
        partial.fill(&mut "new".as_bytes()).unwrap();
        fs::write(&name, "old").unwrap();

        let refused = partial.become_new(&name).unwrap_err();

        assert!(refused.contains("meanwhile"), "{refused}");
        assert_eq!(fs::read_to_string(&name).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
