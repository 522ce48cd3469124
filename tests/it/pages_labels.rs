//! Tags and statuses in a browser: added, changed, ordered and removed, by whom, up to which number, and what a receiver hears of a
//! removal.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, Project};
use crate::support::receiver::Receiver;

#[tokio::test]
async fn a_tag_is_added_changed_and_removed_on_its_page() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let labels = labels_of(&project);
    let menu = format!("a[href='{labels}']");
    let list = lead.get(&project.path).await;
    assert_eq!(
        list.texts(&format!(".menu {menu}, .head {menu}")),
        ["Tags and statuses"; 2]
    );

    let added = lead
        .submit(&labels, "/tags", &[("name", " urgent "), ("color", "#6a8f2f")])
        .await;
    added.assert_status(200);
    assert_eq!(
        added.texts(".labels a.tag"),
        ["bug", "api", "ux", "launch", "docs", "urgent"]
    );
    assert_eq!(
        added.attributes(".labels a.tag circle", "fill").last(),
        Some(&"#6a8f2f".to_owned())
    );

    let change = link(&lead, &labels, "Change urgent").await;
    let page = lead.get(&change).await;
    assert_eq!(page.attributes("#name", "value"), ["urgent"]);
    assert_eq!(page.attributes("[name=color][checked]", "value"), ["#6a8f2f"]);
    let saved = lead.send(&page.form("/edit").filled(&[("name", "later")])).await;
    saved.assert_says("Saved.").assert_says("later");

    let remove = link(&lead, &labels, "Remove later…").await;
    let question = lead.get(&remove).await;
    question
        .assert_says("Remove the tag “later”?")
        .assert_says("no task has it");
    let gone = lead.send(&question.form("/remove")).await;
    gone.assert_says("The tag “later” is removed.")
        .assert_says("No task had it.");
    assert_eq!(gone.texts(".labels a.tag"), ["bug", "api", "ux", "launch", "docs"]);
    lead.send(&question.form("/remove")).await.assert_status(404);
    lead.get(&change).await.assert_status(404);
}

#[tokio::test]
async fn a_status_is_added_changed_and_put_in_its_place() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let labels = labels_of(&project);

    let added = lead
        .submit(
            &labels,
            "/statuses",
            &[("name", "Blocked"), ("category", "in progress")],
        )
        .await;
    assert_eq!(
        added.texts("a.label-s"),
        ["To do", "In progress", "In review", "Done", "Blocked"]
    );
    assert_eq!(added.attributes("a.label-s svg", "aria-label")[4], "In progress");

    let change = link(&lead, &labels, "Change Blocked").await;
    let saved = lead
        .submit(&change, "/edit", &[("name", "Waiting"), ("category", "to do")])
        .await;
    saved.assert_says("Saved.");
    assert_eq!(saved.attributes("a.label-s svg", "aria-label")[4], "To do");

    let path = change.replace("/edit", "/move");
    for expected in [
        ["To do", "In progress", "In review", "Waiting", "Done"],
        ["To do", "In progress", "Waiting", "In review", "Done"],
        ["To do", "Waiting", "In progress", "In review", "Done"],
        ["Waiting", "To do", "In progress", "In review", "Done"],
        ["Waiting", "To do", "In progress", "In review", "Done"],
    ] {
        let moved = lead.post(&path, &[("to", "up")]).await;
        assert_eq!(moved.texts("a.label-s"), expected);
    }
    let moved = lead.post(&path, &[("to", "down")]).await;
    assert_eq!(
        moved.texts("a.label-s"),
        ["To do", "Waiting", "In progress", "In review", "Done"]
    );
    assert_eq!(
        lead.get(&project.path).await.texts("#statusId option"),
        ["No status", "To do", "Waiting", "In progress", "In review", "Done"]
    );
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_field_and_what_was_typed_is_kept() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let labels = labels_of(&project);
    let long = "x".repeat(51);

    for (name, complaint) in [
        ("", "A name has 1 to 50 characters."),
        (long.as_str(), "A name has 1 to 50 characters."),
        ("bug", "The project has a tag with this name already."),
    ] {
        let typed = [("name", name), ("color", "#6a8f2f")];
        let page = lead.submit(&labels, "/tags", &typed).await;

        page.assert_status(422).assert_says(complaint);
        assert_eq!(page.texts("#tag-err"), [complaint]);
        assert_eq!(page.attributes("#tag", "value"), [name]);
        assert_eq!(page.attributes("#tag, #status", "aria-invalid"), ["true"]);
        assert_eq!(page.attributes("[name=color][checked]", "value"), ["#6a8f2f"]);
    }
    for (name, complaint) in [
        (long.as_str(), "A name has 1 to 50 characters."),
        ("Done", "The project has a status with this name already."),
    ] {
        let typed = [("name", name), ("category", "in review")];
        let page = lead.submit(&labels, "/statuses", &typed).await;

        page.assert_status(422);
        assert_eq!(page.texts("#status-err"), [complaint]);
        assert_eq!(page.attributes("#status", "value"), [name]);
        assert_eq!(page.attributes("#category option[selected]", "value"), ["in review"]);
    }
    lead.post(&format!("{}/tags", project.path), &[("name", "x"), ("color", "red")])
        .await
        .assert_status(422)
        .assert_says("A color is written #rrggbb.");
    lead.post(&format!("{}/statuses", project.path), &[("name", "x")])
        .await
        .assert_status(422)
        .assert_says("A status is one of: to do, in progress, in review, done.");

    let change = link(&lead, &labels, "Change api").await;
    let page = lead.submit(&change, "/edit", &[("name", "bug")]).await;
    page.assert_status(422)
        .assert_says("The project has a tag with this name already.")
        .assert_says("api");
    assert_eq!(page.attributes("#name", "value"), ["bug"]);
    let change = link(&lead, &labels, "Change Done").await;
    let page = lead.submit(&change, "/edit", &[("name", "To do")]).await;
    page.assert_status(422)
        .assert_says("The project has a status with this name already.");
}

