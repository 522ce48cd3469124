//! A secret in the clear is in one answer and nowhere else: not on any page, not in the JSON, not in the log, not in the
//! database, its write-ahead log included.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{given, log};

#[tokio::test]
async fn a_secret_is_in_one_answer_and_nowhere_else() {
    let app = App::start().await;
    let receiver = Receiver::start();
    receiver.answer_in_turn([Answer::status(500)]);
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    let made = given::webhook(&lead, &project, &receiver.url("/")).await;
    let edit = format!("{}/edit", made.path);
    let own = "U2VzYW1lLW9wZW4tNGIxZDlj";
    let typed = [("headers", "Authorization: U2VzYW1lLW9wZW4tNGIxZDlj")];
    lead.submit(&edit, "/edit", &typed).await.assert_status(200);
    given::task(&lead, &project, "Fix login bug").await;
    assert_eq!(receiver.wait_for(1).await[0].header("authorization"), Some(own));
    let rotate = format!("{}/rotate", made.path);
    let rotated = lead.submit(&rotate, "/rotate", &[]).await;
    let rotated = given::secret_on(&rotated);
    lead.post(&format!("{}/test", made.path), &[]).await;
    given::task(&lead, &project, "Write it down").await;
    receiver.wait_for(3).await;

    let secrets = [made.secret.as_str(), rotated.as_str(), own];
    let pages = crawl(&lead, &project.path).await;
    let json = json_of(&app, &project, &made).await;
    let stored = dump(&app.database);
    let logged = log::text();

    assert_ne!(made.secret, rotated);
    assert!(
        pages.len() > 10 && stored.len() > 1_000 && !logged.is_empty(),
        "there was something to look through"
    );
    assert!(
        receiver
            .requests()
            .iter()
            .any(|request| request.is_signed_with(&rotated)),
        "the secrets were in use"
    );
    for disguise in secrets.iter().flat_map(|secret| disguises(secret)) {
        for (path, html) in &pages {
            assert!(!holds(html.as_bytes(), &disguise), "{path} shows a secret");
        }
        for (path, text) in &json {
            assert!(!holds(text.as_bytes(), &disguise), "{path} tells a secret");
        }
        let telling = logged.lines().find(|line| holds(line.as_bytes(), &disguise));
        assert_eq!(telling, None, "the log tells a secret");
        assert!(!holds(&stored, &disguise), "the database holds a secret in the clear");
    }
}

#[tokio::test]
async fn an_api_token_is_in_one_answer_and_nowhere_else() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    let new = "/account/api-tokens/new";
    let made = lead.submit(new, new, &[("name", "CI")]).await;
    let token = given::secret_on(&made);
    let program = ApiClient::with_token(&app.base, &token);
    let event = serde_json::json!({ "goalId": project.id, "event": "build.finished", "data": {} });
    program.post("/module/events", event).await.response();

    let pages = crawl(&lead, "/account").await;
    let stored = dump(&app.database);

    assert!(pages.iter().any(|(path, _)| path == "/account/api-tokens"));
    for disguise in disguises(token.trim_start_matches("tvk_")) {
        for (path, html) in &pages {
            assert!(!holds(html.as_bytes(), &disguise), "{path} shows the token");
        }
        assert!(
            !log::text().lines().any(|line| holds(line.as_bytes(), &disguise)),
            "the log tells it"
        );
        assert!(!holds(&stored, &disguise), "the database holds it in the clear");
    }
}

#[tokio::test]
async fn an_invitation_is_in_one_answer_and_nowhere_else() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    let members = format!("{}/members", project.path);
    let form = lead.get(&members).await.form("/members");
    let form = form.filled(&[("email", "cleo@example.com")]);
    let link = given::secret_on(&lead.send(&form).await);
    let path = link.strip_prefix(&app.base).expect("an address of this server");
    let token = path.rsplit('/').next().expect("a token");
    app.visitor().get(path).await.assert_status(200);
    app.visitor()
        .get(&format!("/sign-in?next={path}"))
        .await
        .assert_status(200);
    app.visitor()
        .post(&format!("{path}/account"), &[])
        .await
        .assert_status(422);
    // What the log tells of.
    app.visitor().get(&format!("{path}0")).await.assert_status(404);
    let wrong = [("login", "lead"), ("password", "wrong")];
    app.visitor()
        .post(&format!("/sign-in?next={path}"), &wrong)
        .await
        .assert_status(422);

    let again = lead.send(&form).await;
    let pages = crawl(&lead, &members).await;
    let stored = dump(&app.database);
    let logged = log::text();

    again.assert_says("a link is shown only once");
    assert!(!again.html.contains(token));
    for told in ["path=\"/invitations/…\"", "path=\"/sign-in\""] {
        assert!(logged.contains(told), "{told} is not in the log");
    }
    for (path, html) in &pages {
        assert!(!html.contains(token), "{path} shows the link");
    }
    let telling = logged.lines().find(|line| line.contains(token));
    assert_eq!(telling, None, "the log tells it");
    assert!(!holds(&stored, token.as_bytes()), "the database holds it in the clear");
}

