//! The sender alone, against a receiver that misbehaves in every way a receiver can: each failure ends as the right outcome
//! with a sentence that tells a person what to do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskview_webhooks::delivery::resolve::Resolver;
use taskview_webhooks::delivery::sender::{Exchange, Request, Sender, SenderConfig};
use taskview_webhooks::domain::delivery::Outcome;
use taskview_webhooks::domain::target::AllowList;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::support::certificates::Authority;
use crate::support::receiver::{Answer, Receiver};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn allowing(list: &str) -> SenderConfig {
    let mut config = SenderConfig::new(Arc::new(AllowList::parse(list).unwrap()));
    config.resolver = Resolver::fixed([]);
    config
}

/// To loopback, with a deadline that a test can wait for.
fn hurried() -> SenderConfig {
    SenderConfig {
        deadline: Duration::from_millis(400),
        ..allowing("loopback")
    }
}

fn request(url: &str) -> Request {
    Request {
        url: Url::parse(url).unwrap(),
        headers: vec![
            ("Content-Type".into(), "application/json".into()),
            ("X-Webhook-Event".into(), "e".into()),
        ],
        body: br#"{"event":"e"}"#.as_slice().into(),
    }
}

async fn post(config: SenderConfig, url: &str) -> Exchange {
    Sender::new(config).post(request(url)).await
}

#[actix_rt::test]
async fn an_answer_is_kept_with_what_was_measured() {
    let receiver = Receiver::start();
    let long: &str = "X-nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn".repeat(9).leak();
    let headers = vec![("X-Note", "v".repeat(5000)), (long, "1".to_owned())];
    receiver.answer_with(Answer::Respond(200, headers, b"thanks".to_vec()));

    let exchange = post(allowing("loopback"), &receiver.url("/hook?token=1")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!(exchange.response_body, b"thanks");
    assert!(!exchange.cut && !exchange.reused);
    assert_eq!(exchange.address.unwrap().port(), receiver.port());
    assert!(exchange.lookup.is_some() && exchange.connect.is_some());
    assert!(exchange.first_byte.unwrap() <= exchange.duration);
    assert!(exchange.response_headers.contains(&("x-note".into(), "v".repeat(1024))));
    assert!(
        exchange
            .response_headers
            .contains(&(long[..256].to_lowercase(), "1".into()))
    );
    let [sent] = &receiver.requests()[..] else {
        panic!("one request")
    };
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/hook?token=1"));
    assert_eq!(sent.body, br#"{"event":"e"}"#);
    assert_eq!(sent.header("host").unwrap(), format!("127.0.0.1:{}", receiver.port()));
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
    assert_eq!(sent.header("content-length"), Some("13"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert!(
        sent.headers.iter().any(|(name, _)| name == "X-Webhook-Event"),
        "{:?}",
        sent.headers
    );
}

#[actix_rt::test]
async fn an_error_of_the_receiver_is_an_answer() {
    let receiver = Receiver::start();
    for code in [400, 404, 410, 500, 503] {
        receiver.answer_with(Answer::status(code));

        let exchange = post(allowing("loopback"), &receiver.url("/")).await;

        assert_eq!(exchange.outcome, Outcome::Answered(code));
        assert_eq!(exchange.response_body, b"noted");
    }
}

#[actix_rt::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start();
    let receiver = Receiver::start();
    for code in [301, 302, 307, 308] {
        receiver.answer_with(Answer::redirect(code, &elsewhere.url("/")));

        let exchange = post(allowing("loopback"), &receiver.url("/")).await;

        assert_eq!(exchange.outcome, Outcome::Answered(code));
    }
    assert_eq!(receiver.requests().len(), 4);
    assert_eq!(elsewhere.connections(), 0);
}

#[actix_rt::test]
async fn no_answer_within_the_deadline_is_a_timeout() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Hang);
    let began = Instant::now();

    let exchange = post(hurried(), &receiver.url("/")).await;

    assert!(began.elapsed() < Duration::from_secs(2));
    let expected = format!("127.0.0.1:{} did not answer within 0.4 seconds.", receiver.port());
    assert_eq!(exchange.outcome, Outcome::Timeout(expected));
    assert!(exchange.address.is_some() && exchange.first_byte.is_none());
}

#[actix_rt::test]
async fn an_answer_that_comes_too_late_is_a_timeout() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::After(Duration::from_secs(1), Box::new(Answer::status(200))));

    let exchange = post(hurried(), &receiver.url("/")).await;

    assert!(matches!(exchange.outcome, Outcome::Timeout(_)), "{exchange:?}");
}

