//! DNS rebinding and foreign hosts. On a laptop a page of `evil.example`, whose name now leads to 127.0.0.1, must not be
//! answered, however it spells the host; under a public URL nothing that is sent may hold a host that somebody made up.

use super::{PUBLIC, found, public_app};
use crate::support::app::App;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, PlainClient, raw, status_of};

/// A request line and a `Host` line, and the status; `{port}` is ours.
const ATTACKS: &[(&str, &str, &[u16])] = &[
    ("GET / HTTP/1.1", "Host: evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: evil.example:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: localhost.evil.example:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: evil.localhost:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: 127.0.0.1.evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: 127.0.0.1.:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: localhost.:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: 127.0.0.2:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: 127.1:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: 0.0.0.0:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: 2130706433:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: 0x7f000001:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: [::]:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: [::ffff:127.0.0.1]:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: [::1].evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: localhost@evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: localhost:{port}@evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: evil.example@localhost:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: localhost:", &[421]),
    ("GET / HTTP/1.1", "Host: localhost:{port}.evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: localhost:{port}:80", &[421]),
    ("GET / HTTP/1.1", "Host: localhost:-1", &[421]),
    ("GET / HTTP/1.1", "Host: localhost/evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: localhost\\evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: localhost evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: localhost,evil.example", &[421]),
    ("GET / HTTP/1.1", "Host: http://localhost:{port}", &[421]),
    ("GET / HTTP/1.1", "Host: lo\u{441}alhost", &[421]),
    ("GET / HTTP/1.1", "Host: localhost\u{0}evil.example", &[400]),
    ("GET / HTTP/1.1", "Host:", &[421]),
    ("GET / HTTP/1.1", "X: y", &[400]),
    ("GET / HTTP/1.0", "X: y", &[421]),
    ("GET / HTTP/1.0", "Host: evil.example", &[421]),
    // Two, in both orders, and one that is folded into the next line.
    ("GET / HTTP/1.1", "Host: localhost\r\nHost: evil.example", &[400]),
    ("GET / HTTP/1.1", "Host: evil.example\r\nHost: localhost", &[400]),
    ("GET / HTTP/1.0", "Host: localhost\r\nHost: evil.example", &[400]),
    ("GET / HTTP/1.1", "Host: localhost\r\n evil.example", &[400]),
    ("GET / HTTP/1.1", "Host : localhost", &[400]),
    // The target names a host and overrides the header.
    ("GET http://evil.example/ HTTP/1.1", "Host: localhost:{port}", &[421]),
    (
        "GET http://evil.example:{port}/ HTTP/1.1",
        "Host: evil.example:{port}",
        &[421],
    ),
    ("GET http://localhost@evil.example/ HTTP/1.1", "Host: localhost", &[421]),
    (
        "GET http://localhost:1@evil.example/ HTTP/1.1",
        "Host: localhost",
        &[421],
    ),
    ("GET https://evil.example/healthz HTTP/1.1", "Host: localhost", &[421]),
    ("GET http://evil.example/ HTTP/1.0", "Host: localhost", &[421]),
    ("GET http://localhost/ HTTP/1.1", "Host: evil.example", &[421]),
    (
        "POST http://evil.example/theme HTTP/1.1",
        "Host: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0",
        &[421],
    ),
    ("CONNECT evil.example:80 HTTP/1.1", "Host: localhost", &[421]),
    ("OPTIONS * HTTP/1.1", "Host: evil.example", &[421]),
    // A proxy in front, whatever it says.
    (
        "GET / HTTP/1.1",
        "Host: localhost\r\nX-Forwarded-Host: localhost",
        &[421],
    ),
    ("GET / HTTP/1.1", "Host: localhost\r\nX-Forwarded-Anything: x", &[421]),
    ("GET / HTTP/1.1", "Host: localhost\r\nForwarded: host=localhost", &[421]),
    ("GET / HTTP/1.1", "Host: localhost\r\nfOrWaRdEd:", &[421]),
];

