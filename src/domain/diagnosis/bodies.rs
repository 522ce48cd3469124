//! What becomes of a body between the wire and the code that signs it.

use std::io;

use serde::Serialize as _;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use serde_json::{Serializer, Value};

use super::Mistake;

/// What may have been sent, when somebody holds this.
pub(super) fn repaired(held: &[u8]) -> Vec<(Vec<u8>, Mistake)> {
    let mut bodies = Vec::new();
    bodies.extend(without_line_end(held).map(|body| (body.to_vec(), Mistake::LineEndAdded)));
    bodies.push(([held, b"\n"].concat(), Mistake::LineEndDropped));
    bodies.extend(
        written_again(held)
            .into_iter()
            .map(|body| (body, Mistake::WrittenAgain)),
    );
    bodies
}

/// What a receiver may have signed, when this was sent.
pub(super) fn damaged(sent: &[u8]) -> Vec<(Vec<u8>, Mistake)> {
    let mut bodies = Vec::new();
    bodies.push(([sent, b"\n"].concat(), Mistake::LineEndAdded));
    bodies.push(([sent, b"\r\n"].concat(), Mistake::LineEndAdded));
    bodies.extend(without_line_end(sent).map(|body| (body.to_vec(), Mistake::LineEndDropped)));
    bodies.extend(
        written_again(sent)
            .into_iter()
            .map(|body| (body, Mistake::WrittenAgain)),
    );
    bodies
}

fn without_line_end(body: &[u8]) -> Option<&[u8]> {
    let body = body.strip_suffix(b"\n")?;
    Some(body.strip_suffix(b"\r").unwrap_or(body))
}

/// As the languages write what they have parsed: JavaScript and Rust, the same with line breaks, Python, PHP, Go. The body itself is
/// none of them.
fn written_again(body: &[u8]) -> Vec<Vec<u8>> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let most = 2 * body.len() + 1_024;
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    let python = Style {
        item: b", ",
        colon: b": ",
        ascii: true,
        slash: false,
    };
    let php = Style {
        item: b",",
        colon: b":",
        ascii: true,
        slash: true,
    };
    let mut all = [
        write(&value, CompactFormatter, most),
        write(&value, PrettyFormatter::new(), most),
        write(&value, python, most),
        write(&value, Style { ascii: false, ..python }, most),
        write(&value, php, most),
        write(&sorted, CompactFormatter, most),
        write(&sorted, python, most),
    ]
    .to_vec();
    all.retain(|one| one != body && !one.is_empty());
    all.dedup();
    all
}

fn write(value: &Value, formatter: impl Formatter, most: usize) -> Vec<u8> {
    let mut capped = Capped {
        bytes: Vec::new(),
        most,
    };
    let mut serializer = Serializer::with_formatter(&mut capped, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => capped.bytes,
        Err(_) => Vec::new(),
    }
}

/// Gives up beyond so many bytes: deep lists with a line for each item would be a hundred times as long as what was sent.
struct Capped {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Capped {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.most {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a language writes JSON on one line.
#[derive(Clone, Copy)]
struct Style {
    item: &'static [u8],
    colon: &'static [u8],
    /// `\u00e4` instead of `ä`
    ascii: bool,
    /// `\/` instead of `/`
    slash: bool,
}

impl Formatter for Style {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { self.item })
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { self.item })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.colon)
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut units = [0; 2];
        for c in fragment.chars() {
            if self.slash && c == '/' {
                writer.write_all(b"\\/")?;
            } else if self.ascii && !c.is_ascii() {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                write!(writer, "{c}")?;
            }
        }
        Ok(())
    }
}

/// Where two bodies begin to differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many bytes are alike.
    pub at: usize,
    pub sent: Excerpt,
    pub held: Excerpt,
}

/// The bytes around that place, as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub length: usize,
    /// What is alike, then what is not.
    pub before: String,
    pub after: String,
}

/// `None` when they are the same.
pub fn difference(sent: &[u8], held: &[u8]) -> Option<Difference> {
    if sent == held {
        return None;
    }
    let at = sent.iter().zip(held).take_while(|(a, b)| a == b).count();
    Some(Difference {
        at,
        sent: Excerpt::around(sent, at),
        held: Excerpt::around(held, at),
    })
}

impl Excerpt {
    const BEFORE: usize = 24;
    const AFTER: usize = 16;

    fn around(body: &[u8], at: usize) -> Excerpt {
        let text = |bytes: &[u8]| {
            let shown = String::from_utf8_lossy(bytes);
            shown.escape_debug().collect::<String>().replace("\\\"", "\"")
        };
        Excerpt {
            length: body.len(),
            before: text(&body[at.saturating_sub(Self::BEFORE)..at]),
            after: text(&body[at..body.len().min(at + Self::AFTER)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_written_again_as_the_languages_do() {
        let sent = r#"{"b":"ä/😀","a":[1,true]}"#;

        let written: Vec<String> = written_again(sent.as_bytes())
            .into_iter()
            .map(|bytes| String::from_utf8(bytes).expect("text"))
            .collect();

        let js = serde_json::to_string_pretty(&serde_json::from_str::<Value>(sent).expect("JSON")).expect("JSON");
        assert_eq!(
            written,
            [
                js.as_str(),
                r#"{"b": "\u00e4/\ud83d\ude00", "a": [1, true]}"#,
                r#"{"b": "ä/😀", "a": [1, true]}"#,
                r#"{"b":"\u00e4\/\ud83d\ude00","a":[1,true]}"#,
                r#"{"a":[1,true],"b":"ä/😀"}"#,
                r#"{"a": [1, true], "b": "\u00e4/\ud83d\ude00"}"#,
            ]
        );
        assert!(written_again(b"no JSON").is_empty());
    }

    #[test]
    fn what_would_grow_without_measure_is_left_out() {
        let deep = format!("{}{}1{}", "[".repeat(100), "1,".repeat(10_000), "]".repeat(100));

        let written = written_again(deep.as_bytes());

        assert!(
            written.iter().all(|one| one.len() <= 3 * deep.len()),
            "{}",
            written.len()
        );
    }

    #[test]
    fn the_place_where_two_bodies_part_is_shown() {
        assert_eq!(difference(b"{}", b"{}"), None);
        let parted = difference(b"{\"a\":1}", b"{\"a\":1}\n").expect("a difference");

        assert_eq!(parted.at, 7);
        assert_eq!((parted.sent.length, parted.sent.after.as_str()), (7, ""));
        assert_eq!(
            (parted.held.before.as_str(), parted.held.after.as_str()),
            ("{\"a\":1}", "\\n")
        );
    }
}
