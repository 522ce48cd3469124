//! How many passwords can be tried, whose tries count for whom, and what a flood of them does to everybody else.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given;
use crate::support::process::disable_user;

const RIGHT: &str = given::PASSWORD;
const WRONG: &str = "not the password";

/// Behind a proxy on this machine, which says where somebody comes from.
async fn behind_a_proxy() -> App {
    let app = App::configured(|config| {
        config.public_url = Some("http://tasks.example".parse().expect("a URL"));
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a range")];
    })
    .await;
    first_account(&app).await;
    app
}

async fn first_account(app: &App) {
    let code = app.context().gate().setup_code().to_owned();
    let typed = [
        ("code", code.as_str()),
        ("login", "lead"),
        ("email", "lead@example.com"),
        ("password", RIGHT),
    ];
    app.visitor()
        .submit("/setup", "/setup", &typed)
        .await
        .assert_status(200);
}

/// What a try to sign in came to.
#[derive(Debug)]
struct Tried {
    status: u16,
    retry_after: Option<u64>,
    message: String,
}

impl Tried {
    /// Less the moments that the test itself took.
    fn is_for_a_quarter_of_an_hour(&self) -> bool {
        self.status == 429 && self.retry_after.is_some_and(|seconds| (840..=900).contains(&seconds))
    }
}

/// Over the API, from this address.
async fn tried(app: &App, from: &str, login: &str, password: &str) -> Tried {
    let client = Client::builder().no_proxy().build().expect("a client");
    let request = client
        .post(format!("{}/module/auth/login", app.base))
        .header("x-forwarded-for", from)
        .json(&json!({ "login": login, "password": password }));
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let seconds = answer
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok());
    let retry_after = seconds.and_then(|seconds| seconds.parse().ok());
    let body: Value = answer.json().await.expect("JSON");
    let message = body["error"]["message"].as_str().unwrap_or_default().to_owned();
    Tried {
        status,
        retry_after,
        message,
    }
}

#[tokio::test]
async fn a_name_is_one_however_it_is_typed_on_pages_and_in_the_api_and_tells_nothing_of_another() {
    let app = behind_a_proxy().await;
    let names = ["lead", "LEAD", " Lead "];

    for number in 0..10 {
        let tried = tried(&app, "192.0.2.1", names[number % names.len()], WRONG).await;
        assert_eq!(tried.status, 400, "{tried:?}");
    }
    let by_login = tried(&app, "192.0.2.1", "lead", RIGHT).await;
    // Of somebody who is not there these would be two names as well.
    let by_e_mail = tried(&app, "192.0.2.1", "lead@example.com", WRONG).await;
    let typed = [("login", "LEAD@example.com"), ("password", WRONG)];
    // The page is asked from the proxy's own address.
    let page = app.visitor().submit("/sign-in", "/sign-in", &typed).await;

    assert!(by_login.is_for_a_quarter_of_an_hour(), "{by_login:?}");
    assert!(by_login.message.contains(" min"), "{by_login:?}");
    assert_eq!(by_e_mail.status, 400, "{by_e_mail:?}");
    page.assert_status(422).assert_says("9 more tries");
    assert_eq!(tried(&app, "192.0.2.2", "lead", RIGHT).await.status, 200);
    app.advance(Duration::from_secs(15 * 60));
    assert_eq!(tried(&app, "192.0.2.1", "lead", RIGHT).await.status, 200);
}

#[tokio::test]
async fn only_failures_count_and_a_success_does_not_forgive_those_before_it() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();
    let wrong = [("login", "lead"), ("password", WRONG)];

    for _ in 0..3 {
        visitor.submit("/sign-in", "/sign-in", &wrong).await;
    }
    for _ in 0..12 {
        given::sign_in(&app, "lead").await;
    }
    let page = visitor.submit("/sign-in", "/sign-in", &wrong).await;

    page.assert_status(422).assert_says("6 more tries");
}

#[tokio::test]
async fn an_address_of_a_proxy_that_is_not_ours_is_made_up() {
    let app = App::configured(|config| {
        config.public_url = Some("http://tasks.example".parse().expect("a URL"));
    })
    .await;
    first_account(&app).await;

    for number in 0..10 {
        let tried = tried(&app, &format!("192.0.2.{number}"), "lead", WRONG).await;
        assert_eq!(tried.status, 400, "{tried:?}");
    }

    assert_eq!(tried(&app, "192.0.2.99", "lead", RIGHT).await.status, 429);
}

#[tokio::test]
async fn the_addresses_of_a_64_are_one() {
    let app = behind_a_proxy().await;

    for number in 0..10 {
        tried(&app, &format!("2001:db8:0:1:{number}::1"), "lead", WRONG).await;
    }

    assert_eq!(tried(&app, "2001:db8:0:1:ffff::2", "lead", RIGHT).await.status, 429);
    assert_eq!(tried(&app, "2001:db8:0:2::1", "lead", RIGHT).await.status, 200);
}

/// No password is that long: it is refused, and counted, without being hashed.
fn too_long() -> String {
    "x".repeat(1_001)
}

