//! The same for the real program with all that it writes, at the level at which every crate in it says everything: passwords, tokens,
//! cookies, keys, secrets from every way in, through every command. Each is used before it is looked for.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::browser::Browser;
use crate::support::canary::{Canary, Places, crawl, dump};
use crate::support::database::{Kind, TestDatabase, kind};
use crate::support::given::{self, ALL_EVENTS};
use crate::support::page::Page;
use crate::support::process::{Process, Told, command, tell};
use crate::support::receiver::Receiver;

const FIRST_PASSWORD: &str = "canary password of the set-up";
const WRONG_PASSWORD: &str = "canary password that is wrong";
const MISPLACED_PASSWORD: &str = "canary-password-in-the-wrong-field";
const CHANGED_PASSWORD: &str = "canary password after a change";
const INVITED_PASSWORD: &str = "canary password of who was invited";
const TYPED_PASSWORD: &str = "canary password from standard input";
const RESET_PASSWORD: &str = "canary password that was reset";
const DATABASE_PASSWORD: &str = "canary-password-of-the-database";
const FORM_HEADER: &str = "canary-header-from-the-form-5f1d";
const API_HEADER: &str = "canary-header-from-the-api-77c2";
const FILE_HEADER: &str = "canary-header-from-a-file-90ab";
/// The base64 of 32 bytes.
const FORM_SECRET: &str = "whsec_Y2FuYXJ5OiBhIHNlY3JldCBmcm9tIHRoZSBmb3JtISE=";
const API_SECRET: &str = "whsec_Y2FuYXJ5OiBhIHNlY3JldCBvdmVyIHRoZSBBUEkgNCE=";
const OLD_KEY: &str = "Y2FuYXJ5OiB0aGUgbWFzdGVyIGtleSwgdGhlIG9sZDE=";
const GIVEN_KEY: &str = "Y2FuYXJ5OiB0aGUgbWFzdGVyIGtleSBvZiBvdGhlcnM=";

/// What is looked for at the end, and where.
struct Watch {
    canaries: Vec<Canary>,
    places: Places,
}

impl Watch {
    fn secret(&mut self, name: &str, secret: &str) -> String {
        self.canaries.push(Canary::new(name, secret));
        secret.to_owned()
    }

    fn command(&mut self, command: &mut Command) -> Told {
        let name = format!("{:?}", command.get_args().collect::<Vec<_>>());
        let told = tell(command);
        self.places
            .add(name.clone(), format!("{name}\n{}{}", told.out, told.err).as_bytes());
        told
    }

    /// What every other account of the machine sees of it.
    fn arguments(&mut self, process: u32) {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).expect("a running process");
        self.places.add(format!("the arguments of process {process}"), &line);
    }
}

/// With a password in the address of the database, where the database has addresses.
fn program(database: &TestDatabase, key_file: &Path) -> Command {
    let mut program = command(database);
    program
        .env_remove("TASKVIEW_MASTER_KEY")
        .env("TASKVIEW_MASTER_KEY_FILE", key_file)
        .env("TASKVIEW_PUBLIC_URL", "http://tasks.example.com")
        .env("TASKVIEW_ALLOW_TARGETS", "loopback")
        .env("TASKVIEW_LOG", "trace");
    if kind() == Kind::Postgres {
        let mut url = url::Url::parse(&database.url).expect("a URL");
        url.set_password(Some(DATABASE_PASSWORD)).expect("it has a host");
        program.env("TASKVIEW_DATABASE_URL", url.as_str());
    }
    program
}

