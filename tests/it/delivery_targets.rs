//! Where the sender connects to: no spelling of a forbidden address gets a socket, a name that changes its mind is refused
//! again, and pooled connections are reused without ever costing a delivery.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use taskview_webhooks::delivery::resolve::Resolver;
use taskview_webhooks::delivery::sender::{Exchange, Request, Sender, SenderConfig};
use taskview_webhooks::domain::delivery::Outcome;
use taskview_webhooks::domain::target::AllowList;
use url::Url;

use crate::support::receiver::{Answer, Receiver};

fn allowing(list: &str, names: &[(&str, &[&str])]) -> SenderConfig {
    let ip = |ip: &&str| -> Vec<IpAddr> { ip.split(' ').map(|ip| ip.parse().unwrap()).collect() };
    let mut config = SenderConfig::new(Arc::new(AllowList::parse(list).unwrap()));
    config.resolver = Resolver::fixed(
        names
            .iter()
            .map(|(name, answers)| (*name, answers.iter().map(ip).collect())),
    );
    config
}

async fn post(sender: &Sender, url: &str) -> Exchange {
    let url = Url::parse(url).unwrap();
    sender
        .post(Request {
            url,
            headers: Vec::new(),
            body: b"{}".as_slice().into(),
        })
        .await
}

#[actix_rt::test]
async fn no_spelling_of_loopback_gets_a_connection_when_nothing_is_allowed() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing(
        "",
        &[("rebind.test", &["93.184.216.34 127.0.0.1"]), ("v6.test", &["::1"])],
    ));
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "app.localhost",
        "127.0.0.1",
        "127.0.0.1.",
        "127.8.9.10",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.1",
        "0.0.0.0",
        "0",
        "[::]",
        "rebind.test",
        "v6.test",
    ] {
        let exchange = post(&sender, &receiver.url_of(host, "/")).await;

        assert!(
            matches!(exchange.outcome, Outcome::Blocked(_)),
            "{host}: {:?}",
            exchange.outcome
        );
        assert_eq!(exchange.address, None, "{host} was dialled");
    }
    assert_eq!(receiver.connections(), 0);
}

#[actix_rt::test]
async fn a_name_server_that_does_not_answer_delays_only_its_own_name_and_says_so_in_the_end() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing(
        "loopback",
        &[("silent.test", &[]), ("quick.test", &["127.0.0.1"])],
    ));
    let (silent, quick) = (receiver.url_of("silent.test", "/"), receiver.url_of("quick.test", "/"));

    let others = async {
        for _ in 0..50 {
            let exchange = post(&sender, &quick).await;
            assert!(
                matches!(exchange.outcome, Outcome::Answered(200)),
                "{:?}",
                exchange.outcome
            );
        }
        receiver.requests().len()
    };
    let waiting = async { tokio::join!(post(&sender, &silent), post(&sender, &silent)) };
    tokio::pin!(others, waiting);
    let answered = tokio::select! {
        answered = &mut others => answered,
        _ = &mut waiting => panic!("a name without an answer was quicker than fifty requests"),
    };
    let (one, two) = waiting.await;

    assert_eq!(answered, 50);
    for exchange in [one, two] {
        let Outcome::Dns(sentence) = &exchange.outcome else {
            panic!("{:?}", exchange.outcome)
        };
        assert!(
            sentence.contains("no name server answered within 4 seconds"),
            "{sentence}"
        );
    }
    assert_eq!(receiver.requests().len(), 50);
}

#[actix_rt::test]
async fn inner_networks_and_metadata_services_are_refused_without_a_connection() {
    let sender = Sender::new(allowing("loopback", &[]));
    for host in [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
        "[fd00:ec2::254]",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
    ] {
        let exchange = post(&sender, &format!("http://{host}/")).await;

        assert!(
            matches!(exchange.outcome, Outcome::Blocked(_)),
            "{host}: {:?}",
            exchange.outcome
        );
    }
}