#[tokio::test]
async fn on_a_laptop_no_other_name_is_answered_however_it_is_spelled() {
    let app = App::start().await;
    found(&app).await;
    let port = app.base.rsplit(':').next().expect("a port");

    for (line, host, expected) in ATTACKS {
        for target in [
            "/",
            "/sign-in",
            "/healthz",
            "/module/goals",
            "/static/x",
            "/openapi.json",
        ] {
            if line.contains('*') || !line.contains(" / ") && target != "/" {
                continue;
            }
            let line = line.replace(" / ", &format!(" {target} ")).replace("{port}", port);
            let host = host.replace("{port}", port);

            let answer = raw(&app.base, &format!("{line}\r\n{host}\r\nConnection: close\r\n\r\n")).await;

            assert!(expected.contains(&status_of(&answer)), "{line} {host:?}: {answer}");
            assert!(
                !answer.to_lowercase().contains("set-cookie"),
                "{line} {host:?}: {answer}"
            );
            assert!(!answer.contains("<html"), "{line} {host:?}: {answer}");
        }
    }
    for host in [
        "localhost",
        "LocalHost:{port}",
        "127.0.0.1:{port}",
        "[::1]:{port}",
        "localhost:1",
    ] {
        let host = host.replace("{port}", port);
        let answer = raw(
            &app.base,
            &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert_eq!(status_of(&answer), 200, "{host}: {answer}");
    }
    let own = format!(
        "GET {}/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        app.base
    );
    assert_eq!(status_of(&raw(&app.base, &own).await), 200);
}

/// Over HTTP/2 the host would stand in `:authority`. Without TLS the server speaks HTTP/1 only, whoever asks for more.
#[tokio::test]
async fn nobody_gets_to_http_2_without_tls() {
    let app = App::start().await;

    let preface = raw(&app.base, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").await;
    let upgrade = raw(
        &app.base,
        "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
    )
    .await;

    assert!(matches!(status_of(&preface), 0 | 400), "{preface:?}");
    assert_eq!(status_of(&upgrade), 421, "{upgrade}");
}

/// A host that somebody made up comes back nowhere: in no link, no redirect, no cookie, no example, no error.
#[tokio::test]
async fn under_a_public_url_no_answer_holds_a_host_that_somebody_made_up() {
    let app = public_app().await;
    let client = found(&app).await;
    let session = client.sign_in("lead").await;
    let headers = [FROM_OUR_PAGE, FORM, ("cookie", session.as_str())];
    let made = client.send("POST", "/projects/new", &headers, "name=Website").await;
    let project = made.headers["location"].to_str().expect("a path").to_owned();
    let poison = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-server", "evil.example"),
        ("x-host", "evil.example"),
        ("x-original-url", "//evil.example"),
        ("x-rewrite-url", "//evil.example"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "1"),
        ("referer", "https://evil.example//evil.example"),
        ("origin", PUBLIC),
        ("sec-fetch-site", "same-origin"),
        FORM,
        ("cookie", session.as_str()),
    ];

    let mut addresses: Vec<(&str, String, String)> = [
        "/",
        "/setup",
        "/sign-in",
        "/nothing",
        "/account",
        "/account/api-tokens",
        "/account/api-tokens/new",
        "/docs/api",
        "/docs/events",
        "/docs/verify",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/static/x",
        "/static",
        "/projects/new",
        "/module/goals",
        "/module/nothing",
        "//evil",
        "/projects/999",
        "/invitations/0",
    ]
    .map(|path| ("GET", path.to_owned(), String::new()))
    .into();
    for below in [
        "",
        "/edit",
        "/members",
        "/labels",
        "/webhooks",
        "/webhooks/new",
        "/deliveries",
        "/deliveries/live",
        "/deliveries/export",
        "/delete",
    ] {
        addresses.push(("GET", format!("{project}{below}"), String::new()));
    }
    for (path, fields) in [
        ("/theme", "theme=dark"),
        ("/projects/new", "name=Second"),
        ("/sign-in", "login=lead&password=wrong"),
        ("/account/password", "old_password=x"),
    ] {
        addresses.push(("POST", path.to_owned(), fields.to_owned()));
    }
    for (page, action, fields) in [
        (
            format!("{project}/members"),
            "/members",
            vec![("email", "cleo@example.com")],
        ),
        ("/account/api-tokens/new".to_owned(), "/new", vec![("name", "CI")]),
    ] {
        let form = client
            .send("GET", &page, &poison, "")
            .await
            .form(action)
            .filled(&fields);
        let pairs: Vec<_> = form
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        addresses.push(("POST", form.action.clone(), crate::support::plain_client::form(&pairs)));
    }
    addresses.push(("POST", "/sign-out".to_owned(), String::new()));
    addresses.push(("GET", project.clone(), String::new()));

    let mut links = 0;
    for (method, path, body) in &addresses {
        let page = client.send(method, path, &poison, body).await;

        assert!(
            !page.html.contains("evil.example"),
            "{method} {path} holds it: {}",
            page.text()
        );
        for (name, value) in &page.headers {
            let value = value.to_str().unwrap_or_default();
            assert!(!value.contains("evil.example"), "{method} {path}: {name}: {value}");
        }
        links += page.html.matches("https://tasks.example/").count();
    }
    assert!(links >= 2, "an invitation and an example name the public URL");
    assert!(addresses.len() > 35);
}

/// The link of an invitation, which is copied and sent to somebody else, over the API as well.
#[tokio::test]
async fn the_link_of_an_invitation_names_the_public_url_whatever_host_was_asked() {
    let app = public_app().await;
    let client = found(&app).await;
    let api = crate::support::given::api(&app, "lead").await;
    let project = api
        .post("/module/goals", serde_json::json!({ "name": "Website" }))
        .await
        .response()["id"]
        .clone();
    let invited = serde_json::json!({ "goalId": project, "email": "cleo@example.com" });
    let id = api.post("/module/collaboration", invited).await.response()["id"].clone();
    let typed = serde_json::json!({ "login": "lead", "password": crate::support::given::PASSWORD }).to_string();
    let signed = client
        .send(
            "POST",
            "/module/auth/login",
            &[crate::support::plain_client::JSON],
            &typed,
        )
        .await;
    let tokens: serde_json::Value = serde_json::from_str(&signed.html).expect("JSON");
    let bearer = format!("Bearer {}", tokens["access"].as_str().expect("a token"));
    let asked = serde_json::json!({ "goalId": project, "id": id }).to_string();
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("authorization", bearer.as_str()),
        crate::support::plain_client::JSON,
    ];

    let answer = client
        .send("POST", "/module/collaboration/link", &headers, &asked)
        .await;

    assert_eq!(answer.status, 200, "{}", answer.html);
    assert!(
        answer.html.contains("https://tasks.example/invitations/"),
        "{}",
        answer.html
    );
    assert!(!answer.html.contains("evil"), "{}", answer.html);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_before_anybody_is_asked() {
    let app = App::start().await;
    let client = PlainClient::new(&app.base);

    for request in [
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX Y: z\r\n\r\n",
        "POST /theme HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /theme HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
        "POST /theme HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\nx",
        "POST /theme HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ] {
        let request = request.replacen(
            "\r\n",
            "\r\nConnection: close\r\n",
            usize::from(request.contains("Host")),
        );
        let answer = raw(&app.base, &request).await;

        // Closed without a word, or refused.
        assert!(
            matches!(status_of(&answer), 0 | 400 | 403 | 421 | 505),
            "{request:?}: {answer}"
        );
        assert!(!answer.to_lowercase().contains("server:"), "{answer}");
    }
    assert_eq!(client.send("GET", "/healthz", &[], "").await.status, 200, "it goes on");
}
