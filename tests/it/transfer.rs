//! `export` and `import`, beside a running server: what is written is read again, and an import is all or nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::process::{Told, command, tell};
use crate::support::story::Story;

fn run(app: &App, arguments: &[&str]) -> Told {
    tell(command(&app.database).args(arguments))
}

struct File(tempfile::TempDir);

impl File {
    fn of(text: &str) -> File {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("hooks.toml"), text).expect("written");
        File(folder)
    }

    fn path(&self) -> String {
        let path: PathBuf = self.0.path().join("hooks.toml");
        path.to_string_lossy().into_owned()
    }
}

async fn hooks(story: &Story, goal: &Value) -> Vec<Value> {
    let all = story.api.get(&format!("/module/webhooks?goalId={goal}")).await;
    all.response().as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_project_exports_another_imports() {
    let story = Story::begin().await;
    story
        .change_webhook(
            json!({ "name": "CI", "headers": { "Authorization": "Bearer 4711" }, "retrySchedule": "patient" }),
        )
        .await;
    let body = json!({ "goalId": story.goal, "url": "http://localhost:4545/b", "events": ["invoice.paid"] });
    let second = story.api.post("/module/webhooks", body).await.response()["webhook"]["id"].clone();
    let off = json!({ "id": second, "isActive": false });
    story.api.patch("/module/webhooks", off).await.response();
    let goal = story
        .api
        .post("/module/goals", json!({ "name": "Copy" }))
        .await
        .response()["id"]
        .clone();

    let exported = run(&story.app, &["export", "Website"]);
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    assert!(
        !exported.out.contains("4711") && !exported.out.contains("whsec_"),
        "{}",
        exported.out
    );
    let same = run(&story.app, &["import", "Website", &File::of(&exported.out).path()]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(
        same.out.starts_with("= CI\n= http://localhost:4545/b\n"),
        "{}",
        same.out
    );

    let without_value = run(&story.app, &["import", "Copy", &File::of(&exported.out).path()]);
    assert_eq!(without_value.code, Some(1));
    assert!(
        without_value
            .err
            .contains("webhook 1 (CI): headers: “Authorization”: There is no value to keep"),
        "{}",
        without_value.err
    );
    assert_eq!(hooks(&story, &goal).await.len(), 0, "all or nothing");
    let file = File::of(&exported.out.replace("••••", "Bearer 4712"));
    let dry = run(&story.app, &["import", "Copy", &file.path(), "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.err);
    assert!(
        dry.out.contains("+ CI: ") && dry.out.contains("dry run: nothing was changed in “Copy”"),
        "{}",
        dry.out
    );
    assert_eq!(hooks(&story, &goal).await.len(), 0);

    let done = run(
        &story.app,
        &["import", &goal.to_string(), &file.path(), "--show-secrets"],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("secret of CI: whsec_"), "{}", done.out);
    let copied = hooks(&story, &goal).await;
    let original = hooks(&story, &story.goal).await;
    let shape =
        |one: &Value| ["name", "url", "events", "isActive", "retrySchedule", "headerNames"].map(|key| one[key].clone());
    assert_eq!(
        copied.iter().map(shape).collect::<Vec<_>>(),
        original.iter().map(shape).collect::<Vec<_>>()
    );
    let task = json!({ "goalId": goal, "description": "Fix login bug" });
    story.api.post("/module/tasks", task).await.response();
    let request = story.receiver.wait_for(1).await.remove(0);
    let secret = done
        .out
        .lines()
        .find_map(|line| line.strip_prefix("secret of CI: "))
        .expect("a secret");
    assert!(request.is_signed_with(secret), "the running server signs with it");
    assert_eq!(request.header("authorization"), Some("Bearer 4712"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_changes_what_differs_and_leaves_the_rest() {
    let story = Story::begin().await;
    story.change_webhook(json!({ "name": "CI" })).await;
    let url = story.webhook().await["url"].clone();
    let file = File::of(&format!(
        "[[webhook]]\nname = \"CI\"\nurl = {url}\nevents = [\"task.created\", \"build.finished\"]\nactive = false\n\n\
         [[webhook]]\nname = \"New\"\nurl = \"http://localhost:4545/new\"\nevents = [\"task.deleted\"]\n"
    ));
    let body = json!({ "goalId": story.goal, "url": "http://localhost:4545/other", "events": ["task.created"], "name": "Other" });
    story.api.post("/module/webhooks", body).await.response();

    let told = run(&story.app, &["import", "Website", &file.path()]);

    assert_eq!(told.code, Some(0), "{}", told.err);
    for line in [
        "~ CI",
        "    events: task.created, task.updated, task.deleted, task.assigneesChanged → task.created, build.finished",
        "    active: on → off",
        "+ New: http://localhost:4545/new for task.deleted",
        "  Other is not in the file and is left alone",
        "New has a new secret: rotate it on its page to see one, or import with --show-secrets",
        "imported into “Website”",
    ] {
        assert!(told.out.lines().any(|one| one == line), "{line}\n{}", told.out);
    }
    assert!(!told.out.contains("whsec_"));
    let webhook = story.webhook().await;
    assert_eq!(
        (&webhook["events"], &webhook["isActive"]),
        (&json!(["task.created", "build.finished"]), &json!(false))
    );
    story
        .api
        .post(
            "/module/events",
            json!({ "goalId": story.goal, "event": "build.finished", "data": {} }),
        )
        .await
        .response();
    let on = File::of(&format!(
        "[[webhook]]\nname = \"CI\"\nurl = {url}\nevents = [\"task.created\"]\nactive = true\n"
    ));
    let held = run(&story.app, &["import", "Website", &on.path()]);
    assert_eq!(held.code, Some(1));
    assert!(held.err.contains("Deliveries are held for CI"), "{}", held.err);
    assert_eq!(
        story.webhook().await["events"],
        json!(["task.created", "build.finished"]),
        "all or nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_wrong_with_a_file_is_said_at_once() {
    let story = Story::begin().await;
    let url = story.webhook().await["url"].clone();
    for (file, sentences) in [
        ("[[webhook]]\nurl = \"x\"\n".to_owned(), &["missing field `events`"] as &[&str]),
        (
            "[[webhook]]\nname = \"A\"\nurl = \"ftp://x\"\nevents = [\"task.exploded\"]\nretry_schedule = \"standard\"\n\
             [[webhook]]\nname = \"A\"\nurl = \"https://a.example/\"\nevents = [\"task.created\"]\n\
             [[webhook]]\nname = \"B\"\nurl = \"https://a.example/\"\nevents = []\nretry_schedule = \"hourly\"\n"
                .to_owned(),
            &[
                "webhook 1 (A): url: ",
                "webhook 1 (A): events: There is no event “task.exploded”.",
                "webhook 2 (A): name: Two webhooks of the file",
                "webhook 3 (B): retry_schedule: “hourly” is no schedule",
            ],
        ),
        (
            format!("[[webhook]]\nurl = {url}\nevents = [\"task.created\"]\nheaders = {{ Host = \"x\" }}\n"),
            &["headers: “Host”"],
        ),
    ] {
        for arguments in [&["--dry-run"] as &[&str], &[]] {
            let file = File::of(&file);
            let path = file.path();
            let told = run(&story.app, &[&["import", "Website", &path], arguments].concat());

            assert_eq!(told.code, Some(1), "{}", told.out);
            for sentence in sentences {
                assert!(told.err.contains(sentence), "{sentence}\n{}", told.err);
            }
        }
    }
    assert_eq!(hooks(&story, &story.goal).await.len(), 1);
    let missing = run(&story.app, &["export", "Nothing"]);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.err.contains("There is no project “Nothing”."),
        "{}",
        missing.err
    );
    story
        .api
        .post("/module/goals", json!({ "name": "Website" }))
        .await
        .response();
    let twice = run(&story.app, &["export", "Website"]);
    assert!(twice.err.contains("2 projects are called “Website”"), "{}", twice.err);
}
