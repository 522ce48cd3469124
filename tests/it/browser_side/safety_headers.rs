//! What every kind of answer tells the browser about its own safety, whatever made the answer: a page, an error, a refusal of the
//! outermost door, a file, a stream, a failure that no handler saw.

use diesel::connection::SimpleConnection as _;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};

use super::{found, public_app};
use crate::support::app::App;
use crate::support::page::Page;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, JSON, PlainClient};

/// Each of these must be in the policy, and nothing that weakens it.
const POLICY: [&str; 8] = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
];

const DEVICES: [&str; 19] = [
    "accelerometer",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
];

fn one<'a>(page: &'a Page, what: &str, name: &str) -> &'a str {
    let all: Vec<_> = page.headers.get_all(name).iter().collect();
    assert_eq!(all.len(), 1, "{what} has {} of {name}", all.len());
    all[0].to_str().expect("text")
}

fn is_strict(page: &Page, what: &str, https: bool) {
    let mut policy: Vec<&str> = one(page, what, "content-security-policy")
        .split(';')
        .map(str::trim)
        .collect();
    policy.sort_unstable();
    let mut expected = POLICY;
    expected.sort_unstable();
    assert_eq!(policy, expected, "{what}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
    ] {
        assert_eq!(one(page, what, name), value, "{what}: {name}");
    }
    let features: Vec<&str> = one(page, what, "permissions-policy")
        .split(',')
        .map(str::trim)
        .collect();
    assert!(
        features.iter().all(|feature| feature.ends_with("=()")),
        "{what}: {features:?}"
    );
    for device in DEVICES {
        assert!(
            features
                .iter()
                .any(|feature| feature.strip_suffix("=()") == Some(device)),
            "{what}: {device}"
        );
    }
    let hsts = page
        .headers
        .get("strict-transport-security")
        .map(|value| value.to_str().expect("text"));
    assert_eq!(hsts, https.then_some("max-age=31536000"), "{what}");
    // What runs here, and which version, helps nobody who may use it.
    for name in ["server", "x-powered-by", "via", "x-aspnet-version", "x-runtime"] {
        assert!(!page.headers.contains_key(name), "{what}: {name}");
    }
    for (name, _) in &page.headers {
        assert!(!name.as_str().starts_with("access-control-"), "{what}: {name}");
    }
    let cache = one(page, what, "cache-control");
    let is_file = what.contains("/static/") && page.status == 200;
    assert_eq!(
        cache,
        if is_file {
            "public, max-age=31536000, immutable"
        } else {
            "no-store"
        },
        "{what}"
    );
}

/// Method, path, headers, body, status.
type Asked<'a> = (&'a str, String, Vec<(&'a str, &'a str)>, &'a str, u16);

/// Every kind of answer there is: method, path, headers, body, and the status that makes it this kind.
async fn all_kinds(client: &PlainClient, session: &str) -> Vec<(String, Page, u16)> {
    let cookie = ("cookie", session);
    let form = [FROM_OUR_PAGE, FORM, cookie];
    let made = client.send("POST", "/projects/new", &form, "name=Website").await;
    let project = made.headers["location"].to_str().expect("a path").to_owned();
    let style = client
        .send("GET", "/sign-in", &[], "")
        .await
        .attributes("link[rel=stylesheet]", "href")
        .remove(0);
    let long = "x".repeat(2 * 1024 * 1024);
    let asked: Vec<Asked<'_>> = vec![
        ("GET", "/sign-in".into(), vec![], "", 200),
        ("GET", "/docs/api".into(), vec![], "", 200),
        ("GET", "/docs/verify".into(), vec![("accept-encoding", "gzip")], "", 200),
        ("GET", "/openapi.json".into(), vec![], "", 200),
        ("GET", "/healthz".into(), vec![], "", 200),
        ("GET", "/readyz".into(), vec![], "", 200),
        ("GET", project.clone(), vec![cookie], "", 200),
        ("GET", format!("{project}/webhooks/new"), vec![cookie], "", 200),
        ("GET", format!("{project}/deliveries/export"), vec![cookie], "", 200),
        (
            "GET",
            format!("{project}/deliveries/export?format=jsonl"),
            vec![cookie],
            "",
            200,
        ),
        ("GET", format!("{project}/deliveries/live"), vec![cookie], "", 200),
        ("GET", style, vec![], "", 200),
        ("GET", "/projects/1".into(), vec![], "", 303),
        ("POST", "/theme".into(), form.to_vec(), "theme=dark", 303),
        ("POST", "/projects/new".into(), form.to_vec(), "name=", 422),
        ("POST", "/projects/new".into(), form.to_vec(), "%", 422),
        (
            "POST",
            "/sign-in".into(),
            form.to_vec(),
            "login=nobody&password=wrong",
            422,
        ),
        ("POST", "/theme".into(), vec![FORM], "theme=dark", 403),
        ("POST", "/theme".into(), vec![FROM_OUR_PAGE, JSON], "{}", 415),
        ("POST", "/theme".into(), form.to_vec(), &long, 413),
        ("GET", "/nothing".into(), vec![], "", 404),
        ("GET", "/nothing".into(), vec![cookie], "", 404),
        ("GET", "/projects/x".into(), vec![cookie], "", 404),
        ("GET", "/projects/999999".into(), vec![cookie], "", 404),
        ("GET", "/invitations/0".into(), vec![], "", 404),
        ("GET", "/static/0000/app.css".into(), vec![], "", 404),
        ("PUT", "/projects/1".into(), vec![FROM_OUR_PAGE, FORM], "", 404),
        ("OPTIONS", "/projects/1".into(), vec![], "", 404),
        ("TRACE", "/projects/1".into(), vec![], "", 404),
        ("GET", "/module/goals".into(), vec![], "", 401),
        ("GET", "/module/nothing".into(), vec![], "", 404),
        ("PUT", "/module/goals".into(), vec![], "", 405),
        ("POST", "/module/auth/login".into(), vec![FORM], "a=b", 415),
        ("POST", "/module/auth/login".into(), vec![JSON], "{", 400),
        ("POST", "/module/auth/login".into(), vec![JSON], &long, 413),
        (
            "POST",
            "/module/auth/login".into(),
            vec![JSON],
            "{\"login\":\"nobody\",\"password\":\"x\"}",
            400,
        ),
    ];
    let mut kinds = Vec::new();
    for (method, path, headers, body, status) in asked {
        let page = client.send(method, &path, &headers, body).await;
        kinds.push((format!("{method} {path}"), page, status));
    }
    kinds
}

