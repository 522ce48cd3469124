//! The command line → one subcommand. All else is in the library.

use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    taskview_webhooks::cli::run().await
}
