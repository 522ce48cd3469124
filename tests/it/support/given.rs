//! What a test begins with: people, projects, webhooks, tasks, made through the pages as a person makes them.

use serde_json::{Value, json};

use super::api_client::ApiClient;
use super::app::App;
use super::browser::Browser;
use super::page::Page;
use super::process;

pub const PASSWORD: &str = "correct horse battery staple";

/// Every event that there is.
pub const ALL_EVENTS: [&str; 4] = ["task.created", "task.updated", "task.deleted", "task.assigneesChanged"];

/// A project of the pages: `path` is `/projects/7`.
#[derive(Debug, Clone)]
pub struct Project {
    pub path: String,
    pub id: i64,
}

/// A webhook of the pages: `path` is `/projects/7/webhooks/3`.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub path: String,
    pub id: i64,
    pub secret: String,
}

/// A task of the pages: `path` is `/projects/7/tasks/12`.
#[derive(Debug, Clone)]
pub struct Task {
    pub path: String,
    pub id: i64,
}

/// The first account, `lead`, made on the page of the first start; signed in.
pub async fn lead(app: &App) -> Browser {
    let visitor = app.visitor();
    let email = "lead@example.com";
    let typed = [
        ("login", "lead"),
        ("name", "Lead"),
        ("email", email),
        ("password", PASSWORD),
    ];
    let page = visitor.submit("/setup", "/setup", &typed).await;
    page.assert_status(200);
    assert_ne!(page.path, "/setup", "{}", page.text());
    visitor
}

/// Another account, made on the command line beside the running program; signed in.
pub async fn person(app: &App, login: &str) -> Browser {
    process::add_user(&app.database, login, PASSWORD);
    sign_in(app, login).await
}

pub async fn sign_in(app: &App, login: &str) -> Browser {
    let visitor = app.visitor();
    let page = visitor
        .submit("/sign-in", "/sign-in", &[("login", login), ("password", PASSWORD)])
        .await;
    page.assert_status(200);
    assert!(!page.path.starts_with("/sign-in"), "{}", page.text());
    visitor
}

pub async fn api(app: &App, login: &str) -> ApiClient {
    ApiClient::signed_in(&app.base, login, PASSWORD).await
}

/// The API as `lead`, and a project of theirs.
pub async fn project_over_api(app: &App) -> (ApiClient, Project) {
    let lead = lead(app).await;
    let project = project(&lead, "Storefront").await;
    (api(app, "lead").await, project)
}

pub async fn project(browser: &Browser, name: &str) -> Project {
    let page = browser
        .submit("/projects/new", "/projects/new", &[("name", name)])
        .await;
    page.assert_status(200);
    let id = id_behind(&page.path, "/projects/");
    Project {
        path: format!("/projects/{id}"),
        id,
    }
}

/// Adds an account to the project, as a member.
pub async fn member(manager: &Browser, project: &Project, login: &str) {
    let members = format!("{}/members", project.path);
    let page = manager
        .submit(&members, "/members", &[("email", &format!("{login}@example.com"))])
        .await;
    page.assert_status(200).assert_says(login);
}

/// For all events.
pub async fn webhook(manager: &Browser, project: &Project, url: &str) -> Webhook {
    let mut typed = vec![("url", url)];
    typed.extend(ALL_EVENTS.map(|event| ("events", event)));
    let page = manager
        .submit(&format!("{}/webhooks/new", project.path), "/webhooks/new", &typed)
        .await;
    let secret = secret_on(&page);
    let list = manager.get(&format!("{}/webhooks", project.path)).await;
    let marker = format!("{}/webhooks/", project.path);
    let ids = list
        .links()
        .into_iter()
        .filter(|link| link.starts_with(&marker) && !link.ends_with("/new"));
    let id = ids
        .map(|link| id_behind(&link, &marker))
        .max()
        .expect("a webhook in the list");
    Webhook {
        path: format!("{marker}{id}"),
        id,
        secret,
    }
}

/// The secret on the one page that shows it.
#[track_caller]
pub fn secret_on(page: &Page) -> String {
    page.assert_status(200);
    let shown = page.texts("#secret");
    assert_eq!(shown.len(), 1, "a secret is shown once: {}", page.text());
    shown[0].clone()
}

pub async fn task(browser: &Browser, project: &Project, description: &str) -> Task {
    let page = browser
        .submit(&project.path, "/tasks", &[("description", description)])
        .await;
    page.assert_status(200);
    let marker = format!("{}/tasks/", project.path);
    let list = browser.get(&project.path).await;
    let ids = list.links().into_iter().filter(|link| link.starts_with(&marker));
    let id = ids
        .map(|link| id_behind(&link, &marker))
        .max()
        .expect("a task in the list");
    Task {
        path: format!("{marker}{id}"),
        id,
    }
}

/// The number after `marker`.
fn id_behind(path: &str, marker: &str) -> i64 {
    let behind = path
        .strip_prefix(marker)
        .unwrap_or_else(|| panic!("{path} is not below {marker}"));
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("there is no number after {marker} in {path}"))
}

/// The ids of the tasks whose creation was acknowledged before the program went away.
pub async fn tasks_until_it_dies(api: ApiClient, goal: Value) -> Vec<i64> {
    let mut made = Vec::new();
    while let Ok(answer) = api
        .try_post("/module/tasks", json!({ "goalId": goal, "description": "Survive" }))
        .await
    {
        made.push(answer.response()["id"].as_i64().expect("an id"));
    }
    made
}