#[tokio::test]
async fn a_hundred_failures_close_an_address_for_everybody_and_no_other_one() {
    let app = behind_a_proxy().await;

    for number in 0..100 {
        let tried = tried(&app, "192.0.2.1", &format!("nobody{number}"), &too_long()).await;
        assert_eq!(tried.status, 400, "{tried:?}");
    }
    let refused = tried(&app, "192.0.2.1", "lead", RIGHT).await;

    assert!(refused.is_for_a_quarter_of_an_hour(), "{refused:?}");
    assert_eq!(tried(&app, "192.0.2.2", "lead", RIGHT).await.status, 200);
}

#[tokio::test]
async fn a_hundred_failures_from_everywhere_slow_an_account_and_lock_nobody_out() {
    let app = behind_a_proxy().await;
    assert_eq!(tried(&app, "192.0.2.200", "lead", RIGHT).await.status, 200);

    for number in 0..100 {
        tried(&app, &format!("192.0.2.{number}"), "lead", &too_long()).await;
    }
    let at_once = tried(&app, "192.0.2.101", "lead", RIGHT).await;
    // Who signed in from there before does not wait behind strangers.
    let at_home = tried(&app, "192.0.2.200", "lead", RIGHT).await;
    app.advance(Duration::from_secs(2));
    let slowly = tried(&app, "192.0.2.101", "lead", RIGHT).await;

    assert_eq!(at_once.status, 429);
    assert!(at_once.retry_after.is_some_and(|seconds| seconds <= 2), "{at_once:?}");
    assert_eq!((at_home.status, slowly.status), (200, 200));
}

#[tokio::test]
async fn what_cannot_be_a_login_or_a_password_is_wrong_like_any_other() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();
    let (long_name, long_password) = ("n".repeat(100_000), "p".repeat(100_000));

    for (login, password) in [("lead", long_password.as_str()), (&long_name, RIGHT), ("le\0ad", RIGHT)] {
        let page = visitor
            .submit("/sign-in", "/sign-in", &[("login", login), ("password", password)])
            .await;

        page.assert_status(422).assert_says("9 more tries");
    }
}

#[tokio::test]
async fn nobody_learns_which_accounts_there_are() {
    let app = App::start().await;
    given::lead(&app).await;
    for login in ["mia", "max"] {
        given::person(&app, login).await;
    }
    disable_user(&app.database, "max");

    let mut said = Vec::new();
    for login in ["nobody", "nobody@example.com", "lead", "mia@example.com", "max"] {
        let typed = [("login", login), ("password", WRONG)];
        let page = app.visitor().submit("/sign-in", "/sign-in", &typed).await;
        said.push((page.status, page.text().replace(login, "NAME")));
    }
    let right = [("login", "max"), ("password", RIGHT)];
    let disabled = app.visitor().submit("/sign-in", "/sign-in", &right).await;

    said.dedup();
    assert_eq!(said.len(), 1, "{said:#?}");
    disabled.assert_status(422).assert_says("8 more tries");
}

#[tokio::test]
async fn a_flood_of_sign_ins_is_told_to_come_back_and_does_not_count() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();
    let right = [("login", "lead"), ("password", RIGHT)];
    let gate = app.context().gate();

    let mut refused = None;
    // On a busy machine the crowd may have given up before we knock.
    for _ in 0..10 {
        let crowd = join_all((0..66).map(|_| gate.hash(Zeroizing::new(RIGHT.to_owned()))));
        let late = async {
            let page = visitor.post_only("/sign-in", &right).await;
            let login = json!({ "login": "lead", "password": RIGHT });
            let call = ApiClient::new(&app.base).post("/module/auth/login", login).await;
            (page, call)
        };
        let (served, both) = tokio::join!(crowd, late);
        // Who waited too long was sent away as well.
        assert!(served.iter().any(Result::is_ok));
        if both.0.status == 429 && both.1.status == 429 {
            refused = Some(both);
            break;
        }
    }
    let (page, call) = refused.expect("whoever comes while 66 wait is sent away");
    let afterwards = visitor
        .post("/sign-in", &[("login", "lead"), ("password", WRONG)])
        .await;

    page.assert_status(429)
        .assert_says("Many passwords are being checked at this moment");
    assert_eq!(page.headers["retry-after"], "2");
    assert_eq!((call.status, call.retry_after), (429, Some(2)), "{}", call.body);
    afterwards.assert_says("9 more tries");
    visitor.post("/sign-in", &right).await.assert_status(200);
}

#[tokio::test]
async fn passwords_that_are_asked_for_inside_are_limited_too_and_lock_nobody_out_at_the_door() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let typed = [
        ("old_password", WRONG),
        ("new_password", "another long password"),
        ("new_password_again", "another long password"),
    ];

    for _ in 0..10 {
        let page = lead.submit("/account", "/account/password", &typed).await;
        page.assert_status(422).assert_says("This is not your password now");
    }
    let inside = lead.submit("/account", "/account/password", &typed).await;
    let right = [("login", "lead"), ("password", RIGHT)];
    let at_the_door = app.visitor().submit("/sign-in", "/sign-in", &right).await;

    inside.assert_status(429).assert_says("Too many failed tries");
    assert!(inside.headers.contains_key("retry-after"));
    at_the_door.assert_status(200);
}
