//! What a server does with a key that is wrong, missing, damaged or in an odd file, and what pages and deliveries do with what does
//! not open: nothing is made up, nothing is lost, and a sentence says why.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::database::{Kind, MASTER_KEY, TestDatabase, kind};
use crate::support::given::{self, PASSWORD};
use crate::support::process::{Process, Told, add_user, command, tell};
use crate::support::story::Story;
use crate::support::{log, sealed, wait};

/// Any 32 bytes that are not the key of every test.
const ANOTHER_KEY: &str = "YW5vdGhlciBrZXkgdGhhbiB0aGF0IG9mIHRoZSB0ZXM=";

fn key_file(database: &TestDatabase) -> PathBuf {
    database.dir().join("master.key")
}

/// With the key file of the data folder, if there is one.
fn plain(database: &TestDatabase) -> Command {
    let mut program = command(database);
    program.env_remove("TASKVIEW_MASTER_KEY");
    program
}

fn serve(database: &TestDatabase) -> Told {
    tell(plain(database).arg("serve"))
}

fn write_key(database: &TestDatabase, text: impl AsRef<[u8]>) {
    std::fs::write(key_file(database), text).expect("a key file");
    std::fs::set_permissions(key_file(database), PermissionsExt::from_mode(0o600)).expect("a mode");
}

/// One that was served with the key of every test.
fn used() -> TestDatabase {
    let database = TestDatabase::create();
    add_user(&database, "lead", PASSWORD);
    assert!(Process::serve(&database).terminate().success());
    database
}

#[test]
fn a_key_is_made_for_an_empty_embedded_database_and_for_no_other() {
    let database = TestDatabase::create();
    let untouched = TestDatabase::create();
    add_user(&database, "lead", PASSWORD);

    if kind() == Kind::Postgres {
        // There would be no way back from a migration.
        assert_eq!(serve(&untouched).code, Some(1));
        let migrations = tell(plain(&untouched).args(["migrate", "--dry-run"]));
        assert!(!migrations.out.contains("up to date"), "{migrations:?}");
        let refused = serve(&database);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains("with PostgreSQL it must be given"), "{refused:?}");
        assert!(!key_file(&database).exists());
        return;
    }
    assert!(Process::start(&database, &mut plain(&database)).terminate().success());
    let mode = std::fs::metadata(key_file(&database))
        .expect("it was made")
        .permissions()
        .mode();
    let made = std::fs::read_to_string(key_file(&database)).expect("it was made");
    std::fs::remove_file(key_file(&database)).expect("removed");
    let refused = serve(&database);
    let left = key_file(&database).exists();
    write_key(&database, made);
    assert!(Process::start(&database, &mut plain(&database)).terminate().success());

    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("is missing") && refused.err.contains("does not open this database"),
        "{refused:?}"
    );
    assert!(!left, "no other one was made");
}

#[test]
fn a_wrong_missing_or_unreadable_key_ends_the_start_with_a_sentence_and_changes_nothing() {
    let database = used();
    let before = sealed::all(&database).1;
    let good = MASTER_KEY;

    for (what, text, said) in [
        ("another", ANOTHER_KEY.to_owned(), "does not open this database"),
        ("empty", String::new(), "no key in it"),
        ("cut off", good[..20].to_owned(), "15 bytes"),
        (
            "of two lines, cut off",
            format!("{good}\n{}", &good[..20]),
            "key number 2",
        ),
        ("no base64", "correct horse battery staple".to_owned(), "not base64"),
    ] {
        write_key(&database, &text);
        let told = serve(&database);
        assert_eq!(told.code, Some(1), "{what}: {told:?}");
        assert!(told.err.contains(said), "{what}: {told:?}");
        assert!(
            text.is_empty() || !told.err.contains(&text),
            "{what}: the key is repeated: {told:?}"
        );
    }
    write_key(&database, b"\xff\xfe\x00");
    let no_text = serve(&database);
    std::fs::remove_file(key_file(&database)).expect("removed");
    let missing = serve(&database);
    std::fs::create_dir(key_file(&database)).expect("a folder");
    let folder = serve(&database);
    let below_a_file = database.dir().join("serve.log").join("key");
    let named = tell(
        plain(&database)
            .env("TASKVIEW_MASTER_KEY_FILE", below_a_file)
            .arg("serve"),
    );
    let nowhere = database.dir().join("nowhere");
    let absent = tell(plain(&database).env("TASKVIEW_MASTER_KEY_FILE", nowhere).arg("serve"));

    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("does not open this database"), "{missing:?}");
    for (told, said) in [
        (no_text, "cannot be read"),
        (folder, "cannot be read"),
        (named, "cannot be read"),
        (absent, "does not exist"),
    ] {
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.err.contains(said), "{told:?}");
    }
    assert_eq!(sealed::all(&database).1, before);
}

