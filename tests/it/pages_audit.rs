//! The audit log as pages: who did what, from where, with what was before and after, and never a secret; filters, pages, files; and
//! the installation's log, which is for administrators.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::given::{self, PASSWORD, Project};
use crate::support::page::Page;
use crate::support::process::command;
use crate::support::receiver::Answer;
use crate::support::story::Story;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn a_change_of_a_webhook_is_told_with_what_was_before_and_after_and_without_a_secret() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "Sesame-opens", "Sesame-shuts"];
    let new = json!({
        "goalId": story.goal, "url": "http://localhost:9/hook?key=chat", "events": ["task.created"], "name": "CI",
        "secret": secrets[0], "headers": { "Authorization": secrets[1] },
    });
    let made = story.api.post("/module/webhooks", new).await;
    let id = made.response()["webhook"]["id"].clone();
    let change = json!({
        "id": id, "url": "http://localhost:9/other", "name": "Build", "events": ["task.deleted", "task.created"],
        "headers": { "Authorization": secrets[2], "X-Team": "blue" },
    });
    story.api.patch("/module/webhooks", change).await.response();
    let rotated = story
        .api
        .post("/module/webhooks/rotate-secret", json!({ "id": id }))
        .await;
    let rotated = rotated.response()["secret"].as_str().expect("a secret").to_owned();

    let page = lead
        .get(&format!("{}?subject={id}&what=webhooks", log_of(&story)))
        .await;
    let file = lead.get(&page.attributes(".export a", "href")[1]).await;

    assert_eq!(codes(&page), ["webhook.rotated", "webhook.edited", "webhook.added"]);
    page.assert_says("Changed a webhook Build")
        .assert_says("by What was done by Lead from What was done from 127.0.0.1 webhook.edited");
    assert_eq!(
        changes(&page, 2),
        [
            ["Events", "task.created", "task.deleted, task.created"],
            ["Name", "CI", "Build"],
            ["Own headers", "Authorization", "Authorization, X-Team"],
        ]
    );
    assert_eq!(facts(&page, 2), ["Other pathyes", "New values forAuthorization"]);
    assert_eq!(
        changes(&page, 3),
        [
            ["Name", "CI"],
            ["URL", "http://localhost:9/…"],
            ["Events", "task.created"],
            ["Retry schedule", "standard"],
            ["On or off", "on"],
            ["Own headers", "Authorization"],
        ]
    );
    assert_eq!(facts(&page, 3), ["Secret brought alongyes"]);
    let line: Value = serde_json::from_str(file.html.lines().nth(1).expect("a line")).expect("JSON");
    assert_eq!(line["detail"]["otherPath"], true);
    for secret in secrets.iter().copied().chain([rotated.as_str(), "key=chat"]) {
        for told in [&page.html, &file.html] {
            assert!(
                !told.contains(secret) && !told.contains(secret.trim_start_matches("whsec_")),
                "{secret}"
            );
        }
    }
    let webhook = format!("/projects/{}/webhooks/{id}/deliveries", story.goal);
    assert!(page.links().contains(&webhook));

    story
        .api
        .delete("/module/webhooks", json!({ "id": id }))
        .await
        .response();

    let page = lead
        .get(&format!("{}?subject={id}&what=webhooks", log_of(&story)))
        .await;
    assert!(!page.links().contains(&webhook), "what is gone has no page");
    assert_eq!(changes(&page, 1)[1], ["URL", "http://localhost:9/…"]);
}

#[tokio::test]
async fn what_the_system_did_is_told_too() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.change_webhook(json!({ "retrySchedule": "patient" })).await;
    story.receiver.answer_with(Answer::status(410));
    story.task("Wanted no more").await;
    story.webhook_that("off", |webhook| webhook["isActive"] == false).await;

    let page = lead.get(&format!("{}?who=system", log_of(&story))).await;

    assert_eq!(codes(&page), ["webhook.turned_off"]);
    page.assert_says("Turned a webhook off: its receiver answered 410 Gone")
        .assert_says("by the system webhook.turned_off");
    assert_eq!(changes(&page, 1), [["On or off", "on", "off"]]);
    assert_eq!(facts(&page, 1), ["Failures in a row1"]);
    assert_eq!(page.texts(".chip"), ["Remove filter System or command line"]);
}