#[actix_rt::test]
async fn localhost_is_reached_when_loopback_is_allowed() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[]));

    let exchange = post(&sender, &receiver.url_of("localhost", "/")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!(exchange.address.unwrap().ip().to_string(), "127.0.0.1");
    assert_eq!(
        receiver.requests()[0].header("host").unwrap(),
        format!("localhost:{}", receiver.port())
    );
}

#[actix_rt::test]
async fn a_name_is_vetted_again_for_every_new_connection() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Respond(200, vec![("Connection", "close".into())], Vec::new()));
    let sender = Sender::new(allowing("loopback", &[("rebind.test", &["127.0.0.1", "10.0.0.1"])]));

    let first = post(&sender, &receiver.url_of("rebind.test", "/")).await;
    let second = post(&sender, &receiver.url_of("rebind.test", "/")).await;

    assert_eq!(first.outcome, Outcome::Answered(200));
    assert!(matches!(second.outcome, Outcome::Blocked(_)), "{second:?}");
    assert_eq!(receiver.connections(), 1);
}

#[actix_rt::test]
async fn one_forbidden_address_among_good_ones_refuses_all() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[("mixed.test", &["127.0.0.1 192.168.1.1"])]));

    let exchange = post(&sender, &receiver.url_of("mixed.test", "/")).await;

    let Outcome::Blocked(why) = exchange.outcome else {
        panic!("{exchange:?}")
    };
    assert!(
        why.contains("192.168.1.1") && why.contains("TASKVIEW_ALLOW_TARGETS"),
        "{why}"
    );
    assert_eq!(receiver.connections(), 0);
}

#[actix_rt::test]
async fn an_address_that_refuses_is_passed_over_for_the_next() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[("two.test", &["::1 127.0.0.2 127.0.0.1"])]));

    let exchange = post(&sender, &receiver.url_of("two.test", "/")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(200));
    assert_eq!(exchange.address.unwrap().ip().to_string(), "127.0.0.1");
}

#[actix_rt::test]
async fn a_connection_is_used_again_and_the_attempt_says_so() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[("again.test", &["127.0.0.1", "10.0.0.1"])]));

    let first = post(&sender, &receiver.url_of("again.test", "/a")).await;
    let second = post(&sender, &receiver.url_of("again.test", "/b")).await;

    assert!(!first.reused && second.reused);
    assert_eq!(second.outcome, Outcome::Answered(200));
    assert_eq!((second.lookup, second.connect), (None, None));
    assert_eq!(second.address, first.address);
    assert_eq!(receiver.connections(), 1);
}

#[actix_rt::test]
async fn an_interim_answer_is_passed_over_and_its_connection_used_again() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[]));
    receiver.answer_in_turn([Answer::Write(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
          HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
            .to_vec(),
    )]);

    let first = post(&sender, &receiver.url("/")).await;
    let second = post(&sender, &receiver.url("/")).await;

    assert_eq!(first.outcome, Outcome::Answered(202));
    assert_eq!(first.response_body, b"ok");
    assert_eq!(second.outcome, Outcome::Answered(200));
    assert!(second.reused && receiver.connections() == 1);
}

#[actix_rt::test]
async fn what_comes_without_a_known_end_never_answers_another_request() {
    for (begun, code) in [
        ("HTTP/1.1 200 OK\r\n\r\n", 200),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n", 204),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n",
            200,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n",
            200,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
            200,
        ),
    ] {
        let receiver = Receiver::start();
        let sender = Sender::new(allowing("loopback", &[]));
        receiver.answer_in_turn([Answer::Write(begun.into())]);

        let first = post(&sender, &receiver.url("/")).await;
        let second = post(&sender, &receiver.url("/")).await;

        assert_eq!(first.outcome, Outcome::Answered(code), "{begun}");
        assert_eq!(second.outcome, Outcome::Answered(200), "{begun}");
        assert_eq!(second.response_body, b"noted", "{begun}");
    }
}

