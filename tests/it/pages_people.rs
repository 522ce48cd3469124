//! People at the door: the first start, signing in and out, the password, and what a session is worth afterwards.

use std::time::Duration;

use super::support::app::App;
use super::support::given;
use super::support::page::Page;

const NEW_PASSWORD: &str = "staple battery horse correct";

#[tokio::test]
async fn the_first_visitor_makes_the_first_account_and_nobody_can_after() {
    let app = App::start().await;
    let (visitor, late) = (app.visitor(), app.visitor());
    let form = late.get("/").await.form("/setup");

    let page = visitor.get("/").await;
    assert_eq!(page.path, "/setup");
    page.assert_says("Create the first account");
    let page = visitor
        .submit(
            "/setup",
            "/setup",
            &[("login", "lead"), ("email", "lead@example"), ("password", "short")],
        )
        .await;
    page.assert_status(422)
        .assert_says("has no domain ending")
        .assert_says("10 to 1000 characters");
    assert_eq!(page.attributes("#login", "value"), ["lead"]);
    assert_eq!(page.attributes("#password", "value"), [""; 0]);
    given::lead(&app)
        .await
        .get("/")
        .await
        .assert_says("Create your first project");

    let typed = [
        ("login", "late"),
        ("email", "late@example.com"),
        ("password", given::PASSWORD),
    ];
    let page = late.send(&form.filled(&typed)).await;
    assert_eq!(page.path, "/sign-in");
    page.assert_says("There is an account already");
}

#[tokio::test]
async fn of_many_first_visitors_at_once_one_makes_the_first_account() {
    let app = App::start().await;
    let visitors: Vec<_> = (0..6).map(|_| app.visitor()).collect();

    let tries = visitors.iter().enumerate().map(async |(number, visitor)| {
        let (login, email) = (format!("lead{number}"), format!("lead{number}@example.com"));
        let typed = [
            ("login", login.as_str()),
            ("email", &email),
            ("password", given::PASSWORD),
        ];
        visitor.post("/setup", &typed).await
    });
    let pages = futures_util::future::join_all(tries).await;

    let at_home = pages.iter().filter(|page| page.path == "/").count();
    let too_late = pages
        .iter()
        .filter(|page| page.says("There is an account already"))
        .count();
    assert_eq!((at_home, too_late), (1, 5));
}

#[tokio::test]
async fn beyond_a_laptop_the_first_account_takes_the_code_from_the_log() {
    let app = App::configured(|config| {
        config.public_url = Some("http://tasks.example".parse().expect("a URL"));
    })
    .await;
    let visitor = app.visitor();
    let code = app.context().gate().setup_code().to_owned();
    let typed = |code| {
        [
            ("code", code),
            ("login", "lead"),
            ("email", "lead@example.com"),
            ("password", given::PASSWORD),
        ]
    };

    let page = visitor.submit("/setup", "/setup", &typed("0000")).await;
    page.assert_status(422).assert_says("This is not the set-up code");
    let page = visitor.submit("/setup", "/setup", &typed(&code)).await;

    page.assert_status(200).assert_says("Create your first project");
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_door_and_back() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();

    let door = visitor.get("/account?x=1").await;
    assert_eq!(door.path, "/sign-in?next=%2Faccount%3Fx%3D1");
    let typed = [("login", "Lead@Example.com"), ("password", given::PASSWORD)];
    let page = visitor.send(&door.form("/sign-in").filled(&typed)).await;

    assert_eq!(page.path, "/account?x=1");
    page.assert_says("lead@example.com");
}

#[tokio::test]
async fn the_way_back_stays_on_this_server() {
    let app = App::start().await;
    given::lead(&app).await;

    for next in ["//evil.example/x", "https://evil.example", "/\\evil.example"] {
        let typed = [("login", "lead"), ("password", given::PASSWORD), ("next", next)];
        let page = app.visitor().post_only("/sign-in", &typed).await;

        assert_eq!(page.headers["location"], "/", "{next}");
    }
}

#[tokio::test]
async fn ten_wrong_passwords_close_the_door_for_a_quarter_of_an_hour() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();
    let wrong = [("login", "lead"), ("password", "not the password")];

    let page = visitor.submit("/sign-in", "/sign-in", &wrong).await;
    page.assert_status(422)
        .assert_says("Login or password is wrong")
        .assert_says("9 more tries");
    assert_eq!(page.attributes("#login", "value"), ["lead"]);
    for _ in 0..9 {
        visitor.submit("/sign-in", "/sign-in", &wrong).await;
    }
    let right = [("login", "lead"), ("password", given::PASSWORD)];
    let page = visitor.submit("/sign-in", "/sign-in", &right).await;
    page.assert_status(429).assert_says("Too many failed tries");
    assert!(page.headers.contains_key("retry-after"));
    app.advance(Duration::from_secs(15 * 60));
    let page = visitor.submit("/sign-in", "/sign-in", &right).await;

    page.assert_status(200).assert_says("Create your first project");
}

#[tokio::test]
async fn many_wrong_passwords_at_once_get_no_more_tries() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();

    let wrong = [("login", "lead"), ("password", "not the password")];
    let tries = (0..30).map(|_| visitor.post_only("/sign-in", &wrong));
    let pages = futures_util::future::join_all(tries).await;

    let refused = |status| pages.iter().filter(|page| page.status == status).count();
    assert_eq!((refused(422), refused(429)), (10, 20));
}

