//! One web server on this machine that plays many receivers: its paths answer as good, slow and broken ones do.

use std::net::Ipv4Addr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

/// How a receiver behaves; its name is its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Quick,
    Slow,
    /// Every third answer is a failure.
    Flaky,
    /// Says that it has too much to do, now and then.
    Busy,
    Broken,
    /// Sends whoever calls to another address, most of the time.
    Moved,
    /// Takes everything and says nothing.
    Silent,
}

const ALL: &[(Manner, &str)] = &[
    (Manner::Quick, "/quick"),
    (Manner::Slow, "/slow"),
    (Manner::Flaky, "/flaky"),
    (Manner::Busy, "/busy"),
    (Manner::Broken, "/broken"),
    (Manner::Moved, "/moved"),
    (Manner::Silent, "/silent"),
];

/// Longer than anybody waits for an answer.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) struct Receivers {
    port: u16,
    handle: ServerHandle,
}

impl Receivers {
    pub(super) fn start() -> std::io::Result<Receivers> {
        let server = HttpServer::new(|| {
            ALL.iter().fold(App::new(), |app, &(manner, path)| {
                app.route(path, web::post().to(move |_: Bytes| answer(manner)))
            })
        })
        .workers(1)
        .disable_signals()
        // Whoever ends the demo does not wait for the silent one.
        .shutdown_timeout(0)
        .bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = server.addrs().first().map_or(0, std::net::SocketAddr::port);
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Receivers { port, handle })
    }

    pub(super) fn url(&self, manner: Manner) -> String {
        let path = ALL.iter().find(|(one, _)| *one == manner).map_or("/", |(_, path)| path);
        format!("http://localhost:{}{path}", self.port)
    }

    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn answer(manner: Manner) -> HttpResponse {
    let pause = match manner {
        Manner::Quick | Manner::Flaky | Manner::Busy => rand::random_range(5..60),
        Manner::Slow => rand::random_range(1_500..4_000),
        Manner::Broken | Manner::Moved => rand::random_range(20..200),
        Manner::Silent => u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX),
    };
    actix_rt::time::sleep(Duration::from_millis(pause)).await;
    match manner {
        Manner::Flaky if rand::random_ratio(1, 3) => HttpResponse::ServiceUnavailable().body("The upstream is restarting."),
        Manner::Busy if rand::random_ratio(1, 5) => HttpResponse::TooManyRequests()
            .insert_header(("Retry-After", "15"))
            .body("Too many requests."),
        // Never ten failures in a row, or nearly: one webhook is to go on failing.
        Manner::Moved if rand::random_ratio(5, 6) => HttpResponse::MovedPermanently()
            .insert_header(("Location", "https://hooks.example.com/new-place"))
            .finish(),
        Manner::Quick | Manner::Flaky | Manner::Busy | Manner::Slow | Manner::Moved => {
            HttpResponse::Ok().json(serde_json::json!({ "received": true }))
        }
        Manner::Broken | Manner::Silent => HttpResponse::InternalServerError()
            .content_type("text/html; charset=utf-8")
            .body("<!doctype html><title>Error 500</title><h1>NullPointerException</h1><p>at com.example.erp.Hooks.receive(Hooks.java:42)</p>"),
    }
}
