//! The rules of addresses in the whole program: what the API and the import refuse, what becomes of a webhook whose address is
//! not allowed any more, and that no proxy of the environment is asked.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use taskview_webhooks::domain::target::AllowList;

use super::{Trap, Verdict, corpus};
use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::given;
use crate::support::process::{Process, add_user, command};
use crate::support::receiver::Receiver;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(15);

async fn allowing(list: &str) -> App {
    let allow = AllowList::parse(list).unwrap();
    App::configured(|config| config.allow = allow).await
}

async fn goal(api: &ApiClient) -> Value {
    api.post("/module/goals", json!({ "name": "Website" })).await.response()["id"].clone()
}

fn webhook(goal: &Value, url: &str) -> Value {
    json!({ "goalId": goal, "url": url, "events": given::ALL_EVENTS })
}

async fn task(api: &ApiClient, goal: &Value) {
    let body = json!({ "goalId": goal, "description": "Fix login bug" });
    api.post("/module/tasks", body).await.response();
}

/// The newest attempt of this webhook, once `count` deliveries have one.
async fn attempted(api: &ApiClient, webhook: &Value, count: usize) -> Value {
    let delivery = wait::until(PATIENCE, "a recorded attempt", async || {
        let page = api.get(&format!("/module/webhooks/deliveries/{webhook}")).await;
        let all = page.response().as_array()?.clone();
        let done = all.iter().filter(|one| one["attempts"].as_i64() > Some(0)).count();
        (done >= count).then(|| all[0].clone())
    })
    .await;
    let attempts = api.get(&format!("/module/webhooks/attempts/{}", delivery["id"])).await;
    attempts.response()[0].clone()
}

#[tokio::test]
async fn the_api_refuses_what_the_form_refuses_and_names_the_field() {
    let app = allowing("").await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;
    let goal = goal(&api).await;
    let own = app.base.clone();
    let refused = corpus()
        .into_iter()
        .filter(|spelling| !matches!(spelling.verdict, Verdict::Name | Verdict::Public));
    let urls: Vec<String> = refused.map(|spelling| spelling.url(8080)).chain([own]).collect();

    for url in &urls {
        let answer = api.post("/module/webhooks", webhook(&goal, url)).await;

        assert_eq!(answer.status, 400, "{url:?}: {}", answer.body);
        assert_eq!(
            answer.body["error"]["fields"][0]["name"], "url",
            "{url:?}: {}",
            answer.body
        );
    }
    let all = api.get(&format!("/module/webhooks?goalId={goal}")).await;
    assert_eq!(all.response(), &json!([]));
}

#[tokio::test]
async fn an_import_refuses_what_the_form_refuses() {
    let app = App::start().await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;
    let goal = goal(&api).await;
    for url in [
        "http://0xa9fea9fe/",
        "http://[::ffff:10.0.0.1]/",
        "http://user@example.com/",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hooks.toml");
        let text = format!("[[webhook]]\nname = \"Inner\"\nurl = \"{url}\"\nevents = [\"task.created\"]\n");
        std::fs::write(&file, text).unwrap();

        let told = command(&app.database)
            .args(["import", &goal.to_string()])
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .unwrap();

        let why = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(1), "{url}: {why}");
        assert!(why.contains("url: "), "{url}: {why}");
    }
    let all = api.get(&format!("/module/webhooks?goalId={goal}")).await;
    assert_eq!(all.response(), &json!([]));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_any_more_is_blocked_when_it_is_dialled() {
    let receiver = Receiver::start();
    let app = allowing("loopback").await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;
    let goal = goal(&api).await;
    let made = api.post("/module/webhooks", webhook(&goal, &receiver.url("/"))).await;
    let id = made.response()["webhook"]["id"].clone();
    task(&api, &goal).await;
    receiver.wait_for(1).await;
    attempted(&api, &id, 1).await;

    let other = AllowList::parse("127.0.0.2, 127.0.0.1:1").unwrap();
    let app = App::on(app.stop(), |config| config.allow = other).await;
    let api = given::api(&app, "lead").await;
    task(&api, &goal).await;
    let attempt = attempted(&api, &id, 2).await;

    assert_eq!(attempt["outcome"], "blocked", "{attempt}");
    let told = attempt["message"].as_str().unwrap();
    let expected = "127.0.0.1 is a loopback address (this machine itself); deliveries do not go there. \
                    An operator can allow it by adding loopback to TASKVIEW_ALLOW_TARGETS.";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(attempt["remoteAddress"], Value::Null);
    assert_eq!((receiver.requests().len(), receiver.connections()), (1, 1));
}

