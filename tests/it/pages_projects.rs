//! Projects in a browser: made, edited, put away, deleted; and who may do that.

use crate::support::app::App;
use crate::support::given;

#[tokio::test]
async fn who_has_no_project_is_invited_to_make_one() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let home = lead.get("/").await;
    home.assert_status(200).assert_says("Create your first project");
    assert!(home.links().contains(&"/projects/new".to_owned()));

    let typed = [("name", " Storefront "), ("description", "Why"), ("color", "#2f9480")];
    let made = lead.submit("/projects/new", "/projects/new", &typed).await;

    made.assert_status(200)
        .assert_says("“Storefront” is ready.")
        .assert_says("Storefront");
    let edit = lead.get(&format!("{}/edit", made.path)).await;
    let kept = edit.form("/edit").fields;
    for (name, value) in [("name", "Storefront"), ("description", "Why"), ("color", "#2f9480")] {
        assert!(kept.contains(&(name.to_owned(), value.to_owned())), "{kept:?}");
    }
    assert_eq!(lead.get("/").await.path, made.path, "home leads to the first project");
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_field_and_what_was_typed_is_kept() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let long = "x".repeat(201);
    let typed = [
        ("name", long.as_str()),
        ("description", "Kept <b>"),
        ("color", "#2f9480"),
    ];

    for path in ["/projects/new".to_owned(), format!("{}/edit", project.path)] {
        let page = lead.submit(&path, &path, &typed).await;

        page.assert_status(422).assert_says("At most 200 characters.");
        assert_eq!(page.attributes("#name", "aria-invalid"), ["true"]);
        assert_eq!(page.attributes("#name", "value"), [long.as_str()]);
        assert_eq!(page.texts("#description"), ["Kept <b>"]);
        assert_eq!(page.attributes("[name=color][checked]", "value"), ["#2f9480"]);
    }
    let page = lead.post("/projects/new", &[("name", "A"), ("color", "red")]).await;
    page.assert_status(422).assert_says("A color is written #rrggbb.");
    assert_eq!(lead.get("/").await.path, project.path, "nothing was made");
}

#[tokio::test]
async fn a_description_may_be_long_in_every_script() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let long = "長".repeat(5_000);

    let made = lead
        .post("/projects/new", &[("name", "Storefront"), ("description", &long)])
        .await;

    made.assert_status(200).assert_says("“Storefront” is ready.");
    let edit = lead.get(&format!("{}/edit", made.path)).await;
    assert_eq!(edit.texts("#description"), [long.as_str()]);
}

#[tokio::test]
async fn an_archived_project_says_so_on_every_page_and_can_be_taken_back() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let other = given::project(&lead, "Mobile").await;
    let edit = format!("{}/edit", project.path);

    let page = lead.submit(&edit, "/archive", &[("archived", "1")]).await;

    page.assert_status(200)
        .assert_says("“Storefront” is archived.")
        .assert_says("This project is archived.");
    lead.get(&other.path).await.assert_says("archived");
    assert_eq!(lead.get("/").await.path, other.path, "home leads to one that is in use");

    let page = lead.submit(&edit, "/archive", &[("archived", "0")]).await;
    page.assert_says("“Storefront” is back.");
    assert!(!lead.get(&other.path).await.says("archived"));
}

#[tokio::test]
async fn deleting_asks_first_with_numbers_and_then_nothing_is_left_to_see() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    given::task(&lead, &project, "Fix login bug").await;
    let webhook = given::webhook(&lead, &project, "http://127.0.0.1:9/hook").await;

    let question = lead.get(&format!("{}/delete", project.path)).await;
    question
        .assert_status(200)
        .assert_says("Delete “Storefront”?")
        .assert_says("Tasks 1")
        .assert_says("Webhooks 1")
        .assert_says("you and 1 other");
    let gone = lead.send(&question.form("/delete")).await;

    gone.assert_status(200)
        .assert_says("“Storefront” is deleted.")
        .assert_says("Create your first project");
    for path in ["", "/edit", "/delete", "/members", "/webhooks", "/leave"] {
        for person in [&lead, &bob] {
            person.get(&format!("{}{path}", project.path)).await.assert_status(404);
        }
    }
    lead.get(&format!("{}/deliveries", webhook.path))
        .await
        .assert_status(404);
    lead.send(&question.form("/delete")).await.assert_status(404);
}

#[tokio::test]
async fn a_manager_edits_a_member_looks_and_a_stranger_finds_nothing() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let eve = given::person(&app, "eve").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let at = |path: &str| format!("{}{path}", project.path);

    for path in ["/edit", "/delete"] {
        bob.get(&at(path)).await.assert_status(403);
        eve.get(&at(path)).await.assert_status(404);
        app.visitor().get(&at(path)).await.assert_says("Sign in");
    }
    for (path, field) in [
        ("/edit", ("name", "Mine")),
        ("/archive", ("archived", "1")),
        ("/delete", ("", "")),
    ] {
        bob.post(&at(path), &[field]).await.assert_status(403);
        eve.post(&at(path), &[field]).await.assert_status(404);
    }
    let members = lead.get(&at("/members")).await;
    lead.send(&members.form("/role").filled(&[("role", "manager")]))
        .await
        .assert_says("bob is a manager now.");

    let renamed = bob.submit(&at("/edit"), "/edit", &[("name", "Shop")]).await;
    renamed.assert_status(200).assert_says("Saved.").assert_says("Shop");
    bob.get(&at("/delete")).await.assert_status(403);
}
