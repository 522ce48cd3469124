//! The members of a project in a browser: added by e-mail, made managers, removed, or leaving by themselves.

use crate::support::app::App;
use crate::support::given::{self, Project};

#[tokio::test]
async fn a_person_is_added_by_e_mail_and_finds_the_project() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    let members = members_of(&project);
    bob.get(&members).await.assert_status(404);

    let typed = [("email", " BOB@example.com"), ("role", "manager")];
    let added = lead.submit(&members, "/members", &typed).await;

    added.assert_status(200).assert_says("bob is a manager now.");
    assert_eq!(added.texts(".people .role"), ["Owner", "Manager"]);
    bob.get("/").await.assert_says("Storefront");
    bob.get(&members).await.assert_status(200).assert_says("bob you");
}

#[tokio::test]
async fn an_e_mail_that_cannot_be_added_is_told_beside_the_field() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;

    for (email, complaint) in [
        ("nobody", "“nobody” has no @."),
        ("lead@example.com", "This person is a member already."),
        ("", "An empty e-mail has no @."),
    ] {
        let typed = [("email", email), ("role", "manager")];
        let page = lead.submit(&members_of(&project), "/members", &typed).await;

        page.assert_status(422).assert_says(complaint);
        assert_eq!(page.attributes("#email", "aria-invalid"), ["true"]);
        assert_eq!(page.attributes("#email", "value"), [email]);
        assert_eq!(page.attributes("#role option[selected]", "value"), ["manager"]);
    }
}

#[tokio::test]
async fn roles_change_by_a_button_but_never_the_owners() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let members = members_of(&project);
    assert!(
        bob.get(&members)
            .await
            .forms()
            .iter()
            .all(|form| !form.action.contains("/members"))
    );

    let page = lead.get(&members).await;
    let roles: Vec<_> = page
        .forms()
        .into_iter()
        .filter(|form| form.action.ends_with("/role"))
        .collect();
    assert_eq!(roles.len(), 1, "the owner has no such button");
    lead.send(&roles[0].clone().filled(&[("role", "manager")]))
        .await
        .assert_says("bob is a manager now.");

    bob.get(&members).await.form("/members");
    let owner = page.path.clone() + "/1/role";
    bob.post(&owner, &[("role", "member")]).await.assert_status(403);
    bob.post(&roles[0].action, &[("role", "owner")])
        .await
        .assert_status(422);
    bob.post(&roles[0].action, &[("role", "king")]).await.assert_status(422);
    assert_eq!(lead.get(&members).await.texts(".people .role"), ["Owner", "Manager"]);
}

#[tokio::test]
async fn removing_says_how_many_tasks_change_and_shuts_the_door() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let task = given::task(&lead, &project, "Fix login bug").await;
    let page = lead.get(&task.path).await;
    let bob_here = page.attributes("input[name=assignees]", "value").pop().expect("bob");
    lead.send(&page.form(&task.path).filled(&[("assignees", &bob_here)]))
        .await
        .assert_says("Saved.");

    let remove = lead
        .get(&members_of(&project))
        .await
        .links()
        .into_iter()
        .find(|link| link.ends_with("/remove"))
        .expect("a link");
    bob.get(&remove).await.assert_status(403);
    let question = lead.get(&remove).await;
    question.assert_says("Remove bob?").assert_says("1 is assigned to them");
    let gone = lead.send(&question.form("/remove")).await;

    gone.assert_status(200)
        .assert_says("bob is removed.")
        .assert_says("They were taken off 1 task.");
    bob.get(&project.path).await.assert_status(404);
    assert!(
        lead.get(&task.path)
            .await
            .attributes("input[name=assignees][checked]", "value")
            .is_empty()
    );
    lead.send(&question.form("/remove")).await.assert_status(404);
}

#[tokio::test]
async fn anybody_but_the_owner_can_leave() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let leave = format!("{}/leave", project.path);

    lead.get(&leave).await.assert_status(403);
    lead.post(&leave, &[]).await.assert_status(403);
    let left = bob.submit(&leave, "/leave", &[]).await;

    left.assert_status(200)
        .assert_says("You left “Storefront”.")
        .assert_says("Create your first project");
    bob.get(&project.path).await.assert_status(404);
    assert_eq!(lead.get(&members_of(&project)).await.texts(".people .role"), ["Owner"]);
}

fn members_of(project: &Project) -> String {
    format!("{}/members", project.path)
}
