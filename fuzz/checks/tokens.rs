//! What comes back from a browser that we gave it: the one-use token of a form, and the cookie that says what the last request did. The
//! first line is the token, with `{t}` for a good one; the rest is the cookie, with `{f}` for one of ours.

use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::first_line;
use super::payload_viewer::{as_a_browser_reads, read, text_of};
use crate::domain::form_token::{Bound, GOOD_FOR, check as checked, issue};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::moment::Moment;
use crate::web::flash::{self, Flash};

const KEY: [u8; 32] = [7; 32];
const NOW: Moment = Moment(1_774_180_800_000_000);
const BOUND: Bound<'_> = Bound {
    session: SessionId(1),
    user: UserId(2),
    action: "rotate webhook 3",
};

#[derive(Template)]
#[template(ext = "html", source = r#"{%- import "parts/say.html" as say -%}{{ say::flash(flash) }}"#)]
struct Said {
    flash: Flash,
}

pub fn check(input: &[u8]) {
    let (token, cookie) = first_line(input);
    if let Ok(token) = std::str::from_utf8(token) {
        form_token(token);
    }
    flash(cookie);
}

fn form_token(text: &str) {
    let good = issue(&KEY, BOUND, [9; 16], NOW);
    let text = text.replace("{t}", &good);
    let found = checked(&KEY, BOUND, &text, NOW);
    // Hexadecimal digits have two cases; it is spent by its bytes.
    assert_eq!(found.is_some(), text.eq_ignore_ascii_case(&good), "{text}");
    assert_eq!(found.is_some(), found == checked(&KEY, BOUND, &good, NOW));
    for other in [
        Bound { session: SessionId(2), ..BOUND },
        Bound { user: UserId(1), ..BOUND },
        Bound { action: "rotate webhook 33", ..BOUND },
    ] {
        assert_eq!(checked(&KEY, other, &text, NOW), None);
    }
    assert_eq!(checked(&KEY, BOUND, &text, NOW + GOOD_FOR + GOOD_FOR), None);
}

fn flash(cookie: &[u8]) {
    let text = String::from_utf8_lossy(cookie).into_owned();
    let ours = Flash::good(text.clone()).with(text.clone());
    let value = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&ours).expect("JSON"));
    assert_eq!(flash::read(&value).as_ref(), Some(&ours), "a flash travels as it is");
    assert!(value.len() < 16 * 1024);
    for cookie in [text.replace("{f}", &value), BASE64_URL_SAFE_NO_PAD.encode(&text)] {
        let Some(flash) = flash::read(&cookie) else { continue };
        assert!(["good", "bad", ""].contains(&flash.state()));
        let words = [&flash.title, &flash.text].map(|words| as_a_browser_reads(words));
        let page = read(&Said { flash }.render().expect("rendered"));
        let shown = text_of(&page, "p");
        assert_eq!(shown.first(), Some(&words[0]));
        assert_eq!(shown.get(1).map_or("", String::as_str), words[1]);
    }
}
