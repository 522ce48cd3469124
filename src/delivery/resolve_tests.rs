//! A name server of the test's own on loopback: what is judged is what a chain of names leads to, and all of it.

use std::net::{Ipv4Addr, UdpSocket};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use super::*;

/// Answers until the socket is gone. The zone:
/// `alias.test` is another name for `inner.test` (10.0.0.1), `mixed.test` for `both.test` (8.8.8.8 and fd12::1), `good.test` is
/// 8.8.8.8 alone, `round.test` is a name for itself, and nobody knows others.
fn name_server() -> (u16, std::thread::JoinHandle<()>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, asker)) = socket.recv_from(&mut buffer) {
            // An empty datagram ends it.
            let Ok(question) = Message::from_vec(&buffer[..length]) else {
                return;
            };
            let _ = socket.send_to(&answer(&question).to_vec().unwrap(), asker);
        }
    });
    (port, thread)
}

fn answer(question: &Message) -> Message {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_available = true;
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let asked = query.name().to_ascii().trim_end_matches('.').to_owned();
    let mut at = query.name().clone();
    let alias = match asked.as_str() {
        "alias.test" => Some(name("inner.test.")),
        "mixed.test" => Some(name("both.test.")),
        "round.test" => Some(name("round.test.")),
        _ => None,
    };
    if let Some(alias) = alias {
        answer.add_answer(Record::from_rdata(at, 60, RData::CNAME(CNAME(alias.clone()))));
        at = alias;
    }
    let a = |ip: [u8; 4]| RData::A(A(ip.into()));
    let data = match (at.to_ascii().trim_end_matches('.'), query.query_type()) {
        ("inner.test", RecordType::A) => vec![a([10, 0, 0, 1])],
        ("both.test" | "good.test", RecordType::A) => vec![a([8, 8, 8, 8])],
        ("both.test", RecordType::AAAA) => vec![RData::AAAA(AAAA("fd12::1".parse().unwrap()))],
        ("inner.test" | "good.test" | "round.test", _) => Vec::new(),
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            Vec::new()
        }
    };
    for data in data {
        answer.add_answer(Record::from_rdata(at.clone(), 60, data));
    }
    answer.add_query(query);
    answer
}

fn gate(port: u16) -> Rc<Gate> {
    let gate = Gate::new(Arc::default(), Resolver::System);
    let mut connection = ConnectionConfig::udp();
    connection.port = port;
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    gate.system.set(Ok(builder.build().unwrap())).ok().unwrap();
    gate
}

#[actix_rt::test]
async fn a_name_is_judged_by_every_address_that_its_aliases_lead_to() {
    let (port, server) = name_server();
    let gate = gate(port);
    let blocked = async |name: &str| match gate.admit(name, 80).await {
        Err(NotVetted::Blocked(why)) => why,
        other => panic!("{name}: {other:?}"),
    };

    assert!(
        blocked("alias.test")
            .await
            .starts_with("10.0.0.1 is an address of a private network")
    );
    assert!(
        blocked("mixed.test")
            .await
            .starts_with("fd12::1 is a unique-local address")
    );
    let good = gate.admit("GOOD.test.", 80).await.unwrap();
    assert_eq!(good.addresses(), ["8.8.8.8:80".parse().unwrap()]);
    for name in ["round.test", "unknown.test"] {
        let unknown = gate.admit(name, 80).await;
        assert!(matches!(unknown, Err(NotVetted::Unknown(_))), "{name}: {unknown:?}");
    }
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|end| end.send_to(&[], (Ipv4Addr::LOCALHOST, port)))
        .unwrap();
    server.join().unwrap();
}
