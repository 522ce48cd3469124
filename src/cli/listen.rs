//! `listen`: a receiver for a laptop. Prints each delivery and whether its signatures verify, and can answer as a receiver that is
//! slow or fails. Opens no database.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anstyle::{AnsiColor, Style};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::Failure;
use super::terminal::printable;
use super::verify::read_secret;
use crate::clock::Clock;
use crate::domain::diagnosis::{Claim, Header, Headers, Mistakes, diagnose};

/// Larger than any delivery.
const LARGEST_BODY: usize = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Listen {
    /// Port on this machine; 0 picks one
    #[arg(long, default_value_t = 4545)]
    port: u16,
    /// File with the webhook's secret; without it no signature is checked
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// File with the secret from before a rotation, to tell what was signed with it
    #[arg(long, value_name = "FILE", requires = "secret_file")]
    old_secret_file: Option<PathBuf>,
    /// Status code of the answers
    #[arg(long, default_value = "200", value_name = "CODE", value_parser = code)]
    status: StatusCode,
    /// Seconds before each answer
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS", value_parser = seconds)]
    delay: f64,
    /// Answer so many deliveries with 500 first
    #[arg(long, default_value_t = 0, value_name = "N")]
    fail_first: usize,
}

struct Receiver {
    secret: Option<Zeroizing<String>>,
    old_secret: Option<Zeroizing<String>>,
    status: StatusCode,
    delay: Duration,
    fail_first: usize,
    received: AtomicUsize,
}

fn code(text: &str) -> Result<StatusCode, String> {
    let code = text.parse().ok().filter(|code| (200..600).contains(code));
    code.and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| "a status code is a number from 200 to 599".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=600.0).contains(seconds));
    seconds.ok_or_else(|| "a delay is 0 to 600 seconds".to_owned())
}

/// Until it is interrupted.
pub(super) async fn run(listen: Listen) -> Result<(), Failure> {
    let receiver = Data::new(Receiver {
        secret: listen.secret_file.as_deref().map(read_secret).transpose()?,
        old_secret: listen.old_secret_file.as_deref().map(read_secret).transpose()?,
        status: listen.status,
        delay: Duration::from_secs_f64(listen.delay),
        fail_first: listen.fail_first,
        received: AtomicUsize::new(0),
    });
    // Heard from before it says that it listens: whoever starts it may end it at once.
    let interrupted = signal(SignalKind::interrupt()).and_then(|on_key| Ok((on_key, signal(SignalKind::terminate())?)));
    let (mut on_key, mut from_outside) =
        interrupted.map_err(|error| Failure::Other(format!("signals cannot be heard: {error}")))?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(receiver.clone())
            .app_data(web::PayloadConfig::new(LARGEST_BODY))
            .default_service(web::to(receive))
    })
    .workers(1)
    // Ctrl-C: what is still being answered is not worth waiting for.
    .shutdown_timeout(1)
    .shutdown_signal(async move {
        tokio::select! {
            _ = on_key.recv() => {}
            _ = from_outside.recv() => {}
        }
    })
    .bind(("127.0.0.1", listen.port))
    .map_err(|error| {
        let port = listen.port;
        Failure::Other(format!(
            "port {port} cannot be listened on: {error}; choose another with --port"
        ))
    })?;
    let port = server.addrs().first().map_or(listen.port, std::net::SocketAddr::port);
    println!("listening on http://localhost:{port}");
    let served = server.run().await;
    served.map_err(|error| Failure::Other(format!("the receiver ended: {error}")))
}

async fn receive(request: HttpRequest, body: Bytes, receiver: Data<Receiver>) -> HttpResponse {
    let failing = receiver.received.fetch_add(1, Ordering::Relaxed) < receiver.fail_first;
    let status = if failing {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        receiver.status
    };
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        printable(value.unwrap_or("–"))
    };
    let (head, good, bad) = (Style::new().bold(), color(AnsiColor::Green), color(AnsiColor::Red));
    anstream::println!(
        "{head}{}{head:#} {} attempt {} → {}",
        header("x-webhook-event"),
        header("webhook-id"),
        header("x-webhook-attempt"),
        status.as_u16()
    );
    match &receiver.secret {
        None => anstream::println!("  signatures not checked: start with --secret-file"),
        Some(secret) => {
            let headers = headers(&request);
            for (header, found) in signatures(&headers, secret, &receiver, &body) {
                let name = header.name();
                match found {
                    Some(Ok(())) => anstream::println!("  {good}{name}: verified{good:#}"),
                    Some(Err(mistakes)) => {
                        anstream::println!("  {bad}{name}: does not verify.{bad:#} {}", mistakes.sentences());
                    }
                    None => match headers.incomplete() {
                        Some(sentence) if header == Header::Standard => {
                            anstream::println!("  {bad}{name}: not checked.{bad:#} {sentence}");
                        }
                        _ => anstream::println!("  {bad}{name}: missing{bad:#}"),
                    },
                }
            }
            if let Some(sentence) = headers.clock(Clock::default().now().unix_seconds()) {
                anstream::println!("  {bad}clock:{bad:#} {sentence}");
            }
        }
    }
    anstream::println!("  {}", printable(&String::from_utf8_lossy(&body)));
    actix_rt::time::sleep(receiver.delay).await;
    HttpResponse::build(status).finish()
}

type Found = Option<Result<(), Mistakes>>;

fn headers(request: &HttpRequest) -> Headers {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    Headers {
        own: header("x-webhook-signature"),
        standard: header("webhook-signature"),
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").and_then(|text| text.parse().ok()),
    }
}

fn signatures(headers: &Headers, secret: &str, receiver: &Receiver, body: &[u8]) -> [(Header, Found); 2] {
    let mut found = diagnose(&Claim {
        secret,
        old_secret: receiver.old_secret.as_ref().map(|secret| secret.as_str()),
        body,
        headers,
        computed: None,
    })
    .received;
    [Header::Own, Header::Standard].map(|header| {
        let at = found.iter().position(|(one, _)| *one == header);
        (header, at.map(|at| found.swap_remove(at).1))
    })
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into()))
}
