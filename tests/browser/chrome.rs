//! A headless Chromium and what a person does with it: read, click, type. Elements are found by what can be read on the page, so
//! a test breaks when the words change, not when the markup does.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_RIGHT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

pub use crate::devtools::Screen;
use crate::devtools::{self, Look, Theme};
use crate::support::given::PASSWORD;

const PATIENCE: Duration = Duration::from_secs(15);
pub const SCREENSHOTS: &str = "target/screenshots";

/// Whether pages may run script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    On,
    Off,
}

/// What went over the network.
#[derive(Debug)]
pub struct Fetched {
    pub url: String,
    /// On the wire, heads and compressed bodies.
    pub bytes: u64,
}

pub struct Chrome {
    client: Client,
    base: String,
    name: &'static str,
    shots: Cell<u32>,
    /// Requests without an answer yet: their addresses by their ids.
    asked: RefCell<HashMap<String, String>>,
    _driver: Driver,
    _profile: tempfile::TempDir,
}

/// Ends chromedriver, and with it the browser, when a test panics.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Chrome {
    /// `name` begins the names of its screenshots.
    pub async fn open(base: &str, name: &'static str, screen: Screen) -> Chrome {
        Self::with(base, name, screen, Script::On).await
    }

    /// Switched off, as some people have it: the tests' own scripts still run.
    pub async fn with(base: &str, name: &'static str, screen: Screen, script: Script) -> Chrome {
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().expect("a folder");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(script, profile.path()));
        let client = builder
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        // The browser opens with a page of its own.
        client.goto("about:blank").await.expect("an empty page");
        devtools::log(&client, "performance").await;
        devtools::look(&client, Look(screen, Theme::Light)).await;
        Chrome {
            client,
            base: base.to_owned(),
            name,
            shots: Cell::default(),
            asked: RefCell::default(),
            _driver: driver,
            _profile: profile,
        }
    }

    pub async fn visit(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.expect(path);
    }

    pub async fn reload(&self) {
        self.client.refresh().await.expect("a reload");
    }

    /// The path of the page that is shown.
    pub async fn path(&self) -> String {
        self.client.current_url().await.expect("an address").path().to_owned()
    }

    /// Waits until these words can be read.
    pub async fn sees(&self, words: &str) {
        let began = Instant::now();
        loop {
            let text = self.text().await;
            if text.to_lowercase().contains(&words.to_lowercase()) {
                return;
            }
            if began.elapsed() > PATIENCE {
                self.shoot("missing").await;
                panic!("“{words}” is not on {}:\n{text}", self.path().await);
            }
        }
    }

    /// Reloads until these words can be read: for what happens behind the page.
    pub async fn sees_in_time(&self, words: &str) {
        let began = Instant::now();
        while !self.text().await.to_lowercase().contains(&words.to_lowercase()) {
            assert!(
                began.elapsed() < 3 * PATIENCE,
                "“{words}” never came on {}:\n{}",
                self.path().await,
                self.text().await
            );
            self.reload().await;
        }
    }

    /// What can be read on the page now.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body ? document.body.innerText : ''").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the link, button or label that reads like this, or whose name for screen readers does.
    pub async fn click(&self, words: &str) {
        self.reveal(words)
            .await
            .click()
            .await
            .unwrap_or_else(|error| panic!("clicking “{words}”: {error}"));
    }

    /// Opens the context menu of what reads like this.
    pub async fn right_click(&self, words: &str) {
        let element = self.reveal(words).await;
        let to_it = PointerAction::MoveToElement {
            element,
            duration: None,
            x: 0.,
            y: 0.,
        };
        let press = PointerAction::Down {
            button: MOUSE_BUTTON_RIGHT,
        };
        let mouse = MouseActions::new("mouse".to_owned()).then(to_it).then(press);
        let mouse = mouse.then(PointerAction::Up {
            button: MOUSE_BUTTON_RIGHT,
        });
        self.client.perform_actions(mouse).await.expect("a right click");
    }

    /// Types into the field with this label, in place of what it held.
    pub async fn fill(&self, label: &str, value: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("the field can be emptied");
        field.send_keys(value).await.expect("the field can be typed into");
    }

    pub async fn value(&self, label: &str) -> String {
        self.field(label)
            .await
            .prop("value")
            .await
            .expect("a property")
            .unwrap_or_default()
    }

    /// The elements that match, for what words do not tell.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect(css).len()
    }

    pub async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Keeps a picture of the page in the build folder, for people to look at.
    pub async fn shoot(&self, what: &str) {
        let number = self.shots.get() + 1;
        self.shots.set(number);
        let png = self.client.screenshot().await.expect("a screenshot");
        std::fs::create_dir_all(SCREENSHOTS).expect("the folder of screenshots");
        std::fs::write(format!("{SCREENSHOTS}/{}-{number:02}-{what}.png", self.name), png).expect("a file");
    }

    /// Nothing may stick out to the right: on a phone that makes the whole page slide.
    pub async fn fits(&self) {
        let over = self.overhang().await;
        if over > 0 {
            self.shoot("too-wide").await;
        }
        assert_eq!(over, 0, "{} is wider than the screen", self.path().await);
    }

    /// Pixels of the page beyond the screen.
    pub async fn overhang(&self) -> i64 {
        self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .await
            .as_i64()
            .expect("a number")
    }

    /// The page that is shown, on another screen or in the other theme.
    pub async fn look(&self, look: Look) {
        devtools::look(&self.client, look).await;
    }

    /// The same in a window as high as the page, in which nothing has to stick to an edge and lie over something else.
    pub async fn look_at_all(&self, look: Look) {
        self.look(look).await;
        let height = self.run("return document.documentElement.scrollHeight").await;
        let height = height.as_u64().expect("a height") as u32;
        devtools::resize(&self.client, look.0, height).await;
    }

    /// Keeps a picture under this name alone.
    pub async fn shoot_as(&self, name: &str) {
        let png = STANDARD.decode(devtools::picture(&self.client).await).expect("base64");
        std::fs::create_dir_all(SCREENSHOTS).expect("the folder of screenshots");
        std::fs::write(format!("{SCREENSHOTS}/{name}.png"), png).expect("a file");
    }

    /// What the browser complained about since the last call: script errors, violations of the security policy. A 4xx that a test
    /// asked for is none.
    pub async fn complaints(&self) -> Vec<String> {
        let messages = devtools::log(&self.client, "browser").await;
        messages
            .into_iter()
            .filter(|message| !message.contains("the server responded with a status of 4"))
            .collect()
    }

    /// What somebody who was never here loads for this page.
    pub async fn first_visit(&self, path: &str) -> Vec<Fetched> {
        self.fetched_so_far().await;
        // Of the disk and of the memory.
        devtools::command(
            &self.client,
            "Network.setCacheDisabled",
            json!({ "cacheDisabled": true }),
        )
        .await;
        // A busy browser now and then forgets to tell how a file ended.
        for _ in 0..3 {
            self.visit(path).await;
            let began = Instant::now();
            // The log may come a little after the page.
            while began.elapsed() < PATIENCE {
                let (fetched, all) = self.fetched_so_far().await;
                if all && !fetched.is_empty() {
                    return fetched;
                }
            }
        }
        panic!("{path} loads nothing, or never all: {:?}", self.asked.borrow());
    }

    /// What was fetched since the last call, once all that was asked for has come. Everything must come from our own host.
    pub async fn fetched(&self) -> Vec<Fetched> {
        let (fetched, all) = self.fetched_so_far().await;
        assert!(all, "never came: {:?}", self.asked.borrow());
        fetched
    }

    /// The same after some patience, and whether it is all.
    async fn fetched_so_far(&self) -> (Vec<Fetched>, bool) {
        let began = Instant::now();
        let mut fetched = Vec::new();
        loop {
            for message in devtools::log(&self.client, "performance").await {
                fetched.extend(self.note(&message));
            }
            let all = self.asked.borrow().is_empty();
            if all || began.elapsed() > PATIENCE {
                return (fetched, all);
            }
        }
    }

    fn note(&self, message: &str) -> Option<Fetched> {
        let message: Value = serde_json::from_str(message).expect("JSON");
        let (event, details) = (&message["message"]["method"], &message["message"]["params"]);
        let request = details["requestId"].as_str().unwrap_or_default();
        match event.as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                let url = details["request"]["url"].as_str().unwrap_or_default();
                // The browser draws its own calendars; the policy keeps pages from doing the same.
                if url.starts_with("data:") {
                    return None;
                }
                assert!(url.starts_with(&self.base), "a page asked for {url}");
                // What the page before has not got by now is given up, which is not always told.
                if details["type"] == "Document" {
                    self.asked.borrow_mut().clear();
                }
                // News come as long as the page is open.
                if details["type"] != "EventSource" {
                    self.asked.borrow_mut().insert(request.to_owned(), url.to_owned());
                }
                None
            }
            "Network.loadingFinished" => Some(Fetched {
                url: self.asked.borrow_mut().remove(request)?,
                bytes: details["encodedDataLength"].as_f64().unwrap_or_default() as u64,
            }),
            "Network.loadingFailed" => {
                self.asked.borrow_mut().remove(request);
                None
            }
            _ => None,
        }
    }

    /// Signed in nowhere.
    pub async fn forget(&self) {
        devtools::command(&self.client, "Network.clearBrowserCookies", json!({})).await;
    }

    /// Through the page, as a new visitor.
    pub async fn sign_in(&self, login: &str) {
        self.forget().await;
        self.visit("/sign-in").await;
        self.fill("Login or e-mail", login).await;
        self.fill("Password", PASSWORD).await;
        self.click("Sign in").await;
        self.sees("Projects").await;
    }

    pub async fn close(self) {
        assert_eq!(self.complaints().await, Vec::<String>::new(), "the browser complained");
        self.fetched().await;
        self.client.close().await.expect("the browser closes");
    }

    async fn field(&self, label: &str) -> Element {
        let xpath = format!(
            "//label[starts-with(normalize-space(.), {0})] | //*[@aria-label={0}]",
            quoted(label)
        );
        // Labels for screen readers only are no less labels.
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::XPath(&xpath))
            .await;
        let label = found.unwrap_or_else(|_| panic!("no field is called “{label}”"));
        match label.attr("for").await.expect("an attribute") {
            Some(id) => self
                .client
                .find(Locator::Id(&id))
                .await
                .unwrap_or_else(|_| panic!("no field #{id}")),
            None => label,
        }
    }

    async fn reveal(&self, words: &str) -> Element {
        let quoted = quoted(words);
        let kinds = "self::a or self::button or self::label or self::summary or self::h2 or self::input";
        let exact = format!("//*[{kinds}][normalize-space(.)={quoted} or @aria-label={quoted}]");
        let part = format!("//*[{kinds}][contains(normalize-space(.), {quoted}) or contains(@aria-label, {quoted})]");
        self.wait_for(&[&exact, &part], words).await
    }

    /// The first match that is visible; an XPath counts only when none before it matches.
    async fn wait_for(&self, xpaths: &[&str], words: &str) -> Element {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            for xpath in xpaths {
                for element in self.client.find_all(Locator::XPath(xpath)).await.expect(xpath) {
                    // It may have gone away since it was found.
                    if element.is_displayed().await.unwrap_or(false) {
                        return element;
                    }
                }
            }
        }
        self.shoot("missing").await;
        panic!(
            "nothing to use reads “{words}” on {}:\n{}",
            self.path().await,
            self.text().await
        )
    }
}

