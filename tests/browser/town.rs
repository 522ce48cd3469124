//! An installation with everything that pages can show: people in every role, tasks with everything on them, webhooks in every
//! state, deliveries with every end. Places have names, so that a row of a table can say `{website}/webhooks/{failing}`.

use std::collections::HashMap;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given;
use crate::support::receiver::{Answer, Receiver};
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(30);

/// What receivers answer, and the name of the webhook and of its delivery.
fn answers() -> Vec<(&'static str, Answer)> {
    let html = |code| {
        let page = b"<!doctype html>\n<html><head><title>Sign in</title></head>\n<body><h1>Sign in</h1></body></html>";
        let kind = ("Content-Type", "text/html; charset=utf-8".to_owned());
        Answer::Respond(code, vec![kind], page.to_vec())
    };
    let json = ("Content-Type", "application/json".to_owned());
    let busy = ("Retry-After", "120".to_owned());
    vec![
        ("ok", Answer::Respond(200, vec![json], b"{\"received\":true}".to_vec())),
        ("empty", Answer::Respond(204, Vec::new(), Vec::new())),
        ("error", Answer::status(500)),
        ("busy", Answer::Respond(503, vec![busy], b"Try later".to_vec())),
        ("moved", Answer::redirect(301, "https://example.com/new-place")),
        ("locked", html(401)),
        ("page", html(200)),
        ("silent", Answer::Hang),
        ("closes", Answer::Close),
        ("nonsense", Answer::Raw(b"I am not a web server\r\n\r\n".to_vec())),
        ("large", Answer::Respond(500, Vec::new(), vec![b'x'; 1_000_000])),
    ]
}

pub struct Town {
    pub app: App,
    places: HashMap<&'static str, String>,
    api: ApiClient,
    receivers: Vec<Receiver>,
}

impl Town {
    /// On a program without an account.
    pub async fn found(app: App) -> Town {
        let lead = given::lead(&app).await;
        for login in ["mia", "max", "nina"] {
            given::person(&app, login).await;
        }
        let api = given::api(&app, "lead").await;
        let mut town = Town {
            app,
            places: HashMap::new(),
            api,
            receivers: Vec::new(),
        };
        for (place, name) in [
            ("website", "Website"),
            ("answers", "Answers"),
            ("quiet", "Quiet"),
            ("sandbox", "Sandbox"),
            ("attic", "Attic"),
        ] {
            let project = given::project(&lead, name).await;
            town.places.insert(place, project.path);
        }
        let archive = format!("{}/archive", town.places["attic"]);
        lead.post(&archive, &[("archived", "1")]).await.assert_status(200);
        // Only pages show statuses.
        let labels = lead.get(&format!("{}/labels", town.places["website"])).await;
        let status = labels.links().into_iter().find_map(|link| {
            let (_, rest) = link.split_once("/statuses/")?;
            rest.split('/').next().map(str::to_owned)
        });
        town.places.insert("status", status.expect("a status"));
        town.invite_people().await;
        town.write_tasks().await;
        town.set_up_webhooks().await;
        town.collect_answers().await;
        town.make_tokens().await;
        town
    }

