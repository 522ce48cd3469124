//! `verify`: whether the signatures of a saved body are right, and if not, which mistake it looks like. Opens no database.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Failure;
use crate::domain::diagnosis::{Claim, Mistake, Signature, diagnose};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("signatures").args(["signature", "standard"]).required(true).multiple(true))]
pub(super) struct Verify {
    /// File with the body exactly as it came; - is standard input
    #[arg(default_value = "-", value_name = "FILE")]
    body: PathBuf,
    /// File with the webhook's secret
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// Value of the header X-Webhook-Signature
    #[arg(long, value_name = "sha256=…")]
    signature: Option<String>,
    /// Value of the header webhook-signature
    #[arg(long = "webhook-signature", id = "standard", value_name = "v1,…", requires_all = ["id", "timestamp"])]
    standard: Option<String>,
    /// Value of the header webhook-id
    #[arg(long = "webhook-id", id = "id", value_name = "ID")]
    id: Option<String>,
    /// Value of the header webhook-timestamp
    #[arg(long = "webhook-timestamp", id = "timestamp", value_name = "SECONDS")]
    timestamp: Option<i64>,
}

pub(super) fn run(verify: &Verify) -> Result<(), Failure> {
    let secret = read_secret(&verify.secret_file)?;
    let body = read(&verify.body)?;
    let standard = match (&verify.standard, &verify.id, verify.timestamp) {
        (Some(given), Some(id), Some(timestamp)) => Some(Signature::Standard { id, timestamp, given }),
        _ => None,
    };
    let own = verify.signature.as_deref().map(Signature::Body);
    let mut wrong = Vec::new();
    for (name, signature) in [("X-Webhook-Signature", own), ("webhook-signature", standard)] {
        let Some(signature) = signature else { continue };
        let claim = Claim {
            secret: &secret,
            body: &body,
            signature,
        };
        match diagnose(&claim) {
            Ok(()) => println!("{name}: verified"),
            Err(mistakes) => {
                let sentences: Vec<&str> = mistakes.into_iter().map(Mistake::sentence).collect();
                wrong.push(format!("{name}: does not verify. {}", sentences.join(" ")));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Other(wrong.join("\n")))
    }
}

/// Editors end a file with a line end; that one is forgiven.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(read(path)?);
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(Failure::Other(format!(
            "{} is not a text; it must hold the secret as it was shown",
            path.display()
        )));
    };
    let line = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Zeroizing::new(line.unwrap_or(text).to_owned()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    done.map_err(|error| Failure::Other(format!("{} cannot be read: {error}", path.display())))?;
    Ok(bytes)
}
