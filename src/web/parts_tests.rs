//! The macros of `templates/parts`, each called once: they are compiled only where a page calls them.

use askama::Template;

use super::form::FieldErrors;
use super::words::When;
use crate::domain::field_error::FieldError;
use crate::domain::moment::Moment;

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"
{%- import "parts/form.html" as form -%}{%- import "parts/say.html" as say -%}{%- import "parts/time.html" as time -%}
{%- import "parts/list.html" as list -%}{%- import "parts/code.html" as code -%}{%- import "parts/icon.html" as i -%}
{{ form::summary(errors) }}
{{ form::input("url", "URL", typed, errors.of("url"), help = "It must answer.", kind = "url", more = crate::web::form::attr("required")) }}
{{ form::textarea("note", "Note", typed, "", optional = "optional") }}
{{ form::password("password", "Password", "") }}
{{ say::note("warn", "warn", "First.", "Second.") }}{{ say::state("failed", "Failed") }}{{ say::pill("held", "Held") }}
{{ say::http("failed", "503") }}{{ say::event("task.updated") }}{{ say::pips(4) }}{{ say::tries(["b", "g"], "2 of 3") }}
{{ time::time(at) }}{{ time::live(at) }}{{ time::until(at) }}
{{ list::empty("Nothing", "Yet.") }}{{ list::pager("20", "", "/older") }}
{{ code::code("c", "Code", typed) }}{{ code::headers(headers) }}{{ i::face("Ada", "A", 2) }}{{ i::dot("#112233") }}
"##
)]
struct All {
    errors: FieldErrors,
    typed: String,
    at: When,
    headers: Vec<(String, String)>,
}

/// The parser of HTML drops a line end right behind `<pre>` and `<textarea>`.
#[test]
fn a_text_that_begins_with_a_line_end_keeps_it() {
    let page = All {
        errors: FieldErrors::default(),
        typed: "\nsecond line".to_owned(),
        at: When::new(Moment(0), Moment(0)),
        headers: Vec::new(),
    };

    let html = scraper::Html::parse_fragment(&page.render().expect("rendered"));

    for selector in ["textarea", "pre"] {
        let selector = scraper::Selector::parse(selector).expect("a selector");
        let texts: Vec<String> = html.select(&selector).map(|one| one.text().collect()).collect();
        assert_eq!(texts, ["\nsecond line"], "{selector:?}");
    }
}

#[test]
fn what_was_typed_comes_back_escaped_and_beside_its_error() {
    let page = All {
        errors: vec![FieldError::new("url", "It has no host.")].into(),
        typed: "\"><script>".to_owned(),
        at: When::new(Moment(0), Moment(0)),
        headers: vec![("a".to_owned(), "<b>".to_owned())],
    };

    let html = page.render().expect("rendered");

    assert!(!html.contains("<script>") && !html.contains("<b>\""), "{html}");
    assert!(
        html.contains(r#"aria-invalid="true" aria-describedby="url-err url-help" required"#),
        "{html}"
    );
    assert!(html.contains(r##"<a href="#url">It has no host.</a>"##), "{html}");
    assert_eq!(html.matches(r#"class="on""#).count(), 4, "{html}");
}
