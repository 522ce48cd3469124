//! Folders and files that hold what people wrote and what opens it: readable by their owner only. What is there already keeps the rights that
//! somebody gave it.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes it, and those that it lies in, if they are not there.
pub fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// An empty file, unless there is one.
pub fn make_file(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_is_its_owners_and_what_is_there_is_left_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let (folder, file) = (place.path().join("a/b"), place.path().join("a/b/c"));
        let rights = |path: &Path| metadata(path).unwrap().permissions().mode() & 0o777;

        make(&folder).unwrap();
        make_file(&file).unwrap();

        assert_eq!((rights(&folder), rights(&file)), (0o700, 0o600));
        for path in [&folder, &file] {
            set_permissions(path, Permissions::from_mode(0o750)).unwrap();
        }
        make(&folder).unwrap();
        make_file(&file).unwrap();
        assert_eq!((rights(&folder), rights(&file)), (0o750, 0o750));
    }
}
