//! The code that the documentation gives to those who write receivers, each file run in its own language as its reader is told
//! to: it takes what the program really sends, and refuses everything else.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, Project};
use crate::support::node_receiver::free_port;
use crate::support::received::Received;
use crate::support::receiver::Receiver;
use crate::support::wait;

#[expect(
    clippy::disallowed_methods,
    reason = "the code of a receiver, which has a clock of its own"
)]
#[path = "../../snippets/verify.rs"]
mod verify;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A compiler may have to be warmed up.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test]
async fn the_receiver_in_node_js_takes_what_is_sent_and_nothing_else() {
    let mut command = Command::new("node");
    command.arg(snippet("verify.js"));

    takes_what_is_sent_and_nothing_else(command).await;
}

#[tokio::test]
async fn the_receiver_in_python_takes_what_is_sent_and_nothing_else() {
    let mut command = Command::new("python3");
    command.arg(snippet("verify.py"));

    takes_what_is_sent_and_nothing_else(command).await;
}

#[tokio::test]
async fn the_receiver_in_go_takes_what_is_sent_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("verify");
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&program).arg(snippet("verify.go"));
    let built = tokio::time::timeout(PATIENCE, build.output())
        .await
        .expect("a build in time");
    let built = built.expect("Go must be installed (Debian: golang-go); `scripts/test` does it");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    takes_what_is_sent_and_nothing_else(Command::new(program)).await;
}

#[tokio::test]
async fn the_receiver_in_php_takes_what_is_sent_and_nothing_else() {
    // The command of the documentation, but for the port.
    let port = free_port();
    let mut command = Command::new("php");
    command
        .args(["-S", &format!("127.0.0.1:{port}")])
        .arg(snippet("verify.php"))
        .env("PORT", port.to_string());

    takes_what_is_sent_and_nothing_else(command).await;
}

#[tokio::test]
async fn the_functions_in_rust_take_what_is_sent_and_nothing_else() {
    for case in cases(&sent().await) {
        let value = |name| case.request.header(name).unwrap_or_default();
        let (id, timestamp, signatures) = (
            value("webhook-id"),
            value("webhook-timestamp"),
            value("webhook-signature"),
        );
        let simple = verify::verify_body(&case.request.body, value("x-webhook-signature"), SECRET);
        let standard = verify::verify_standard(&case.request.body, id, timestamp, signatures, SECRET);

        assert_eq!(simple && standard, case.genuine, "{}", case.what);
    }
}

#[tokio::test]
async fn the_shell_script_takes_what_was_sent_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in cases(&sent().await) {
        let headers = case.request.headers.iter();
        let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        std::fs::write(folder.path().join("body.json"), &case.request.body).expect("written");
        std::fs::write(folder.path().join("headers.txt"), headers).expect("written");

        let said = Command::new("sh")
            .arg(snippet("verify.sh"))
            .args(["body.json", "headers.txt"])
            .env("WEBHOOK_SECRET", SECRET)
            .current_dir(folder.path())
            .output()
            .await
            .expect("a shell");

        let word = if case.genuine { "Valid" } else { "INVALID" };
        assert_eq!(
            String::from_utf8_lossy(&said.stdout).trim(),
            word,
            "{}: {said:?}",
            case.what
        );
        assert_eq!(said.status.success(), case.genuine, "{}", case.what);
    }
}

/// Starts a receiver: with deliveries of the program, and with requests that somebody forged from one.
async fn takes_what_is_sent_and_nothing_else(command: Command) {
    let (app, lead, project) = begin().await;
    let (_running, port) = started(command).await;
    let hook = webhook(&lead, &project, &format!("http://localhost:{port}/")).await;
    let answer_to_test = async || {
        let page = lead
            .submit(&format!("{}/webhooks", project.path), &format!("/{hook}/test"), &[])
            .await;
        page.texts(&format!("#w-{hook} [role=status]")).concat()
    };

    let genuine = answer_to_test().await;
    for case in cases(&one_event(&lead, &project).await) {
        let status = post(port, &case.request).await;
        assert_eq!(status, if case.genuine { 204 } else { 401 }, "{}", case.what);
    }
    app.advance(Duration::from_secs(600));
    let of_another_time = answer_to_test().await;
    let rotate = format!("{}/webhooks/{hook}/rotate", project.path);
    lead.submit(&rotate, "/rotate", &[]).await.assert_status(200);
    let under_the_new_secret = answer_to_test().await;

    assert!(genuine.contains("204 No Content"), "{genuine}");
    assert!(of_another_time.contains("401 Unauthorized"), "{of_another_time}");
    assert!(
        under_the_new_secret.contains("401 Unauthorized"),
        "{under_the_new_secret}"
    );
}

