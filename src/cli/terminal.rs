//! What several commands do with what comes in and goes out.

use std::io::Read as _;
use std::path::Path;

use super::Failure;

/// The file, or what comes on standard input when it is called `-`.
pub(super) fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    done.map_err(|error| Failure::Other(format!("{} cannot be read: {error}", path.display())))?;
    Ok(bytes)
}

/// What others wrote must not move the cursor of the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
