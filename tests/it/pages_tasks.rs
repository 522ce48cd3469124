//! Working with tasks in a browser, and what a webhook hears of it.

use serde_json::{Map, Value, json};

use crate::support::app::App;
use crate::support::given;
use crate::support::receiver::Receiver;

#[tokio::test]
async fn a_task_is_added_edited_completed_and_deleted_on_the_pages() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    lead.get(&project.path).await.assert_says("Nothing to do yet");
    let task = given::task(&lead, &project, "Fix login bug").await;

    let page = lead.get(&task.path).await;
    let tag = page.attributes("input[name=tags]", "value")[0].clone();
    let status = page.attributes("#statusId option", "value")[2].clone();
    let typed = [
        ("note", "two\r\nlines"),
        ("priorityId", "3"),
        ("statusId", status.as_str()),
        ("tags", tag.as_str()),
        ("assignees", "1"),
        ("endDate", "2031-04-01"),
        ("endTime", "17:30"),
    ];
    let saved = lead.send(&page.form(&task.path).filled(&typed)).await;
    saved.assert_status(200).assert_says("Saved.").assert_says("two lines");
    assert_eq!(saved.attributes("#endDate", "value"), ["2031-04-01"]);
    assert_eq!(saved.attributes("#endTime", "value"), ["17:30"]);
    assert_eq!(saved.attributes("input[name=assignees][checked]", "value"), ["1"]);
    let list = lead.get(&project.path).await;
    list.assert_says("In progress 1").assert_says("1 Apr 2031");
    assert_eq!(list.attributes(".task [data-p]", "aria-label"), ["Priority high"]);

    let ticked = lead.send(&list.form("/complete").filled(&[("complete", "true")])).await;
    ticked
        .assert_status(200)
        .assert_says("Completed 1")
        .assert_says("0 open");

    let gone = lead.submit(&format!("{}/delete", task.path), "/delete", &[]).await;
    gone.assert_status(200)
        .assert_says("1 task deleted.")
        .assert_says("Nothing to do yet");
    lead.get(&task.path).await.assert_status(404);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_field_and_what_was_typed_is_kept() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let task = given::task(&lead, &project, "Fix login bug").await;

    let typed = [("description", "Other words"), ("endTime", "17:30")];
    let page = lead.submit(&task.path, &task.path, &typed).await;

    page.assert_status(422)
        .assert_says("A time needs its date.")
        .assert_says("Other words");
    assert_eq!(page.attributes("#endTime", "aria-invalid"), ["true"]);
    assert_eq!(page.attributes("#endTime", "value"), ["17:30"]);
    lead.get(&project.path).await.assert_says("Fix login bug");

    let long = "x".repeat(2_001);
    let page = lead.submit(&project.path, "/tasks", &[("description", &long)]).await;
    page.assert_status(422).assert_says("At most 2000 characters.");
    assert_eq!(page.attributes("#description", "value"), [long]);
}

#[tokio::test]
async fn a_subtask_that_is_refused_stays_in_its_field() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let task = given::task(&lead, &project, "Fix login bug").await;
    let long = "x".repeat(2001);

    let page = lead.submit(&task.path, "/subtasks", &[("subtask", &long)]).await;

    page.assert_status(422).assert_says("At most 2000 characters.");
    assert_eq!(page.attributes("#subtask", "value"), [long]);
}

#[tokio::test]
async fn a_task_has_subtasks_that_are_ticked_where_they_stand() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let task = given::task(&lead, &project, "Fix login bug").await;
    for name in ["Reproduce", "Repair"] {
        lead.submit(&task.path, "/subtasks", &[("subtask", name)])
            .await
            .assert_status(200)
            .assert_says(name);
    }

    let page = lead.get(&task.path).await;
    let ticked = lead
        .send(
            &page
                .form(&format!("/complete?task={}", task.id))
                .filled(&[("complete", "true")]),
        )
        .await;

    assert_eq!(ticked.path, task.path);
    ticked.assert_says("1 of 2 done");
    lead.get(&project.path).await.assert_says("1 of 2");
    let question = lead.get(&format!("{}/delete", task.path)).await;
    question.assert_says("and its 2 subtasks will be gone");
    lead.send(&question.form("/delete"))
        .await
        .assert_says("3 tasks deleted.");
}