#[test]
fn what_editors_of_other_systems_add_to_a_key_file_does_no_harm_and_an_open_one_is_warned_of() {
    let database = used();

    for text in [
        format!("\u{feff}{MASTER_KEY}\r\n"),
        format!("\n  {MASTER_KEY}\t\n\n"),
        format!("{ANOTHER_KEY}\r\n{MASTER_KEY}"),
    ] {
        write_key(&database, &text);
        let process = Process::start(&database, &mut plain(&database));
        assert!(!process.log().contains("by others than its owner"), "{}", process.log());
        assert!(process.terminate().success(), "{text:?}");
    }
    std::fs::set_permissions(key_file(&database), PermissionsExt::from_mode(0o644)).expect("a mode");
    let process = Process::start(&database, &mut plain(&database));
    let log = process.log();
    assert!(process.terminate().success());

    assert!(log.contains("by others than its owner (mode 0644)"), "{log}");
}

#[test]
fn a_database_of_an_earlier_version_gets_its_root_from_the_key_that_it_had_and_from_no_other() {
    let database = used();
    // As it was before there was a root.
    sealed::sql(&database, "DELETE FROM vault");

    let other = tell(command(&database).env("TASKVIEW_MASTER_KEY", ANOTHER_KEY).arg("serve"));
    let right = Process::start(
        &database,
        command(&database).env("TASKVIEW_MASTER_KEY", format!("{ANOTHER_KEY},{MASTER_KEY}")),
    );
    assert!(right.terminate().success());
    let listed = tell(command(&database).args(["key", "list"]));

    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.err.contains("does not open this database"), "{other:?}");
    assert!(
        listed.out.lines().count() == 1 && listed.out.contains("1 sealed\tgiven\tcurrent"),
        "{listed:?}"
    );
}

#[test]
fn a_damaged_root_is_named_and_can_be_given_up() {
    let database = used();
    let root = sealed::all(&database).1;
    let mut damaged = root.clone();
    damaged[40] ^= 1;
    sealed::sql(
        &database,
        &format!("UPDATE vault SET root_sealed = {}", sealed::literal(&damaged)),
    );

    let refused = tell(command(&database).arg("serve"));
    sealed::sql(&database, "DELETE FROM vault");
    assert!(Process::serve(&database).terminate().success());

    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("table `vault`"), "{refused:?}");
    assert_ne!(sealed::all(&database).1, root);
}

#[test]
fn a_root_that_is_given_up_after_a_rotation_comes_back_under_the_current_key() {
    let database = used();
    let both = format!("{MASTER_KEY},{ANOTHER_KEY}");
    let with = |keys: &str| {
        let mut program = command(&database);
        program.env("TASKVIEW_MASTER_KEY", keys);
        program
    };
    assert_eq!(tell(with(&both).args(["key", "rotate"])).code, Some(0));

    for keys in [&both, ANOTHER_KEY] {
        sealed::sql(&database, "DELETE FROM vault");
        let retired = tell(with(MASTER_KEY).arg("serve"));
        assert!(Process::start(&database, &mut with(keys)).terminate().success());
        let listed = tell(with(&both).args(["key", "list"])).out;

        assert_eq!(retired.code, Some(1), "{retired:?}");
        let lines: Vec<&str> = listed.lines().collect();
        assert!(
            lines.len() == 2 && lines[0].contains("\tretired") && lines[1].contains("\tcurrent"),
            "{listed}"
        );
    }
}