#[tokio::test]
async fn deliveries_that_were_held_for_too_long_are_told_once_a_day() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.change_webhook(json!({ "isActive": false })).await;
    story.task("First").await;
    story.app.advance(Duration::from_secs(3_600));
    let typed = [("description", "Second")];
    lead.post(&format!("/projects/{}/tasks", story.goal), &typed)
        .await
        .assert_status(200);
    let failed = async |count: usize| {
        wait::until(PATIENCE, "held deliveries ended", async || {
            let ended = lead
                .get(&format!("/projects/{}/deliveries?status=failed", story.goal))
                .await;
            (ended.texts("tbody tr").len() == count).then_some(())
        })
        .await;
    };

    story.app.advance(DAY * 7 - Duration::from_secs(1_800));
    failed(1).await;
    story.app.advance(Duration::from_secs(3_600));
    failed(2).await;

    let page = lead.get(&format!("{}?who=system", log_of(&story))).await;
    assert_eq!(codes(&page), ["webhook.held_expired"]);
}

#[tokio::test]
async fn an_entry_names_the_api_token_also_when_it_is_revoked() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let made = story
        .api
        .post("/module/api-tokens", json!({ "name": "Deploy bot" }))
        .await;
    let token = made.response()["token"].as_str().expect("a token").to_owned();
    let id = made.response()["item"]["id"].clone();
    let program = ApiClient::with_token(&story.app.base, &token);
    let tag = json!({ "goalId": story.goal, "name": "urgent", "color": "#aa0000" });
    program.post("/module/tags", tag).await.response();
    story
        .api
        .delete("/module/api-tokens", json!({ "id": id }))
        .await
        .response();

    let page = lead.get(&format!("{}?what=labels", log_of(&story))).await;
    let installation = lead.get("/audit?what=tokens").await;

    page.assert_says("Added a tag urgent")
        .assert_says("by What was done by Lead with the API token Deploy bot from");
    assert_eq!(codes(&installation), ["api_token.revoked", "api_token.added"]);
    assert!(!installation.html.contains(&token));
}

#[tokio::test]
async fn filters_narrow_the_log_and_can_be_taken_away() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    given::person(&app, "mia").await;
    let project = given::project(&lead, "Website").await;
    given::member(&lead, &project, "mia").await;
    let mia = given::sign_in(&app, "mia").await;
    app.advance(DAY * 2);
    let tags = format!("{}/tags", project.path);
    for name in ["one", "two"] {
        let typed = [("name", name), ("color", "#aa0000")];
        mia.post(&tags, &typed).await.assert_status(200);
    }
    let shown = async |query: &str| codes(&lead.get(&format!("{}/audit?{query}", project.path)).await);

    assert_eq!(
        shown("").await,
        ["tag.added", "tag.added", "member.added", "project.added"]
    );
    assert_eq!(shown("what=members").await, ["member.added"]);
    assert_eq!(shown("who=2").await, ["tag.added", "tag.added"]);
    assert_eq!(shown("who=1&what=labels").await, [""; 0]);
    assert_eq!(shown("time=24h").await, ["tag.added", "tag.added"]);
    assert_eq!(shown("address=127.0.0.1").await.len(), 4);
    assert_eq!(shown("address=192.0.2.7").await, [""; 0]);
    assert_eq!(shown("to=2020-01-01T00:00").await, [""; 0]);
    assert_eq!(shown("from=2020-01-01T00:00&what=project").await, ["project.added"]);

    let page = lead
        .get(&format!("{}/audit?who=2&what=labels&time=7d", project.path))
        .await;
    assert_eq!(
        page.texts(".chip"),
        [
            "Remove filter mia",
            "Remove filter Tags and statuses",
            "Remove filter Last 7 days"
        ]
    );
    let without = lead.get(&page.attributes(".chip", "href")[0]).await;
    assert_eq!(without.texts(".chip").len(), 2);
    assert_eq!(page.attributes("#who option[selected]", "value"), ["2"]);
    lead.get(&format!(
        "{}/audit?subject=bug&address=here&from=yesterday",
        project.path
    ))
    .await
    .assert_status(200)
    .assert_says("Enter a number, such as that of a webhook in its address.")
    .assert_says("Enter an IP address, such as 192.0.2.7.")
    .assert_says("Enter a date and a time");
}