#[tokio::test]
async fn after_an_edit_of_the_url_no_request_goes_to_the_old_receiver_on_its_open_connection() {
    let (old, new) = (Receiver::start(), Receiver::start());
    let app = allowing("loopback").await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;
    let goal = goal(&api).await;
    let made = api.post("/module/webhooks", webhook(&goal, &old.url("/"))).await;
    let id = made.response()["webhook"]["id"].clone();
    for number in 1..=3 {
        task(&api, &goal).await;
        old.wait_for(number).await;
        attempted(&api, &id, number).await;
    }

    let edited = json!({ "id": id, "url": new.url("/") });
    api.patch("/module/webhooks", edited).await.response();
    task(&api, &goal).await;
    let arrived = new.wait_for(1).await;
    let attempt = attempted(&api, &id, 4).await;

    assert_eq!(attempt["reused"], false);
    assert_eq!(attempt["remoteAddress"], format!("127.0.0.1:{}", new.port()));
    assert_eq!((old.requests().len(), old.connections(), arrived.len()), (3, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_of_the_environment_is_asked() {
    let (trap, receiver) = (Trap::set(), Receiver::start());
    let database = TestDatabase::create();
    add_user(&database, "lead", "correct horse battery");
    let proxy = format!("http://127.0.0.1:{}", trap.port());
    let mut serve = command(&database);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        serve.env(name, &proxy).env(name.to_lowercase(), &proxy);
    }
    serve.env_remove("NO_PROXY").env_remove("no_proxy");
    let process = Process::start(&database, &mut serve);
    let api = ApiClient::signed_in(&process.base, "lead", "correct horse battery").await;
    let goal = goal(&api).await;
    let urls = [
        receiver.url("/"),
        "https://127.0.0.1:1/".to_owned(),
        "http://nowhere.invalid/".to_owned(),
    ];
    let mut ids = Vec::new();
    for url in &urls {
        let made = api.post("/module/webhooks", webhook(&goal, url)).await;
        ids.push(made.response()["webhook"]["id"].clone());
    }

    task(&api, &goal).await;
    let mut outcomes = Vec::new();
    for id in &ids {
        outcomes.push(attempted(&api, id, 1).await["outcome"].clone());
    }

    assert_eq!(outcomes, ["answered", "connect", "dns"]);
    assert_eq!(trap.reached(), 0);
    assert!(process.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_laptop_reaches_itself_and_with_an_empty_allow_list_not_even_that() {
    for (list, status) in [(None, 200), (Some(""), 400)] {
        let database = TestDatabase::create();
        add_user(&database, "lead", "correct horse battery");
        let mut serve = command(&database);
        serve.env_remove("TASKVIEW_ALLOW_TARGETS");
        serve.envs(list.map(|list| ("TASKVIEW_ALLOW_TARGETS", list)));
        let process = Process::start(&database, &mut serve);
        let api = ApiClient::signed_in(&process.base, "lead", "correct horse battery").await;
        let goal = goal(&api).await;

        let answer = api
            .post("/module/webhooks", webhook(&goal, "http://localhost:4545"))
            .await;

        assert_eq!(answer.status, status, "{list:?}: {}", answer.body);
        assert!(process.terminate().success());
    }
}
