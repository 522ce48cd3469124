//! axe-core looks for what keeps people out: missing names, wrong roles, too little contrast, targets that are too small. It comes
//! from npm (`package-lock.json` pins it by its hash); `scripts/test` installs it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::chrome::Chrome;

const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/browser/node_modules/axe-core/axe.min.js"
);

/// Every rule that axe has on by itself, its best practices among them, and the size of targets, which WCAG 2.2 AA asks for.
const ALL_RULES: &str = "{ rules: { 'target-size': { enabled: true } } }";

/// The other theme has other colors and nothing else.
const COLORS: &str = "{ runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } }";

const RUN: &str = "
    return axe.run(document, Object.assign({ resultTypes: ['violations'] }, OPTIONS)).then(found => found.violations.flatMap(
        rule => rule.nodes.map(node => [
            `${rule.id} (${rule.impact}): ${rule.help}`,
            node.target.flat().join(' '),
            node.any.concat(node.all, node.none).map(check => check.message).join('; '),
        ])))";

pub struct Axe {
    source: String,
    found: BTreeMap<Finding, Vec<String>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    rule: String,
    element: String,
    /// The first page that has it tells enough.
    why: String,
}

impl Axe {
    pub fn new() -> Axe {
        let source = std::fs::read_to_string(SOURCE);
        Axe {
            source: source.unwrap_or_else(|error| {
                panic!("{SOURCE}: {error}; `scripts/test browser` installs it (npm ci --prefix tests/browser)")
            }),
            found: BTreeMap::new(),
        }
    }

    /// `name` is how the list calls what is shown now.
    pub async fn examine(&mut self, chrome: &Chrome, name: &str) {
        self.run(chrome, name, ALL_RULES).await;
    }

    /// For a page that was examined in the other theme.
    pub async fn examine_colors(&mut self, chrome: &Chrome, name: &str) {
        self.run(chrome, name, COLORS).await;
    }

    async fn run(&mut self, chrome: &Chrome, name: &str, options: &str) {
        if chrome.run("return typeof axe").await == "undefined" {
            chrome.run(&self.source).await;
        }
        let found = chrome.run(&RUN.replace("OPTIONS", options)).await;
        for node in found.as_array().expect("a list of findings") {
            let text = |at: usize| node[at].as_str().unwrap_or_default().to_owned();
            let finding = Finding {
                rule: text(0),
                element: text(1),
                why: text(2),
            };
            self.found.entry(finding).or_default().push(name.to_owned());
        }
    }

    /// Together with what was found elsewhere.
    pub fn with(mut self, other: Axe) -> Axe {
        for (finding, pages) in other.found {
            self.found.entry(finding).or_default().extend(pages);
        }
        self
    }

    /// Each finding once, with the pages that have it.
    #[track_caller]
    pub fn assert_clean(self) {
        let mut list = String::new();
        for (finding, pages) in &self.found {
            let _ = write!(
                list,
                "\n{}\n    {}\n    {}\n    on {}\n",
                finding.rule,
                finding.element,
                finding.why,
                pages.join(", ")
            );
        }
        assert!(list.is_empty(), "axe found {} things:\n{list}", self.found.len());
    }
}

/// The list of findings is empty for good reasons only when a page with mistakes makes it long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_sees_what_is_wrong_with_a_page() {
    let app = crate::support::app::App::start().await;
    let chrome = Chrome::open(&app.base, "axe", crate::chrome::Screen::Desk).await;
    let mut axe = Axe::new();

    chrome.visit("/setup").await;
    axe.examine(&chrome, "as it is").await;
    let before = axe.found.is_empty();
    chrome
        .run("document.querySelector('label[for=login]').remove(); document.querySelector('h1').style.color = '#eee'")
        .await;
    axe.examine(&chrome, "spoilt").await;

    assert!(before, "the page was fine");
    let rules: Vec<_> = axe.found.keys().map(|finding| finding.rule.as_str()).collect();
    assert!(rules.iter().any(|rule| rule.starts_with("color-contrast")), "{rules:?}");
    assert!(rules.iter().any(|rule| rule.starts_with("label ")), "{rules:?}");
    chrome.close().await;
}
