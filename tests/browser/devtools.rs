//! What chromedriver adds to WebDriver: the browser's logs, and the commands of the DevTools protocol, which make one window look
//! like another screen, in the other theme, without a new session.

use std::fmt;

use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};

/// What the browser pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Desk,
    Phone,
}

impl Screen {
    pub const ALL: [Screen; 2] = [Screen::Desk, Screen::Phone];

    fn size(self) -> (u32, u32) {
        match self {
            Screen::Desk => (1280, 900),
            Screen::Phone => (360, 780),
        }
    }
}

/// What the system prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Theme; 2] = [Theme::Light, Theme::Dark];
}

/// `1280-light`, as in the names of the screenshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look(pub Screen, pub Theme);

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let theme = match self.1 {
            Theme::Light => "light",
            Theme::Dark => "dark",
        };
        write!(f, "{}-{theme}", self.0.size().0)
    }
}

/// The page that is shown changes at once; it needs no reload.
pub async fn look(client: &Client, look: Look) {
    resize(client, look.0, look.0.size().1).await;
    let phone = look.0 == Screen::Phone;
    // A finger: `pointer: coarse`, and no hovering.
    command(
        client,
        "Emulation.setTouchEmulationEnabled",
        json!({ "enabled": phone }),
    )
    .await;
    let theme = if look.1 == Theme::Dark { "dark" } else { "light" };
    let features = json!([
        { "name": "prefers-color-scheme", "value": theme },
        // A color that is halfway to another one has a contrast of its own.
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ]);
    command(client, "Emulation.setEmulatedMedia", json!({ "features": features })).await;
}

/// The same screen, but so high.
pub async fn resize(client: &Client, screen: Screen, height: u32) {
    let (width, phone) = (screen.size().0, screen == Screen::Phone);
    let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
    command(client, "Emulation.setDeviceMetricsOverride", metrics).await;
}

/// Base64 of a PNG.
pub async fn picture(client: &Client) -> String {
    let asked = json!({ "format": "png", "optimizeForSpeed": true });
    let answer = command(client, "Page.captureScreenshot", asked).await;
    answer["data"].as_str().expect("a picture").to_owned()
}

pub async fn command(client: &Client, name: &'static str, parameters: Value) -> Value {
    let command = Vendor {
        path: "goog/cdp/execute",
        body: json!({ "cmd": name, "params": parameters }),
    };
    client
        .issue_cmd(command)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the browser noted since the last call: `browser` is its console, `performance` its network.
pub async fn log(client: &Client, kind: &'static str) -> Vec<String> {
    let command = Vendor {
        path: "se/log",
        body: json!({ "type": kind }),
    };
    let entries = client.issue_cmd(command).await.expect("the browser's log");
    let entries = entries.as_array().cloned().unwrap_or_default();
    let messages = entries
        .iter()
        .filter_map(|entry| entry["message"].as_str().map(str::to_owned));
    messages.collect()
}

#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}
