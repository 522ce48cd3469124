//! The file that holds the master keys, one a line. It is replaced as a whole and never written into, so that whoever reads it at
//! any instant, a kill or a power cut included, finds complete keys. It decides nothing: which keys belong into it is the
//! rotation's business.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::master_key::{KeyId, MasterKey};
use crate::own_folder;

/// For its owner only.
const MODE: u32 = 0o600;
/// More than any list of keys; what is longer is another file.
const LONGEST: u64 = 64 * 1024;

/// Where the keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `TASKVIEW_MASTER_KEY`.
    Environment,
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Environment => f.write_str("TASKVIEW_MASTER_KEY"),
            Source::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Tells one content of the file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp([i64; 7]);

impl Stamp {
    /// `None` for what cannot be read twice: a pipe, or nothing at all.
    pub fn of(path: &Path) -> Option<Stamp> {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let whole = |number: u64| i64::from_ne_bytes(number.to_ne_bytes());
        Some(Stamp([
            whole(found.dev()),
            whole(found.ino()),
            whole(found.len()),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ]))
    }
}

/// The keys in it, or one sentence. `Ok(None)`: there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<MasterKey>>, String> {
    match read_text(path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path, &error)),
    }
}

fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<MasterKey>, String> {
    MasterKey::parse_all(text)
        .map_err(|reason| format!("The master key in {} cannot be used: {reason}.", path.display()))
}

fn cannot(done: &str, path: &Path, error: &io::Error) -> String {
    format!("The master key file {} cannot be {done}: {error}.", path.display())
}

/// A sentence when others than its owner may read or change it.
pub fn open_to_others(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "The master key file {} can be read by others than its owner (mode {mode:04o}): chmod 600 it, unless that is how \
             this server gets to read it.",
            path.display()
        )
    })
}

/// Writes a new key into a file that does not exist yet.
pub fn make(path: &Path) -> Result<MasterKey, String> {
    let key = MasterKey::random();
    let made = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            own_folder::make(folder)?;
        }
        let (new, _) = write_beside(path, std::slice::from_ref(&key), |_| Ok(()))?;
        // Unlike a rename it puts nothing in the place of what somebody else has just made.
        let linked = fs::hard_link(&new, path);
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => fs::rename(&new, path)?,
            linked => {
                fs::remove_file(&new)?;
                linked?;
            }
        }
        flush_folder(path)
    };
    made().map_err(|error| cannot("made", path, &error))?;
    Ok(key)
}

/// The file, kept from other rotations on this machine.
pub struct Held {
    path: PathBuf,
    /// The lock lies on what the name stands for now.
    file: File,
}

impl Held {
    /// An error is a sentence: the file is not there, cannot be written, or somebody else holds it.
    pub fn take(path: &Path) -> Result<Held, String> {
        let cannot_write = |error: io::Error| cannot("written", path, &error);
        let path = fs::canonicalize(path).map_err(cannot_write)?;
        // What was opened may have been replaced before the lock was had.
        for _ in 0..8 {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .map_err(cannot_write)?;
            file.try_lock().map_err(|_| {
                format!(
                    "Another rotation is at work on the master key file {}: wait for its end.",
                    path.display()
                )
            })?;
            let (here, named) = (
                file.metadata().map_err(cannot_write)?,
                fs::metadata(&path).map_err(cannot_write)?,
            );
            if (here.dev(), here.ino()) == (named.dev(), named.ino()) {
                return Ok(Held { path, file });
            }
        }
        Err(format!(
            "The master key file {} is being replaced all the time.",
            path.display()
        ))
    }

    pub fn keys(&self) -> Result<Vec<MasterKey>, String> {
        read(&self.path)?.ok_or_else(|| format!("The master key file {} is gone.", self.path.display()))
    }