#[test]
fn the_keys_of_a_database_are_listed_also_by_who_has_a_wrong_one() {
    let database = used();

    let wrong = tell(
        command(&database)
            .env("TASKVIEW_MASTER_KEY", ANOTHER_KEY)
            .args(["key", "list"]),
    );
    let none = tell(plain(&database).args(["key", "list"]));
    let rotate = tell(
        command(&database)
            .env("TASKVIEW_MASTER_KEY", ANOTHER_KEY)
            .args(["key", "rotate"]),
    );
    let nowhere = tell(
        command(&database)
            .env(
                "TASKVIEW_DATABASE_URL",
                format!("sqlite:{}", database.dir().join("none").display()),
            )
            .args(["key", "rotate"]),
    );
    let fresh = TestDatabase::create();
    add_user(&fresh, "lead", PASSWORD);
    let without = tell(command(&fresh).args(["key", "rotate"]));

    assert_eq!((wrong.code, none.code), (Some(0), Some(0)), "{wrong:?} {none:?}");
    assert!(
        wrong.out.contains("not given\tcurrent") && wrong.out.contains("given\tnot known to this database"),
        "{wrong:?}"
    );
    assert!(none.out.contains("not given\tcurrent"), "{none:?}");
    assert!(rotate.err.contains("does not open this database"), "{rotate:?}");
    assert!(nowhere.err.contains("There is no database"), "{nowhere:?}");
    assert!(without.err.contains("no master key yet"), "{without:?}");
    for told in [rotate, nowhere, without] {
        assert_eq!(told.code, Some(1), "{told:?}");
    }
}

