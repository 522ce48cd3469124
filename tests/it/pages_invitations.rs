//! Invitations in a browser: a link that the inviter copies, and what somebody sees who follows it.

use std::time::Duration;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, PASSWORD, Project};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_guest_makes_an_account_with_the_link_and_is_in_the_project() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let link = invite(&app, &lead, &project, "cleo@example.com", "manager").await;
    let list = lead.get(&members_of(&project)).await;
    list.assert_says("cleo@example.com invited").assert_says("link ends");

    let guest = app.visitor();
    let page = guest.get(&link).await;
    page.assert_status(200)
        .assert_says("Join “Storefront”")
        .assert_says("Lead invites cleo@example.com as a manager.");
    assert_eq!(page.headers["cache-control"], "no-store");
    for (login, password, complaint) in [
        ("lead", PASSWORD, "“lead” is taken."),
        ("cleo", "short", "A password has 10 to 1000 characters"),
    ] {
        let typed = [("login", login), ("name", "Cleo"), ("password", password)];
        let refused = guest.submit(&link, "/account", &typed).await;
        refused.assert_status(422).assert_says(complaint);
        assert_eq!(refused.attributes("#login", "value"), [login]);
    }
    let typed = [("login", "cleo"), ("name", "Cleo"), ("password", PASSWORD)];
    let joined = guest.submit(&link, "/account", &typed).await;

    joined
        .assert_status(200)
        .assert_says("Welcome to “Storefront”.")
        .assert_says("You are a manager of this project.");
    assert_eq!(joined.path, project.path);
    guest.get("/account").await.assert_says("cleo@example.com");
    app.visitor()
        .get(&link)
        .await
        .assert_status(404)
        .assert_says("This invitation cannot be used");
    given::sign_in(&app, "cleo").await;
}

#[tokio::test]
async fn somebody_with_an_account_signs_in_first_and_comes_back_to_join() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    let link = invite(&app, &lead, &project, "bobby@example.com", "member").await;

    let visitor = app.visitor();
    let way = visitor.get(&link).await.links();
    let way = way
        .iter()
        .find(|to| to.starts_with("/sign-in"))
        .expect("a way to sign in");
    let typed = [("login", "bob"), ("password", PASSWORD)];
    let back = visitor.submit(way, "/sign-in", &typed).await;
    assert_eq!(back.path, link);
    back.assert_says("You are signed in as bob");
    lead.get(&members_of(&project))
        .await
        .assert_says("bobby@example.com invited");
    let joined = visitor.send(&back.form(&link)).await;

    joined.assert_status(200).assert_says("Welcome to “Storefront”.");
    let list = lead.get(&members_of(&project)).await;
    assert!(!list.text().contains("bobby@example.com"), "{}", list.text());
    let page = lead.get(&link).await;
    page.assert_status(404);
}

#[tokio::test]
async fn no_account_is_made_without_a_link_that_is_good_or_with_an_e_mail_that_has_one() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let typed = [("login", "eve"), ("password", PASSWORD), ("email", "eve@example.com")];
    let eve = app.visitor();
    for path in ["/invitations/00", "/invitations/%00"] {
        eve.get(path).await.assert_status(404);
        eve.post(&format!("{path}/account"), &typed).await.assert_status(404);
    }

    let link = invite(&app, &lead, &project, "cleo@example.com", "member").await;
    app.advance(7 * DAY);
    eve.post(&format!("{link}/account"), &typed).await.assert_status(404);
    let lead = given::sign_in(&app, "lead").await;
    lead.get(&members_of(&project)).await.assert_says("no link that works");

    let renew = link_to(&lead, &project, "/link").await;
    let page = lead.submit(&renew, "/link", &[]).await;
    let link = path_of(&app, &given::secret_on(&page));
    given::person(&app, "cleo").await;
    app.visitor()
        .get(&link)
        .await
        .assert_says("There is an account with this e-mail.");
    let twice = eve.post(&format!("{link}/account"), &typed).await;
    twice.assert_status(422);
    given::sign_in(&app, "cleo").await;
    let wrong = app
        .visitor()
        .submit("/sign-in", "/sign-in", &[("login", "eve"), ("password", PASSWORD)])
        .await;
    wrong.assert_status(422);
}

#[tokio::test]
async fn an_invitation_is_renewed_and_withdrawn_from_the_list() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    let first = invite(&app, &lead, &project, "cleo@example.com", "member").await;
    let typed = [("email", "Cleo@example.com")];
    lead.submit(&members_of(&project), "/members", &typed)
        .await
        .assert_status(422)
        .assert_says("This person is invited already.");

    let renew = link_to(&lead, &project, "/link").await;
    let form = lead.get(&renew).await.form("/link");
    let second = path_of(&app, &given::secret_on(&lead.send(&form).await));
    lead.send(&form).await.assert_status(409).assert_says("shown only once");
    lead.post(&renew, &[("token", "00")])
        .await
        .assert_status(422)
        .assert_says("open for more than an hour");
    app.visitor().get(&first).await.assert_status(404);
    app.visitor().get(&second).await.assert_status(200);

    let withdraw = link_to(&lead, &project, "/remove").await;
    let question = lead.get(&withdraw).await;
    question.assert_says("Withdraw the invitation of cleo@example.com?");
    lead.send(&question.form("/remove"))
        .await
        .assert_says("The invitation of cleo@example.com is withdrawn.");
    app.visitor().get(&second).await.assert_status(404);
}

#[tokio::test]
async fn the_owner_hands_the_project_over_after_a_question() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let bob = given::person(&app, "bob").await;
    let project = given::project(&lead, "Storefront").await;
    lead.submit(
        &members_of(&project),
        "/members",
        &[("email", "bob@example.com"), ("role", "manager")],
    )
    .await
    .assert_says("bob is a manager now.");

    let hand_over = link_to(&lead, &project, "/hand-over").await;
    let question = lead.get(&hand_over).await;
    question.assert_says("Hand “Storefront” to bob?");
    let done = lead.send(&question.form("/hand-over")).await;

    done.assert_says("bob owns the project now.");
    assert_eq!(done.texts(".people .role"), ["Owner", "Manager"]);
    lead.send(&question.form("/hand-over")).await.assert_status(403);
    bob.get(&format!("{}/delete", project.path)).await.assert_status(200);
    lead.submit(&format!("{}/leave", project.path), "/leave", &[])
        .await
        .assert_says("You left “Storefront”.");
}

async fn invite(app: &App, lead: &Browser, project: &Project, email: &str, role: &str) -> String {
    let typed = [("email", email), ("role", role)];
    let page = lead.submit(&members_of(project), "/members", &typed).await;
    page.assert_says("it will not be shown again");
    assert_eq!(page.headers["cache-control"], "no-store");
    path_of(app, &given::secret_on(&page))
}

fn path_of(app: &App, link: &str) -> String {
    link.strip_prefix(&app.base)
        .expect("an address of this server")
        .to_owned()
}

async fn link_to(lead: &Browser, project: &Project, end: &str) -> String {
    let links = lead.get(&members_of(project)).await.links();
    links.into_iter().find(|link| link.ends_with(end)).expect("a link")
}

fn members_of(project: &Project) -> String {
    format!("{}/members", project.path)
}
