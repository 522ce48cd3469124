//! The server's API as a host application calls it, and the pages as a signed-in person does: what a run sets up and asks.

use serde_json::{Value, json};

use crate::generator::Target;
use crate::http::{Connection, request};
use crate::node::PASSWORD;

/// The most webhooks that a project takes.
const PER_PROJECT: usize = 50;

pub struct Api {
    pub port: u16,
    pub token: String,
}

/// Webhooks that were made one after the other, so that their ids follow each other.
#[derive(Debug, Clone)]
pub struct Webhooks {
    pub first: i64,
    pub count: i64,
    /// One for each webhook when each has a kind of event of its own, one for all of them otherwise.
    pub targets: Vec<Target>,
}

impl Api {
    pub async fn sign_in(port: u16) -> Api {
        let mut api = Api {
            port,
            token: String::new(),
        };
        let login = json!({ "login": "bench", "password": PASSWORD });
        api.token = api.call("POST", "/module/auth/login", &login).await["access"]
            .as_str()
            .expect("a token")
            .to_owned();
        api
    }

    /// One project; all of these webhooks get each of its events.
    pub async fn fan_out(&self, count: usize, url: impl Fn(usize) -> String) -> Webhooks {
        let target = Target {
            project: self.project("Fan-out").await,
            kind: "task.created".to_owned(),
        };
        let mut first = 0;
        for number in 0..count {
            let id = self.webhook(&target, &url(number)).await;
            first = if number == 0 { id } else { first };
        }
        Webhooks {
            first,
            count: count as i64,
            targets: vec![target],
        }
    }

    /// As many projects as these webhooks need; each webhook subscribes to a kind of its own.
    pub async fn spread(&self, count: usize, url: impl Fn(usize) -> String) -> Webhooks {
        self.spread_over(count.div_ceil(PER_PROJECT), count, url).await
    }

    pub async fn spread_over(&self, projects: usize, count: usize, url: impl Fn(usize) -> String) -> Webhooks {
        let (mut first, mut targets) = (0, Vec::new());
        let each = count.div_ceil(projects.max(1));
        let mut project = 0;
        for number in 0..count {
            if number % each == 0 {
                project = self.project(&format!("Project {number}")).await;
            }
            let target = Target {
                project,
                kind: format!("load.w{number}"),
            };
            let id = self.webhook(&target, &url(number)).await;
            first = if number == 0 { id } else { first };
            targets.push(target);
        }
        Webhooks {
            first,
            count: count as i64,
            targets,
        }
    }

    pub async fn project(&self, name: &str) -> i64 {
        let made = self.call("POST", "/module/goals", &json!({ "name": name })).await;
        made["response"]["id"].as_i64().expect("an id")
    }

    async fn webhook(&self, target: &Target, url: &str) -> i64 {
        let new = json!({ "goalId": target.project, "url": url, "events": [target.kind] });
        let made = self.call("POST", "/module/webhooks", &new).await;
        made["response"]["webhook"]["id"].as_i64().expect("an id")
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_call(method, path, body).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// For a server that may be in trouble. Anything but 200 is an error.
    pub async fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let gone = |error: std::io::Error| error.to_string();
        let mut connection = Connection::open(self.port).await.map_err(gone)?;
        let request = request(method, path, &self.authorization(), &body.to_string());
        let answer = connection.ask(&request).await.map_err(gone)?;
        let text = String::from_utf8_lossy(answer.body);
        if answer.status() != 200 {
            return Err(format!("{} {text}", answer.status()));
        }
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// A header line.
    pub fn authorization(&self) -> String {
        if self.token.is_empty() {
            String::new()
        } else {
            format!("Authorization: Bearer {}\r\n", self.token)
        }
    }

    /// Signs in as a browser does; returns the header line that its later requests carry.
    pub async fn session(&self) -> String {
        let mut connection = Connection::open(self.port).await.expect("the server answers");
        let password = PASSWORD.replace(' ', "+");
        let form = format!("login=bench&password={password}&next=");
        let request = format!(
            "POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = connection.ask(request.as_bytes()).await.expect("the server answers");
        let head = String::from_utf8_lossy(answer.head).into_owned();
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: session="))
            .and_then(|rest| rest.split(';').next())
            .unwrap_or_else(|| panic!("no session:\n{head}"));
        format!("Cookie: session={cookie}\r\n")
    }
}