#[tokio::test]
async fn a_reload_of_the_page_with_the_secret_changes_nothing() {
    let app = App::start().await;
    let receiver = Receiver::start();
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Website").await;
    let new = format!("{}/webhooks/new", project.path);
    let form = lead.get(&new).await.form("/webhooks/new");
    let form = form.filled(&[("url", &receiver.url("/")), ("events", "task.created")]);
    let secret = given::secret_on(&lead.send(&form).await);

    let reloaded = lead.send(&form).await;

    reloaded.assert_says("already done").assert_says("Rotate secret");
    assert!(!reloaded.html.contains(&secret) && reloaded.texts("#secret").is_empty());
    given::task(&lead, &project, "Fix login bug").await;
    let received = receiver.wait_for(1).await;
    assert!(received[0].is_signed_with(&secret), "the first secret still signs");
    assert_eq!(
        lead.get(&format!("{}/webhooks", project.path))
            .await
            .texts("article.hook")
            .len(),
        1
    );
}

/// Every page that can be reached by links from this one, by path.
async fn crawl(browser: &Browser, from: &str) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from.to_owned(), "/".to_owned()];
    let mut pages = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.contains("/sign-out") || !seen.insert(path.clone()) {
            continue;
        }
        let page = browser.get(&path).await;
        assert!(page.status < 500, "{path} failed: {}", page.text());
        waiting.extend(
            page.links()
                .into_iter()
                .map(|link| link.split('#').next().unwrap_or_default().to_owned()),
        );
        pages.push((path, page.html));
        assert!(pages.len() < 500, "the pages never end");
    }
    pages
}

async fn json_of(app: &App, project: &given::Project, webhook: &given::Webhook) -> Vec<(String, String)> {
    let api = given::api(app, "lead").await;
    let mut answers = Vec::new();
    let deliveries = format!("/module/webhooks/deliveries/{}", webhook.id);
    let first = api.get(&deliveries).await.response()[0]["id"].clone();
    for path in [
        "/module/goals".to_owned(),
        format!("/module/tasks?goalId={}", project.id),
        format!("/module/collaboration/{}", project.id),
        format!("/module/webhooks?goalId={}", project.id),
        format!("/module/webhooks/attempts/{first}"),
        deliveries,
    ] {
        let answer = api.get(&path).await;
        answer.response();
        answers.push((path, answer.body.to_string()));
    }
    answers
}

/// Everything that the database keeps, while the program runs: the files, or every row as text.
fn dump(database: &TestDatabase) -> Vec<u8> {
    match kind() {
        Kind::Sqlite => {
            let files = std::fs::read_dir(database.dir()).expect("the data directory");
            let paths = files.map(|file| file.expect("a file").path());
            let of_database = paths.filter(|path| path.to_string_lossy().contains("taskview."));
            of_database
                .flat_map(|path| std::fs::read(path).expect("a file of the database"))
                .collect()
        }
        Kind::Postgres => rows_as_text(&database.url).into_bytes(),
    }
}

#[expect(clippy::disallowed_methods, reason = "every table, whatever it is called")]
fn rows_as_text(url: &str) -> String {
    #[derive(QueryableByName)]
    struct Text {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let mut database = PgConnection::establish(url).expect("the database");
    // Bytes as text where they are text: a secret in the clear would be readable.
    database
        .batch_execute("SET bytea_output = 'escape'")
        .expect("a setting");
    let tables: Vec<Text> =
        diesel::sql_query("SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'")
            .load(&mut database)
            .expect("the tables");
    let mut all = String::new();
    for Text { text: table } in tables {
        let rows: Vec<Text> = diesel::sql_query(format!("SELECT t::text AS text FROM {table} t"))
            .load(&mut database)
            .expect("rows");
        all.extend(rows.into_iter().map(|row| row.text + "\n"));
    }
    all
}

/// The secret as it might stand somewhere: as shown, its key as bytes, in hex, in base64.
fn disguises(secret: &str) -> Vec<Vec<u8>> {
    let base64 = secret.trim_start_matches("whsec_");
    let key = STANDARD.decode(base64).expect("a secret in base64");
    let lines = [
        base64.to_owned(),
        hex::encode(&key),
        hex::encode(secret),
        STANDARD.encode(secret),
    ];
    let mut all: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
    all.push(key);
    all
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