#[tokio::test]
async fn every_kind_of_answer_tells_the_browser_to_be_strict() {
    for (app, https) in [(App::start().await, false), (public_app().await, true)] {
        let client = found(&app).await;
        let session = client.sign_in("lead").await;

        let mut kinds = all_kinds(&client, &session).await;
        if !https {
            kinds.push((
                "a foreign host".into(),
                client.send("GET", "/", &[("host", "evil.example")], "").await,
                421,
            ));
            kinds.push((
                "a proxy".into(),
                client.send("GET", "/", &[("forwarded", "x")], "").await,
                421,
            ));
        }

        for (what, page, status) in &kinds {
            assert_eq!(page.status, *status, "{what}: {}", page.text());
            is_strict(page, what, https);
        }
        eprintln!("{} kinds of answer", kinds.len());
    }
}

/// Such an answer is made outside of everything that dresses pages.
#[tokio::test]
async fn an_outage_is_told_as_strictly_as_everything_else() {
    let app = App::start().await;
    let client = found(&app).await;
    let session = client.sign_in("lead").await;
    let mut db =
        Db::open(&DatabaseUrl::parse(&app.database.url).expect("a URL"), Purpose::Write).expect("the database");
    db.batch_execute("ALTER TABLE sessions RENAME TO gone")
        .expect("renamed");

    for (method, path, headers, status) in [
        ("GET", "/account", vec![("cookie", session.as_str())], 503),
        (
            "POST",
            "/sign-out",
            vec![("cookie", session.as_str()), FROM_OUR_PAGE, FORM],
            503,
        ),
        // A table that is gone is a defect and does not pass by itself.
        ("GET", "/module/goals", vec![("authorization", "Bearer x")], 500),
    ] {
        let page = client.send(method, path, &headers, "").await;

        assert_eq!(page.status, status, "{path}: {}", page.text());
        is_strict(&page, path, false);
    }
}

/// The file that somebody opens in a spreadsheet holds what others typed and what receivers answered.
#[tokio::test]
async fn the_export_is_a_download_in_which_nothing_is_a_formula() {
    let app = App::start().await;
    let client = found(&app).await;
    let session = client.sign_in("lead").await;
    let form = [FROM_OUR_PAGE, FORM, ("cookie", session.as_str())];
    let api = crate::support::given::api(&app, "lead").await;
    let goal = api
        .post("/module/goals", serde_json::json!({ "name": "=cmd|' /C calc'!A0" }))
        .await
        .response()["id"]
        .clone();
    let receiver = crate::support::receiver::Receiver::start();
    let formulas = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "=HYPERLINK(\"https://evil.example\")",
        "\u{ff1d}1+1",
        "\u{ff0b}1",
        "\u{ff0d}1",
        "\u{ff20}A",
        "a\n=1+1",
        "\"=1",
        " =1+1",
        "\u{a0}=1",
        "\u{feff}=1",
        "\u{200b}=1",
        ",=1",
        ";=1",
        "'=1",
        "Pay;=1+1",
    ];
    let hook =
        serde_json::json!({ "goalId": goal, "url": receiver.url("/"), "events": ["task.created"], "name": "=1+1" });
    api.post("/module/webhooks", hook).await.response();
    for formula in formulas {
        let task = serde_json::json!({ "goalId": goal, "description": formula });
        api.post("/module/tasks", task).await.response();
    }

    let csv = client
        .send("GET", &format!("/projects/{goal}/deliveries/export"), &form, "")
        .await;

    assert_eq!(one(&csv, "export", "content-type"), "text/csv; charset=utf-8");
    assert_eq!(one(&csv, "export", "x-content-type-options"), "nosniff");
    let download = one(&csv, "export", "content-disposition");
    assert_eq!(
        download,
        format!("attachment; filename=\"deliveries-of-project-{goal}.csv\"")
    );
    let mut cells = 0;
    // With the divider of the file, and with those that a spreadsheet may take for it.
    let read = |divider: u8| {
        csv::ReaderBuilder::new()
            .delimiter(divider)
            .flexible(true)
            .from_reader(csv.html.as_bytes())
            .into_records()
    };
    assert_eq!(
        read(b',').flatten().map(|line| line.len()).collect::<Vec<_>>(),
        [15; 19]
    );
    for record in [b',', b';', b'\t'].into_iter().flat_map(read) {
        for cell in &record.expect("a line") {
            let first = cell.trim_start_matches(|c: char| {
                c.is_whitespace() || "\u{feff}\u{200b}\u{200c}\u{200d}\u{2060}".contains(c)
            });
            assert!(
                !first.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']),
                "{cell:?}"
            );
            cells += 1;
        }
    }
    assert!(cells > formulas.len() * 15, "{cells}");
}
