//! The list of tasks by tag, status and person: what it shows, what stands in its address, and that ticks and new tasks come back
//! to it.

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, Project, Task};
use crate::support::page::Page;

/// A project with tasks that differ in one thing each.
struct Scene {
    app: App,
    lead: Browser,
    project: Project,
    /// Has the tag `bug`.
    tagged: Task,
    /// Has no tag; one of its subtasks has `bug` and is the lead's.
    above: Task,
    /// In progress, the lead's.
    begun: Task,
    /// Of the tag and of the status.
    tag: String,
    status: String,
}

impl Scene {
    async fn begin() -> Scene {
        let app = App::start().await;
        let lead = given::lead(&app).await;
        let project = given::project(&lead, "Storefront").await;
        let tagged = given::task(&lead, &project, "Tagged").await;
        let above = given::task(&lead, &project, "Above").await;
        let begun = given::task(&lead, &project, "Begun").await;
        let page = lead.get(&tagged.path).await;
        let tag = page.attributes("input[name=tags]", "value").remove(0);
        let status = page.attributes("#statusId option", "value").remove(2);
        let save = async |path: &str, typed: &[(&str, &str)]| {
            lead.submit(path, path, typed).await.assert_says("Saved.");
        };
        save(&tagged.path, &[("tags", &tag)]).await;
        save(&begun.path, &[("statusId", &status), ("assignees", "1")]).await;
        let page = lead.submit(&above.path, "/subtasks", &[("subtask", "Below")]).await;
        let below = page.attributes(".task-name a", "href").remove(0);
        save(&below, &[("tags", &tag), ("assignees", "1")]).await;
        Scene {
            app,
            lead,
            project,
            tagged,
            above,
            begun,
            tag,
            status,
        }
    }

    fn path(&self, query: &str) -> String {
        format!("{}{query}", self.project.path)
    }

    async fn list(&self, query: &str) -> Page {
        let page = self.lead.get(&self.path(query)).await;
        page.assert_status(200);
        page
    }
}