    /// Puts a file with these keys in its place, with the same owner and mode. Afterwards it is on disk.
    pub fn replace(&mut self, keys: &[MasterKey]) -> Result<(), String> {
        let replaced = || -> io::Result<File> {
            let before = self.file.metadata()?;
            let (new, file) = write_beside(&self.path, keys, |file| {
                let now = file.metadata()?;
                // Somebody may rotate as root what the server reads under its own name.
                if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
                    std::os::unix::fs::fchown(file, Some(before.uid()), Some(before.gid()))?;
                }
                file.set_permissions(before.permissions())
            })?;
            file.try_lock()?;
            fs::rename(&new, &self.path).inspect_err(|_| drop(fs::remove_file(&new)))?;
            flush_folder(&self.path)?;
            Ok(file)
        };
        self.file = replaced().map_err(|error| cannot("replaced", &self.path, &error))?;
        Ok(())
    }

    /// Where a key lies that was taken out of the file.
    pub fn place_of_old(&self, id: KeyId) -> PathBuf {
        suffixed(&self.path, &id.to_string())
    }

    /// Writes a key down in a file of its own beside this one.
    pub fn keep_old(&self, key: &MasterKey) -> Result<(), String> {
        let place = self.place_of_old(key.id());
        let kept = || -> io::Result<()> {
            let (new, _) = write_beside(&place, std::slice::from_ref(key), |_| Ok(()))?;
            fs::rename(&new, &place)?;
            flush_folder(&place)
        };
        kept().map_err(|error| cannot("kept", &place, &error))
    }
}

/// A file that lies on disk before anything is done with it.
fn write_beside(
    path: &Path,
    keys: &[MasterKey],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<(PathBuf, File)> {
    let new = suffixed(path, "new");
    // Left by a kill. Nothing was ever sealed under what only stands there.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&new)?;
    // Whatever the umask leaves of it.
    file.set_permissions(fs::Permissions::from_mode(MODE))?;
    let written = (|| {
        prepare(&file)?;
        for key in keys {
            file.write_all(key.to_base64().as_bytes())?;
            file.write_all(b"\n")?;
        }
        file.sync_all()
    })();
    match written {
        Ok(()) => Ok((new, file)),
        Err(error) => {
            let _ = fs::remove_file(&new);
            Err(error)
        }
    }
}

/// The name is on disk as well.
fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(keys: &[MasterKey]) -> Vec<KeyId> {
        keys.iter().map(MasterKey::id).collect()
    }

    #[test]
    fn a_file_that_is_made_is_for_its_owner_and_takes_no_other_ones_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub").join("master.key");

        let key = make(&path).unwrap();
        let again = make(&path).unwrap_err();

        assert_eq!(ids(&read(&path).unwrap().unwrap()), [key.id()]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(again.contains("cannot be made"), "{again}");
        assert_eq!(open_to_others(&path), None);
        assert_eq!(fs::read_dir(folder.path().join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let old = make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        // Left by a kill.
        fs::write(folder.path().join("master.key.new"), "half a k").unwrap();
        let (new, before) = (MasterKey::random(), Stamp::of(&path));

        let mut held = Held::take(&path).unwrap();
        held.replace(&[new.clone(), old.clone()]).unwrap();
        held.keep_old(&old).unwrap();

        assert_eq!(ids(&held.keys().unwrap()), [new.id(), old.id()]);
        assert_ne!(Stamp::of(&path), before);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert!(open_to_others(&path).unwrap().contains("0640"));
        assert_eq!(ids(&read(&held.place_of_old(old.id())).unwrap().unwrap()), [old.id()]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn two_rotations_do_not_hold_a_file_at_once_also_after_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let key = make(&path).unwrap();

        let mut held = Held::take(&path).unwrap();
        let beside = Held::take(&path).err().unwrap();
        held.replace(&[key]).unwrap();
        let beside_again = Held::take(&path).err().unwrap();
        drop(held);

        assert!(beside.contains("Another rotation") && beside_again.contains("Another rotation"));
        assert!(Held::take(&path).is_ok());
    }

    #[test]
    fn what_is_no_file_of_keys_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");

        assert!(matches!(read(&path), Ok(None)));
        assert!(read(folder.path()).unwrap_err().contains("cannot be read"));
        assert_eq!((Stamp::of(folder.path()), Stamp::of(&path)), (None, None));
        fs::write(&path, b"\xff\xfea").unwrap();
        assert!(read(&path).unwrap_err().contains("cannot be read"));
        fs::write(&path, "").unwrap();
        assert!(read(&path).unwrap_err().contains("no key in it"));
    }
}
