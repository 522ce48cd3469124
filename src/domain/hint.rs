//! What to do about an attempt that failed: one hint that fits what happened, beside the sentence that says it. Pure; what a
//! receiver sent is quoted at most, never followed.

use url::Url;

use crate::domain::delivery::OutcomeKind;

/// An attempt as far as a hint depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub outcome: OutcomeKind,
    pub code: Option<i32>,
    /// The sentence that tells what happened.
    pub message: &'a str,
    /// It had a connection when it ended.
    pub connected: bool,
    pub url: &'a str,
    /// None are known to who may not see them.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
    /// Whoever reads it can change the webhook.
    pub manages: bool,
    /// The schedule already keeps to what a receiver asks for.
    pub patient: bool,
}

/// A quoted address is no longer than this.
const LONGEST: usize = 300;

impl Seen<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name));
        found.map(|header| header.1.trim()).filter(|value| !value.is_empty())
    }

    /// A page for people instead of an answer for a program.
    fn is_page(&self) -> bool {
        let is_html = self
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        let start: String = self
            .body
            .iter()
            .take(200)
            .map(|&byte| (byte as char).to_ascii_lowercase())
            .collect();
        is_html || start.trim_start().starts_with("<!doctype html") || start.trim_start().starts_with("<html")
    }

    fn asks_for_a_password(&self) -> bool {
        let body: String = self
            .body
            .iter()
            .map(|&byte| (byte as char).to_ascii_lowercase())
            .collect();
        ["type=\"password\"", "type=password", "type='password'"]
            .iter()
            .any(|mark| body.contains(mark))
    }
}

/// Empty when there is nothing useful to say.
pub fn hint(seen: &Seen<'_>) -> String {
    match seen.outcome {
        OutcomeKind::Answered => answered(seen),
        OutcomeKind::Timeout if seen.connected => "It was reached, but took too long. A receiver should answer at once, for example with 202 Accepted, and do its work afterwards.".to_owned(),
        OutcomeKind::Timeout => "A firewall that drops packets looks like this, and so does a machine that is off. It must be reachable from this server, not only from your desk.".to_owned(),
        OutcomeKind::Dns => "Check how the name is spelt. This server must be able to look it up, not only your own machine.".to_owned(),
        OutcomeKind::Connect => "Is the receiver running, and on this port? A firewall may also turn connections away.".to_owned(),
        OutcomeKind::Tls => tls(seen.message).to_owned(),
        OutcomeKind::Blocked if seen.message.contains("metadata") || seen.message.contains("link-local") => "No receiver lives there: such addresses are for the machine itself and its credentials. Check the URL and what its name resolves to.".to_owned(),
        OutcomeKind::Blocked => "Whoever runs this server can allow it with that setting; otherwise use an address that everybody can reach.".to_owned(),
        OutcomeKind::Protocol => "Something may be listening there that is no HTTP server, or a proxy in between cut it off. The receiver's own log may know more.".to_owned(),
        OutcomeKind::Interrupted => "This server was stopped in the middle; the receiver may have got the request all the same.".to_owned(),
        OutcomeKind::Discarded | OutcomeKind::Expired => String::new(),
    }
}

fn answered(seen: &Seen<'_>) -> String {
    let Some(code) = seen.code else {
        return String::new();
    };
    match code {
        200..=299 if seen.is_page() && seen.asks_for_a_password() => "What came back is a web page for signing in, not the answer of a receiver: is this the address of a page for people?".to_owned(),
        200..=299 => String::new(),
        300..=399 => redirect(seen),
        400 | 422 if seen.manages => "It was reached, but did not like the request. What it answered, below, often says why; if it checks the signature, “Check a signature” finds the mistake.".to_owned(),
        400 | 422 => "It was reached, but did not like the request.".to_owned(),
        401 | 403 if !seen.manages => "It wants to know who is calling.".to_owned(),
        401 | 403 if seen.is_page() => "What came back is a web page, perhaps for signing in: the address may be that of a page for people. A receiver that wants a token gets it from an own header (Edit, Advanced).".to_owned(),
        401 | 403 => "It wants to know who is calling. A token goes into an own header such as Authorization (Edit, Advanced); if it checks the signature, “Check a signature” finds the mistake.".to_owned(),
        404 => "Compare the path of the URL with the one that the receiver listens at; for many a slash at the end matters.".to_owned(),
        405 => "Something is at this path, but it takes no POST. Compare the path of the URL with the one that the receiver listens at.".to_owned(),
        408 => "It waited for the body for too long, or a proxy did. The receiver's own log may know more.".to_owned(),
        410 => "Whoever runs the receiver took it away on purpose. Ask them for the new address, or delete the webhook.".to_owned(),
        413 => "The body is larger than the receiver, or a proxy in front of it, accepts. Raise its limit; bodies have up to 256 KiB.".to_owned(),
        415 => "It does not take application/json. Bodies are always JSON; the receiver has to accept that.".to_owned(),
        429 => {
            let wish = match seen.header("retry-after") {
                Some(_) => format!("It asks for a pause{}.", asked(seen)),
                None => "It gets more requests than it wants.".to_owned(),
            };
            let patient = if seen.patient { "" } else { " The “Patient” schedule keeps to such pauses and tries for longer." };
            format!("{wish}{patient}")
        }
        502 | 504 => "A proxy answered in its place: the receiver behind it does not run or is too slow.".to_owned(),
        503 => format!("It can be reached, but says that it is not ready{}.", asked_and(seen)),
        500..=599 => "Something went wrong inside the receiver; its own log says what.".to_owned(),
        _ => String::new(),
    }
}