#[tokio::test]
async fn a_list_shows_what_has_the_tag_the_status_and_the_person() {
    let scene = Scene::begin().await;
    let (tag, status) = (&scene.tag, &scene.status);

    for (query, expected) in [
        (String::new(), vec!["Begun", "Tagged", "Above", "Below"]),
        (format!("?tag={tag}"), vec!["Tagged", "Above", "Below"]),
        (format!("?status={status}"), vec!["Begun"]),
        ("?assignee=me".into(), vec!["Begun", "Above", "Below"]),
        ("?assignee=1".into(), vec!["Begun", "Above", "Below"]),
        ("?assignee=none".into(), vec!["Tagged", "Above", "Below"]),
        ("?show=mine".into(), vec!["Begun", "Above", "Below"]),
        (format!("?tag={tag}&assignee=me"), vec!["Above", "Below"]),
        (format!("?tag={tag}&status={status}"), vec![]),
        ("?status=none".into(), vec![]),
        ("?tag=999999".into(), vec![]),
        (
            "?tag=x&status=y&assignee=z".into(),
            vec!["Begun", "Tagged", "Above", "Below"],
        ),
    ] {
        assert_eq!(scene.list(&query).await.texts(".task-name a"), expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_chosen_stands_in_the_form_and_is_taken_away_chip_by_chip() {
    let scene = Scene::begin().await;
    let (tag, status) = (&scene.tag, &scene.status);

    let page = scene
        .list(&format!("?show=late&tag={tag}&status={status}&assignee=me"))
        .await;

    let chosen = page.texts(".filters option[selected]");
    assert_eq!(chosen, ["Late", "bug", "In progress", "Me"]);
    assert_eq!(
        page.texts(".chip"),
        [
            "Remove filter Late",
            "Remove filter bug",
            "Remove filter In progress",
            "Remove filter Mine"
        ]
    );
    let without = [
        format!("?tag={tag}&status={status}&assignee=me"),
        format!("?show=late&status={status}&assignee=me"),
        format!("?show=late&tag={tag}&assignee=me"),
        format!("?show=late&tag={tag}&status={status}"),
    ];
    assert_eq!(
        page.attributes(".chip", "href"),
        without.map(|query| scene.path(&query))
    );
    page.assert_says("No tasks match");
    let show_all = page.attributes(".empty a", "href");
    assert_eq!(show_all, [scene.project.path.as_str()]);

    let plain = scene.list("").await;
    assert!(plain.texts(".chip").is_empty());
    let links = plain.attributes(".task .tags a", "href");
    assert_eq!(
        links,
        [scene.path(&format!("?tag={tag}")), scene.path(&format!("?tag={tag}"))]
    );
    let narrowed = scene.list("?assignee=me").await;
    assert_eq!(
        narrowed.attributes(".task .tags a", "href"),
        [scene.path(&format!("?assignee=me&tag={tag}"))]
    );
}

#[tokio::test]
async fn filters_name_what_is_gone_and_may_be_taken_away() {
    let scene = Scene::begin().await;

    let page = scene.list("?tag=999999&status=999999&assignee=999999").await;

    assert_eq!(
        page.texts(".chip"),
        [
            "Remove filter A tag that was removed",
            "Remove filter A status that was removed",
            "Remove filter Somebody who left"
        ]
    );
    let refused = scene
        .lead
        .send(&page.form("assignee=999999").filled(&[("description", "Typed")]))
        .await;
    refused.assert_status(422).assert_says("was removed meanwhile");
    assert_eq!(refused.attributes("#description", "value"), ["Typed"]);
    scene.list("").await.assert_says("3 open");
}

#[tokio::test]
async fn a_tick_comes_back_to_the_row_in_the_same_list() {
    let scene = Scene::begin().await;
    let query = format!("?tag={}&assignee=none", scene.tag);
    let ticked = async |path: &str| {
        let answer = scene.lead.post_only(path, &[("complete", "true")]).await;
        answer.assert_status(303);
        answer.headers["location"].to_str().expect("an address").to_owned()
    };

    let page = scene.list(&query).await;
    let form = page.form(&format!("/tasks/{}/complete{query}", scene.tagged.id));

    assert_eq!(page.attributes(".tick", "id")[0], format!("t-{}", scene.tagged.id));
    assert_eq!(
        ticked(&form.action).await,
        scene.path(&format!("{query}#t-{}", scene.tagged.id))
    );
    let below = format!("{}/complete?task={}", scene.begun.path, scene.above.id);
    assert_eq!(
        ticked(&below).await,
        format!("{}#t-{}", scene.above.path, scene.begun.id)
    );
    let odd = format!("{}/complete?show=%0d%0ax&tag=//elsewhere", scene.begun.path);
    assert_eq!(ticked(&odd).await, scene.path(&format!("#t-{}", scene.begun.id)));
}

#[tokio::test]
async fn a_new_task_gets_what_the_list_is_filtered_by() {
    let scene = Scene::begin().await;
    let query = format!("?tag={}&status={}&assignee=me", scene.tag, scene.status);
    let add = async |query: &str, typed: &[(&str, &str)]| {
        let page = scene.list(query).await;
        let form = page.form(&format!("/tasks{query}")).filled(typed);
        scene.lead.send(&form).await
    };

    let page = add(&query, &[("description", "Fresh")]).await;

    assert_eq!(page.path, scene.path(&query));
    assert_eq!(page.texts(".task-name a"), ["Fresh"]);
    let task = scene.lead.get(&page.attributes(".task-name a", "href")[0]).await;
    assert_eq!(task.attributes("[name=tags][checked]", "value"), [scene.tag.as_str()]);
    assert_eq!(task.attributes("[name=assignees][checked]", "value"), ["1"]);
    assert_eq!(task.texts("#statusId option[selected]"), ["In progress"]);

    let unsorted = add("?status=none", &[("description", "Unsorted")]).await;
    assert_eq!(unsorted.texts(".task-name a"), ["Unsorted"]);
    // What the list cannot show is said.
    let hidden = add("?show=completed", &[("description", "Open")]).await;
    hidden
        .assert_says("The task was added.")
        .assert_says("It is not in this list");
    let elsewhere = add("?status=none", &[("description", "Else"), ("statusId", &scene.status)]).await;
    elsewhere.assert_says("It is not in this list");
    assert_eq!(elsewhere.texts(".task-name a"), ["Unsorted"]);
    let refused = add(&query, &[("description", " ")]).await;
    refused.assert_status(422).assert_says("Enter a description.");
    assert_eq!(refused.texts(".chip").len(), 3);
}

#[tokio::test]
async fn me_is_whoever_looks() {
    let scene = Scene::begin().await;
    let bob = given::person(&scene.app, "bob").await;
    given::member(&scene.lead, &scene.project, "bob").await;

    let page = bob.get(&scene.path("?assignee=me")).await;

    page.assert_says("Nothing is yours");
    assert_eq!(page.texts("#assignee option"), ["Anybody", "Me", "Nobody", "Lead"]);
    let added = bob
        .send(&page.form("/tasks?assignee=me").filled(&[("description", "Bob's")]))
        .await;
    assert_eq!(added.texts(".task-name a"), ["Bob's"]);
    assert_eq!(added.texts(".tlist .face .sr"), ["bob"]);
}
