//! The signature debugger: from a delivery that a receiver refused to the mistake that its code makes, with the secret on the server.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, Webhook};
use crate::support::page::Page;
use crate::support::received::Received;
use crate::support::receiver::Receiver;
use crate::support::wait;

struct Scene {
    app: App,
    lead: Browser,
    webhook: Webhook,
    request: Received,
    _receiver: Receiver,
}

impl Scene {
    async fn begin() -> Scene {
        let app = App::start().await;
        let receiver = Receiver::start();
        let lead = given::lead(&app).await;
        let project = given::project(&lead, "Website").await;
        let webhook = given::webhook(&lead, &project, &receiver.url("/")).await;
        given::task(&lead, &project, "Fix login bug").await;
        let request = receiver.wait_for(1).await.remove(0);
        Scene {
            app,
            lead,
            webhook,
            request,
            _receiver: receiver,
        }
    }

    fn page(&self) -> String {
        format!("{}/signature", self.webhook.path)
    }

    fn body(&self) -> String {
        String::from_utf8(self.request.body.clone()).expect("text")
    }

    fn headers(&self) -> String {
        [
            "x-webhook-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        ]
        .map(|name| format!("{name}: {}", self.request.header(name).expect(name)))
        .join("\r\n")
    }

    async fn check(&self, headers: &str, body: &str, computed: &str) -> Page {
        let typed = [("headers", headers), ("body", body), ("computed", computed)];
        self.lead.submit(&self.page(), "/signature", &typed).await
    }
}

fn sha256(key: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn it_names_the_mistake_of_the_code_and_of_what_was_pasted() {
    let scene = Scene::begin().await;
    let (headers, body, secret) = (scene.headers(), scene.body(), scene.webhook.secret.clone());

    let right = scene.check(&headers, &body, &sha256(&secret, &body)).await;
    right
        .assert_status(200)
        .assert_says("Your code computes the right value.")
        .assert_says("X-Webhook-Signature verifies")
        .assert_says("webhook-signature verifies")
        .assert_says("The body as it was sent");
    let only = scene.check(&headers, &body, "").await;
    only.assert_says("The signature is that of this body.");
    let key = scene
        .check(&headers, &body, &sha256(secret.trim_start_matches("whsec_"), &body))
        .await;
    key.assert_says("Your code computes another value.")
        .assert_says("The key is the part of the secret after whsec_");
    // As a browser sends what was pasted with a line end.
    let line = scene.check(&headers, &format!("{body}\r\n"), "").await;
    line.assert_says("The signature is not that of this body.")
        .assert_says("The body has a line end that was not sent.")
        .assert_says(&format!("{} bytes; delivery", body.len() + 1))
        .assert_says(&format!("They differ from byte {} on.", body.len() + 1));

    let pasted = scene
        .check(&headers, &format!("{body}\r\n"), &sha256(&secret, &body))
        .await;
    pasted
        .assert_says("Your code computes the right value. What you pasted is not quite what came.")
        .assert_says("The body has a line end that was not sent.");

    for page in [&right, &only, &key, &line, &pasted] {
        assert!(!page.html.contains(&secret), "the secret stays on the server");
    }
}

#[tokio::test]
async fn it_signs_nothing_and_says_what_is_missing() {
    let scene = Scene::begin().await;
    let (headers, secret) = (scene.headers(), scene.webhook.secret.clone());
    let forged = r#"{"event":"task.deleted","taskId":1}"#;

    let page = scene.check(&headers, forged, &"0".repeat(64)).await;

    page.assert_status(200)
        .assert_says("No mistake that is known leads to this value.");
    let right = sha256(&secret, forged);
    let digits = right.trim_start_matches("sha256=");
    assert!(!page.html.contains(digits), "it would sign for anybody");

    for (headers, body, computed, complaint) in [
        ("", forged, "", "Paste the headers of the delivery"),
        (headers.as_str(), "", "", "Paste the body of the delivery."),
        (
            "webhook-timestamp: now",
            forged,
            "",
            "webhook-timestamp is a number of seconds",
        ),
        ("webhook-signature: v1,AAAA", forged, "", "not all three are here"),
    ] {
        let refused = scene.check(headers, body, computed).await;
        refused.assert_status(422).assert_says(complaint);
        assert_eq!(refused.texts("#body"), [body], "what was typed is kept");
    }
    let large = "x".repeat(256 * 1024 + 1);
    let refused = scene.check(&headers, &large, "").await;
    refused.assert_status(422).assert_says("larger than 256 KiB");
}

#[tokio::test]
async fn from_a_delivery_it_begins_with_its_headers_and_knows_a_rotation() {
    let scene = Scene::begin().await;
    let history = format!("{}/deliveries", scene.webhook.path);
    let delivery = wait::until(Duration::from_secs(15), "the attempt is recorded", async || {
        let links = scene.lead.get(&history).await.links();
        let delivery = links
            .into_iter()
            .find(|link| link.starts_with(&format!("{history}/")))?;
        let page = scene.lead.get(&delivery).await;
        page.text().contains("Attempt 1").then_some(page)
    })
    .await;
    let way = delivery
        .links()
        .into_iter()
        .find(|link| link.contains("/signature?"))
        .expect("a way");

    let begun = scene.lead.get(&way).await;
    let shown = begun.texts("#headers").remove(0);
    for name in ["webhook-id", "webhook-timestamp"] {
        assert!(shown.contains(scene.request.header(name).expect(name)), "{shown}");
    }
    scene.app.advance(Duration::from_secs(60));
    let rotate = format!("{}/rotate", scene.webhook.path);
    given::secret_on(&scene.lead.submit(&rotate, "/rotate", &[]).await);
    let body = scene.body();
    let page = scene
        .lead
        .send(&begun.form("/signature").filled(&[("body", &body)]))
        .await;

    page.assert_says("The signature is not that of this body.")
        .assert_says("It was signed with the secret from before the rotation.")
        .assert_says("The body as it was sent");
}

#[tokio::test]
async fn only_so_many_checks_a_minute_are_made() {
    let scene = Scene::begin().await;
    let (headers, body) = (scene.headers(), scene.body());
    let form = scene.lead.get(&scene.page()).await.form("/signature");
    let form = form.filled(&[("headers", &headers), ("body", &body)]);

    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(scene.lead.send(&form).await.status);
    }

    assert_eq!(statuses[..30], [200; 30]);
    assert!(statuses.contains(&429), "{statuses:?}");
}