#[tokio::test]
async fn pages_go_from_entry_to_entry_and_a_rare_filter_searches_a_window_at_a_time() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    // The one entry of the project itself is the oldest.
    write_many(&app, &project, 5_100).await;
    let path = format!("{}/audit", project.path);

    let first = lead.get(&path).await;
    let second = lead.get(&link(&first, "Older")).await;
    let back = lead.get(&link(&second, "Newer")).await;
    let rare = lead.get(&format!("{path}?what=project")).await;
    let found = lead.get(&link(&rare, "Search further back")).await;
    let file = lead.get(&format!("{path}/export?format=csv&what=project")).await;

    let ids = |page: &Page| page.attributes(".log > li", "id");
    assert_eq!((ids(&first).len(), ids(&second).len()), (30, 30));
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    assert_eq!(ids(&back), ids(&first));
    rare.assert_says("None found so far");
    assert_eq!(codes(&found), ["project.added"]);
    assert_eq!(file.html.lines().count(), 2, "{}", file.html);
}

#[tokio::test]
async fn a_file_of_the_log_is_no_spreadsheet_that_runs_something() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "=cmd()").await;
    let path = format!("{}/audit/export", project.path);

    let csv = lead.get(&format!("{path}?format=csv")).await;
    let lines = lead.get(&format!("{path}?format=jsonl")).await;

    let saved_as = csv.headers["content-disposition"].to_str().expect("text");
    assert!(saved_as.contains("audit-log-of-project-"), "{saved_as}");
    let mut reader = csv::Reader::from_reader(csv.html.as_bytes());
    let row = reader.records().next().expect("a line").expect("CSV");
    assert_eq!((&row[7], &row[11]), ("project.added", "'=cmd()"));
    let line: Value = serde_json::from_str(&lines.html).expect("JSON");
    assert_eq!(line["subject"], "=cmd()");
    assert_eq!(line["detail"]["after"]["name"], "=cmd()");
    lead.get(&format!("{path}?format=xlsx")).await.assert_status(422);
}

#[tokio::test]
async fn only_owner_and_managers_read_a_projects_log_and_only_they_are_led_to_it() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    let (mia, max) = (given::person(&app, "mia").await, given::person(&app, "max").await);
    given::member(&lead, &project, "mia").await;
    let path = format!("{}/audit", project.path);

    let member = mia.get(&path).await;
    let stranger = max.get(&path).await;

    member
        .assert_status(403)
        .assert_says("Only the owner and the managers of the project can do this.");
    stranger.assert_status(404);
    assert!(!mia.get(&project.path).await.links().contains(&path));
    assert!(lead.get(&project.path).await.links().contains(&path));
}

#[tokio::test]
async fn the_first_account_reads_the_installations_log_and_learns_no_more_of_projects_than_that_they_exist() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let mia = given::person(&app, "mia").await;
    let api = given::api(&app, "mia").await;
    let secret = json!({ "name": "Skunk works", "description": "Nobody must know" });
    let made = api.post("/module/goals", secret).await.response()["id"].clone();
    let renamed = json!({ "id": made, "name": "Plain works" });
    api.patch("/module/goals", renamed).await.response();
    api.delete("/module/goals", json!({ "goalId": made })).await.response();

    let page = lead.get("/audit").await;
    let file = lead.get("/audit/export?format=jsonl").await;

    assert_eq!(
        codes(&page),
        [
            "project.deleted",
            "project.added",
            "account.signed_in",
            "account.signed_in",
            "account.added",
            "account.signed_in",
            "account.added"
        ]
    );
    page.assert_says("Made a project Skunk works")
        .assert_says("Deleted a project Plain works")
        .assert_says("by the command line account.added");
    assert!(!page.html.contains("Nobody must know") && !file.html.contains("Nobody must know"));
    assert!(!file.html.contains(PASSWORD) && !file.html.contains("argon2"));
    assert!(lead.get("/account").await.links().contains(&"/audit".to_owned()));
    assert!(!mia.get("/account").await.links().contains(&"/audit".to_owned()));
    mia.get("/audit").await.assert_status(404);
    mia.get("/audit/export").await.assert_status(404);
}

