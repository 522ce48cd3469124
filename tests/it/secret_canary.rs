//! A secret in the clear is in one answer and nowhere else: not on any page, not in the JSON, not in the log, not in the
//! database, its write-ahead log included.

use taskview_webhooks::actions::webhooks::{Edit, NewWebhook, WithSecret};
use taskview_webhooks::config::{Concealed, Config};
use taskview_webhooks::db::DatabaseUrl;
use taskview_webhooks::domain::ids::WebhookId;
use taskview_webhooks::domain::own_header::{Given, resolve};
use taskview_webhooks::domain::secret::Secret;
use taskview_webhooks::domain::token::Token;
use taskview_webhooks::domain::webhook_file::WebhookFile;
use taskview_webhooks::vault::{KeyRing, MasterKey, Root, Sealer, Vault};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::canary::{Canary, Places, crawl, dump};
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

    let secrets = [
        ("first secret", made.secret.as_str()),
        ("second secret", &rotated),
        ("header", own),
    ];
    let secrets = secrets.map(|(name, secret)| Canary::new(name, secret));
    let mut places = Places::new();
    let pages = crawl(&lead, &[&project.path]).await;
    let many = pages.len() > 10;
    for (path, text) in pages.into_iter().chain(json_of(&app, &project, &made).await) {
        places.add(path, text.as_bytes());
    }
    places.add("the database", &dump(&app.database));
    places.add("the log", log::text().as_bytes());

    assert_ne!(made.secret, rotated);
    assert!(many, "there was something to look through");
    assert!(
        receiver
            .requests()
            .iter()
            .any(|request| request.is_signed_with(&rotated)),
        "the secrets were in use"
    );
    places.assert_hold_none_of(&secrets);
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

    let pages = crawl(&lead, &["/account"]).await;
    assert!(pages.iter().any(|(path, _)| path == "/account/api-tokens"));
    let mut places = Places::new();
    for (path, html) in pages {
        places.add(path, html.as_bytes());
    }
    places.add("the database", &dump(&app.database));
    places.add("the log", log::text().as_bytes());

    places.assert_hold_none_of(&[Canary::new("the token", &token)]);
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
    let logged = log::text();
    let mut places = Places::new();
    for (path, html) in crawl(&lead, &[&members]).await {
        places.add(path, html.as_bytes());
    }
    places.add("the database", &dump(&app.database));
    places.add("the log", logged.as_bytes());

    again.assert_says("a link is shown only once");
    assert!(!again.html.contains(token));
    for told in ["path=\"/invitations/…\"", "path=\"/sign-in\""] {
        assert!(logged.contains(told), "{told} is not in the log");
    }
    places.assert_hold_none_of(&[Canary::new("the link", token)]);
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

#[test]
fn debug_prints_no_secret_of_any_type_that_holds_one() {
    const CANARY: &str = "Y2FuYXJ5IHRoYXQgRGVidWcgbXVzdCBub3QgcHJpbnQhISE=";
    let secret = Secret::parse(&format!("whsec_{CANARY}")).expect("a secret");
    let key = MasterKey::parse("Y2FuYXJ5IHRoYXQgRGVidWcgbXVzdCBub3QgcHJpbnQ=").expect("a key");
    let given = Given::new("X-Key", Some(CANARY));
    let own = resolve(std::slice::from_ref(&given), &[]).expect("a header");
    let address = DatabaseUrl::parse(&format!("postgres://tv:{CANARY}@db/tv")).expect("an address");
    let mut config = Config::laptop(address.clone(), "data".into());
    config.master_key = Some(Concealed::from(CANARY.to_owned()));
    let new = NewWebhook {
        secret: Some(Ok(secret.clone())),
        headers: vec![given.clone()],
        ..NewWebhook::default()
    };
    let edit = Edit {
        headers: Some(vec![given.clone()]),
        ..Edit::default()
    };
    let file = format!("[[webhook]]\nurl = \"http://a.test/\"\nevents = [\"x\"]\nheaders = {{ X-Key = \"{CANARY}\" }}");
    let file = WebhookFile::parse(&file).expect("a file");
    let token = Token::random(&mut rand::rng());
    let ring = KeyRing::given(std::slice::from_ref(&key));
    let vault = Vault::new(ring.clone(), Root::random());
    let shown = WithSecret {
        webhook: WebhookId(1),
        secret: secret.clone(),
    };

    let printed = format!(
        "{secret:?} {key:?} {given:?} {own:?} {address:?} {config:?} {new:?} {edit:?} {file:?} {token:?} {ring:?} {vault:?} {shown:?} {:?} {:?}",
        Sealer::new(&key),
        Root::random()
    );

    assert_eq!(own[0].value.as_str(), CANARY);
    assert!(printed.contains("Config {") && printed.contains("tv@db"), "{printed}");
    let mut places = Places::new();
    places.add("what Debug prints", printed.as_bytes());
    places.assert_hold_none_of(&[
        Canary::new("a secret", CANARY),
        Canary::new("a key", &key.to_base64()),
        Canary::new("a token", token.expose()),
    ]);
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