struct Case {
    what: &'static str,
    request: Received,
    genuine: bool,
}

/// A request as it was sent, and what somebody might make of it.
fn cases(sent: &Received) -> Vec<Case> {
    let case = |what, request, genuine| Case { what, request, genuine };
    let forged = |what, request| case(what, request, false);
    let body = |bytes: Vec<u8>| Received {
        body: bytes,
        ..sent.clone()
    };
    let two = format!(
        "v1,AAAA v1a,BBBB {}",
        sent.header("webhook-signature").unwrap_or_default()
    );
    let seconds: i64 = sent.header("webhook-timestamp").unwrap().parse().unwrap();
    let old = sent.with("webhook-timestamp", Some(&(seconds - 600).to_string()));
    let old = old.with("webhook-signature", Some(&old.standard_signature(SECRET)));
    let parsed: serde_json::Value = sent.json();
    vec![
        case("as it was sent", sent.clone(), true),
        case(
            "with the signatures of two secrets",
            sent.with("webhook-signature", Some(&two)),
            true,
        ),
        forged(
            "with another body",
            body(sent.body.iter().chain(b" ").copied().collect()),
        ),
        forged(
            "with the same JSON written again",
            body(serde_json::to_vec_pretty(&parsed).unwrap()),
        ),
        forged("without a body", body(Vec::new())),
        forged("without the simple signature", sent.with("x-webhook-signature", None)),
        forged(
            "with the simple signature of the old secret",
            sent.with("x-webhook-signature", Some(&sent.plain_signature(OTHER))),
        ),
        forged(
            "with the simple signature without its prefix",
            sent.with(
                "x-webhook-signature",
                sent.plain_signature(SECRET).strip_prefix("sha256="),
            ),
        ),
        forged("without the standard signature", sent.with("webhook-signature", None)),
        forged(
            "with the standard signature of the old secret",
            sent.with("webhook-signature", Some(&sent.standard_signature(OTHER))),
        ),
        forged(
            "with another id",
            sent.with("webhook-id", Some("0190a6b2-0000-7000-8000-000000000000")),
        ),
        forged("without a timestamp", sent.with("webhook-timestamp", None)),
        forged(
            "with words for a timestamp",
            sent.with("webhook-timestamp", Some("now")),
        ),
        forged(
            "with a later timestamp",
            sent.with("webhook-timestamp", Some(&(seconds + 1).to_string())),
        ),
        forged("ten minutes old, as it was signed then", old),
    ]
}

async fn begin() -> (App, Browser, Project) {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    (app, lead, project)
}

/// A delivery as it arrived.
async fn sent() -> Received {
    let (_app, lead, project) = begin().await;
    one_event(&lead, &project).await
}

async fn one_event(lead: &Browser, project: &Project) -> Received {
    let recorder = Receiver::start();
    webhook(lead, project, &recorder.url("/")).await;
    given::task(lead, project, "Fix login bug – “now”").await;
    recorder.wait_for(1).await.remove(0)
}

/// Adds one with a secret that is known; its id.
async fn webhook(lead: &Browser, project: &Project, url: &str) -> i64 {
    let typed = [("url", url), ("events", "task.created"), ("secret", SECRET)];
    let new = format!("{}/webhooks/new", project.path);
    let page = lead.submit(&new, "/webhooks/new", &typed).await;
    assert_eq!(given::secret_on(&page), SECRET);
    let test = page.forms().into_iter().find(|form| form.action.ends_with("/test"));
    let action = test.expect("a button to test it").action;
    action
        .rsplit('/')
        .nth(1)
        .expect("an id")
        .parse()
        .expect("an id in the address")
}

fn snippet(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snippets").join(file)
}

/// Runs a receiver with the secret until it is dropped. A `PORT` that the command brings is its port.
async fn started(mut command: Command) -> (Child, u16) {
    let brought = command
        .as_std()
        .get_envs()
        .find_map(|(name, value)| (name == "PORT").then_some(value)?);
    let port = brought.map_or_else(free_port, |port| {
        port.to_str().expect("a number").parse().expect("a port")
    });
    let child = command
        .env("WEBHOOK_SECRET", SECRET)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{command:?} does not start ({error}); `scripts/test` installs what is missing")
        });
    wait::until(PATIENCE, "the receiver listens", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
    })
    .await;
    (child, port)
}

async fn post(port: u16, request: &Received) -> u16 {
    let ours = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("webhook-") || name.starts_with("x-webhook-") || name == "content-type"
    };
    let mut sent = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{port}/"))
        .body(request.body.clone());
    for (name, value) in request.headers.iter().filter(|(name, _)| ours(name)) {
        sent = sent.header(name, value);
    }
    sent.send().await.expect("an answer").status().as_u16()
}
