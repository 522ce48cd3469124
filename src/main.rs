//! The program's entry: the command line decides what runs.

use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    taskview_webhooks::cli::run().await
}
