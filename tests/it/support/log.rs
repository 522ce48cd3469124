//! Everything that the program logs in this process, kept so that a test can look for what must not be in there.

use std::io::Write;
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::EnvFilter;

/// More than an operator would ever turn on. The tests' own crates stay out: they see secrets, and may.
const FILTER: &str =
    "info,taskview_webhooks=trace,actix_web=debug,actix_http=debug,awc=debug,rustls=debug,html5ever=off,selectors=off";

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts keeping; the first call does it for the whole process.
pub fn keep() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_ansi(false)
            .with_writer(|| Keeper)
            .init();
    });
}

/// What was logged so far, by all tests of the process.
pub fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().expect("no writer panicked")).into_owned()
}

struct Keeper;

impl Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
