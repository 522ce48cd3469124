//! What came from outside, on a page: a payload as a tree and raw, a header, what an event changed, and what a cookie says. The HTML is
//! read again by the parser of a browser engine: it holds no element or attribute that the templates do not make, and its
//! text is the text that came in.

use askama::Template;
use scraper::{Html, Node};
use serde_json::Value;
use serde_json::value::RawValue;

use super::first_line;
use crate::domain::what_changed::{cell, what_changed};
use crate::web::json_tree::JsonTree;

/// Of `json_tree.html`, `code.html`, `icon.html` and `say.html` in `templates/parts`.
const ELEMENTS: [&str; 16] = [
    "html", "body", "div", "span", "details", "summary", "pre", "button", "svg", "use", "path", "dl", "dt", "dd", "p", "b",
];
const ATTRIBUTES: [&str; 11] = [
    "class", "open", "id", "tabindex", "role", "aria-label", "type", "data-copy", "data-state", "aria-hidden", "href",
];

/// The macros that pages show such text with.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"{%- import "parts/code.html" as code -%}
<div id="raw">{{ code::code("c", "Raw", raw) }}</div>
<div id="headers">{{ code::headers(headers) }}</div>
<div id="cells">{% for c in cells %}<p>{{ c }}</p>{% endfor %}</div>"##
)]
struct Shown {
    raw: String,
    headers: Vec<(String, String)>,
    cells: Vec<String>,
}

/// The first line is the body of the event before, the rest the body.
pub fn check(input: &[u8]) {
    let (before, body) = first_line(input);
    tree(body);
    tree(input);
    let changes = what_changed(body, Some(before));
    let mut cells = Vec::new();
    for change in &changes {
        let after = cell(&change.after);
        assert!(after.chars().count() <= 201, "{after}");
        cells.push(change.field.clone());
        cells.push(after);
        cells.extend(change.before.as_ref().map(cell));
    }
    let raw = String::from_utf8_lossy(body).into_owned();
    let name = String::from_utf8_lossy(before).into_owned();
    let shown = Shown {
        headers: vec![(name, raw.clone())],
        raw,
        cells,
    };
    let page = read(&shown.render().expect("rendered"));
    assert_eq!(text_of(&page, "#raw pre"), [as_a_browser_reads(&shown.raw)]);
    assert_eq!(text_of(&page, "#headers dt"), [as_a_browser_reads(&shown.headers[0].0)]);
    assert_eq!(text_of(&page, "#headers dd"), [as_a_browser_reads(&shown.headers[0].1)]);
    let cells: Vec<String> = shown.cells.iter().map(|cell| as_a_browser_reads(cell)).collect();
    assert_eq!(text_of(&page, "#cells p"), cells);
}

/// Without what stands in for a folded part, the text of the tree is JSON again, and the same value where a `Value` can hold it.
fn tree(body: &[u8]) {
    let value = serde_json::from_slice::<Value>(body);
    let Some(tree) = JsonTree::parse(body) else {
        assert!(value.is_err());
        return;
    };
    let html = tree.render().expect("rendered");
    let page = read(&html);
    let mut text = String::new();
    for node in page.tree.nodes() {
        let folded = node.ancestors().any(|above| {
            let element = above.value().as_element();
            element.is_some_and(|element| element.attr("class") == Some("more"))
        });
        if let (Node::Text(piece), false) = (node.value(), folded) {
            text.push_str(piece);
        }
    }
    serde_json::from_str::<&RawValue>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    if let Ok(value) = value {
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
    }
}

pub(super) fn read(html: &str) -> Html {
    let page = Html::parse_fragment(html);
    for node in page.tree.nodes() {
        match node.value() {
            Node::Document | Node::Fragment | Node::Text(_) => {}
            Node::Element(element) => {
                assert!(ELEMENTS.contains(&element.name()), "<{}> in {html}", element.name());
                for (name, _) in element.attrs() {
                    assert!(ATTRIBUTES.contains(&name), "{name}= in {html}");
                }
            }
            other => panic!("{other:?} in {html}"),
        }
    }
    page
}

pub(super) fn text_of(page: &Html, selector: &str) -> Vec<String> {
    let selector = scraper::Selector::parse(selector).expect("a selector");
    page.select(&selector).map(|element| element.text().collect()).collect()
}

/// HTML has one kind of line end and no NUL; scraper's parser drops a NUL where text may not have one.
pub(super) fn as_a_browser_reads(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "")
}
