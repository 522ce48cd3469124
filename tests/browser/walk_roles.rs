//! An owner, a manager and a member at work in one project, each with what their role allows and without the buttons of the others;
//! once with script, and once in a browser in which script is switched off.

use crate::chrome::{Chrome, Screen, Script};
use crate::support::app::App;
use crate::support::given::{self, ALL_EVENTS};
use crate::support::receiver::{Answer, Receiver};
use crate::walk::{create_task, first_start, new_project, project_path};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_manager_and_member_each_find_what_is_theirs() {
    walk("roles", Script::On).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_manager_and_member_need_no_script() {
    walk("roles-without-script", Script::Off).await;
}

async fn walk(name: &'static str, script: Script) {
    let app = App::start().await;
    let receiver = Receiver::start();
    let chrome = Chrome::with(&app.base, name, Screen::Desk, script).await;

    let project = owner_sets_up(&app, &chrome, &receiver).await;
    let runs = chrome
        .run("return document.documentElement.classList.contains('js')")
        .await;
    assert_eq!(runs, script == Script::On);
    manager_looks_after_the_webhook(&chrome, &receiver, &project).await;
    member_sees_and_changes_tasks_alone(&chrome, &receiver, &project).await;
    owner_hands_over_and_leaves(&chrome, &project).await;
    chrome.close().await;
}

/// Account, project, people, webhook, a first task; returns the project's path.
async fn owner_sets_up(app: &App, chrome: &Chrome, receiver: &Receiver) -> String {
    first_start(chrome).await;
    for login in ["mia", "max"] {
        given::person(app, login).await;
    }
    new_project(chrome, "Website").await;
    let project = project_path(chrome).await;
    for login in ["mia", "max"] {
        chrome.click("Members").await;
        chrome.fill("E-mail", &format!("{login}@example.com")).await;
        chrome.click("Add member").await;
        chrome.sees(&format!("{login} is a member now")).await;
    }
    chrome.click("Make manager: mia").await;
    chrome.sees("mia is a manager now").await;
    chrome.shoot("members").await;

    chrome.visit(&format!("{project}/webhooks")).await;
    chrome.click("Add Webhook").await;
    chrome.fill("URL", &receiver.url_of("localhost", "/hook")).await;
    for event in ALL_EVENTS {
        chrome.click(event).await;
    }
    chrome.click("Add").await;
    chrome.sees("will not be shown again").await;
    let secret = chrome.value("Secret").await;
    create_task(chrome, "Fix login bug").await;
    assert!(receiver.wait_for(1).await[0].is_signed_with(&secret));
    project
}

async fn manager_looks_after_the_webhook(chrome: &Chrome, receiver: &Receiver, project: &str) {
    chrome.sign_in("mia").await;
    chrome.visit(&format!("{project}/webhooks")).await;
    chrome.click("Edit").await;
    chrome.fill("Name", "CI pipeline").await;
    chrome.click("Save").await;
    chrome.sees("CI pipeline").await;
    receiver.answer_with(Answer::status(503));
    let before = receiver.requests().len();
    chrome.click("Test").await;
    receiver.wait_for(before + 1).await;
    chrome.sees("503").await;
    chrome.shoot("tested").await;
    receiver.answer_with(Answer::status(200));
    chrome.click("CI pipeline: on").await;
    chrome.sees("Turned off by mia").await;
    create_task(chrome, "Held meanwhile").await;
    chrome.visit(&format!("{project}/webhooks")).await;
    chrome.click("Turn on").await;
    chrome.sees("They are held, not lost").await;
    chrome.click("Turn on").await;
    chrome.sees_in_time("Active").await;
    let sent = receiver.wait_for(before + 2).await;
    assert_eq!(sent[before + 1].json()["task"]["description"], "Held meanwhile");

    chrome.visit(&format!("{project}/delete")).await;
    chrome.sees("403").await;
    assert_eq!(
        chrome.count("main form").await,
        0,
        "a manager does not delete a project"
    );
}

async fn member_sees_and_changes_tasks_alone(chrome: &Chrome, receiver: &Receiver, project: &str) {
    chrome.sign_in("max").await;
    chrome.visit(project).await;
    let before = receiver.requests().len();
    chrome.click("Complete: Fix login bug").await;
    let sent = receiver.wait_for(before + 1).await;
    assert_eq!(sent[before].json()["changes"]["complete"], true);

    chrome.visit(&format!("{project}/webhooks")).await;
    chrome
        .sees("The owner and managers of this project can change them")
        .await;
    chrome.sees(&format!("http://localhost:{}/…", receiver.port())).await;
    assert_eq!(
        chrome.count("main form, main .btn[data-kind]").await,
        0,
        "nothing changes a webhook"
    );
    chrome.shoot("member-webhooks").await;
    chrome.click("Deliveries").await;
    chrome.sees("task.updated").await;
    assert_eq!(chrome.count("main form[method=post]").await, 0, "nothing is sent again");
    chrome.click("task.updated").await;
    chrome.sees("Payload").await;
    assert_eq!(chrome.count("main form, .hdrs").await, 0, "no button, and no headers");
    chrome.visit(&format!("{project}/members")).await;
    assert_eq!(chrome.count("main form").await, 0, "nobody is added or removed");
    for page in ["webhooks/new", "edit", "delete"] {
        chrome.visit(&format!("{project}/{page}")).await;
        chrome.sees("403").await;
    }
}

async fn owner_hands_over_and_leaves(chrome: &Chrome, project: &str) {
    chrome.sign_in("lead").await;
    chrome.visit(&format!("{project}/members")).await;
    chrome.click("Make owner").await;
    chrome.sees("to mia?").await;
    chrome.shoot("hand-over").await;
    chrome.click("Hand over").await;
    chrome.sees("mia owns the project now").await;
    chrome.click("Leave").await;
    chrome.click("Leave project").await;
    chrome.sees("You left").await;
    chrome.visit(project).await;
    chrome.sees("404").await;
    chrome.visit("/account").await;
    chrome.click("Sign out").await;
    chrome.sees("Sign in").await;
}
