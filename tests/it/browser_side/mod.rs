//! What other sites can make a visitor's browser do, and what the browser is told against it. Each attack stands here as a test,
//! in laptop mode and under a public URL.

mod cookies;
mod cross_site;
mod rebinding;
mod redirects;
mod safety_headers;

use crate::support::app::App;
use crate::support::given::PASSWORD;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, PlainClient, form};

/// Where people reach the program in these tests, when it has a public URL.
const PUBLIC: &str = "https://tasks.example";

async fn public_app() -> App {
    App::configured(|config| config.public_url = Some(PUBLIC.parse().expect("a URL"))).await
}

/// The first account, `lead`, wherever the program runs.
async fn found(app: &App) -> PlainClient {
    let client = PlainClient::new(&app.base);
    let code = app.context().gate().setup_code().to_owned();
    let typed = form(&[
        ("code", &code),
        ("login", "lead"),
        ("name", "Lead"),
        ("email", "lead@example.com"),
        ("password", PASSWORD),
    ]);
    let page = client.send("POST", "/setup", &[FROM_OUR_PAGE, FORM], &typed).await;
    assert_eq!(page.status, 303, "{}", page.text());
    client
}
