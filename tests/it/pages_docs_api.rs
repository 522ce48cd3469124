//! `/docs/api`: every command on the page is run by a shell, as somebody would who reads it from top to bottom.

use std::process::{Command, Stdio};

use scraper::{Html, Selector};
use serde_json::Value;

use crate::support::app::App;
use crate::support::given;
use crate::support::page::Page;
use crate::support::receiver::Receiver;

/// What the examples cannot know: a token that was given before, an invited person who has accepted, a delivery that has failed.
const REFUSED: [(&str, u16); 3] = [("refreshTokens", 400), ("handOver", 409), ("retryDelivery", 409)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_page_can_be_copied_and_works() {
    let app = App::start().await;
    let receiver = Receiver::start();
    given::lead(&app).await;
    let page = app.visitor().get_only("/docs/api").await;
    page.assert_status(200);
    let commands = commands(&page);
    assert!(commands.len() > 40, "{}", commands.len());
    assert_eq!(commands[0].0, "begin");
    // The example of a receiver's URL is nobody's.
    let hook = receiver.url("/hook");
    let own = |command: &str| command.replace("https://ci.example.com/hooks/9f27c1", &hook);

    let begin = format!("{}\nprintf %s \"$TOKEN\"", commands[0].1);
    let token = shell(&begin, "");
    let ordered = {
        let mut all = commands[1..].to_vec();
        // What is deleted is needed by the others.
        all.sort_by_key(|(id, command)| (*id == "signOut", command.contains("-X DELETE"), *id == "deleteProject"));
        all
    };
    for (id, command) in &ordered {
        let command = own(command).replacen("curl -s", "curl -s -w '\\n%{http_code}'", 1);
        let said = shell(&command, &token);
        let (body, status) = said.rsplit_once('\n').expect("a body and a status");
        let expected = REFUSED.iter().find(|(refused, _)| refused == id);
        let expected = expected.map_or(if id == "signOut" { 204 } else { 200 }, |(_, status)| *status);

        assert_eq!(status, expected.to_string(), "{id}: {command}\n{body}");
        assert!(
            body.is_empty() == (expected == 204) && (body.is_empty() || serde_json::from_str::<Value>(body).is_ok()),
            "{id}: {body}"
        );
    }
}

#[tokio::test]
async fn it_is_open_to_all_and_every_link_on_it_leads_somewhere() {
    let app = App::start().await;
    let page = app.visitor().get_only("/docs/api").await;
    page.assert_status(200)
        .assert_says("POST /module/webhooks")
        .assert_says("Idempotency-Key")
        .assert_says("OpenAPI 3.1");

    let html = Html::parse_document(&page.html);
    for link in page.links() {
        if let Some(anchor) = link.strip_prefix('#') {
            let target = Selector::parse(&format!("[id='{anchor}']")).expect("a selector");
            assert_eq!(html.select(&target).count(), 1, "{link}");
        } else if link.starts_with('/') {
            app.visitor().get(&link).await.assert_status(200);
        }
    }
}

/// Name and text of each, in the order of the page.
fn commands(page: &Page) -> Vec<(String, String)> {
    let html = Html::parse_document(&page.html);
    let all = Selector::parse("pre[id^='curl-']").expect("a selector");
    html.select(&all)
        .map(|pre| {
            let id = pre.attr("id").unwrap_or_default().trim_start_matches("curl-");
            (id.to_owned(), pre.text().collect())
        })
        .collect()
}

fn shell(command: &str, token: &str) -> String {
    let done = Command::new("sh")
        .args(["-c", command])
        .env("TOKEN", token)
        .env_remove("http_proxy")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    assert!(
        done.status.success(),
        "{command}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("text")
}
