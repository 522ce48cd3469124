//! The master key is replaced while the real program runs: no request fails, nothing is sent with a wrong signature, nobody is signed
//! out; and every step that would lock somebody out refuses with a sentence.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::browser::Browser;
use crate::support::database::{Kind, MASTER_KEY, TestDatabase, kind};
use crate::support::given::{ALL_EVENTS, PASSWORD};
use crate::support::process::{Process, Told, add_user, command, tell};
use crate::support::receiver::Receiver;
use crate::support::{sealed, wait};

/// Any 32 bytes.
const NEXT_KEY: &str = "bmV4dCBrZXkgdGhhdCB0YWtlcyBpdHMgcGxhY2UhISE=";

/// A database whose key is in the file `master.key` of its folder.
struct Place {
    database: TestDatabase,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            database: TestDatabase::create(),
        };
        std::fs::write(place.key_file(), format!("{MASTER_KEY}\n")).expect("a key file");
        restrict(&place.key_file());
        add_user(&place.database, "lead", PASSWORD);
        place
    }

    fn key_file(&self) -> PathBuf {
        self.database.dir().join("master.key")
    }

    fn keys(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.key_file()).expect("a key file");
        text.lines().map(str::to_owned).collect()
    }

    /// With the key file.
    fn command(&self) -> Command {
        let mut program = command(&self.database);
        program
            .env_remove("TASKVIEW_MASTER_KEY")
            .env("TASKVIEW_MASTER_KEY_FILE", self.key_file());
        program
    }

    fn with_keys(&self, keys: &str) -> Command {
        let mut program = command(&self.database);
        program.env("TASKVIEW_MASTER_KEY", keys);
        program
    }

    fn serve(&self) -> Process {
        Process::start(&self.database, &mut self.command())
    }

    fn rotate(&self) -> Told {
        tell(self.command().args(["key", "rotate"]))
    }

    fn list(&self) -> String {
        tell(self.command().args(["key", "list"])).out
    }
}

