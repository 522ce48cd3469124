//! What several commands do with what comes in and goes out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use super::Failure;

/// Far above every delivery and every file of webhooks. A device never ends.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The file, or what comes on standard input when it is called `-`.
pub(super) fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = if path.as_os_str() == "-" {
        std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    let read = done.map_err(|error| Failure::Other(format!("{} cannot be read: {error}", path.display())))?;
    if read as u64 > LARGEST {
        let most = LARGEST / (1024 * 1024);
        return Err(Failure::Other(format!("{} is larger than {most} MiB.", path.display())));
    }
    Ok(bytes)
}

/// Whoever has read enough, as `head` has, may close the pipe.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("The output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// What others wrote must not move the cursor of the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