#[tokio::test]
async fn there_is_no_session_before_the_sign_in_and_a_new_key_at_each() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();

    let door = visitor.get("/sign-in").await;
    assert_eq!(cookies(&door), [""; 0]);
    let typed = [("login", "lead"), ("password", given::PASSWORD)];
    let first = cookies(&visitor.post_only("/sign-in", &typed).await);
    let second = cookies(&app.visitor().post_only("/sign-in", &typed).await);

    assert!(first[0].starts_with("session=") && first[0] != second[0], "{first:?}");
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(first[0].contains(part), "{first:?}");
    }
    assert!(!first[0].contains("Secure"), "{first:?}");
}

#[tokio::test]
async fn under_https_the_cookie_travels_encrypted_only_and_belongs_to_this_host() {
    let app = App::configured(|config| {
        config.public_url = Some("https://tasks.example".parse().expect("a URL"));
    })
    .await;
    let code = app.context().gate().setup_code().to_owned();

    let typed = [
        ("code", code.as_str()),
        ("login", "lead"),
        ("email", "lead@example.com"),
        ("password", given::PASSWORD),
    ];
    let cookies = cookies(&app.visitor().post_only("/setup", &typed).await);

    assert!(
        cookies[0].starts_with("__Host-session=") && cookies[0].contains("; Secure"),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn signing_out_ends_the_session_itself() {
    let app = App::start().await;
    given::lead(&app).await;
    let visitor = app.visitor();
    let typed = [("login", "lead"), ("password", given::PASSWORD)];
    let cookie = cookies(&visitor.post_only("/sign-in", &typed).await).remove(0);
    assert_eq!(account_with(&app, &cookie).await, 200);

    let page = visitor.post("/sign-out", &[]).await;

    page.assert_says("You are signed out");
    assert_eq!(account_with(&app, &cookie).await, 303);
}

#[tokio::test]
async fn a_new_password_signs_out_everywhere_else() {
    let app = App::start().await;
    let here = given::lead(&app).await;
    let there = given::sign_in(&app, "lead").await;
    let typed = |old, again| {
        [
            ("old_password", old),
            ("new_password", NEW_PASSWORD),
            ("new_password_again", again),
        ]
    };

    let page = here
        .submit("/account", "/account/password", &typed("wrong", NEW_PASSWORD))
        .await;
    page.assert_status(422).assert_says("This is not your password now");
    let page = here
        .submit("/account", "/account/password", &typed(given::PASSWORD, "other"))
        .await;
    page.assert_status(422).assert_says("not the same password");
    let page = here
        .submit("/account", "/account/password", &typed(given::PASSWORD, NEW_PASSWORD))
        .await;
    page.assert_status(200).assert_says("The password is changed");

    assert_eq!(here.get("/account").await.path, "/account");
    assert_eq!(there.get("/account").await.path, "/sign-in?next=%2Faccount");
    let page = app
        .visitor()
        .submit("/sign-in", "/sign-in", &[("login", "lead"), ("password", NEW_PASSWORD)])
        .await;
    page.assert_status(200);
}

#[tokio::test]
async fn one_sees_where_one_is_signed_in_and_can_end_it() {
    let app = App::start().await;
    let here = given::lead(&app).await;
    let there = given::sign_in(&app, "lead").await;

    let account = here.get("/account").await;
    assert_eq!(account.texts("table.mini tbody tr").len(), 2);
    let page = here.send(&account.form("/end")).await;

    page.assert_says("The session is ended");
    assert_eq!(there.get("/account").await.path, "/sign-in?next=%2Faccount");
    assert_eq!(here.get("/account").await.path, "/account");
}

#[tokio::test]
async fn nobody_ends_a_session_of_somebody_else() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let other = given::person(&app, "mallory").await;
    given::sign_in(&app, "lead").await;
    let action = lead.get("/account").await.form("/end").action;

    other.post(&action, &[]).await.assert_status(404);

    assert_eq!(lead.get("/account").await.texts("table.mini tbody tr").len(), 2);
}

#[tokio::test]
async fn a_session_that_nobody_used_for_a_month_is_over() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);

    app.advance(days(29));
    assert_eq!(lead.get("/account").await.path, "/account");
    app.advance(days(29));
    assert_eq!(lead.get("/account").await.path, "/account");
    app.advance(days(31));

    assert_eq!(lead.get("/account").await.path, "/sign-in?next=%2Faccount");
}

#[tokio::test]
async fn the_switch_keeps_its_position() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    assert_eq!(lead.get("/account").await.attributes("html", "data-theme"), [""; 0]);

    let form = lead.get("/account").await.form("/theme");
    lead.send(&form.filled(&[("theme", "dark")])).await;

    assert_eq!(lead.get("/account").await.attributes("html", "data-theme"), ["dark"]);
    app.visitor().get("/sign-in").await.assert_says("Sign in");
}

fn cookies(page: &Page) -> Vec<String> {
    page.headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().expect("text").to_owned())
        .collect()
}

/// The status of the account page for whoever holds this cookie.
async fn account_with(app: &App, set_cookie: &str) -> u16 {
    let cookie = set_cookie.split(';').next().expect("a cookie");
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let answer = client
        .get(format!("{}/account", app.base))
        .header("cookie", cookie)
        .send()
        .await
        .expect("an answer");
    answer.status().as_u16()
}
