//! API tokens on their pages: from the account to a token that works, and to one that does not any more.

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given;

const NEW: &str = "/account/api-tokens/new";

#[tokio::test]
async fn a_token_is_made_with_a_form_shown_once_and_revoked() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let website = given::project(&lead, "Website").await;
    given::project(&lead, "Launch").await;
    let account = lead.get("/account").await;
    assert!(account.links().contains(&"/account/api-tokens".to_owned()));
    lead.get("/account/api-tokens").await.assert_says("No tokens yet");

    let form = lead.get(NEW).await.form(NEW);
    let project = website.id.to_string();
    let typed = [
        ("name", "CI"),
        // In the page's order, as a browser sends them.
        ("rights", "integrations_can_view"),
        ("rights", "events_can_publish"),
        ("projects", &project),
    ];
    let form = form.filled(&typed);
    let page = lead.send(&form).await;
    page.assert_says("“CI” works.")
        .assert_says("integrations_can_view, events_can_publish, Website.");
    let token = given::secret_on(&page);
    let program = ApiClient::with_token(&app.base, &token);
    let goals = program.get("/module/goals").await.response().clone();
    assert_eq!(goals.as_array().map(Vec::len), Some(1));
    assert_eq!(goals[0]["permissions"].as_object().map(serde_json::Map::len), Some(2));

    let again = lead.send(&form).await;
    again.assert_says("a token is shown only once");
    assert!(!again.html.contains(&token));

    let list = lead.get("/account/api-tokens").await;
    list.assert_says("CI")
        .assert_says("just now")
        .assert_says("never expires");
    let revoke = list
        .links()
        .into_iter()
        .find(|link| link.ends_with("/revoke"))
        .expect("a link");
    let page = lead.submit(&revoke, &revoke, &[]).await;
    page.assert_says("“CI” is revoked.").assert_says("No tokens yet");
    assert_eq!(program.get("/module/goals").await.status, 401);
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_with_what_was_typed() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    given::project(&lead, "Website").await;

    for (name, expires, sentence) in [
        ("", "", "Enter a name"),
        ("CI", "2020-01-01", "This lies in the past."),
        ("CI", "tomorrow", "Enter a date"),
    ] {
        let typed = [("name", name), ("expires", expires), ("rights", "task_can_delete")];
        let page = lead.submit(NEW, NEW, &typed).await;

        page.assert_status(422).assert_says(sentence);
        assert_eq!(page.attributes("#expires", "value"), [expires]);
        assert_eq!(
            page.attributes("#r-task_can_delete[checked]", "value"),
            ["task_can_delete"]
        );
    }
    let stale = lead.post(NEW, &[("name", "CI"), ("token", "00")]).await;
    stale.assert_status(422).assert_says("open for more than an hour");
    lead.get("/account/api-tokens").await.assert_says("No tokens yet");
}
