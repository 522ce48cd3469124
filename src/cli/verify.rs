//! `verify`: whether the signatures of a saved body are right, and if not, which mistake it looks like. Opens no database.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Failure;
use super::terminal::read_input;
use crate::domain::diagnosis::{Claim, Computed, Headers, diagnose};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("signatures").args(["signature", "standard", "headers_file"]).required(true).multiple(true))]
pub(super) struct Verify {
    /// File with the body exactly as it came; - is standard input
    #[arg(default_value = "-", value_name = "FILE")]
    body: PathBuf,
    /// File with the webhook's secret
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// File with the secret from before a rotation
    #[arg(long, value_name = "FILE")]
    old_secret_file: Option<PathBuf>,
    /// File with the headers of the delivery, a line each, in place of the four options below
    #[arg(long, value_name = "FILE", conflicts_with_all = ["signature", "standard", "id", "timestamp"])]
    headers_file: Option<PathBuf>,
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
    /// What your own code computed: says which mistake leads to it
    #[arg(long, value_name = "VALUE")]
    computed: Option<String>,
}

pub(super) fn run(verify: &Verify) -> Result<(), Failure> {
    let secret = read_secret(&verify.secret_file)?;
    let old_secret = verify.old_secret_file.as_deref().map(read_secret).transpose()?;
    let body = read_input(&verify.body)?;
    let headers = match &verify.headers_file {
        Some(file) => read_headers(file)?,
        None => Headers {
            own: verify.signature.clone(),
            standard: verify.standard.clone(),
            id: verify.id.clone(),
            timestamp: verify.timestamp,
        },
    };
    let diagnosis = diagnose(&Claim {
        secret: &secret,
        old_secret: old_secret.as_ref().map(|secret| secret.as_str()),
        body: &body,
        headers: &headers,
        computed: verify.computed.as_deref(),
    });
    let mut wrong = Vec::new();
    for (header, result) in &diagnosis.received {
        match result {
            Ok(()) => println!("{}: verified", header.name()),
            Err(mistakes) => wrong.push(format!("{}: does not verify. {}", header.name(), mistakes.sentences())),
        }
    }
    match &diagnosis.computed {
        Some(right @ Computed::Right(_)) => println!("computed: {}", right.sentence()),
        Some(other) => wrong.push(format!("computed: {}", other.sentence())),
        None => {}
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Other(wrong.join("\n")))
    }
}

fn read_headers(file: &Path) -> Result<Headers, Failure> {
    let bytes = read_input(file)?;
    let wrong = |sentence: &str| Failure::Other(format!("{}: {sentence}", file.display()));
    let headers = Headers::read(&String::from_utf8_lossy(&bytes)).map_err(|sentence| wrong(&sentence))?;
    if headers.own.is_none() && headers.standard.is_none() {
        return Err(wrong(
            "it names no X-Webhook-Signature and no webhook-signature; put one header on each line",
        ));
    }
    if let Some(sentence) = headers.incomplete() {
        return Err(wrong(sentence));
    }
    Ok(headers)
}

/// Editors end a file with a line end; that one is forgiven.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(read_input(path)?);
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