/// Damage of each kind: what it is called, and what it makes of the sealed bytes.
type Damage = (&'static str, fn(&[u8], &[u8]) -> Vec<u8>);

const DAMAGES: [Damage; 5] = [
    ("a changed byte", |own, _| {
        let mut bytes = own.to_vec();
        bytes[own.len() - 1] ^= 1;
        bytes
    }),
    ("the bytes of another row", |_, other| other.to_vec()),
    ("a version before the first", |own, _| [&[0], &own[1..]].concat()),
    ("a key that nobody has", |own, _| {
        [&own[..1], &[7; 8], &own[9..]].concat()
    }),
    ("cut off", |own, _| own[..30].to_vec()),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_does_not_open_pauses_deliveries_fails_none_and_pages_say_why() {
    let story = Story::begin().await;
    let body = json!({ "goalId": story.goal, "url": story.receiver.url("/other"), "events": ["x.y"] });
    let other = story.api.post("/module/webhooks", body).await.response()["webhook"]["id"].clone();
    let lead = given::sign_in(&story.app, "lead").await;
    let (hooks, _) = sealed::all(&story.app.database);
    let of = |id: &serde_json::Value| {
        let found = hooks.iter().find(|hook| hook.id.0 == id.as_i64().expect("an id"));
        found.expect("a webhook").secret.clone()
    };
    let (own, others) = (of(&story.webhook), of(&other));
    let pages = format!("/projects/{}/webhooks/{}", story.goal, story.webhook);

    let paused = "deliveries are paused";
    let already = log::text().matches(paused).count();
    for (what, damage) in DAMAGES {
        let bytes = damage(&own, &others);
        let bytes = sealed::literal(&bytes);
        sealed::sql(
            &story.app.database,
            &format!(
                "UPDATE webhooks SET secret_sealed = {bytes} WHERE id = {}",
                story.webhook
            ),
        );
        let pasted = [
            ("headers", "X-Webhook-Signature: sha256=00"),
            ("body", "{}"),
            ("computed", ""),
        ];
        let check = lead.submit(&format!("{pages}/signature"), "/signature", &pasted).await;
        assert_eq!(check.status, 503, "{what}: {}", check.text());
        check.assert_says("cannot be opened with the server's master key");
        lead.get(&format!("{pages}/deliveries")).await.assert_status(200);
        lead.get(&format!("{pages}/edit")).await.assert_status(200);
    }
    story.task("Wait").await;
    wait::until(Duration::from_secs(20), "the engine paused", async || {
        (log::text().matches(paused).count() > already).then_some(())
    })
    .await;
    let waiting = story
        .api
        .get(&format!("/module/webhooks/deliveries/{}", story.webhook))
        .await;
    let waiting = waiting.response()[0].clone();
    let rotated = lead.submit(&format!("{pages}/rotate"), "/rotate", &[]).await;
    let secret = given::secret_on(&rotated);
    let story = story.restarted().await;
    let received = story.receiver.wait_for(1).await;

    assert_eq!(
        (&waiting["status"], &waiting["attempts"]),
        (&json!("pending"), &json!(0)),
        "{waiting}"
    );
    assert!(received[0].is_signed_with(&secret));
    assert_eq!(received[0].header("x-webhook-attempt"), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_do_not_open_can_be_entered_again_and_not_kept() {
    let story = Story::begin().await;
    let headers = json!({ "Authorization": "Bearer 4711", "X-Tenant": "7" });
    story.change_webhook(json!({ "headers": headers })).await;
    let (hooks, _) = sealed::all(&story.app.database);
    let mut bytes = hooks[0].headers.clone().expect("headers");
    bytes[50] ^= 1;
    let bytes = sealed::literal(&bytes);
    sealed::sql(
        &story.app.database,
        &format!("UPDATE webhooks SET headers_sealed = {bytes}"),
    );
    let change = |headers: serde_json::Value| json!({ "id": story.webhook, "headers": headers });

    let kept = story
        .api
        .patch("/module/webhooks", change(json!({ "Authorization": null })))
        .await;
    let untouched = story
        .api
        .patch("/module/webhooks", json!({ "id": story.webhook, "name": "CI" }))
        .await;
    let removed = story.api.patch("/module/webhooks", change(json!({}))).await;
    story.task("Send it without").await;
    let received_without = story.receiver.wait_for(1).await;
    sealed::sql(
        &story.app.database,
        &format!("UPDATE webhooks SET headers_sealed = {bytes}, header_names = '[\"Authorization\"]'"),
    );
    let entered = story
        .api
        .patch("/module/webhooks", change(json!({ "Authorization": "Bearer 4712" })))
        .await;
    story.task("Send it").await;
    let received = story.receiver.wait_for(2).await;

    assert_eq!(kept.status, 503, "{kept:?}");
    assert!(kept.body.to_string().contains("cannot be opened"), "{kept:?}");
    untouched.response();
    removed.response();
    assert_eq!(received_without[0].header("authorization"), None);
    entered.response();
    assert_eq!(received[1].header("authorization"), Some("Bearer 4712"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lacks_the_current_key_seals_nothing_and_says_so() {
    let story = Story::begin().await;
    // As if a rotation had passed it by.
    sealed::sql(
        &story.app.database,
        "INSERT INTO key_checks (key_id, sealed, created_at) SELECT '0707070707070707', sealed, 1 FROM key_checks",
    );
    sealed::sql(&story.app.database, "UPDATE vault SET current_key = '0707070707070707'");
    let lead = given::sign_in(&story.app, "lead").await;
    let rotate = format!("/projects/{}/webhooks/{}/rotate", story.goal, story.webhook);

    let on_page = lead.submit(&rotate, "/rotate", &[]).await;
    let in_api = story
        .api
        .post("/module/webhooks/rotate-secret", json!({ "id": story.webhook }))
        .await;
    let headers = json!({ "id": story.webhook, "headers": { "X-Tenant": "7" } });
    let headers = story.api.patch("/module/webhooks", headers).await;
    story.task("Send it").await;
    let received = story.receiver.wait_for(1).await;

    assert_eq!(
        (on_page.status, in_api.status, headers.status),
        (503, 503, 503),
        "{}",
        on_page.text()
    );
    on_page.assert_says("lacks the master key");
    assert!(
        received[0].is_signed_with(&story.secret),
        "what it has sealed before it opens as before"
    );
}