/// ` of 120 seconds`, ` until Wed, 21 Oct 2026 07:28:00 GMT`.
fn asked(seen: &Seen<'_>) -> String {
    match seen.header("retry-after") {
        Some(seconds) if seconds.len() <= 9 && seconds.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!(" of {seconds} seconds")
        }
        Some(date) if httpdate::parse_http_date(date).is_ok() => format!(" until {date}"),
        _ => String::new(),
    }
}

fn asked_and(seen: &Seen<'_>) -> String {
    match asked(seen) {
        asked if asked.is_empty() => asked,
        asked => format!(" and asks for a pause{asked}"),
    }
}

fn redirect(seen: &Seen<'_>) -> String {
    let to = seen.header("location").and_then(|location| {
        let base = Url::parse(seen.url).ok()?;
        base.join(location).ok()
    });
    let Some(mut to) = to.filter(|to| to.as_str().len() <= LONGEST && matches!(to.scheme(), "http" | "https")) else {
        return String::new();
    };
    // A URL here may have neither.
    if to.set_username("").and_then(|()| to.set_password(None)).is_err() {
        return String::new();
    }
    to.set_fragment(None);
    let path = to.path().to_ascii_lowercase();
    if ["login", "signin", "sign-in", "sign_in", "sso", "oauth", "saml", "auth"]
        .iter()
        .any(|mark| path.split('/').any(|part| part.starts_with(mark)))
    {
        return format!(
            "It points to {to}, which looks like a page for signing in: a receiver has to answer without one."
        );
    }
    if to.scheme() == "http" && seen.url.starts_with("https:") {
        return format!("It points to {to}, which is not encrypted; better have the receiver answer at this URL.");
    }
    format!("It points to {to} instead. If that is right, use that URL.")
}

/// The sentences are those of `delivery/failure.rs`; a test there keeps the two together.
fn tls(message: &str) -> &'static str {
    const MARKS: [(&str, &str); 7] = [
        (
            "has expired",
            "Whoever runs the receiver has to renew it; the server's own clock is the other possibility.",
        ),
        (
            "not valid yet",
            "Compare the clocks of both machines, or wait until it begins.",
        ),
        (
            "not for the name",
            "Use the name that the certificate was made for, or have one made for this name.",
        ),
        (
            "not trusted here",
            "A receiver with a certificate of your own company needs that setting; a public one has to send its intermediate certificates too.",
        ),
        ("revoked", "Whoever runs the receiver has to get a new one."),
        (
            "is not TLS",
            "The port may be one for plain HTTP: then the URL begins with http://.",
        ),
        (
            "no version or cipher",
            "The receiver has to offer TLS 1.2 or 1.3, which everything of the last ten years can.",
        ),
    ];
    let fitting = MARKS.iter().find(|(mark, _)| message.contains(mark));
    fitting.map_or(
        "The receiver, or a proxy in front of it, refuses the encrypted connection; its own log may say why.",
        |(_, hint)| hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_answer(code: i32, headers: &[(&str, &str)], body: &[u8]) -> String {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        hint(&Seen {
            outcome: OutcomeKind::Answered,
            code: Some(code),
            message: "",
            connected: true,
            url: "https://hooks.example.com/a/b",
            headers: &headers,
            body,
            manages: true,
            patient: false,
        })
    }

    #[test]
    fn an_answer_gets_the_hint_that_fits_it() {
        let html = [("Content-Type", "text/html")];
        type Case<'a> = (i32, &'a [(&'a str, &'a str)], &'a [u8], &'a str);
        let cases: [Case<'_>; 20] = [
            (
                301,
                &[("location", "/new")],
                b"",
                "It points to https://hooks.example.com/new",
            ),
            (
                302,
                &[("location", "//other.example/x")],
                b"",
                "points to https://other.example/x",
            ),
            (302, &[("location", "/login?next=%2F")], b"", "a page for signing in"),
            (
                307,
                &[("location", "http://hooks.example.com/a/b")],
                b"",
                "is not encrypted",
            ),
            (
                308,
                &[("location", "https://me:secret@new.example/#x")],
                b"",
                "points to https://new.example/ instead",
            ),
            (400, &[], b"", "did not like the request"),
            (401, &[], b"", "own header such as Authorization"),
            (403, &html, b"<p>", "a web page"),
            (401, &[], b"<!DOCTYPE html>", "a web page"),
            (404, &[], b"", "slash at the end"),
            (405, &[], b"", "takes no POST"),
            (410, &[], b"", "new address"),
            (413, &[], b"", "larger than"),
            (429, &[("Retry-After", "30")], b"", "a pause of 30 seconds"),
            (429, &[("Retry-After", "soon")], b"", "asks for a pause. The"),
            (429, &[], b"", "more requests than it wants"),
            (
                503,
                &[("retry-after", "120")],
                b"",
                "not ready and asks for a pause of 120 seconds.",
            ),
            (503, &[], b"", "not ready."),
            (502, &[], b"", "A proxy answered"),
            (500, &[], b"", "inside the receiver"),
        ];
        for (code, headers, body, expected) in cases {
            let hint = of_answer(code, headers, body);
            assert!(hint.contains(expected), "{code}: {hint}");
        }
    }

    #[test]
    fn a_page_for_signing_in_is_no_receiver_even_with_200() {
        let page = b"<html><form><input type=password></form></html>";

        assert!(of_answer(200, &[], page).contains("a web page for signing in"));
        assert_eq!(of_answer(200, &[], b"OK"), "");
        assert_eq!(of_answer(200, &[("content-type", "text/html")], b"<h1>Thanks</h1>"), "");
    }

    #[test]
    fn a_location_that_is_no_web_address_is_not_recommended() {
        for location in ["javascript:alert(1)", "file:///etc/passwd", ""] {
            assert_eq!(of_answer(302, &[("location", location)], b""), "", "{location}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        assert_eq!(of_answer(302, &[("location", &long)], b""), "");
    }
}
