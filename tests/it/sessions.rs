//! Where one is signed in: the list, ending one, the others or all of them, from the pages, the API and the command line; how long a
//! session lasts, and what a cookie is worth.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use taskview_webhooks::config::Concealed;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, PASSWORD};
use crate::support::held::{cookie_of, status_with};
use crate::support::process::command;

const DAY: Duration = Duration::from_secs(24 * 3600);
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
const RIGHT: [(&str, &str); 2] = [("login", "lead"), ("password", PASSWORD)];
/// Any 32 bytes that are not the other key.
const ANOTHER_KEY: &str = "YW5vdGhlciBrZXkgdGhhbiB0aGF0IG9mIHRlc3RzISE=";

#[tokio::test]
async fn the_list_says_what_is_signed_in_from_where_and_since_when() {
    let app = App::start().await;
    given::lead(&app).await;
    let firefox = Browser::called(&app.base, FIREFOX);
    firefox.post("/sign-in", &RIGHT).await.assert_status(200);
    app.advance(Duration::from_secs(3 * 3600));
    let login = json!({ "login": "lead", "password": PASSWORD });
    let agent = ("user-agent", "nightly-export/2.1 (linux)");
    let signed_in = ApiClient::new(&app.base)
        .post_with(agent, "/module/auth/login", login)
        .await;
    assert_eq!(signed_in.status, 200);

    let page = firefox.get("/account").await;

    let rows = page.texts("table.mini tbody tr");
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(
        rows[0].starts_with("Firefox on Linux this one signed in 3 h ago from 127.0.0.1"),
        "{rows:?}"
    );
    assert!(
        rows[1].starts_with("nightly-export/2.1 API signed in just now from 127.0.0.1"),
        "{rows:?}"
    );
    assert!(
        rows[2].starts_with("Unknown browser") && rows[2].contains("signed in 3 h ago"),
        "{rows:?}"
    );
}

#[tokio::test]
async fn one_signs_out_everywhere_else_or_everywhere_and_hears_how_many_that_were() {
    let app = App::start().await;
    let here = given::lead(&app).await;
    let there = given::sign_in(&app, "lead").await;
    let program = given::api(&app, "lead").await;

    let page = here.submit("/account", "/end-others", &[]).await;

    page.assert_says("2 other sessions are ended")
        .assert_says("You are signed in here only");
    assert_eq!(page.texts("table.mini tbody tr").len(), 1);
    assert!(page.forms().iter().all(|form| !form.action.ends_with("/end-others")));
    assert!(there.get("/account").await.path.starts_with("/sign-in"));
    assert_eq!(program.get("/module/goals").await.status, 401);

    let there = given::sign_in(&app, "lead").await;
    let page = here.submit("/account", "/end-all", &[]).await;

    assert_eq!(page.path, "/sign-in");
    page.assert_says("You are signed out everywhere")
        .assert_says("1 other session is ended");
    for browser in [&here, &there] {
        assert!(browser.get("/account").await.path.starts_with("/sign-in"));
    }
    let entries = audit(&app, "account.sessions_ended");
    assert_eq!(entries, [r#"{"sessions":2}"#, r#"{"sessions":2}"#]);
}

#[tokio::test]
async fn ending_another_session_and_signing_out_are_written_down() {
    let app = App::start().await;
    let here = given::lead(&app).await;
    given::sign_in(&app, "lead").await;
    let program = given::api(&app, "lead").await;

    assert_eq!(program.post("/module/auth/logout", json!({})).await.status, 204);
    let account = here.get("/account").await;
    here.send(&account.form("/end"))
        .await
        .assert_says("The session is ended");
    here.post("/sign-out", &[]).await;

    assert_eq!(audit(&app, "session.ended"), ["{}"]);
    assert_eq!(audit(&app, "account.signed_out"), ["{}", "{}"]);
}

#[tokio::test]
async fn the_operator_signs_an_account_out_and_revokes_its_tokens_when_asked() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let program = given::api(&app, "lead").await;
    let made = program.post("/module/api-tokens", json!({ "name": "CI" })).await;
    let token = made.response()["token"].as_str().expect("a token").to_owned();
    let with_token = ApiClient::with_token(&app.base, &token);
    let run = |arguments: &[&str]| {
        let ended = command(&app.database)
            .args(["user", "sign-out"])
            .args(arguments)
            .output()
            .expect("the binary runs");
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };

    let sessions = run(&["Lead@example.com"]);
    let still = with_token.get("/module/goals").await.status;
    let tokens = run(&["lead", "--api-tokens"]);

    assert_eq!(
        sessions,
        (Some(0), "signed out Lead@example.com: 2 sessions ended\n".to_owned())
    );
    assert_eq!(still, 200);
    assert_eq!(
        tokens,
        (
            Some(0),
            "signed out lead: 0 sessions ended, 1 API token revoked\n".to_owned()
        )
    );
    assert!(lead.get("/account").await.path.starts_with("/sign-in"));
    assert_eq!(program.get("/module/goals").await.status, 401);
    assert_eq!(with_token.get("/module/goals").await.status, 401);
    assert_eq!(run(&["nobody"]).0, Some(1));
    assert_eq!(
        audit(&app, "account.sessions_ended"),
        [
            r#"{"sessions":2,"apiTokens":0,"by":"command line"}"#,
            r#"{"sessions":0,"apiTokens":1,"by":"command line"}"#
        ]
    );
}

#[tokio::test]
async fn with_one_session_too_many_the_one_that_was_seen_longest_ago_ends() {
    let app = App::configured(|config| config.limits.sessions = 2).await;
    let first = given::lead(&app).await;
    app.advance(DAY);
    let second = given::sign_in(&app, "lead").await;
    app.advance(DAY);
    // Used today.
    first.get("/account").await;
    app.advance(Duration::from_secs(60));
    let program = given::api(&app, "lead").await;

    let third = given::sign_in(&app, "lead").await;

    assert_eq!(first.get("/account").await.path, "/account");
    assert_eq!(third.get("/account").await.path, "/account");
    assert!(second.get("/account").await.path.starts_with("/sign-in"));
    assert_eq!(
        program.get("/module/goals").await.status,
        200,
        "programs are counted apart"
    );
    for _ in 0..3 {
        given::api(&app, "lead").await;
    }
    assert_eq!(program.get("/module/goals").await.status, 401);
    assert_eq!(third.get("/account").await.path, "/account");
}

#[tokio::test]
async fn a_session_that_is_used_every_month_ends_after_three() {
    let app = App::start().await;
    let signed_in = given_cookie(&app).await;

    for day in [29, 58, 87] {
        app.advance(29 * DAY);
        assert_eq!(status_with(&app, &signed_in, "/account").await, 200, "day {day}");
    }
    app.advance(2 * DAY);
    assert_eq!(status_with(&app, &signed_in, "/account").await, 200, "day 89");
    app.advance(DAY);

    assert_eq!(status_with(&app, &signed_in, "/account").await, 303);
}

#[tokio::test]
async fn a_browser_keeps_the_cookie_for_as_long_as_the_session_can_live() {
    let app = App::start().await;
    given::lead(&app).await;

    let answer = app.visitor().post_only("/sign-in", &RIGHT).await;

    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("; Max-Age=7776000"), "{cookie}");
}

