//! The documentation's walk: set a webhook up, change a task, read the history, retry, rotate, delete. Once on a desk, where a
//! right click opens the project's menu, and once on a phone.

use std::time::Duration;

use crate::chrome::{Chrome, Screen};
use crate::support::app::App;
use crate::support::given::PASSWORD;
use crate::support::receiver::{Answer, Receiver};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_start_to_a_deleted_webhook() {
    let app = App::start().await;
    let receiver = Receiver::start();
    let chrome = Chrome::open(&app.base, "walk", Screen::Desk).await;

    first_start(&chrome).await;
    new_project(&chrome, "Website").await;
    chrome.right_click("Website").await;
    chrome.sees("Webhooks").await;
    chrome.shoot("project-menu").await;
    chrome.click("Webhooks").await;
    chrome.shoot("webhooks-empty").await;

    let secret = add_webhook(&chrome, &receiver).await;
    chrome.reload().await;
    chrome.sees("already done").await;
    assert!(!chrome.text().await.contains(&secret));
    chrome.shoot("secret-gone").await;

    let webhooks = format!("{}/webhooks", project_path(&chrome).await);
    let mut recorded = app.context().recorded();
    create_task(&chrome, "Fix login bug").await;
    assert!(receiver.wait_for(1).await[0].is_signed_with(&secret));
    recorded.recv().await.expect("its success is recorded");
    receiver.answer_with(Answer::status(500));
    create_task(&chrome, "Write the announcement").await;
    for pause in [10, 20] {
        recorded.recv().await.expect("an attempt is recorded");
        app.advance(Duration::from_secs(pause));
    }
    receiver.wait_for(4).await;

    chrome.visit(&webhooks).await;
    chrome.shoot("webhooks").await;
    chrome.click("Deliveries").await;
    chrome.sees_in_time("Failed").await;
    chrome.sees("Success").await;
    chrome.shoot("history").await;
    chrome.click("Switch theme").await;
    chrome.shoot("history-dark").await;
    open_failed_delivery(&chrome).await;
    assert_eq!(
        chrome.run("return document.documentElement.dataset.theme").await,
        "dark",
        "the choice is kept"
    );
    chrome.sees("Write the announcement").await;
    chrome.sees("500").await;
    chrome.shoot("delivery-failed-dark").await;
    chrome.click("Switch theme").await;
    chrome.shoot("delivery-failed").await;

    receiver.answer_with(Answer::status(200));
    chrome.click("Retry").await;
    receiver.wait_for(5).await;
    chrome.sees_in_time("Success").await;
    chrome.shoot("delivery-retried").await;

    chrome.visit(&webhooks).await;
    chrome.click("Test").await;
    receiver.wait_for(6).await;
    chrome.sees("200").await;
    chrome.shoot("tested").await;

    chrome.visit(&webhooks).await;
    chrome.click("Rotate secret").await;
    chrome.sees("stops working").await;
    chrome.shoot("rotate").await;
    chrome.click("Rotate secret").await;
    let rotated = chrome.value("Secret").await;
    assert_ne!(rotated, secret);
    chrome.shoot("rotated").await;
    create_task(&chrome, "Tell the receiver").await;
    assert!(receiver.wait_for(7).await[6].is_signed_with(&rotated));

    chrome.visit(&webhooks).await;
    chrome.click("Delete").await;
    chrome.shoot("delete").await;
    chrome.click("Delete webhook and history").await;
    chrome.sees("Add Webhook").await;
    chrome.shoot("deleted").await;
    assert_eq!(chrome.count("article.hook").await, 0);
    chrome.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_phone_everything_is_within_reach() {
    let app = App::start().await;
    let receiver = Receiver::start();
    let chrome = Chrome::open(&app.base, "phone", Screen::Phone).await;

    chrome.visit("/").await;
    chrome.fits().await;
    chrome.shoot("first-start").await;
    first_start(&chrome).await;
    new_project(&chrome, "Website").await;
    chrome.fits().await;
    chrome.click("Projects").await;
    chrome.shoot("drawer").await;
    chrome.click("Menu of Website").await;
    chrome.shoot("project-menu").await;
    chrome.click("Webhooks").await;
    let secret = add_webhook(&chrome, &receiver).await;
    chrome.fits().await;
    create_task(&chrome, "Fix login bug").await;
    chrome.fits().await;
    chrome.shoot("tasks").await;
    assert!(receiver.wait_for(1).await[0].is_signed_with(&secret));

    let project = project_path(&chrome).await;
    chrome.visit(&format!("{project}/webhooks")).await;
    chrome.fits().await;
    chrome.shoot("webhooks").await;
    chrome.click("Deliveries").await;
    chrome.sees_in_time("Success").await;
    chrome.fits().await;
    chrome.shoot("history").await;
    chrome.click("task.created").await;
    chrome.sees("Fix login bug").await;
    chrome.fits().await;
    chrome.shoot("delivery").await;
    chrome.visit("/docs/events").await;
    chrome.sees("task.assigneesChanged").await;
    chrome.fits().await;
    chrome.shoot("docs-events").await;
    chrome.click("Verify").await;
    chrome.click("Go").await;
    chrome.sees("package main").await;
    chrome.fits().await;
    chrome.shoot("docs-verify").await;
    chrome.close().await;
}

pub async fn first_start(chrome: &Chrome) {
    chrome.visit("/").await;
    chrome.shoot("first-start").await;
    chrome.fill("Login", "lead").await;
    chrome.fill("Display name", "Lead").await;
    chrome.fill("E-mail", "lead@example.com").await;
    chrome.fill("Password", PASSWORD).await;
    chrome.click("Create account").await;
    // Whoever goes elsewhere before the answer is there has no session.
    chrome.sees("Create your first project").await;
}

pub async fn new_project(chrome: &Chrome, name: &str) {
    chrome.visit("/projects/new").await;
    chrome.fill("Name", name).await;
    chrome.shoot("new-project").await;
    chrome.click("Create project").await;
    chrome.sees(name).await;
    chrome.shoot("project").await;
}

/// Follows the documentation from "Click Add Webhook" on; returns the secret that is shown at the end.
async fn add_webhook(chrome: &Chrome, receiver: &Receiver) -> String {
    chrome.click("Add Webhook").await;
    chrome.fill("URL", &receiver.url_of("localhost", "/hook")).await;
    chrome.click("All task events").await;
    chrome
        .click("Advanced: retry schedule, own headers, a secret you have already")
        .await;
    chrome.shoot("add-webhook").await;
    chrome
        .run("document.querySelector('#secret').scrollIntoView({ block: 'center' })")
        .await;
    chrome.shoot("add-webhook-advanced").await;
    chrome.click("Add").await;
    chrome.sees("will not be shown again").await;
    chrome.shoot("secret").await;
    let out_of_sight = chrome
        .run("const box = document.querySelector('#secret'); return [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight]")
        .await;
    assert_eq!(out_of_sight, serde_json::json!([0, 0]), "the secret is cut off");
    chrome.fits().await;
    chrome.value("Secret").await
}

pub async fn create_task(chrome: &Chrome, description: &str) {
    let project = project_path(chrome).await;
    chrome.visit(&project).await;
    chrome.fill("New task", description).await;
    chrome.click("Add").await;
    chrome.sees(description).await;
}

async fn open_failed_delivery(chrome: &Chrome) {
    let link = chrome
        .run("return document.querySelector('tr:has([data-state=failed]) a.open').getAttribute('href')")
        .await;
    chrome.visit(link.as_str().expect("a link")).await;
}

/// `/projects/7` of whatever page of the project is shown.
pub async fn project_path(chrome: &Chrome) -> String {
    let path = chrome.path().await;
    let id = path
        .split('/')
        .nth(2)
        .unwrap_or_else(|| panic!("{path} belongs to no project"));
    format!("/projects/{id}")
}