#[actix_rt::test]
async fn a_refused_connection_is_named() {
    let port = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().port()
    };

    let exchange = post(allowing("loopback"), &format!("http://127.0.0.1:{port}/secret-path")).await;

    let expected = format!("The connection to 127.0.0.1:{port} was refused: nothing listens there.");
    assert_eq!(exchange.outcome, Outcome::Connect(expected));
    assert_eq!(exchange.address.unwrap().port(), port);
}

#[actix_rt::test]
async fn a_connection_closed_without_an_answer_is_named() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Close);

    let exchange = post(allowing("loopback"), &receiver.url("/")).await;

    let expected = format!("127.0.0.1:{} closed the connection without an answer.", receiver.port());
    assert_eq!(exchange.outcome, Outcome::Protocol(expected));
    assert_eq!(receiver.requests().len(), 1, "a new connection is not tried twice");
}

#[actix_rt::test]
async fn an_answer_that_is_not_http_is_named() {
    let receiver = Receiver::start();
    for (bytes, sentence) in [
        (b"220 mail.example.com ESMTP\r\n\r\n".to_vec(), "is not HTTP."),
        (b"HTTP/1.1 200 OK\r\nX-Half: ".to_vec(), "in the middle of its answer."),
        (
            [b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec(), vec![b'x'; 300_000]].concat(),
            "is too large.",
        ),
    ] {
        receiver.answer_with(Answer::Raw(bytes));

        let exchange = post(allowing("loopback"), &receiver.url("/")).await;

        let Outcome::Protocol(why) = exchange.outcome else {
            panic!("{exchange:?}")
        };
        assert!(why.contains(sentence), "{why}");
    }
}

#[actix_rt::test]
async fn a_body_that_never_ends_is_cut_and_still_a_success() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Drip);
    let began = Instant::now();

    let exchange = post(allowing("loopback"), &receiver.url("/")).await;

    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert!(exchange.cut && !exchange.response_body.is_empty());
}

#[actix_rt::test]
async fn a_large_body_is_cut_at_its_limit() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Respond(200, Vec::new(), vec![b'x'; 1_000_000]));

    let exchange = post(allowing("loopback"), &receiver.url("/")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!((exchange.response_body.len(), exchange.cut), (16 * 1024, true));
}

#[actix_rt::test]
async fn a_body_that_ends_early_is_marked_as_cut() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec(),
    ));

    let exchange = post(allowing("loopback"), &receiver.url("/")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!(
        (exchange.response_body.as_slice(), exchange.cut),
        (b"half".as_slice(), true)
    );
}

#[actix_rt::test]
async fn an_unknown_name_is_named() {
    let exchange = post(allowing("loopback"), "http://nowhere.test/").await;

    let expected = "The name nowhere.test does not exist: no name server knows it.".to_owned();
    assert_eq!(exchange.outcome, Outcome::Dns(expected));
    assert_eq!(exchange.address, None);
}

