//! What awc is told of an answer, what is refused, and when a connection may serve another request.

use super::*;

/// What the client sees of `bytes` when they come one by one, and the fault that ends it.
fn told(bytes: &[u8]) -> (String, Option<Fault>, Answer) {
    let (mut answer, mut out) = (Answer::default(), BytesMut::new());
    let fault = bytes.iter().find_map(|byte| answer.feed(&[*byte], &mut out).err());
    (String::from_utf8_lossy(&out).into_owned(), fault, answer)
}

#[test]
fn an_answer_is_passed_on_so_that_its_end_is_known() {
    let table = [
        // (what comes, what the client sees, may the connection be used again)
        (
            "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 \r\nX: 1\r\ncontent-length: 2\r\n\r\nok",
            true,
        ),
        (
            "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 Done\r\n\r\n",
            "HTTP/1.1 204 \r\n\r\n",
            true,
        ),
        (
            "\r\nHTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nok",
            "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nok", "HTTP/1.0 200 \r\n\r\nok", false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
            "HTTP/1.0 200 \r\n\r\nok",
            false,
        ),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok",
            false,
        ),
        (
            "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 304 \r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 204 \r\n\r\n",
            false,
        ),
        ("HTTP/1.1 101 Switch\r\n\r\nxyz", "HTTP/1.0 101 \r\n\r\nxyz", false),
    ];
    for (comes, sees, reusable) in table {
        let (told, fault, answer) = told(comes.as_bytes());

        assert_eq!(
            (told.as_str(), fault, !answer.used_up()),
            (sees, None, reusable),
            "{comes}"
        );
    }
}

#[test]
fn what_is_no_answer_is_refused_as_soon_as_that_is_known() {
    let long = "x".repeat(MAX_HEAD);
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM + 1);
    let many = "X: 1\r\n".repeat(MAX_HEADERS + 1);
    let name = format!("HTTP/1.1 200 OK\r\n{long}");
    let headers = format!("HTTP/1.1 200 OK\r\n{many}");
    let lines = "\r\n".repeat(MAX_HEAD);
    let body = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_BODY + 1));
    let table = [
        ("220 mail", Fault::NotHttp),
        ("http/1.1", Fault::NotHttp),
        ("HTTP/2", Fault::OtherVersion),
        ("HTTP/1.7 200 OK\r\n", Fault::OtherVersion),
        ("HTTP/1.1 099 OK\r\n\r\n", Fault::NotHttp),
        ("HTTP/1.1 200 OK\r\nX\0: 1\r\n", Fault::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Fault::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", Fault::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", Fault::Length),
        (name.as_str(), Fault::TooLarge),
        (headers.as_str(), Fault::TooLarge),
        (lines.as_str(), Fault::TooLarge),
        (flood.as_str(), Fault::EndlessInterim),
        (body.as_str(), Fault::EndlessBody),
    ];
    for (comes, expected) in table {
        let (_, fault, _) = told(comes.as_bytes());

        assert_eq!(fault, Some(expected), "{}", &comes[..comes.len().min(60)]);
    }
}

#[test]
fn what_is_glued_to_an_answer_reaches_nobody_and_ends_the_connection() {
    let (mut answer, mut out) = (Answer::default(), BytesMut::new());
    let glued = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Oh\r\n";

    answer.feed(glued, &mut out).unwrap();
    answer.expect_next();

    assert!(out.ends_with(b"\r\n\r\nok"), "{out:?}");
    assert!(answer.used_up());
}

#[test]
fn a_connection_that_ends_within_a_head_is_no_end_without_an_answer() {
    for (comes, expected) in [
        ("", Ok(())),
        ("\r\n", Ok(())),
        ("HTTP/1.1 2", Err(Fault::Unfinished)),
        ("HTTP/1.1 100 Go on\r\n\r\n", Err(Fault::Unfinished)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Ok(())),
    ] {
        let (_, _, answer) = told(comes.as_bytes());

        assert_eq!(answer.ended(), expected, "{comes}");
    }
}