/// XPath has no escapes; none of our words has both kinds of quotes.
fn quoted(words: &str) -> String {
    if words.contains('\'') {
        format!("\"{words}\"")
    } else {
        format!("'{words}'")
    }
}

fn start_driver() -> (Driver, u16) {
    let child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("chromedriver must be installed (Debian: chromium-driver); `scripts/test` does it");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"))
        .lines()
        .map_while(Result::ok);
    let port = lines.by_ref().find_map(|line| {
        line.split_once("started successfully on port ")?
            .1
            .trim_end_matches('.')
            .parse()
            .ok()
    });
    // Somebody must read on, or the driver would block on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (Driver(child), port.expect("chromedriver says its port"))
}

fn capabilities(script: Script, profile: &std::path::Path) -> Capabilities {
    let profile = format!("--user-data-dir={}", profile.display());
    let mut options = json!({
        "binary": std::env::var("TEST_BROWSER").unwrap_or_else(|_| "/usr/bin/chromium".to_owned()),
        "args": [
            "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1280,900", profile,
            // Chromium's own sandbox does not work for root, as which containers and build machines run tests.
            "--no-sandbox", "--disable-dev-shm-usage",
            // It must not look for updates: tests talk to this machine only.
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
        ],
        "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
    });
    if script == Script::Off {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    let all = json!({
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "WARNING", "performance": "ALL" },
    });
    all.as_object().cloned().expect("an object").into_iter().collect()
}