fn with_password(program: &mut Command, password: &str) -> Told {
    use std::io::Write as _;
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    Told {
        code: ended.status.code(),
        out: String::from_utf8_lossy(&ended.stdout).into_owned(),
        err: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}

fn cookie_of(page: &Page) -> String {
    let cookies = page.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.filter_map(|value| value.to_str().ok()?.strip_prefix("session="));
    let value = cookies
        .next_back()
        .expect("a session")
        .split(';')
        .next()
        .unwrap_or_default();
    value.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_in_what_the_program_shows_keeps_logs_or_is_called_with() {
    let mut watch = Watch {
        canaries: Vec::new(),
        places: Places::new(),
    };
    let database = TestDatabase::create();
    let key_file = database.dir().join("key");
    std::fs::write(&key_file, watch.secret("the old master key", OLD_KEY)).expect("a key file");
    if kind() == Kind::Postgres {
        watch.secret("the database's password", DATABASE_PASSWORD);
    }
    let run = || program(&database, &key_file);
    let process = Process::start(&database, &mut run());
    watch.arguments(process.id());
    let receiver = Receiver::start();

    // Set-up: the code is in one line of the log, which is where it belongs.
    let log = process.log();
    let line = log
        .lines()
        .find(|line| line.contains("set-up code"))
        .expect("a set-up code");
    let line: Value = serde_json::from_str(line).expect("JSON");
    let code = watch.secret("the set-up code", line["code"].as_str().expect("a code"));
    let lead = Browser::new(&process.base);
    let first = watch.secret("the first password", FIRST_PASSWORD);
    let mut typed = vec![
        ("login", "lead"),
        ("name", "Lead"),
        ("email", "lead@example.com"),
        ("password", first.as_str()),
    ];
    let wrong_code = watch.secret("a wrong set-up code", "canary-of-a-wrong-set-up-code");
    typed.push(("code", &wrong_code));
    lead.submit("/setup", "/setup", &typed).await.assert_status(422);
    typed.pop();
    typed.push(("code", &code));
    lead.submit("/setup", "/setup", &typed).await.assert_status(200);

    // Signing in, rightly, wrongly, and with the password in the wrong field.
    let wrong = watch.secret("a wrong password", WRONG_PASSWORD);
    let misplaced = watch.secret("a password in the login's field", MISPLACED_PASSWORD);
    let visitor = Browser::new(&process.base);
    for typed in [
        [("login", "lead"), ("password", wrong.as_str())],
        [("login", misplaced.as_str()), ("password", "lead")],
    ] {
        visitor.post("/sign-in", &typed).await.assert_status(422);
        let body = json!({ "login": typed[0].1, "password": typed[1].1 });
        let refused = ApiClient::new(&process.base).post("/module/auth/login", body).await;
        assert_ne!(refused.status, 200);
    }
    let answer = visitor
        .post_only("/sign-in", &[("login", "lead"), ("password", &first)])
        .await;
    watch.secret("a cookie", &cookie_of(&answer));
    visitor.get("/account").await.assert_status(200).assert_says("Lead");
    let changed = watch.secret("a changed password", CHANGED_PASSWORD);
    let passwords = [
        ("old_password", first.as_str()),
        ("new_password", &changed),
        ("new_password_again", &changed),
    ];
    lead.submit("/account", "/account/password", &passwords)
        .await
        .assert_status(200);

    // Tokens of the API.
    let body = json!({ "login": "lead", "password": changed });
    let signed_in = ApiClient::new(&process.base)
        .post("/module/auth/login", body)
        .await
        .body;
    let refresh = watch.secret("a refresh token", signed_in["refresh"].as_str().expect("a token"));
    watch.secret("an access token", signed_in["access"].as_str().expect("a token"));
    let body = json!({ "refreshToken": refresh });
    let refreshed = ApiClient::new(&process.base)
        .post("/module/auth/refresh/token", body)
        .await
        .body;
    watch.secret(
        "the next refresh token",
        refreshed["refresh"].as_str().expect("a token"),
    );
    let access = watch.secret("the next access token", refreshed["access"].as_str().expect("a token"));
    let api = ApiClient::with_token(&process.base, &access);
    let made = api.post("/module/api-tokens", json!({ "name": "CI" })).await;
    let token = watch.secret("an API token", made.response()["token"].as_str().expect("a token"));
    ApiClient::with_token(&process.base, &token)
        .get("/module/goals")
        .await
        .response();
    let unknown = watch.secret("a token that is none", "tvk_canary0of0a0token0that0is0none");
    assert_eq!(
        ApiClient::with_token(&process.base, &unknown)
            .get("/module/goals")
            .await
            .status,
        401
    );

    // Secrets and headers, by every way in.
    let project = given::project(&lead, "Website").await;
    let (form_secret, form_header) = (
        watch.secret("a secret in the form", FORM_SECRET),
        watch.secret("a header in the form", FORM_HEADER),
    );
    let new = format!("{}/webhooks/new", project.path);
    let url = receiver.url("/form");
    let headers = format!("Authorization: {form_header}");
    let mut typed = vec![
        ("url", "no address"),
        ("secret", &form_secret),
        ("headers", &headers),
        ("events", "task.created"),
    ];
    lead.submit(&new, "/webhooks/new", &typed).await.assert_status(422);
    typed[0] = ("url", &url);
    let shown = lead.submit(&new, "/webhooks/new", &typed).await;
    assert_eq!(given::secret_on(&shown), form_secret);
    let (api_secret, api_header) = (
        watch.secret("a secret over the API", API_SECRET),
        watch.secret("a header over the API", API_HEADER),
    );
    let mut body = json!({ "goalId": project.id, "url": receiver.url("/api"), "events": ALL_EVENTS, "secret": api_secret, "headers": { "X-Key": api_header } });
    body["retrySchedule"] = json!("wrong");
    assert_eq!(api.post("/module/webhooks", body.clone()).await.status, 400);
    body["retrySchedule"] = json!("standard");
    let hook = api.post("/module/webhooks", body).await.response()["webhook"]["id"].clone();
    let file_header = watch.secret("a header in a file", FILE_HEADER);
    let file = database.dir().join("hooks.toml");
    let text = format!(
        "[[webhook]]\nurl = \"{}\"\nevents = [\"task.created\"]\n[webhook.headers]\nX-File = \"{file_header}\"\n",
        receiver.url("/file")
    );
    let wrong_text = text.replace("events = ", "evnts = ");
    std::fs::write(&file, wrong_text).expect("a file");
    let id = project.id.to_string();
    assert_eq!(watch.command(run().args(["import", &id]).arg(&file)).code, Some(1));
    std::fs::write(&file, text).expect("a file");
    let imported = watch.command(run().args(["import", &id]).arg(&file));
    assert_eq!(imported.code, Some(0), "{imported:?}");

    // Deliveries, which are signed and carry the headers.
    let task = json!({ "goalId": project.id, "description": "Fix login bug" });
    api.post("/module/tasks", task.clone()).await.response();
    let received = receiver.wait_for(3).await;
    let to = |path: &str| received.iter().find(|request| request.path == path).expect(path);
    assert!(to("/form").is_signed_with(&form_secret) && to("/api").is_signed_with(&api_secret));
    assert_eq!(to("/form").header("authorization"), Some(form_header.as_str()));
    assert_eq!(to("/api").header("x-key"), Some(api_header.as_str()));
    assert_eq!(to("/file").header("x-file"), Some(file_header.as_str()));

    // The master key is rotated, then a secret.
    let rotated = watch.command(run().args(["key", "rotate"]));
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    let new_key = std::fs::read_to_string(&key_file).expect("a key file");
    watch.secret("the new master key", new_key.trim());
    assert_eq!(watch.command(run().args(["key", "list"])).code, Some(0));
    let answer = api.post("/module/webhooks/rotate-secret", json!({ "id": hook })).await;
    let next_secret = watch.secret(
        "a rotated secret",
        answer.response()["secret"].as_str().expect("a secret"),
    );
    api.post("/module/tasks", task).await.response();
    let received = receiver.wait_for(6).await;
    assert!(received.iter().any(|request| request.is_signed_with(&next_secret)));

    // An invitation.
    let members = format!("{}/members", project.path);
    let link = given::secret_on(
        &lead
            .submit(&members, "/members", &[("email", "cleo@example.com")])
            .await,
    );
    let path = link
        .strip_prefix("http://tasks.example.com")
        .expect("under the public address");
    watch.secret("an invitation", path.rsplit('/').next().expect("a token"));
    let invited = watch.secret("an invited one's password", INVITED_PASSWORD);
    let cleo = Browser::new(&process.base);
    let typed = [("login", "cleo"), ("name", "Cleo"), ("password", invited.as_str())];
    cleo.submit(path, "/account", &typed).await.assert_status(200);

    // Commands.
    let password = watch.secret("a password from standard input", TYPED_PASSWORD);
    let mia = ["user", "add", "mia", "--email", "mia@example.com", "--password-stdin"];
    let added = with_password(run().args(mia), &password);
    let again = with_password(run().args(mia), &password);
    let reset = watch.secret("a password that was reset", RESET_PASSWORD);
    let reset_told = with_password(run().args(["user", "password", "mia", "--password-stdin"]), &reset);
    for (name, told, code) in [
        ("user add", added, 0),
        ("user add again", again, 1),
        ("user password", reset_told, 0),
    ] {
        assert_eq!(told.code, Some(code), "{name}: {told:?}");
        watch.places.add(name, format!("{}{} ", told.out, told.err).as_bytes());
    }
    ApiClient::signed_in(&process.base, "mia", &reset).await;
    let (body_file, secret_file) = (database.dir().join("body"), database.dir().join("secret"));
    std::fs::write(&body_file, &received[0].body).expect("a body");
    std::fs::write(&secret_file, &next_secret).expect("a secret");
    let wrong = format!("--signature=sha256={}", "0".repeat(64));
    let right = format!("--signature={}", received[0].plain_signature(&next_secret));
    for (signature, code) in [(wrong, 1), (right, 0)] {
        let mut verify = run();
        verify
            .args(["verify", "--secret-file"])
            .arg(&secret_file)
            .arg(signature)
            .arg(&body_file);
        let told = watch.command(&mut verify);
        assert_eq!(told.code, Some(code), "{told:?}");
    }
    std::fs::write(&secret_file, [next_secret.as_bytes(), b"\xff"].concat()).expect("a secret");
    let mut verify = run();
    verify
        .args(["verify", "--secret-file"])
        .arg(&secret_file)
        .arg(&body_file);
    assert_ne!(watch.command(&mut verify).code, Some(0));
    listen(&mut watch, &database, &api, &project, &next_secret).await;
    let given_key = watch.secret("a given master key", GIVEN_KEY);
    let mut config = run();
    config
        .env_remove("TASKVIEW_MASTER_KEY_FILE")
        .env("TASKVIEW_MASTER_KEY", &given_key)
        .arg("config");
    assert_eq!(watch.command(&mut config).code, Some(0));
    let mut stranger = run();
    stranger
        .env_remove("TASKVIEW_MASTER_KEY_FILE")
        .env("TASKVIEW_MASTER_KEY", format!("{given_key},{}", &given_key[..30]))
        .args(["key", "rotate"]);
    assert_ne!(watch.command(&mut stranger).code, Some(0));
    let nowhere = format!(
        "postgres://tv:{}@127.0.0.1:1/tv",
        watch.secret("another database's password", "canary-password-for-nobody")
    );
    assert_eq!(
        watch
            .command(run().env("TASKVIEW_DATABASE_URL", &nowhere).args(["user", "list"]))
            .code,
        Some(1)
    );
    let odd = nowhere.replace("postgres://", "postgre://");
    assert_eq!(
        watch
            .command(run().env("TASKVIEW_DATABASE_URL", &odd).args(["user", "list"]))
            .code,
        Some(2)
    );
    assert_eq!(watch.command(run().args(["export", &id])).code, Some(0));
    let saved = database.dir().join("saved.db");
    assert_eq!(watch.command(run().arg("backup").arg(&saved)).code, Some(0));
    assert_eq!(watch.command(run().arg("restore").arg(&saved)).code, Some(1));
    watch.places.add("a backup", &std::fs::read(&saved).expect("a backup"));

    // What the program shows.
    let pages = crawl(&lead, &[&project.path, &members, "/account"]).await;
    assert!(pages.len() > 30, "only {} pages", pages.len());
    for (path, html) in &pages {
        watch.places.add(path, html.as_bytes());
    }
    for format in ["csv", "jsonl"] {
        let path = format!("{}/deliveries/export?format={format}", project.path);
        let page = lead.get(&path).await;
        page.assert_status(200);
        assert!(page.html.lines().count() > 5, "{}", page.html);
        watch.places.add(path, page.html.as_bytes());
    }
    let deliveries = format!("/module/webhooks/deliveries/{hook}");
    let newest = api.get(&deliveries).await.response()[0]["id"].clone();
    for path in [
        "/module/goals".to_owned(),
        format!("/module/collaboration/{}", project.id),
        format!("/module/webhooks?goalId={}", project.id),
        "/module/api-tokens".to_owned(),
        format!("/module/webhooks/attempts/{newest}"),
        deliveries,
    ] {
        let answer = api.get(&path).await;
        answer.response();
        watch.places.add(path, answer.body.to_string().as_bytes());
    }

    // What it keeps and logs.
    watch.places.add("the database", &dump(&database));
    let log = process.log();
    assert!(process.terminate().success());
    let lines: Vec<&str> = log.lines().collect();
    let with_code = lines.iter().filter(|line| line.contains(&code)).count();
    assert!(
        lines.len() > 300 && log.contains("\"TRACE\""),
        "the log says little: {} lines",
        lines.len()
    );
    assert_eq!(with_code, 1, "the set-up code is in its line alone");
    let rest: String = lines
        .iter()
        .filter(|line| !line.contains(&code))
        .map(|line| format!("{line}\n"))
        .collect();
    watch.places.add("the log", rest.as_bytes());

    watch.places.assert_hold_none_of(&watch.canaries);
}

/// A receiver of the program's own, which gets a delivery.
async fn listen(watch: &mut Watch, database: &TestDatabase, api: &ApiClient, project: &given::Project, secret: &str) {
    let secret_file = database.dir().join("listen-secret");
    std::fs::write(&secret_file, secret).expect("a secret");
    let log = std::fs::File::create(database.dir().join("listen.log")).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_taskview-webhooks"))
        .args(["listen", "--port=0", "--log=trace", "--secret-file"])
        .arg(secret_file)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let first = lines.next().expect("a line").expect("text");
    watch.arguments(child.id());
    let url = first
        .strip_prefix("listening on ")
        .expect("where it listens")
        .to_owned();
    let body = json!({ "goalId": project.id, "url": url, "events": ["task.deleted"], "secret": secret });
    let hook = api.post("/module/webhooks", body).await.response()["webhook"]["id"].clone();
    let tested = api.post("/module/webhooks/test", json!({ "id": hook })).await;
    assert_eq!(tested.response()["success"], true);
    let mut told = format!("{first}\n");
    while !told.contains("webhook.test") || told.lines().count() < 5 {
        told.push_str(&lines.next().expect("a line").expect("text"));
        told.push('\n');
    }
    child.kill().expect("it can be ended");
    child.wait().expect("it ends");
    assert!(told.contains("verified"), "{told}");
    watch.places.add("what listen prints", told.as_bytes());
    let log = std::fs::read(database.dir().join("listen.log")).expect("its log");
    watch.places.add("what listen logs", &log);
}
