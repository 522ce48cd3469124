//! A project with a receiver and its webhook, made through the API: where most tests of deliveries begin.

use std::time::Duration;

use serde_json::{Value, json};
use taskview_webhooks::config::Config;

use super::api_client::ApiClient;
use super::app::App;
use super::given;
use super::receiver::Receiver;
use super::wait;

const PATIENCE: Duration = Duration::from_secs(15);

pub struct Story {
    pub app: App,
    pub api: ApiClient,
    pub receiver: Receiver,
    pub goal: Value,
    pub webhook: Value,
    pub secret: String,
}

impl Story {
    /// One webhook, for all events, to a receiver that answers 200.
    pub async fn begin() -> Story {
        Self::configured(|_| ()).await
    }

    /// The same under settings that differ from those of a laptop.
    pub async fn configured(change: impl FnOnce(&mut Config)) -> Story {
        let app = App::configured(change).await;
        given::lead(&app).await;
        Self::on(app).await
    }

    /// On a program that has the account `lead`.
    pub async fn on(app: App) -> Story {
        let api = given::api(&app, "lead").await;
        let receiver = Receiver::start();
        let goal = api.post("/module/goals", json!({ "name": "Website" })).await.response()["id"].clone();
        let body = json!({ "goalId": goal, "url": receiver.url("/hook"), "events": given::ALL_EVENTS });
        let made = api.post("/module/webhooks", body).await;
        let webhook = made.response()["webhook"]["id"].clone();
        let secret = made.response()["secret"].as_str().expect("a secret").to_owned();
        Story {
            app,
            api,
            receiver,
            goal,
            webhook,
            secret,
        }
    }

    /// The same after the program was stopped in good order and started again.
    pub async fn restarted(self) -> Story {
        let database = self.app.stop();
        let app = App::on(database, |_| ()).await;
        let api = given::api(&app, "lead").await;
        Story { app, api, ..self }
    }

    /// Makes a task, and with it an event.
    pub async fn task(&self, description: &str) -> Value {
        let made = self
            .api
            .post(
                "/module/tasks",
                json!({ "goalId": self.goal, "description": description }),
            )
            .await;
        made.response().clone()
    }

    /// The webhook as the API shows it.
    pub async fn webhook(&self) -> Value {
        let all = self.api.get(&format!("/module/webhooks?goalId={}", self.goal)).await;
        let all = all.response().as_array().expect("a list").clone();
        all.into_iter()
            .find(|webhook| webhook["id"] == self.webhook)
            .expect("the webhook is listed")
    }

    pub async fn change_webhook(&self, changes: Value) -> Value {
        let mut body = json!({ "id": self.webhook });
        body.as_object_mut()
            .expect("an object")
            .extend(changes.as_object().expect("an object").clone());
        self.api.patch("/module/webhooks", body).await.response().clone()
    }

    /// Newest first.
    pub async fn deliveries(&self) -> Vec<Value> {
        let answer = self
            .api
            .get(&format!("/module/webhooks/deliveries/{}?limit=100", self.webhook))
            .await;
        answer.response().as_array().expect("a list").clone()
    }

    /// Waits until the newest delivery has this status and this many recorded attempts.
    pub async fn newest(&self, status: &str, attempts: u32) -> Value {
        wait::until(
            PATIENCE,
            &format!("a {status} delivery after {attempts} attempts"),
            async || {
                let newest = self.deliveries().await.into_iter().next()?;
                (newest["status"] == status && newest["attempts"] == attempts).then_some(newest)
            },
        )
        .await
    }

    /// Waits until the webhook is as `wanted` says.
    pub async fn webhook_that(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait::until(PATIENCE, what, async || {
            Some(self.webhook().await).filter(|webhook| wanted(webhook))
        })
        .await
    }

    /// Lets a delivery that is about to be made fail for good: three attempts, thirty seconds of the program's time.
    pub async fn fail_once(&self) -> Value {
        self.task("Fail").await;
        self.newest("pending", 1).await;
        self.app.advance(Duration::from_secs(10));
        self.newest("pending", 2).await;
        self.app.advance(Duration::from_secs(20));
        self.newest("failed", 3).await
    }
}