#[actix_rt::test]
async fn a_request_whose_answer_has_begun_is_not_sent_a_second_time_on_another_connection() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[]));
    receiver.answer_in_turn([Answer::status(200), Answer::Raw(b"HTTP/1.1 2".to_vec())]);

    let first = post(&sender, &receiver.url("/")).await;
    let second = post(&sender, &receiver.url("/")).await;

    assert_eq!(first.outcome, Outcome::Answered(200));
    let Outcome::Protocol(why) = second.outcome else {
        panic!("{second:?}")
    };
    assert!(why.contains("in the middle of its answer"), "{why}");
    assert_eq!(receiver.requests().len(), 2);
}

#[actix_rt::test]
async fn a_body_that_ends_with_its_connection_is_read() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::Raw(b"HTTP/1.0 500 Oh\r\n\r\nwhy it failed".to_vec()));

    let exchange = post(&Sender::new(allowing("loopback", &[])), &receiver.url("/")).await;

    assert_eq!(exchange.outcome, Outcome::Answered(500));
    assert_eq!(exchange.response_body, b"why it failed");
    receiver.answer_with(Answer::Raw(b"HTTP/1.1 500 Oh\r\n\r\nwhy it failed".to_vec()));

    let exchange = post(&Sender::new(allowing("loopback", &[])), &receiver.url("/")).await;

    assert_eq!(exchange.response_body, b"why it failed");
    assert!(!exchange.cut);
}

#[actix_rt::test]
async fn a_pooled_connection_that_the_receiver_closed_costs_nothing() {
    let receiver = Receiver::start();
    receiver.answer_with(Answer::CloseWhenReused);
    let sender = Sender::new(allowing("loopback", &[]));

    for _ in 0..20 {
        let exchange = post(&sender, &receiver.url("/")).await;

        assert_eq!(exchange.outcome, Outcome::Answered(200));
        assert!(!exchange.reused, "the connection that answered was a new one");
    }
}

#[actix_rt::test]
async fn an_attempt_that_waits_for_others_in_the_lookup_of_the_same_name_gets_their_answer() {
    let receiver = Receiver::start();
    let sender = Sender::new(allowing("loopback", &[("busy.test", &["127.0.0.1", "10.0.0.1"])]));
    let url = receiver.url_of("busy.test", "/");

    let exchanges = futures_util::future::join_all((0..10).map(|_| post(&sender, &url))).await;

    for exchange in exchanges {
        assert_eq!(exchange.outcome, Outcome::Answered(200));
    }
}

#[actix_rt::test]
async fn idle_connections_to_many_hosts_are_closed_while_a_request_in_flight_goes_on() {
    let receiver = Receiver::start();
    let names: Vec<String> = (0..100).map(|number| format!("host-{number}.test")).collect();
    let table: Vec<(&str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), ["127.0.0.1"].as_slice()))
        .collect();
    let renew_every = Duration::from_millis(300);
    let sender = Sender::new(SenderConfig {
        renew_every,
        ..allowing("loopback", &table)
    });
    for name in &names {
        post(&sender, &receiver.url_of(name, "/")).await;
    }
    // One for each host; how many of them are still open depends on how long the hundred took.
    let connections = receiver
        .wait_for(100)
        .await
        .iter()
        .map(|request| request.connection)
        .max();
    assert_eq!(connections, Some(100));
    receiver.answer_with(Answer::After(renew_every * 4, Box::new(Answer::status(200))));

    let in_flight = post(&sender, &receiver.url("/")).await;
    receiver.answer_with(Answer::status(200));
    let later = post(&sender, &receiver.url_of(&names[0], "/")).await;

    assert_eq!(in_flight.outcome, Outcome::Answered(200));
    assert_eq!(later.outcome, Outcome::Answered(200));
    assert!(!later.reused);
    receiver.wait_for_open(1).await;
}