    /// With the names in braces replaced by what they stand for.
    pub fn path(&self, pattern: &str) -> String {
        let mut path = pattern.to_owned();
        for (name, value) in &self.places {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{path} names a place that the town does not have");
        path
    }

    fn id(&self, place: &str) -> i64 {
        let path = &self.places[place];
        path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id")
    }

    fn keep(&mut self, place: &'static str, id: &Value) {
        self.places.insert(place, id.as_i64().expect("an id").to_string());
    }

    async fn invite_people(&mut self) {
        for project in ["website", "answers", "quiet"] {
            let goal = self.id(project);
            for (place, login) in [("manager", "mia"), ("member", "max")] {
                let added = json!({ "goalId": goal, "email": format!("{login}@example.com") });
                let id = self.call("POST", "collaboration", added).await["id"].clone();
                let roles = if login == "mia" { json!([1]) } else { json!([]) };
                let role = json!({ "goalId": goal, "userId": id, "roles": roles });
                self.call("PATCH", "collaboration", role).await;
                if project == "website" {
                    self.keep(place, &id);
                }
            }
        }
        let goal = self.id("website");
        for (place, link, email) in [
            ("waiting", "invitation", "cleo@example.com"),
            ("waiting-too", "invitation-of-nina", "nina@example.org"),
        ] {
            let invited = self.call("POST", "collaboration", json!({ "goalId": goal, "email": email }));
            let id = invited.await["id"].clone();
            let made = self.call("POST", "collaboration/link", json!({ "goalId": goal, "id": id }));
            let url = made.await["url"].as_str().expect("a link").to_owned();
            self.keep(place, &id);
            self.places
                .insert(link, url.rsplit('/').next().expect("a token").to_owned());
        }
    }

    async fn write_tasks(&mut self) {
        let goal = self.id("website");
        let tags = self.call("GET", "tags", Value::Null).await;
        let of_project = |tag: &&Value| tag["goalId"] == goal;
        let tags: Vec<_> = tags
            .as_array()
            .expect("tags")
            .iter()
            .filter(of_project)
            .cloned()
            .collect();
        let tags: Vec<_> = tags.iter().map(|tag| &tag["id"]).collect();
        self.keep("tag", tags[0]);
        let people: Vec<i64> = ["manager", "member", "waiting"].map(|place| self.number(place)).into();
        let full = json!({
            "description": "Move the shop to the new server without an hour of darkness",
            "note": "Steps:\n1. Copy the database\n2. Switch the name\n\nAsk Cleo about the certificate.",
            "priorityId": 3, "tags": tags, "startDate": "2026-01-05", "startTime": "09:00:00",
            "endDate": "2026-01-09", "endTime": "18:30:00",
        });
        let task = self.task("website", full).await;
        self.keep("task", &task);
        self.call(
            "PATCH",
            "tasks/task-users",
            json!({ "taskId": task, "userIds": people }),
        )
        .await;
        for (name, complete) in [("Copy the database", true), ("Switch the name", false)] {
            let sub = json!({ "description": name, "complete": complete, "parentId": task });
            let sub = self.task("website", sub).await;
            self.keep("subtask", &sub);
        }
        let long = "Find out why the export of orders from the years before the last move takes so long, ".repeat(5);
        for rest in [
            json!({ "description": long.trim(), "priorityId": 2 }),
            json!({ "description": "Write the announcement", "complete": true }),
            json!({ "description": "Far away", "endDate": "2099-12-31" }),
        ] {
            self.task("website", rest).await;
        }
    }

    /// Ten tasks are made for one webhook to fail at, four are deleted for another, one is edited while a third is off.
    async fn set_up_webhooks(&mut self) {
        let well = self.receiver(Answer::status(200));
        let ill = self.receiver(Answer::status(500));
        for (place, name, url, events) in [
            ("active", "CI pipeline", &well, json!(given::ALL_EVENTS)),
            ("failing", "Chat", &ill, json!(["task.deleted"])),
            ("stopped", "Billing", &ill, json!(["task.created"])),
            ("off", "Search index", &well, json!(["task.updated"])),
            ("nameless", "", &well, json!(["task.assigneesChanged"])),
            ("never", "Invoices", &well, json!(["invoice.paid"])),
        ] {
            self.webhook("website", place, name, url, &events).await;
        }
        let webhooks = json!({ "id": self.number("off"), "isActive": false });
        self.call("PATCH", "webhooks", webhooks).await;
        let mut made = Vec::new();
        for n in 1..=10 {
            let draft = json!({ "description": format!("Check shelf {n}") });
            made.push(self.task("website", draft).await);
        }
        for task in &made[..4] {
            self.call("DELETE", "tasks", json!({ "taskId": task })).await;
        }
        let edit = json!({ "id": self.number("task"), "priorityId": 2 });
        self.call("PATCH", "tasks", edit).await;
        self.let_fail(&[("failing", 4), ("stopped", 10)]).await;
        self.task("website", json!({ "description": "Held while billing is off" }))
            .await;
        for (place, webhook, status) in [
            ("d-success", "active", "success"),
            ("d-failed", "failing", "failed"),
            ("d-held", "stopped", "pending"),
        ] {
            self.delivery(place, webhook, status).await;
        }
        let tested = json!({ "id": self.number("active") });
        let test = self.call("POST", "webhooks/test", tested).await["id"].clone();
        if test.is_i64() {
            self.keep("d-test", &test);
        } else {
            self.delivery("d-test", "active", "success").await;
        }
    }

    /// One task, and a webhook for each answer that there is.
    async fn collect_answers(&mut self) {
        let refused = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address");
        let events = json!(["task.created"]);
        for (place, answer) in answers() {
            let url = self.receiver(answer);
            self.webhook("answers", place, place, &url, &events).await;
        }
        let url = format!("http://{refused}/");
        self.webhook("answers", "refused", "refused", &url, &events).await;
        let task = self.task("answers", json!({ "description": "Tell everybody" })).await;
        self.keep("told", &task);
        let failing = [
            "error", "busy", "moved", "locked", "silent", "closes", "nonsense", "large", "refused",
        ];
        self.let_fail(&failing.map(|name| (name, 1))).await;
        for (place, answer) in [("d-ok", "ok"), ("d-empty", "empty"), ("d-page", "page")] {
            self.delivery(place, answer, "success").await;
        }
        for (place, answer) in [
            ("d-error", "error"),
            ("d-busy", "busy"),
            ("d-moved", "moved"),
            ("d-locked", "locked"),
            ("d-silent", "silent"),
            ("d-closes", "closes"),
            ("d-nonsense", "nonsense"),
            ("d-large", "large"),
            ("d-refused", "refused"),
        ] {
            self.delivery(place, answer, "failed").await;
        }
        // Its third attempt comes in five minutes, after every test.
        let ill = self.receiver(Answer::status(500));
        self.webhook("answers", "patient", "Patient", &ill, &json!(["task.updated"]))
            .await;
        let patient = json!({ "id": self.number("patient"), "retrySchedule": "patient" });
        self.call("PATCH", "webhooks", patient).await;
        let edit = json!({ "id": self.number("told"), "complete": true });
        self.call("PATCH", "tasks", edit).await;
        self.attempted("patient", "pending", 1).await;
        self.app.advance(Duration::from_secs(6));
        self.attempted("patient", "pending", 2).await;
        self.delivery("d-pending", "patient", "pending").await;
        let well = self.receiver(Answer::status(200));
        self.webhook("sandbox", "toy", "Toy", &well, &json!(["task.created"]))
            .await;
    }

    async fn make_tokens(&mut self) {
        for (name, expires) in [
            ("CI of the website", Value::Null),
            ("Export", json!("2099-12-31T00:00:00.000Z")),
        ] {
            let new = json!({ "name": name, "expiresAt": expires });
            let made = self.call("POST", "api-tokens", new).await;
            self.keep("token", &made["item"]["id"]);
        }
    }

    /// Two retries, thirty seconds of the program's time; each webhook must end with so many failures.
    async fn let_fail(&self, webhooks: &[(&str, i64)]) {
        for (attempts, pause) in [(1, 10), (2, 20)] {
            for (webhook, _) in webhooks {
                self.attempted(webhook, "pending", attempts).await;
            }
            self.app.advance(Duration::from_secs(pause));
        }
        for (webhook, failures) in webhooks {
            self.attempted(webhook, "failed", 3).await;
            let count = self.deliveries(webhook).await.len();
            assert_eq!(count as i64, *failures, "deliveries of {webhook}");
        }
    }

    /// Waits until all deliveries of a webhook are so far.
    async fn attempted(&self, webhook: &str, status: &str, attempts: i64) {
        let what = format!("{webhook}: {status} after {attempts} attempts");
        wait::until(PATIENCE, &what, async || {
            let all = self.deliveries(webhook).await;
            let there = |delivery: &Value| delivery["status"] == status && delivery["attempts"] == attempts;
            (!all.is_empty() && all.iter().all(there)).then_some(())
        })
        .await;
    }

    async fn delivery(&mut self, place: &'static str, webhook: &str, status: &str) {
        let what = format!("a {status} delivery of {webhook}");
        let found = wait::until(PATIENCE, &what, async || {
            let all = self.deliveries(webhook).await;
            all.into_iter().find(|delivery| delivery["status"] == status)
        })
        .await;
        self.keep(place, &found["id"]);
    }

    async fn deliveries(&self, webhook: &str) -> Vec<Value> {
        let path = format!("webhooks/deliveries/{}?limit=100", self.number(webhook));
        let all = self.call("GET", &path, Value::Null).await;
        all.as_array().expect("a list").clone()
    }

    fn number(&self, place: &str) -> i64 {
        self.places[place].parse().expect("a number")
    }

    async fn task(&self, project: &str, mut task: Value) -> Value {
        task["goalId"] = json!(self.id(project));
        self.call("POST", "tasks", task).await["id"].clone()
    }

    async fn webhook(&mut self, project: &str, place: &'static str, name: &str, url: &str, events: &Value) {
        let name = Some(name).filter(|name| !name.is_empty());
        let new = json!({ "goalId": self.id(project), "url": url, "events": events, "name": name });
        let made = self.call("POST", "webhooks", new).await;
        self.keep(place, &made["webhook"]["id"]);
    }

    fn receiver(&mut self, answer: Answer) -> String {
        let receiver = Receiver::start();
        receiver.answer_with(answer);
        let url = receiver.url("/hooks/incoming");
        self.receivers.push(receiver);
        url
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let body = Some(body).filter(|body| !body.is_null());
        let method = method.parse().expect("a method");
        let answer = self.api.call(method, &format!("/module/{path}"), body).await;
        answer.response().clone()
    }
}
