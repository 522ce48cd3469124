//! What opens doors or cannot be undone wants the password again when the sign-in is twelve hours old: on its own page, and as a sentence
//! over the API.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, PASSWORD};
use crate::support::receiver::Receiver;

const ALMOST: Duration = Duration::from_secs(12 * 3600 - 300);
const LATE: Duration = Duration::from_secs(12 * 3600 + 1);

/// A project with a webhook and a manager.
struct Place {
    app: App,
    lead: Browser,
    webhook: given::Webhook,
    project: given::Project,
    /// The pages, and how each of their forms ends.
    pages: [(String, &'static str); 4],
    _receiver: Receiver,
}

async fn place() -> Place {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let receiver = Receiver::start();
    let webhook = given::webhook(&lead, &project, &receiver.url("/")).await;
    given::person(&app, "mia").await;
    given::member(&lead, &project, "mia").await;
    let members = lead.get(&format!("{}/members", project.path)).await;
    lead.send(&members.form("/role").filled(&[("role", "manager")])).await;
    let members = lead.get(&format!("{}/members", project.path)).await;
    let hand_over = members.links().into_iter().find(|link| link.ends_with("/hand-over"));
    let pages = [
        (format!("{}/rotate", webhook.path), "/rotate"),
        ("/account/api-tokens/new".to_owned(), "/api-tokens/new"),
        (hand_over.expect("a manager to hand over to"), "/hand-over"),
        (format!("{}/delete", project.path), "/delete"),
    ];
    Place {
        app,
        lead,
        webhook,
        project,
        pages,
        _receiver: receiver,
    }
}

#[tokio::test]
async fn a_new_sign_in_is_not_asked_for_the_password() {
    let place = place().await;
    place.app.advance(ALMOST);

    for (page, _) in &place.pages {
        let page = place.lead.get(page).await;

        page.assert_status(200);
        assert_eq!(page.attributes("#password", "name"), [""; 0], "{}", page.path);
    }
}

#[tokio::test]
async fn an_old_one_shows_the_field_and_does_nothing_without_the_right_password() {
    let place = place().await;
    place.app.advance(LATE);

    for (path, action) in &place.pages {
        let page = place.lead.get(path).await;
        page.assert_says("You signed in more than 12 hours ago");
        let form = page.form(action).filled(&[("name", "CI")]);
        let empty = place.lead.send(&form).await;
        let wrong = place.lead.send(&form.clone().filled(&[("password", "wrong")])).await;

        for (refused, says) in [(empty, "Enter your password"), (wrong, "This is not your password now")] {
            refused.assert_status(422);
            assert!(
                refused.texts("#password-err")[0].contains(says),
                "{path}: {}",
                refused.text()
            );
            // A password never comes back.
            assert_eq!(refused.attributes("#password", "value"), [""; 0]);
        }
    }
    assert_eq!(
        place.lead.get(&place.project.path).await.status,
        200,
        "nothing was deleted"
    );
    place.lead.get("/account/api-tokens").await.assert_says("No tokens yet");
}

#[tokio::test]
async fn the_right_one_does_it_and_makes_the_session_as_good_as_new() {
    for number in 0..4 {
        let place = place().await;
        place.app.advance(LATE);
        let (path, action) = &place.pages[number];

        let typed = [("name", "CI"), ("password", PASSWORD)];
        let form = place.lead.get(path).await.form(action).filled(&typed);
        let done = place.lead.send(&form).await;

        done.assert_status(200);
        let proof = match number {
            0 => given::secret_on(&done) != place.webhook.secret,
            1 => done.html.contains("tvk_"),
            2 => done.says("mia owns the project now"),
            _ => done.says("“Storefront” is deleted"),
        };
        assert!(proof, "{path}: {}", done.text());
        let next = place.lead.get("/account/api-tokens/new").await;
        assert_eq!(
            next.attributes("#password", "name"),
            [""; 0],
            "{path}: it is not asked again"
        );
    }
}

#[tokio::test]
async fn wrong_passwords_count_and_typed_ones_stay_out_of_the_page() {
    let place = place().await;
    place.app.advance(LATE);
    let form = place.lead.get("/account/api-tokens/new").await.form("/api-tokens/new");

    for _ in 0..10 {
        let typed = [("name", "Reports"), ("password", "a wrong password")];
        let page = place.lead.send(&form.clone().filled(&typed)).await;
        page.assert_status(422);
        assert_eq!(page.attributes("#name", "value"), ["Reports"]);
        assert_eq!(page.texts("a[href='#password']"), ["This is not your password now."]);
        assert!(!page.html.contains("a wrong password"));
    }
    let page = place
        .lead
        .send(&form.filled(&[("name", "Reports"), ("password", PASSWORD)]))
        .await;

    page.assert_status(429).assert_says("Too many failed tries");
}

#[tokio::test]
async fn mistakes_beside_a_right_password_do_not_ask_for_it_a_second_time() {
    let place = place().await;
    place.app.advance(LATE);
    let form = place.lead.get("/account/api-tokens/new").await.form("/api-tokens/new");

    let page = place
        .lead
        .send(&form.filled(&[("name", ""), ("password", PASSWORD)]))
        .await;

    page.assert_status(422).assert_says("Enter a name");
    assert_eq!(page.attributes("#password", "name"), [""; 0]);
    let page = place
        .lead
        .send(&page.form("/api-tokens/new").filled(&[("name", "CI")]))
        .await;
    assert!(page.html.contains("tvk_"), "{}", page.text());
}

#[tokio::test]
async fn over_the_api_an_old_sign_in_is_told_to_sign_in_again_and_an_api_token_is_not() {
    let place = place().await;
    let client = ApiClient::new(&place.app.base);
    let login = json!({ "login": "lead", "password": PASSWORD });
    let tokens = client.post("/module/auth/login", login).await.body;
    let early = ApiClient::with_token(&place.app.base, tokens["access"].as_str().expect("a token"));
    let made = early.post("/module/api-tokens", json!({ "name": "Robot" })).await;
    let robot = made.response()["token"].as_str().expect("a token").to_owned();
    let robot = ApiClient::with_token(&place.app.base, &robot);
    place.app.advance(LATE);
    let refresh = json!({ "refreshToken": tokens["refresh"] });
    let refreshed = client.post("/module/auth/refresh/token", refresh).await.body;
    let late = ApiClient::with_token(&place.app.base, refreshed["access"].as_str().expect("a token"));
    let (goal, hook) = (place.project.id, place.webhook.id);
    let members = late.get(&format!("/module/collaboration/{goal}")).await;
    let mia = members.response()[1]["id"].clone();
    let calls: [(Method, &str, Value); 4] = [
        (Method::POST, "/module/webhooks/rotate-secret", json!({ "id": hook })),
        (Method::POST, "/module/api-tokens", json!({ "name": "Another" })),
        (
            Method::POST,
            "/module/collaboration/owner",
            json!({ "goalId": goal, "id": mia }),
        ),
        (Method::DELETE, "/module/goals", json!({ "goalId": goal })),
    ];

    for (method, path, body) in &calls {
        let answer = late.call(method.clone(), path, Some(body.clone())).await;

        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("sign in again"), "{path}: {message}");
    }
    let by_robot = robot
        .post("/module/webhooks/rotate-secret", json!({ "id": hook }))
        .await;
    assert_eq!(by_robot.status, 200, "{}", by_robot.body);
    let again = given::api(&place.app, "lead").await;
    for (method, path, body) in calls.into_iter().take(3) {
        let answer = again.call(method, path, Some(body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}