#[tokio::test]
async fn a_key_that_somebody_else_put_into_a_browser_is_never_its_own() {
    let app = App::start().await;
    given::lead(&app).await;
    given::person(&app, "mallory").await;
    let of_mallory = [("login", "mallory"), ("password", PASSWORD)];
    let planted = cookie_of(&app.visitor().post_only("/sign-in", &of_mallory).await);
    let sign_in = async |cookie: &str| {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let request = client.build().expect("a client").post(format!("{}/sign-in", app.base));
        let request = request.header("sec-fetch-site", "same-origin").header("cookie", cookie);
        let answer = request.form(&RIGHT).send().await.expect("an answer");
        let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
        cookie.split(';').next().unwrap_or_default().to_owned()
    };

    for before in [planted.as_str(), "session=made-up"] {
        let after = sign_in(before).await;

        assert_ne!(after, before);
        assert_eq!(status_with(&app, &after, "/account").await, 200);
        assert_eq!(status_with(&app, before, "/account").await, 303, "{before}");
    }
}

#[tokio::test]
async fn a_new_password_gives_this_browser_a_new_key_and_keeps_its_place_in_the_list() {
    let app = App::start().await;
    given::lead(&app).await;
    let lead = app.visitor();
    let before = cookie_of(&lead.post_only("/sign-in", &RIGHT).await);
    app.advance(DAY);

    let typed = [
        ("old_password", PASSWORD),
        ("new_password", "staple battery horse correct"),
        ("new_password_again", "staple battery horse correct"),
    ];
    let page = lead.submit("/account", "/account/password", &typed).await;

    page.assert_status(200).assert_says("The password is changed");
    let rows = page.texts("table.mini tbody tr");
    assert_eq!(rows.len(), 1);
    assert!(
        !rows[0].contains("signed in just now"),
        "it is the session that began yesterday: {rows:?}"
    );
    assert_eq!(
        status_with(&app, &before, "/account").await,
        303,
        "a copy of the old key"
    );
}

#[tokio::test]
async fn cookies_survive_a_restart_and_die_with_the_master_key() {
    let app = App::start().await;
    let cookie = given_cookie(&app).await;

    let app = App::on(app.stop(), |_| ()).await;
    let restarted = status_with(&app, &cookie, "/account").await;
    let database = app.stop();
    // As if the database had been made with the other key.
    execute(&database.url, "DELETE FROM vault; DELETE FROM key_checks");
    let app = App::on(Arc::clone(&database), |config| {
        config.master_key = Some(Concealed::from(ANOTHER_KEY.to_owned()));
    })
    .await;

    assert_eq!(restarted, 200);
    assert_eq!(status_with(&app, &cookie, "/account").await, 303);
    given::sign_in(&app, "lead").await;
}

/// The first account, and the cookie of a session of its own.
async fn given_cookie(app: &App) -> String {
    given::lead(app).await;
    cookie_of(&app.visitor().post_only("/sign-in", &RIGHT).await)
}

fn execute(url: &str, statement: &str) {
    let url = DatabaseUrl::parse(url).expect("the URL of a database");
    let mut db = Db::open(&url, Purpose::Write).expect("the database opens");
    db.batch_execute(statement).expect(statement);
}

/// The details of all entries with this action, the oldest first.
fn audit(app: &App, action: &str) -> Vec<String> {
    use diesel::prelude::*;
    use taskview_webhooks::db::schema::audit_log;

    let url = DatabaseUrl::parse(&app.database.url).expect("the URL of a database");
    let mut db = Db::open(&url, Purpose::Read).expect("the database opens");
    let details: Vec<String> = audit_log::table
        .filter(audit_log::action.eq(action))
        .order(audit_log::id)
        .select(audit_log::detail)
        .load(&mut db)
        .expect("the audit log");
    let compact = |detail: String| serde_json::from_str::<Value>(&detail).expect("JSON").to_string();
    details.into_iter().map(compact).collect()
}
