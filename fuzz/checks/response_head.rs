//! What a receiver answers, through the client that deliveries go through: a listener on loopback sends the input and closes. The
//! first line of what is kept is compared with another reading of the same bytes, and everything kept has its bound.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender as Tell};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::delivery::attempt::retry_after;
use crate::delivery::resolve::Resolver;
use crate::delivery::sender::{Exchange, Request, Sender, SenderConfig};
use crate::domain::delivery::Outcome;
use crate::domain::hint::{Seen, hint};
use crate::domain::target::AllowList;
use crate::web::pages::deliveries::attempts::pairs;

/// What is kept of a body, and of a header (`delivery/sender.rs`). A byte that is no text becomes three.
const BODY: usize = 16 * 1024;
const HEADERS: usize = 100;
const NAME: usize = 256;
const VALUE: usize = 3 * 1024;
const LONGEST_SENTENCE: usize = 400;

pub fn check(input: &[u8]) {
    thread_local! {
        static LABORATORY: RefCell<Option<Laboratory>> = const { RefCell::new(None) };
    }
    let exchange = LABORATORY.with_borrow_mut(|laboratory| laboratory.get_or_insert_with(Laboratory::new).ask(input));
    kept(&exchange);
    match &exchange.outcome {
        Outcome::Answered(code) => answered(input, *code, &exchange),
        Outcome::Protocol(_) => {
            assert!(exchange.response_headers.is_empty() && exchange.response_body.is_empty() && !exchange.cut);
        }
        other => panic!("a receiver that answers and closes is no {other:?}"),
    }
}

/// A receiver that sends what it is told, and the client.
struct Laboratory {
    runtime: actix_rt::SystemRunner,
    sender: Sender,
    url: Url,
    answers: Tell<Vec<u8>>,
}

impl Laboratory {
    fn new() -> Laboratory {
        let runtime = actix_rt::System::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (answers, told) = mpsc::channel::<Vec<u8>>();
        std::thread::spawn(move || {
            for answer in told {
                let (stream, _) = listener.accept().expect("a connection");
                respond(stream, &answer);
            }
        });
        let mut config = SenderConfig::new(Arc::new(AllowList::parse("loopback").expect("a list")));
        config.resolver = Resolver::fixed([]);
        // Far beyond what it takes: who needs it hangs.
        config.deadline = Duration::from_secs(20);
        config.body_time = Duration::from_secs(20);
        let sender = runtime.block_on(async { Sender::new(config) });
        Laboratory {
            runtime,
            sender,
            url: Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL"),
            answers,
        }
    }

    fn ask(&self, answer: &[u8]) -> Exchange {
        self.answers.send(answer.to_vec()).expect("the receiver runs");
        let request = Request {
            url: self.url.clone(),
            headers: Vec::new(),
            body: b"{}".as_slice().into(),
        };
        let exchange = self.runtime.block_on(self.sender.post(request));
        assert!(!exchange.reused, "what a receiver closes is not used again");
        exchange
    }
}

fn respond(mut stream: TcpStream, answer: &[u8]) {
    let mut request = [0; 2_048];
    let mut read = 0;
    while !request[..read].ends_with(b"{}") {
        match stream.read(&mut request[read..]) {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
    }
    // The client may have heard enough.
    let _ = stream.write_all(answer);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    // Closing with something unread would tear down what is still on its way.
    while matches!(stream.read(&mut request), Ok(1..)) {}
}

fn kept(exchange: &Exchange) {
    assert!(exchange.response_body.len() <= BODY);
    assert!(exchange.response_headers.len() <= HEADERS);
    for (name, value) in &exchange.response_headers {
        assert!(!name.is_empty() && name.len() <= NAME && value.len() <= VALUE, "{name}: {value}");
        let printable = |c: char| c == '\t' || !c.is_ascii_control();
        assert!(name.chars().chain(value.chars()).all(printable), "{name:?}: {value:?}");
    }
    // As the attempt is stored and read again for its page.
    let json = serde_json::to_string(&exchange.response_headers).expect("JSON");
    assert_eq!(pairs(&json), exchange.response_headers);
    assert!(!json.contains('\0'));
    let sentence = exchange.outcome.sentence();
    assert!(!sentence.is_empty() && sentence.len() <= LONGEST_SENTENCE, "{sentence}");
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
    let hint = hint(&Seen {
        outcome: exchange.outcome.kind(),
        code: exchange.outcome.code().map(i32::from),
        message: &sentence,
        connected: true,
        url: "http://127.0.0.1/",
        headers: &exchange.response_headers,
        body: &exchange.response_body,
        manages: true,
        patient: false,
    });
    assert!(hint.len() <= 2 * LONGEST_SENTENCE && !hint.chars().any(char::is_control), "{hint:?}");
}

/// The code stands where HTTP/1 puts it, and every header that was kept stands in what was sent.
fn answered(input: &[u8], code: u16, exchange: &Exchange) {
    let text = String::from_utf8_lossy(input);
    assert!((100..=999).contains(&code));
    assert!(text.contains(&code.to_string()), "{code} was not sent");
    let line = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    assert!(line.starts_with("HTTP/1."), "{line:?}");
    let lower = text.to_ascii_lowercase();
    for (name, _) in &exchange.response_headers {
        assert!(lower.contains(name.as_str()), "{name}");
    }
    if let Some(asked) = retry_after(&exchange.response_headers) {
        let all = exchange.response_headers.iter().filter(|header| header.0 == "retry-after");
        assert!(all.into_iter().all(|header| header.1 == asked));
    }
    let end = input.windows(2).any(|two| two == b"\n\n" || two == b"\n\r");
    assert!(end, "an answer without the end of its head");
}