fn restrict(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

struct Hook {
    id: Value,
    secret: String,
}

async fn hook(api: &ApiClient, goal: &Value, url: &str) -> Hook {
    let body =
        json!({ "goalId": goal, "url": url, "events": ALL_EVENTS, "headers": { "Authorization": "Bearer 4711" } });
    let made = api.post("/module/webhooks", body).await;
    Hook {
        id: made.response()["webhook"]["id"].clone(),
        secret: made.response()["secret"].as_str().expect("a secret").to_owned(),
    }
}

async fn goal(api: &ApiClient) -> Value {
    api.post("/module/goals", json!({ "name": "Website" })).await.response()["id"].clone()
}

async fn task(api: &ApiClient, goal: &Value) {
    let body = json!({ "goalId": goal, "description": "Fix login bug" });
    api.post("/module/tasks", body).await.response();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_rotated_beside_a_running_server_and_nobody_notices() {
    let place = Place::new();
    let process = place.serve();
    let receiver = Receiver::start();
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let browser = Browser::new(&process.base);
    let typed = [("login", "lead"), ("password", PASSWORD)];
    browser.submit("/sign-in", "/sign-in", &typed).await.assert_status(200);
    let goal = goal(&api).await;
    let hook_before = hook(&api, &goal, &receiver.url("/")).await;
    let form = format!("/projects/{goal}/webhooks/{}/rotate", hook_before.id);
    let open_form = browser.get(&form).await.form("/rotate");

    let told = place.rotate();
    let listed = place.list();
    task(&api, &goal).await;
    let received = receiver.wait_for(1).await;
    let hook_after = hook(&api, &goal, &receiver.url("/after")).await;
    let account = browser.get("/account").await;
    let rotated = browser.send(&open_form).await;
    assert!(process.terminate().success());
    let again = place.serve();
    let api = ApiClient::signed_in(&again.base, "lead", PASSWORD).await;
    task(&api, &goal).await;
    let all = receiver.wait_for(3).await;

    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.out.contains("is retired") && told.out.contains("backups made before now"),
        "{told:?}"
    );
    assert!(received[0].is_signed_with(&hook_before.secret));
    assert_eq!(received[0].header("authorization"), Some("Bearer 4711"));
    account.assert_status(200).assert_says("lead");
    rotated.assert_status(200).assert_says("whsec_");
    let to_after = all
        .iter()
        .find(|request| request.path == "/after")
        .expect("both got the second task");
    assert!(to_after.is_signed_with(&hook_after.secret));
    let lines: Vec<&str> = listed.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].contains("\t0 sealed\tnot given\tretired"),
        "{listed}"
    );
    assert!(lines[1].contains("\t3 sealed\tgiven\tcurrent"), "{listed}");
    let keys = place.keys();
    assert!(keys.len() == 1 && keys[0] != MASTER_KEY, "{}", keys.len());
    let kept = place
        .database
        .dir()
        .join(format!("master.key.{}", lines[0].split('\t').next().expect("an id")));
    assert_eq!(std::fs::read_to_string(kept).expect("the old key").trim(), MASTER_KEY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_from_before_the_rotation_opens_with_the_old_key_put_back() {
    let place = Place::new();
    let process = place.serve();
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let goal = goal(&api).await;
    let receiver = Receiver::start();
    let hook = hook(&api, &goal, &receiver.url("/")).await;
    assert!(process.terminate().success());
    // The database as it was: all that rotating changes in it, put back.
    let before = Rows::read(&place);
    assert_eq!(place.rotate().code, Some(0));
    let new = place.keys().remove(0);

    before.write(&place);
    let locked_out = tell(place.command().arg("serve"));
    std::fs::write(place.key_file(), format!("{new}\n{MASTER_KEY}\n")).expect("a key file");
    let process = place.serve();
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    task(&api, &goal).await;
    let received = receiver.wait_for(1).await;
    let again = place.rotate();

    assert_eq!(locked_out.code, Some(1), "{locked_out:?}");
    assert!(locked_out.err.contains("does not open this database"), "{locked_out:?}");
    assert!(received[0].is_signed_with(&hook.secret));
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(
        place.keys(),
        [new],
        "the key that was there already took the place; no third one was made"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_the_environment_are_rotated_in_steps_and_a_step_too_early_is_refused() {
    let place = Place::new();
    let both = format!("{MASTER_KEY},{NEXT_KEY}");
    let rotate_with = |keys: &str| tell(place.with_keys(keys).args(["key", "rotate"]));
    let first = Process::start(&place.database, &mut place.with_keys(MASTER_KEY));
    let api = ApiClient::signed_in(&first.base, "lead", PASSWORD).await;
    let goal = goal(&api).await;
    let receiver = Receiver::start();
    let hook = hook(&api, &goal, &receiver.url("/")).await;

    let without_a_new_one = rotate_with(MASTER_KEY);
    let while_the_server_lacks_it = rotate_with(&both);
    task(&api, &goal).await;
    receiver.wait_for(1).await;
    assert!(first.terminate().success());
    let second = Process::start(&place.database, &mut place.with_keys(&both));
    let rotated = rotate_with(&both);
    let once_more = rotate_with(&both);
    let api = ApiClient::signed_in(&second.base, "lead", PASSWORD).await;
    task(&api, &goal).await;
    receiver.wait_for(2).await;
    assert!(second.terminate().success());
    let with_the_old_one = tell(place.with_keys(MASTER_KEY).arg("serve"));
    let third = Process::start(&place.database, &mut place.with_keys(NEXT_KEY));
    let api = ApiClient::signed_in(&third.base, "lead", PASSWORD).await;
    task(&api, &goal).await;
    let received = receiver.wait_for(3).await;

    assert_eq!(without_a_new_one.code, Some(1), "{without_a_new_one:?}");
    assert!(
        without_a_new_one.err.contains("holds no new key"),
        "{without_a_new_one:?}"
    );
    assert_eq!(while_the_server_lacks_it.code, Some(1), "{while_the_server_lacks_it:?}");
    assert!(
        while_the_server_lacks_it
            .err
            .contains("Nothing was changed in the database"),
        "{while_the_server_lacks_it:?}"
    );
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert_eq!(once_more.code, Some(0), "{once_more:?}");
    assert!(
        once_more.out.contains("another rotation needs a new key"),
        "{once_more:?}"
    );
    assert_eq!(with_the_old_one.code, Some(1));
    assert!(
        with_the_old_one.err.contains("does not open this database"),
        "{with_the_old_one:?}"
    );
    assert!(received.iter().all(|request| request.is_signed_with(&hook.secret)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_nodes_nothing_changes_until_each_of_them_has_the_new_key() {
    if kind() == Kind::Sqlite {
        return;
    }
    let place = Place::new();
    let elsewhere = tempfile::tempdir().expect("another machine");
    let its_file = elsewhere.path().join("key");
    std::fs::write(&its_file, MASTER_KEY).expect("a key file");
    let own = place.serve();
    let mut other = place.command();
    other
        .env("TASKVIEW_MASTER_KEY_FILE", &its_file)
        .env("TASKVIEW_DATA_DIR", elsewhere.path());
    let other = Process::start(&place.database, &mut other);
    let api = ApiClient::signed_in(&own.base, "lead", PASSWORD).await;
    let goal = goal(&api).await;
    let receiver = Receiver::start();
    let hook_before = hook(&api, &goal, &receiver.url("/")).await;

    let too_early = place.rotate();
    std::fs::copy(place.key_file(), &its_file).expect("the key file goes to the other machine");
    let rotated = place.rotate();
    let mut hooks = vec![hook_before];
    for node in [&other, &own] {
        let api = ApiClient::signed_in(&node.base, "lead", PASSWORD).await;
        hooks.push(hook(&api, &goal, &receiver.url("/")).await);
        task(&api, &goal).await;
    }
    let received = receiver.wait_for(5).await;

    assert_eq!(too_early.code, Some(1), "{too_early:?}");
    assert!(
        too_early
            .err
            .contains("Of 2 running nodes 1 without the new key, 0 without an answer"),
        "{too_early:?}"
    );
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(rotated.out.contains("2 running nodes have it"), "{rotated:?}");
    for request in &received {
        assert!(
            hooks.iter().any(|hook| request.is_signed_with(&hook.secret)),
            "{request:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_open_is_named_and_keeps_the_old_key_until_it_is_replaced() {
    let place = Place::new();
    let process = place.serve();
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let goal = goal(&api).await;
    let (one, two) = (
        hook(&api, &goal, "http://localhost:9/1").await,
        hook(&api, &goal, "http://localhost:9/2").await,
    );
    // The sealed bytes of one in the row of the other.
    let swap = format!(
        "UPDATE webhooks SET secret_sealed = (SELECT secret_sealed FROM webhooks WHERE id = {}) WHERE id = {}",
        one.id, two.id
    );
    sealed::sql(&place.database, &swap);

    let stuck = place.rotate();
    let keys = place.keys();
    let healed = api
        .post("/module/webhooks/rotate-secret", json!({ "id": two.id }))
        .await;
    let finished = place.rotate();

    assert_eq!(stuck.code, Some(1), "{stuck:?}");
    assert!(
        stuck.err.contains("something does not open") && stuck.err.contains(&format!(": {}.", two.id)),
        "{stuck:?}"
    );
    assert_eq!((keys.len(), keys[1].as_str()), (2, MASTER_KEY));
    healed.response();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.out.contains("goes on") && finished.out.contains("retired"),
        "{finished:?}"
    );
    assert_eq!(place.keys().len(), 1);
}

/// Everything that a rotation writes.
struct Rows(Vec<String>);

impl Rows {
    fn read(place: &Place) -> Rows {
        let (hooks, root) = sealed::all(&place.database);
        let mut statements = vec![
            format!(
                "UPDATE vault SET root_sealed = {}, current_key = (SELECT key_id FROM key_checks WHERE retired_at IS NOT NULL)",
                sealed::literal(&root)
            ),
            "DELETE FROM key_checks WHERE retired_at IS NULL".to_owned(),
            "UPDATE key_checks SET retired_at = NULL".to_owned(),
        ];
        for hook in hooks {
            let headers = hook.headers.map_or("NULL".to_owned(), |bytes| sealed::literal(&bytes));
            statements.push(format!(
                "UPDATE webhooks SET secret_sealed = {}, headers_sealed = {headers} WHERE id = {}",
                sealed::literal(&hook.secret),
                hook.id
            ));
        }
        Rows(statements)
    }

    fn write(&self, place: &Place) {
        self.0
            .iter()
            .for_each(|statement| sealed::sql(&place.database, statement));
    }
}

/// Rounds of the storm; each kills one rotation.
const ROUNDS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_anywhere_is_finished_by_the_next_while_events_flow_and_webhooks_change() {
    let place = Place::new();
    let process = place.serve();
    let api = ApiClient::signed_in(&process.base, "lead", PASSWORD).await;
    let goal = goal(&api).await;
    let (steady, changing) = (Receiver::start(), Receiver::start());
    let kept = hook(&api, &goal, &steady.url("/")).await;
    let changed = hook(&api, &goal, &changing.url("/")).await;
    // So many that a rotation has several slices.
    sealed::add_webhooks(&place.database, goal.as_i64().expect("an id"), 1_000, MASTER_KEY);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (made, mut tasks_made) = tokio::sync::watch::channel(0_usize);
    let load = tokio::spawn(storm(api, goal, changed, stopped, made));

    let mut killed = 0;
    for round in 0..ROUNDS {
        // Something changes between two rotations, however slow the machine is.
        let before = *tasks_made.borrow();
        let next = tokio::time::timeout(Duration::from_secs(30), tasks_made.wait_for(|&made| made > before)).await;
        let goes_on = next.is_ok_and(|made| made.is_ok());
        assert!(goes_on, "a request failed:\n{}", complaints(&process));
        let mut rotation = place
            .command()
            .args(["key", "rotate"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        // Spread over all of it, which takes about this long; on PostgreSQL after the nodes were asked, but for the first.
        let asking = if kind() == Kind::Postgres && round > 0 {
            2_500
        } else {
            0
        };
        let at = asking + 20 + rand::random_range(0..60) + 40 * round;
        wait::a_while(Duration::from_millis(u64::from(at))).await;
        killed += u32::from(rotation.try_wait().expect("it can be looked at").is_none());
        rotation.kill().expect("it can be killed");
        rotation.wait().expect("it ends");
    }
    let finished = place.rotate();
    let tidy = place.rotate();
    assert!(stop.send(true).is_ok(), "a request failed:\n{}", complaints(&process));
    let (tasks, secrets) = load.await.expect("the load saw no failure");
    let received = steady.wait_for(tasks).await;
    let received_changing = changing.wait_for(tasks).await;
    let list = place.list();

    assert!(killed > 0, "no rotation was still at work when it was killed");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(tidy.code, Some(0), "{tidy:?}");
    assert_eq!(place.keys().len(), 1);
    assert!(
        list.lines()
            .all(|line| line.contains("\t0 sealed\tnot given\tretired") || line.contains("\tgiven\tcurrent")),
        "{list}"
    );
    assert_eq!(
        (received.len(), received_changing.len()),
        (tasks, tasks),
        "no attempt failed"
    );
    assert!(received.iter().all(|request| request.is_signed_with(&kept.secret)));
    for request in &received_changing {
        assert!(secrets.iter().any(|secret| request.is_signed_with(secret)));
    }
    let log = process.log();
    assert!(!log.contains("deliveries are paused"), "{log}");
    // What no request has opened meanwhile opens as well.
    assert!(process.terminate().success());
    assert_eq!(sealed::unreadable(&place.database, &place.keys()[0]), Vec::<i64>::new());
}

/// What the server logged that is no news.
fn complaints(process: &Process) -> String {
    let log = process.log();
    let lines = log.lines().filter(|line| !line.contains("\"INFO\""));
    lines.take(30).map(|line| format!("{line}\n")).collect()
}

/// Tasks are made, and one webhook's headers and secret change, until it is told to stop: how many tasks, and all secrets.
async fn storm(
    api: ApiClient,
    goal: Value,
    changed: Hook,
    stopped: tokio::sync::watch::Receiver<bool>,
    made: tokio::sync::watch::Sender<usize>,
) -> (usize, Vec<String>) {
    let (mut tasks, mut secrets) = (0, vec![changed.secret]);
    while !*stopped.borrow() {
        task(&api, &goal).await;
        tasks += 1;
        let edit = json!({ "id": changed.id, "headers": { "Authorization": format!("Bearer {tasks}") } });
        api.patch("/module/webhooks", edit).await.response();
        let rotated = api
            .post("/module/webhooks/rotate-secret", json!({ "id": changed.id }))
            .await;
        secrets.push(rotated.response()["secret"].as_str().expect("a secret").to_owned());
        made.send_replace(tasks);
    }
    (tasks, secrets)
}