#[tokio::test]
async fn a_removed_tag_is_taken_off_its_tasks_with_an_event_for_each() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let member = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let mut tasks = Vec::new();
    for name in ["One", "Two", "Three"] {
        tasks.push(given::task(&lead, &project, name).await);
    }
    let tags = lead.get(&tasks[0].path).await.attributes("input[name=tags]", "value");
    for task in &tasks[..2] {
        lead.submit(&task.path, &task.path, &[("tags", &tags[0]), ("tags", &tags[1])])
            .await
            .assert_says("Saved.");
    }
    lead.post(&format!("{}/complete", tasks[1].path), &[("complete", "true")])
        .await
        .assert_status(200);
    let receiver = Receiver::start();
    given::webhook(&lead, &project, &receiver.url("/hook")).await;

    let question = member.get(&format!("{}/tags/{}/remove", project.path, tags[0])).await;
    question.assert_says("Tasks 2 tasks");
    let gone = member.send(&question.form("/remove")).await;

    gone.assert_says("The tag “bug” is removed.")
        .assert_says("It was taken off 2 tasks.");
    let kept: i64 = tags[1].parse().expect("an id");
    assert_eq!(
        told(&receiver, 2).await,
        [
            (tasks[0].id, json!({ "tags": [kept] }), 2),
            (tasks[1].id, json!({ "tags": [kept] }), 2),
        ]
    );
}

#[tokio::test]
async fn a_removed_status_moves_its_tasks_where_it_was_said_with_an_event_for_each() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let (one, two) = (
        given::task(&lead, &project, "One").await,
        given::task(&lead, &project, "Two").await,
    );
    let other = given::task(&lead, &project, "Elsewhere").await;
    let statuses = statuses_of(&lead, &project).await;
    let [to_do, in_progress, in_review, _] = &statuses[..] else {
        panic!("{statuses:?}")
    };
    lead.submit(&other.path, &other.path, &[("statusId", in_review)])
        .await
        .assert_says("Saved.");
    lead.submit(&one.path, "/subtasks", &[("subtask", "Below")])
        .await
        .assert_status(200);
    lead.post(&format!("{}/complete", two.path), &[("complete", "true")])
        .await
        .assert_status(200);
    let receiver = Receiver::start();
    given::webhook(&lead, &project, &receiver.url("/hook")).await;

    let remove = format!("{}/statuses/{to_do}/remove", project.path);
    let question = lead.get(&remove).await;
    question
        .assert_says("Remove the status “To do”?")
        .assert_says("Tasks 2 tasks");
    assert_eq!(question.texts("#to option"), ["In progress", "In review", "Done"]);
    assert_eq!(
        question.attributes("#to option[selected]", "value"),
        [in_progress.as_str()]
    );
    for nowhere in [to_do.as_str(), "999999", "x"] {
        let page = lead.send(&question.form("/remove").filled(&[("to", nowhere)])).await;
        page.assert_status(422)
            .assert_says("Choose another status of this project.");
    }
    let gone = lead.send(&question.form("/remove").filled(&[("to", in_review)])).await;

    gone.assert_says("The status “To do” is removed.")
        .assert_says("2 tasks are “In review” now.");
    assert_eq!(gone.texts("a.label-s"), ["In progress", "In review", "Done"]);
    let moved = json!({ "statusId": in_review.parse::<i64>().expect("an id") });
    assert_eq!(
        told(&receiver, 2).await,
        [(one.id, moved.clone(), 1), (two.id, moved, 1)]
    );
    lead.get(&remove).await.assert_status(404);

    let unused = format!("{}/statuses/{in_progress}/remove", project.path);
    let question = lead.get(&unused).await;
    question.assert_says("none stands there");
    lead.send(&question.form("/remove"))
        .await
        .assert_says("No task stood there.");
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn the_last_status_for_open_tasks_stays() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let statuses = statuses_of(&lead, &project).await;
    let path = |id: &String| format!("{}/statuses/{id}", project.path);
    for id in &statuses[..2] {
        lead.post(&format!("{}/remove", path(id)), &[]).await.assert_status(200);
    }
    let rule = "A project keeps at least one status for tasks that are not done.";

    let page = lead.get(&labels_of(&project)).await;
    let last = path(&statuses[2]);

    assert_eq!(page.texts("a.label-s"), ["In review", "Done"]);
    assert!(!page.links().contains(&format!("{last}/remove")), "there is no button");
    lead.get(&format!("{last}/remove")).await.assert_says(rule);
    lead.post(&format!("{last}/remove"), &[]).await.assert_says(rule);
    let page = lead
        .submit(&format!("{last}/edit"), "/edit", &[("category", "done")])
        .await;
    page.assert_status(422);
    assert_eq!(page.texts("#category-err"), [rule]);
    lead.post(&format!("{}/remove", path(&statuses[3])), &[])
        .await
        .assert_says("The status “Done” is removed.");
}