#[tokio::test]
async fn what_people_type_is_never_markup() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let nasty = "<script>alert(1)</script>\"'><b>";
    let task = given::task(&lead, &project, nasty).await;
    lead.submit(&task.path, &task.path, &[("note", "</textarea><script>")])
        .await
        .assert_status(200);

    for path in [&project.path, &task.path, &format!("{}/delete", task.path)] {
        let page = lead.get(path).await;
        page.assert_says(nasty);
        assert!(
            !page.html.contains("<script>") && !page.html.contains("<b>\""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_stranger_finds_nothing_and_an_id_of_another_project_is_nothing() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let task = given::task(&lead, &project, "Fix login bug").await;
    let other = given::project(&lead, "Other").await;
    let stranger = given::person(&app, "eve").await;
    let complete = format!("{}/complete", task.path);

    stranger.get(&project.path).await.assert_status(404);
    stranger.get(&task.path).await.assert_status(404);
    stranger
        .post(&complete, &[("complete", "true")])
        .await
        .assert_status(404);
    stranger
        .post(&format!("{}/tasks", project.path), &[("description", "x")])
        .await
        .assert_status(404);
    lead.get(&format!("{}/tasks/{}", other.path, task.id))
        .await
        .assert_status(404);
    let elsewhere = format!("{}/tasks/{}/delete", other.path, task.id);
    lead.post(&elsewhere, &[]).await.assert_status(404);

    lead.get(&project.path)
        .await
        .assert_says("Fix login bug")
        .assert_says("1 open");
}

#[tokio::test]
async fn the_list_shows_what_is_mine_late_or_completed() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let mine = given::task(&lead, &project, "Mine alone").await;
    lead.submit(&mine.path, &mine.path, &[("assignees", "1")])
        .await
        .assert_says("Saved.");
    let late = given::task(&lead, &project, "Long overdue").await;
    lead.submit(&late.path, &late.path, &[("endDate", "2001-01-01")])
        .await
        .assert_says("Saved.");
    let done = given::task(&lead, &project, "Finished work").await;
    lead.post(&format!("{}/complete", done.path), &[("complete", "true")])
        .await
        .assert_status(200);

    for (show, expected) in [
        ("open", vec!["Mine alone", "Long overdue", "Finished work"]),
        ("mine", vec!["Mine alone"]),
        ("late", vec!["Long overdue"]),
        ("completed", vec!["Finished work"]),
    ] {
        let page = lead.get(&format!("{}?show={show}", project.path)).await;
        assert_eq!(page.texts(".task-name a"), expected, "{show}");
    }
}

#[tokio::test]
async fn every_change_on_a_page_reaches_the_receiver_as_the_documentation_says() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let receiver = Receiver::start();
    let webhook = given::webhook(&lead, &project, &receiver.url("/hook")).await;

    let task = given::task(&lead, &project, "Fix login bug").await;
    let page = lead.get(&task.path).await;
    let status = page.attributes("#statusId option", "value")[2].clone();
    lead.send(&page.form(&task.path)).await.assert_says("Saved.");
    lead.send(&page.form(&task.path).filled(&[("statusId", &status)]))
        .await
        .assert_says("Saved.");
    let page = lead.get(&task.path).await;
    lead.send(&page.form(&task.path).filled(&[("assignees", "1")]))
        .await
        .assert_says("Saved.");
    lead.submit(&format!("{}/delete", task.path), "/delete", &[])
        .await
        .assert_status(200);

    let mut received = receiver.wait_for(4).await;
    assert!(received.iter().all(|request| request.is_signed_with(&webhook.secret)));
    received.sort_by_key(|request| request.json()["timestamp"].as_str().unwrap_or_default().to_owned());
    let bodies: Vec<Map<String, Value>> = received
        .iter()
        .map(|request| serde_json::from_slice(&request.body).expect("an object"))
        .collect();
    let events: Vec<_> = bodies.iter().map(|body| body["event"].clone()).collect();
    assert_eq!(
        events,
        ["task.created", "task.updated", "task.assigneesChanged", "task.deleted"]
    );
    let keys = |body: &Map<String, Value>| body.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&bodies[1]),
        ["event", "timestamp", "task", "changes", "initiatorId"]
    );
    assert_eq!(
        keys(bodies[1]["task"].as_object().expect("a task"))[..9],
        [
            "id",
            "goalId",
            "description",
            "complete",
            "statusId",
            "priorityId",
            "tags",
            "assignedUsers",
            "subtasks"
        ]
    );
    let status: i64 = status.parse().expect("a number");
    assert_eq!(bodies[1]["changes"], json!({ "statusId": status }));
    assert_eq!(bodies[1]["task"]["statusId"], json!(status));
    assert_eq!(
        keys(&bodies[2]),
        ["event", "timestamp", "task", "taskId", "userIds", "initiatorId"]
    );
    assert_eq!(bodies[2]["userIds"], json!([1]));
    assert_eq!(
        keys(&bodies[3]),
        ["event", "timestamp", "task", "taskId", "goalId", "initiatorId"]
    );
    assert_eq!(bodies[3]["goalId"], json!(project.id));
}