#[tokio::test]
async fn the_command_line_makes_administrators_and_takes_it_back() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let mia = given::person(&app, "mia").await;

    let given = user(&app.database, &["admin", "mia"]);
    let listed = user(&app.database, &["list"]);
    let as_administrator = mia.get("/audit").await;
    user(&app.database, &["admin", "mia"]);
    let taken = user(&app.database, &["admin", "mia@example.com", "--revoke"]);
    let afterwards = mia.get("/audit").await;

    assert_eq!(
        (given.as_str(), taken.as_str()),
        ("mia is an administrator", "mia is no administrator")
    );
    assert_eq!(
        listed.lines().filter(|line| line.ends_with("\tadministrator")).count(),
        2,
        "{listed}"
    );
    as_administrator.assert_status(200);
    afterwards.assert_status(404);
    let log = lead.get("/audit?who=system&what=accounts").await;
    let rights = codes(&log).into_iter().filter(|code| code.contains("administrator"));
    assert_eq!(
        rights.collect::<Vec<_>>(),
        ["account.administrator_unmade", "account.administrator_made"],
        "what changes nothing is not written down"
    );
}

#[tokio::test]
async fn too_many_failed_sign_ins_are_one_entry_of_an_account_and_none_of_a_made_up_one() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let visitor = app.visitor();
    for login in ["nobody", "lead"] {
        for status in [[422; 10].as_slice(), &[429; 3]].concat() {
            let wrong = [("login", login), ("password", "wrong")];
            visitor.post("/sign-in", &wrong).await.assert_status(status);
        }
    }

    let refused = wait::until(PATIENCE, "an entry of it", async || {
        let page = lead.get("/audit?who=system").await;
        (!codes(&page).is_empty()).then_some(page)
    })
    .await;

    assert_eq!(codes(&refused), ["account.sign_ins_refused"]);
    refused.assert_says("Refused further sign-ins for a while: too many failed Lead");
    assert_eq!(codes(&lead.get("/audit?who=system&address=127.0.0.1").await).len(), 1);
}

#[tokio::test]
async fn entries_go_when_they_are_older_than_the_setting_says() {
    let app = App::configured(|config| config.audit_kept_for = DAY * 10).await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    write_many(&app, &project, 250).await;
    app.advance(DAY * 9);
    lead.post(&format!("{}/edit", project.path), &[("name", "Site")])
        .await
        .assert_status(200);

    app.advance(DAY * 2);

    let path = format!("{}/audit", project.path);
    let left = wait::until(PATIENCE, "the old entries are gone", async || {
        let page = lead.get(&path).await;
        (codes(&page).len() == 1).then_some(page)
    })
    .await;
    assert_eq!(codes(&left), ["project.edited"]);
    left.assert_says("Kept for 10 days");
}

async fn write_many(app: &App, project: &Project, count: u32) {
    let (id, now) = (project.id, app.context().now().0);
    let statement = format!(
        "INSERT INTO audit_log (project_id, user_id, action, subject_id, detail, created_at)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         SELECT {id}, 1, 'tag.added', i, '{{}}', {now} FROM n"
    );
    let written = app.context().write(move |tx| Ok(tx.db.batch_execute(&statement)?));
    written.await.expect("entries");
}

fn user(database: &TestDatabase, arguments: &[&str]) -> String {
    let ended = command(database)
        .arg("user")
        .args(arguments)
        .output()
        .expect("the binary runs");
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).expect("text").trim().to_owned()
}

fn log_of(story: &Story) -> String {
    format!("/projects/{}/audit", story.goal)
}

/// Newest first.
fn codes(page: &Page) -> Vec<String> {
    page.assert_status(200);
    page.texts(".log > li .log-who code")
}

/// Field, before and after of an entry, the newest being 1; what is new has no before, what is gone no after.
fn changes(page: &Page, entry: usize) -> Vec<Vec<String>> {
    let of = |what: &str| page.texts(&format!(".log > li:nth-child({entry}) {what}"));
    let columns = of("thead th").len();
    of("tbody tr > *")
        .chunks_exact(columns.max(1))
        .map(<[String]>::to_vec)
        .collect()
}

/// What an entry tells besides; names and values stand close together.
fn facts(page: &Page, entry: usize) -> Vec<String> {
    page.texts(&format!(".log > li:nth-child({entry}) .log-facts > div"))
}

#[track_caller]
fn link(page: &Page, words: &str) -> String {
    let all = page.texts("a.btn").into_iter().zip(page.attributes("a.btn", "href"));
    let mut found = all.filter(|(text, _)| text == words);
    found
        .next()
        .unwrap_or_else(|| panic!("no {words} on {}", page.text()))
        .1
}
