//! An answer as a person sees it: text, links, forms with what they hold. Reads HTML; asks nothing of the server.

use reqwest::header::HeaderMap;
use scraper::{ElementRef, Html, Selector};

/// One answer of the server, after redirects.
#[derive(Debug, Clone)]
pub struct Page {
    pub path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub html: String,
}

/// A form with the values it would send if somebody pressed its button at once.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Page {
    /// What can be read on the page, white space folded.
    pub fn text(&self) -> String {
        let html = Html::parse_document(&self.html);
        let body = html.select(&selector("body")).next().map(|body| words(&body));
        body.unwrap_or_else(|| self.html.clone())
    }

    pub fn says(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    #[track_caller]
    pub fn assert_says(&self, words: &str) -> &Self {
        assert!(
            self.says(words),
            "{} ({}) does not say “{words}” but:\n{}",
            self.path,
            self.status,
            self.text()
        );
        self
    }

    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{} says:\n{}", self.path, self.text());
        self
    }

    /// The text of each element that matches.
    pub fn texts(&self, css: &str) -> Vec<String> {
        Html::parse_document(&self.html)
            .select(&selector(css))
            .map(|element| words(&element))
            .collect()
    }

    /// The text of the element that matches, with every space and line break.
    pub fn verbatim(&self, css: &str) -> String {
        let html = Html::parse_document(&self.html);
        html.select(&selector(css)).flat_map(|element| element.text()).collect()
    }

    /// An attribute of each element that matches and has it.
    pub fn attributes(&self, css: &str, name: &str) -> Vec<String> {
        let html = Html::parse_document(&self.html);
        html.select(&selector(css))
            .filter_map(|element| element.attr(name).map(str::to_owned))
            .collect()
    }

    /// Addresses on this server that a visitor of this page can reach.
    pub fn links(&self) -> Vec<String> {
        let inside = |link: &String| link.starts_with('/') && !link.starts_with("//");
        self.attributes("a[href]", "href").into_iter().filter(inside).collect()
    }

    pub fn forms(&self) -> Vec<Form> {
        let html = Html::parse_document(&self.html);
        let own = self.path.split('?').next().unwrap_or_default().to_owned();
        html.select(&selector("form[method=post]"))
            .map(|form| Form {
                action: form
                    .attr("action")
                    .filter(|action| !action.is_empty())
                    .map_or_else(|| own.clone(), str::to_owned),
                fields: controls(&html, &form),
            })
            .collect()
    }

    /// The first form whose action ends like this.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        let forms = self.forms();
        forms
            .iter()
            .find(|form| form.action.ends_with(action))
            .cloned()
            .unwrap_or_else(|| {
                let actions: Vec<_> = forms.iter().map(|form| &form.action).collect();
                panic!(
                    "no form on {} ({}) ends with {action}; there are {actions:?}\n{}",
                    self.path,
                    self.status,
                    self.text()
                )
            })
    }
}

impl Form {
    /// Types into the form: replaces every value under the names that are given, and keeps the rest.
    pub fn filled(mut self, typed: &[(&str, &str)]) -> Form {
        self.fields
            .retain(|(name, _)| !typed.iter().any(|(given, _)| given == name));
        self.fields.extend(
            typed
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        self
    }
}

/// Successful controls, as the HTML standard calls what a form sends; buttons are pressed by naming them in `filled`.
fn controls(page: &Html, form: &ElementRef<'_>) -> Vec<(String, String)> {
    let control = selector("input[name], textarea[name], select[name]");
    let inside = form.select(&control).filter(|control| control.attr("form").is_none());
    // A control may stand elsewhere and name its form.
    let id = form.attr("id").unwrap_or("-");
    let elsewhere = page.select(&control).filter(|control| control.attr("form") == Some(id));
    let mut fields = Vec::new();
    for control in inside.chain(elsewhere) {
        let (Some(name), None) = (control.attr("name"), control.attr("disabled")) else {
            continue;
        };
        let value = match control.value().name() {
            "textarea" => Some(control.text().collect::<String>().trim_start_matches('\n').to_owned()),
            "select" => {
                for option in control.select(&selector("option[selected]")) {
                    fields.push((
                        name.to_owned(),
                        option.attr("value").map_or_else(|| words(&option), str::to_owned),
                    ));
                }
                let first = control.select(&selector("option")).next();
                let nothing_selected = control.select(&selector("option[selected]")).next().is_none();
                let single = control.attr("multiple").is_none();
                first
                    .filter(|_| nothing_selected && single)
                    .map(|option| option.attr("value").unwrap_or("").to_owned())
            }
            _ => match control.attr("type") {
                Some("checkbox" | "radio") if control.attr("checked").is_none() => None,
                Some("submit" | "button" | "image" | "file" | "reset") => None,
                Some("checkbox" | "radio") => Some(control.attr("value").unwrap_or("on").to_owned()),
                _ => Some(control.attr("value").unwrap_or("").to_owned()),
            },
        };
        fields.extend(value.map(|value| (name.to_owned(), value)));
    }
    fields
}

/// Elements stand apart, but for `<bdi>`, which only shuts a name in.
fn words(element: &ElementRef<'_>) -> String {
    let mut text = String::new();
    let mut after_name = false;
    for node in element.descendants() {
        let Some(piece) = node.value().as_text() else {
            continue;
        };
        let parent = node.parent().and_then(ElementRef::wrap);
        let is_name = parent.is_some_and(|parent| parent.value().name() == "bdi");
        if !is_name && !after_name {
            text.push(' ');
        }
        text += piece;
        after_name = is_name;
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap_or_else(|error| panic!("`{css}` is not a selector: {error}"))
}
