//! From nothing to a signed-in page, and what a server without a setting refuses.

use crate::support::app::App;
use crate::support::given::{self, PASSWORD};

#[tokio::test]
async fn the_first_visitor_makes_the_account_and_is_signed_in() {
    let app = App::start().await;
    let visitor = app.visitor();

    let first = visitor.get("/").await;
    let lead = given::lead(&app).await;
    let home = lead.get("/").await;
    let account = lead.get("/account").await;

    assert_eq!(first.path, "/setup");
    home.assert_status(200);
    account.assert_status(200).assert_says("lead");
}

#[tokio::test]
async fn with_an_account_the_first_page_makes_no_other() {
    let app = App::start().await;
    given::lead(&app).await;
    let late = app.visitor();
    let typed = [
        ("login", "late"),
        ("name", "Late"),
        ("email", "late@example.com"),
        ("password", PASSWORD),
    ];

    let page = late.get("/").await;
    let tried = late.post("/setup", &typed).await;
    let signed_in = late
        .post_only("/sign-in", &[("login", "late"), ("password", PASSWORD)])
        .await;

    assert!(page.path.starts_with("/sign-in"), "{}", page.path);
    assert!(!tried.path.starts_with("/projects"), "{}", tried.path);
    assert!(signed_in.status >= 400, "{}", signed_in.status);
}

#[tokio::test]
async fn people_sign_in_and_out_with_their_login_or_their_e_mail() {
    let app = App::start().await;
    given::lead(&app).await;

    for name in ["lead", "LEAD", "lead@example.com"] {
        let visitor = app.visitor();
        visitor
            .submit("/sign-in", "/sign-in", &[("login", name), ("password", PASSWORD)])
            .await
            .assert_status(200);

        visitor.get("/account").await.assert_status(200).assert_says("lead");
        visitor.post("/sign-out", &[]).await;

        let after = visitor.get_only("/account").await;
        assert_eq!(after.status, 303, "signed out: {}", after.text());
    }
}

#[tokio::test]
async fn a_server_on_a_laptop_answers_to_its_own_names_only() {
    let app = App::start().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async |name: &str, value: &str| {
        client
            .get(format!("{}/healthz", app.base))
            .header(name, value)
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
    };

    assert_eq!(ask("host", "localhost:8080").await, 200);
    assert_eq!(ask("host", "tasks.example.com").await, 421);
    assert_eq!(ask("x-forwarded-for", "203.0.113.7").await, 421);
}

#[tokio::test]
async fn a_form_that_another_site_sends_changes_nothing() {
    let app = App::start().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let typed = [
        ("login", "eve"),
        ("name", "Eve"),
        ("email", "eve@example.com"),
        ("password", PASSWORD),
    ];

    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
        ("accept", "*/*"),
    ] {
        let answer = client
            .post(format!("{}/setup", app.base))
            .header(name, value)
            .form(&typed)
            .send()
            .await;

        assert_eq!(answer.expect("an answer").status(), 403, "{name}: {value}");
    }
    assert_eq!(app.visitor().get("/").await.path, "/setup", "there is still no account");
}
