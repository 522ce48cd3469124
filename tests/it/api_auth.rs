//! Signing in with a program: tokens, how long they live, and what a copied one is worth.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::api_client::{Answer, ApiClient};
use super::support::app::App;
use super::support::given;

#[tokio::test]
async fn a_sign_in_answers_with_both_tokens_and_who_one_is() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);

    for login in ["lead", "LEAD", "lead@example.com"] {
        let answer = sign_in(&client, json!(login), json!(given::PASSWORD)).await;

        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["type"], "jwt");
        assert_eq!(answer.body["userData"]["login"], "lead");
        assert_eq!(answer.body["userData"]["email"], "lead@example.com");
        assert_ne!(answer.body["access"], answer.body["refresh"]);
    }
}

#[tokio::test]
async fn what_is_wrong_missing_or_no_string_is_refused_alike() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);

    for (login, password) in [
        (json!("lead"), json!("wrong")),
        (json!("nobody"), json!(given::PASSWORD)),
        (json!("le\0ad"), json!(given::PASSWORD)),
        (json!(7), json!(given::PASSWORD)),
        (Value::Null, Value::Null),
    ] {
        assert_eq!(sign_in(&client, login, password).await.status, 400);
    }
}

#[tokio::test]
async fn access_ends_after_a_quarter_of_an_hour_and_refresh_brings_a_new_pair() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);
    let first = sign_in(&client, json!("lead"), json!(given::PASSWORD)).await.body;
    assert_eq!(goals(&app, &first).await, 200);

    app.advance(Duration::from_secs(15 * 60));
    assert_eq!(goals(&app, &first).await, 401);
    let second = refresh(&client, &first).await;
    assert_eq!(second.status, 200, "{}", second.body);

    assert_eq!(goals(&app, &second.body).await, 200);
    assert_eq!(goals(&app, &first).await, 401);
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_late_ends_the_session() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);
    let first = sign_in(&client, json!("lead"), json!(given::PASSWORD)).await.body;
    let second = refresh(&client, &first).await.body;

    assert_eq!(refresh(&client, &first).await.status, 400);
    assert_eq!(goals(&app, &second).await, 200);
    app.advance(Duration::from_secs(31));
    assert_eq!(refresh(&client, &first).await.status, 401);

    assert_eq!(goals(&app, &second).await, 401);
    assert_eq!(refresh(&client, &second).await.status, 400);
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_for_a_month_is_over() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);
    let first = sign_in(&client, json!("lead"), json!(given::PASSWORD)).await.body;

    app.advance(Duration::from_secs(30 * 24 * 3600));

    assert_eq!(refresh(&client, &first).await.status, 400);
}

#[tokio::test]
async fn signing_out_ends_both_tokens() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);
    let tokens = sign_in(&client, json!("lead"), json!(given::PASSWORD)).await.body;

    assert_eq!(
        call(&app, &tokens, reqwest::Method::POST, "/module/auth/logout").await,
        204
    );

    assert_eq!(goals(&app, &tokens).await, 401);
    assert_eq!(refresh(&client, &tokens).await.status, 400);
}

#[tokio::test]
async fn a_cookie_opens_no_call_and_an_access_token_no_page() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let client = ApiClient::new(&app.base);
    let tokens = sign_in(&client, json!("lead"), json!(given::PASSWORD)).await.body;

    lead.get_only("/module/goals").await.assert_status(401);

    assert_eq!(call(&app, &tokens, reqwest::Method::GET, "/account").await, 303);
}

#[tokio::test]
async fn too_many_wrong_passwords_are_told_to_wait() {
    let app = App::start().await;
    given::lead(&app).await;
    let client = ApiClient::new(&app.base);

    for _ in 0..10 {
        assert_eq!(sign_in(&client, json!("lead"), json!("wrong")).await.status, 400);
    }
    let answer = sign_in(&client, json!("lead"), json!(given::PASSWORD)).await;

    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(answer.body["error"]["code"], "too_many_requests");
}

async fn sign_in(client: &ApiClient, login: Value, password: Value) -> Answer {
    client
        .post("/module/auth/login", json!({ "login": login, "password": password }))
        .await
}

async fn refresh(client: &ApiClient, tokens: &Value) -> Answer {
    client
        .post(
            "/module/auth/refresh/token",
            json!({ "refreshToken": tokens["refresh"] }),
        )
        .await
}

async fn goals(app: &App, tokens: &Value) -> u16 {
    call(app, tokens, reqwest::Method::GET, "/module/goals").await
}

async fn call(app: &App, tokens: &Value, method: reqwest::Method, path: &str) -> u16 {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let answer = client
        .request(method, format!("{}{path}", app.base))
        .bearer_auth(tokens["access"].as_str().expect("a token"))
        .send()
        .await
        .expect("an answer");
    answer.status().as_u16()
}