#[tokio::test]
async fn a_project_has_a_limited_number_of_each_and_says_so() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    for number in 5..200 {
        let typed = [("name", format!("t{number}")), ("color", "#000000".to_owned())];
        let typed = typed.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = lead.post_only(&format!("{}/tags", project.path), &typed).await;
        answer.assert_status(303);
    }
    for number in 4..50 {
        let typed = [("name", format!("s{number}")), ("category", "to do".to_owned())];
        let typed = typed.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = lead.post_only(&format!("{}/statuses", project.path), &typed).await;
        answer.assert_status(303);
    }
    let labels = labels_of(&project);

    let tag = lead.submit(&labels, "/tags", &[("name", "one too many")]).await;
    let status = lead.submit(&labels, "/statuses", &[("name", "one too many")]).await;

    tag.assert_status(422);
    assert_eq!(tag.texts("#tag-err"), ["A project has at most 200 tags."]);
    assert_eq!(tag.attributes("#tag", "value"), ["one too many"]);
    status.assert_status(422);
    assert_eq!(status.texts("#status-err"), ["A project has at most 50 statuses."]);
    assert_eq!(status.attributes("#status", "value"), ["one too many"]);
    assert_eq!(status.texts("a.label-s").len(), 50);
}

#[tokio::test]
async fn members_keep_tags_and_only_see_statuses_and_strangers_see_nothing() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let eve = given::person(&app, "eve").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let labels = labels_of(&project);
    let status = format!("{}/statuses", project.path);

    let page = bob.get(&labels).await;

    page.assert_says("To do")
        .assert_says("The owner and the managers of the project change this list.");
    page.form("/tags");
    let forms = page.forms();
    assert!(forms.iter().all(|form| !form.action.contains("/statuses")), "{forms:?}");
    assert!(page.links().iter().all(|link| !link.contains("/statuses")));
    bob.submit(&labels, "/tags", &[("name", "mine")])
        .await
        .assert_status(200)
        .assert_says("mine");
    // Whatever is wrong with it.
    for typed in [
        [("name", "Blocked"), ("category", "to do")],
        [("name", ""), ("category", "")],
    ] {
        bob.post(&status, &typed).await.assert_status(403);
        eve.post(&status, &typed).await.assert_status(404);
    }
    eve.get(&labels).await.assert_status(404);
    let tags = format!("{}/tags", project.path);
    eve.post(&tags, &[("name", "hers"), ("color", "#000000")])
        .await
        .assert_status(404);
    eve.post(&tags, &[("name", "")]).await.assert_status(404);
}