#[actix_rt::test]
async fn a_certificate_of_a_trusted_authority_is_accepted_for_its_name_only() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(authority.good_for("hooks.test"));
    let config = SenderConfig {
        resolver: Resolver::fixed([
            ("hooks.test", vec![vec![LOOPBACK]]),
            ("evil.test", vec![vec![LOOPBACK]]),
        ]),
        extra_roots: vec![authority.certificate()],
        ..allowing("loopback")
    };

    let good = post(config.clone(), &receiver.url_of("hooks.test", "/")).await;
    let evil = post(config, &receiver.url_of("evil.test", "/")).await;

    assert_eq!(good.outcome, Outcome::Answered(200));
    let Outcome::Tls(why) = evil.outcome else {
        panic!("{evil:?}")
    };
    assert!(why.contains("is not for the name evil.test"), "{why}");
    assert_eq!(receiver.requests().len(), 1);
}

/// The library could speak HTTP/2, in which it has had trouble that nobody mends any more.
#[actix_rt::test]
async fn a_receiver_that_would_rather_speak_http_2_is_spoken_to_in_http_1() {
    let authority = Authority::new();
    let mut server = rustls::ServerConfig::clone(&authority.good_for("hooks.test"));
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let receiver = Receiver::start_tls(Arc::new(server));
    let config = SenderConfig {
        resolver: Resolver::fixed([("hooks.test", vec![vec![LOOPBACK]])]),
        extra_roots: vec![authority.certificate()],
        ..allowing("loopback")
    };

    let exchange = post(config, &receiver.url_of("hooks.test", "/")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!(receiver.requests()[0].method, "POST");
}

#[actix_rt::test]
async fn a_tls_connection_is_closed_as_tls_wants_it() {
    let authority = Authority::new();
    let config = SenderConfig {
        resolver: Resolver::fixed([("hooks.test", vec![vec![LOOPBACK]])]),
        extra_roots: vec![authority.certificate()],
        ..allowing("loopback")
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.good_for("hooks.test"));
    let receiver = actix_rt::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        stream.flush().await.unwrap();
        // An end without close_notify is an error here.
        stream.read(&mut buffer).await.map_err(|error| error.to_string())
    });

    let sender = Sender::new(config);
    let exchange = sender.post(request(&format!("https://hooks.test:{port}/"))).await;
    drop(sender);

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!(receiver.await.unwrap(), Ok(0));
}

#[actix_rt::test]
async fn broken_tls_says_what_is_broken() {
    let authority = Authority::new();
    let expired = Receiver::start_tls(authority.expired_for("hooks.test"));
    let strange = Receiver::start_tls(Authority::new().good_for("hooks.test"));
    let config = SenderConfig {
        resolver: Resolver::fixed([("hooks.test", vec![vec![LOOPBACK]])]),
        extra_roots: vec![authority.certificate()],
        ..allowing("loopback")
    };
    for (port, sentence) in [
        (expired.port(), "The certificate of hooks.test has expired."),
        (strange.port(), "comes from an authority that is not trusted here"),
    ] {
        let exchange = post(config.clone(), &format!("https://hooks.test:{port}/")).await;

        let Outcome::Tls(why) = exchange.outcome else {
            panic!("{exchange:?}")
        };
        assert!(why.contains(sentence), "{why}");
    }
}

#[actix_rt::test]
async fn a_receiver_that_speaks_no_tls_is_told_apart_from_one_that_is_silent() {
    let mail = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mail_port, silent_port) = (mail.local_addr().unwrap().port(), silent.local_addr().unwrap().port());
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = mail.accept().unwrap();
        stream.write_all(b"220 mail.example.com ESMTP\r\n").unwrap();
        // Until the other side closes: a close of ours could overtake the greeting.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });

    let no_tls = post(allowing("loopback"), &format!("https://127.0.0.1:{mail_port}/")).await;
    let nothing = post(hurried(), &format!("https://127.0.0.1:{silent_port}/")).await;

    let Outcome::Tls(why) = no_tls.outcome else {
        panic!("{no_tls:?}")
    };
    assert!(why.contains("is not TLS"), "{why}");
    let Outcome::Timeout(why) = nothing.outcome else {
        panic!("{nothing:?}")
    };
    assert!(why.contains("did not finish the TLS handshake"), "{why}");
    drop(silent);
}
