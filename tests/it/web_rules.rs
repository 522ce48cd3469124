//! Rules that hold for many answers: static files, error pages, the words of the API. What keeps other sites out is in
//! `browser_side/`.

use diesel::connection::SimpleConnection as _;
use reqwest::{Client, Method, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};

use super::support::app::App;
use super::support::given;

/// The library could, but has had trouble in it that nobody mends any more (`deny.toml`).
#[tokio::test]
async fn nobody_is_answered_in_http_2() {
    let app = App::start().await;
    let address = app.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");

    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(preface).await.expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;

    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
}

#[tokio::test]
async fn static_files_carry_their_hash_and_are_kept_for_ever() {
    let app = App::start().await;
    let page = app.visitor().get("/setup").await;
    let style = page.attributes("link[rel=stylesheet]", "href").remove(0);
    let script = page.attributes("script", "src").remove(0);

    for (path, kind) in [(style, "text/css"), (script, "text/javascript")] {
        let answer = ask(&app, Method::GET, &path, &[("accept-encoding", "gzip")]).await;

        assert_eq!(answer.status(), 200, "{path}");
        assert!(header(&answer, "content-type").starts_with(kind), "{path}: {answer:?}");
        assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&answer, "content-encoding"), "gzip");
    }
    assert_eq!(ask(&app, Method::GET, "/static/0000/app.css", &[]).await.status(), 404);
    assert_eq!(ask(&app, Method::GET, "/static/../lock", &[]).await.status(), 404);
}

#[tokio::test]
async fn a_folder_of_the_operator_replaces_the_static_files() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("app.css"), "body { color: red }").expect("written");
    let own = folder.path().to_owned();
    let app = App::configured(|config| config.static_dir = Some(own)).await;

    let style = app
        .visitor()
        .get("/setup")
        .await
        .attributes("link[rel=stylesheet]", "href")
        .remove(0);
    let answer = ask(&app, Method::GET, &style, &[]).await;

    assert_eq!(header(&answer, "cache-control"), "no-cache");
    assert_eq!(answer.text().await.expect("text"), "body { color: red }");
}

#[tokio::test]
async fn an_error_is_a_page_with_a_way_out() {
    let app = App::start().await;
    let lead = given::lead(&app).await;

    for path in ["/nothing", "/projects/999999", "/projects/x", "/account/sessions/1/end"] {
        let page = lead.get(path).await;

        page.assert_status(404)
            .assert_says("There is nothing here")
            .assert_says("To your projects");
        assert_eq!(page.texts(".side .brand"), ["TaskView"], "{path} has no frame");
    }
    app.visitor()
        .get("/nothing")
        .await
        .assert_status(404)
        .assert_says("There is nothing here");
}

#[tokio::test]
async fn the_api_refuses_in_its_own_words_and_knows_no_cookies() {
    let app = App::start().await;
    given::lead(&app).await;

    for (method, path, headers, status, code) in [
        (Method::GET, "/module/nothing", vec![], 404, "not_found"),
        (Method::PUT, "/module/auth/login", vec![], 405, "method_not_allowed"),
        (
            Method::POST,
            "/module/auth/login",
            vec![],
            415,
            "unsupported_media_type",
        ),
        (
            Method::POST,
            "/module/auth/login",
            vec![("content-type", "application/json")],
            400,
            "invalid",
        ),
        (Method::GET, "/module/goals", vec![], 401, "unauthorized"),
        (
            Method::GET,
            "/module/goals",
            vec![("authorization", "Bearer nonsense")],
            401,
            "unauthorized",
        ),
        (Method::GET, "/module/collaboration/x", vec![], 401, "unauthorized"),
    ] {
        let answer = ask(&app, method, path, &headers).await;

        assert_eq!(answer.status(), status, "{path} {headers:?}");
        assert!(!answer.headers().contains_key("set-cookie"), "{path}");
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!(body["error"]["code"], code, "{path}: {body}");
        assert!(body["error"]["message"].is_string(), "{path}: {body}");
        assert!(body["error"]["fields"].is_array(), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_said_on_a_page() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let mut db =
        Db::open(&DatabaseUrl::parse(&app.database.url).expect("a URL"), Purpose::Write).expect("the database");
    db.batch_execute("ALTER TABLE sessions RENAME TO gone")
        .expect("renamed");

    let page = lead.get("/account").await;

    page.assert_status(503)
        .assert_says("The database cannot be reached")
        .assert_says("nothing was changed");
    assert!(page.headers.contains_key("retry-after"));
}

async fn ask(app: &App, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let mut request = client.request(method, format!("{}{path}", app.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("{} has no {name}", answer.url()));
    value.to_str().expect("text").to_owned()
}