#[tokio::test]
async fn names_are_never_markup_and_an_archived_project_sends_nothing() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let nasty = "<b>\"'><script>x</script>";
    let labels = labels_of(&project);
    lead.submit(&labels, "/tags", &[("name", nasty)])
        .await
        .assert_status(200);
    lead.submit(&labels, "/statuses", &[("name", nasty)])
        .await
        .assert_status(200);
    let task = given::task(&lead, &project, "One").await;
    let page = lead.get(&task.path).await;
    let last = |css| page.attributes(css, "value").pop().expect("an id");
    let (tag, status) = (last("input[name=tags]"), last("#statusId option"));
    lead.send(&page.form(&task.path).filled(&[("tags", &tag), ("statusId", &status)]))
        .await
        .assert_says("Saved.");
    let receiver = Receiver::start();
    given::webhook(&lead, &project, &receiver.url("/hook")).await;
    lead.post(&format!("{}/archive", project.path), &[("archived", "1")])
        .await
        .assert_status(200);

    let tag = format!("{}/tags/{tag}", project.path);
    let status = format!("{}/statuses/{status}", project.path);
    for path in [
        &project.path,
        &labels,
        &format!("{tag}/edit"),
        &format!("{status}/edit"),
        &format!("{tag}/remove"),
        &format!("{status}/remove"),
    ] {
        let page = lead.get(path).await;
        page.assert_status(200).assert_says(nasty);
        assert!(
            !page.html.contains("<script>") && !page.html.contains("<b>\""),
            "{path}"
        );
    }

    for path in [tag, status] {
        let question = lead.get(&format!("{path}/remove")).await;
        question.assert_says("1 task").assert_says("This project is archived");
        lead.send(&question.form("/remove")).await.assert_says("is removed.");
    }
    let page = lead.get(&task.path).await;
    assert!(page.attributes("input[name=tags][checked]", "value").is_empty());
    assert_eq!(page.texts("#statusId option[selected]"), ["To do"]);
    lead.post(&format!("{}/archive", project.path), &[("archived", "0")])
        .await
        .assert_status(200);
    lead.submit(&format!("{}/delete", task.path), "/delete", &[])
        .await
        .assert_status(200);
    assert_eq!(receiver.wait_for(1).await[0].json()["event"], "task.deleted");
}

#[tokio::test]
async fn a_form_that_names_what_was_removed_meanwhile_keeps_what_was_typed() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let task = given::task(&lead, &project, "One").await;
    let statuses = statuses_of(&lead, &project).await;
    let list = lead.get(&format!("{}?status={}", project.path, statuses[1])).await;
    let page = lead.get(&task.path).await;
    lead.post(&format!("{}/statuses/{}/remove", project.path, statuses[1]), &[])
        .await
        .assert_status(200);

    let typed = [("statusId", statuses[1].as_str()), ("note", "A long thought")];
    let refused = lead.send(&page.form(&task.path).filled(&typed)).await;
    let added = lead
        .send(
            &list
                .form(&format!("/tasks?status={}", statuses[1]))
                .filled(&[("description", "Typed")]),
        )
        .await;

    refused
        .assert_status(422)
        .assert_says("was removed meanwhile")
        .assert_says("A long thought");
    added.assert_status(422).assert_says("was removed meanwhile");
    assert_eq!(added.attributes("#description", "value"), ["Typed"]);
}

#[tokio::test]
async fn a_status_that_goes_while_tasks_are_put_there_leaves_none_behind() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let status = statuses_of(&lead, &project).await.remove(1);
    let (adds, remove) = (
        format!("{}/tasks", project.path),
        format!("{}/statuses/{status}/remove", project.path),
    );

    let adding: Vec<_> = (0..12)
        .map(|number| {
            let (lead, adds, status) = (lead.clone(), adds.clone(), status.clone());
            tokio::spawn(async move {
                let name = format!("Task {number}");
                let typed = [("description", name.as_str()), ("statusId", status.as_str())];
                lead.post_only(&adds, &typed).await.status
            })
        })
        .collect();
    let removed = lead.post_only(&remove, &[]).await;
    let mut added = 0;
    for one in adding {
        match one.await.expect("an answer") {
            303 => added += 1,
            status => assert_eq!(status, 422),
        }
    }

    removed.assert_status(303);
    let list = lead.get(&project.path).await;
    assert_eq!(list.texts(".task-name a").len(), added);
    assert_eq!(list.texts(".tgroup h2"), vec![format!("To do {added}"); added.min(1)]);
}

fn labels_of(project: &Project) -> String {
    format!("{}/labels", project.path)
}

/// Where the icon with this name leads.
async fn link(browser: &Browser, path: &str, name: &str) -> String {
    let page = browser.get(path).await;
    page.attributes(&format!("a[aria-label='{name}']"), "href").remove(0)
}

/// Ids, in order.
async fn statuses_of(browser: &Browser, project: &Project) -> Vec<String> {
    let page = browser.get(&project.path).await;
    page.attributes("#statusId option", "value").split_off(1)
}

/// Which tasks changed how, and who did it; by task.
async fn told(receiver: &Receiver, n: usize) -> Vec<(i64, Value, i64)> {
    let received = receiver.wait_for(n).await;
    let mut told: Vec<_> = received
        .iter()
        .map(|request| {
            let body = request.json();
            assert_eq!(body["event"], "task.updated");
            let number = |value: &Value| value.as_i64().expect("an id");
            (
                number(&body["task"]["id"]),
                body["changes"].clone(),
                number(&body["initiatorId"]),
            )
        })
        .collect();
    told.sort_by_key(|(task, ..)| *task);
    told
}
