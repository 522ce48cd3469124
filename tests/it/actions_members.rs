//! Who may do what with whom in a project: on the database itself. How it looks is the business of the pages' own tests.

use serde_json::json;
use taskview_webhooks::actions::members::Added;
use taskview_webhooks::actions::projects::Edit;
use taskview_webhooks::actions::{members, projects};
use taskview_webhooks::domain::role::Role;
use taskview_webhooks::error::AppError;

use crate::support::place::{ADA, BOB, CLEO, Place, named};

#[tokio::test]
async fn an_account_is_added_by_its_e_mail_once() {
    let place = Place::new().await;
    let project = place.project("Launch").await;

    let added = place
        .act(move |tx| members::add(tx, &ADA, project, " Bob@Example.com ", Role::Manager))
        .await
        .unwrap()
        .person();
    assert_eq!((added.name.as_str(), added.role), ("Bob", Role::Manager));
    let again = place
        .act(move |tx| members::add(tx, &ADA, project, "bob@example.com", Role::Member))
        .await
        .unwrap();
    assert!(
        matches!(&again, Added::Already(person) if (person.id, person.role) == (added.id, Role::Manager)),
        "{again:?}"
    );

    for (email, role, field) in [
        ("nobody", Role::Member, "email"),
        (" ", Role::Member, "email"),
        ("cleo@example.com", Role::Owner, "role"),
    ] {
        let refused = place.act(move |tx| members::add(tx, &ADA, project, email, role)).await;
        assert!(
            matches!(&refused, Err(AppError::Invalid(errors)) if errors[0].name == field),
            "{email}: {refused:?}"
        );
    }
    assert_eq!(place.audit().await, ["project.added", "member.added"]);
}

#[tokio::test]
async fn two_who_add_the_same_person_at_once_add_one_member() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let add = || place.act(move |tx| members::add(tx, &ADA, project, "bob@example.com", Role::Member));

    let (one, two, three) = tokio::join!(add(), add(), add());

    let mut told: Vec<_> = [one, two, three]
        .into_iter()
        .map(|result| matches!(result.unwrap(), Added::New(_)))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [false, false, true]);
}

#[tokio::test]
async fn nobody_changes_or_removes_the_owner_and_the_owner_cannot_leave() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    place.add_bob(project, Role::Manager).await;
    let owner = place.member_of(project, "Ada").await;

    let demoted = place.act(move |tx| members::set_role(tx, &BOB, project, owner, Role::Member));
    assert!(matches!(demoted.await, Err(AppError::Forbidden(_))));
    let removed = place.act(move |tx| members::remove(tx, &BOB, project, owner));
    assert!(matches!(removed.await, Err(AppError::Forbidden(_))));
    let left = place.act(move |tx| members::leave(tx, &ADA, project));
    assert!(matches!(left.await, Err(AppError::Forbidden(_))));
}

#[tokio::test]
async fn a_member_changes_nobody_and_a_stranger_finds_nothing() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let bob = place.add_bob(project, Role::Member).await;
    let ada = place.member_of(project, "Ada").await;

    for (who, told_why) in [(BOB, true), (CLEO, false)] {
        let results = [
            place
                .act(move |tx| members::add(tx, &who, project, "cleo@example.com", Role::Member))
                .await
                .map(drop),
            place
                .act(move |tx| members::set_role(tx, &who, project, bob, Role::Manager))
                .await
                .map(drop),
            place
                .act(move |tx| members::remove(tx, &who, project, ada))
                .await
                .map(drop),
            place
                .act(move |tx| members::hand_over(tx, &who, project, bob))
                .await
                .map(drop),
            place
                .act(move |tx| projects::edit(tx, &who, project, &Edit::default()))
                .await
                .map(drop),
            place.act(move |tx| projects::delete(tx, &who, project)).await.map(drop),
            place
                .read(move |db| members::find_to_remove(db, &who, project, bob))
                .await
                .map(drop),
            place
                .read(move |db| projects::losses(db, &who, project))
                .await
                .map(drop),
        ];

        for result in results {
            match result {
                Err(AppError::Forbidden(_)) => assert!(told_why),
                Err(AppError::NotFound) => assert!(!told_why),
                other => panic!("{who:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_member_of_another_project_is_out_of_reach() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let other = place
        .act(|tx| Ok(projects::create(tx, &CLEO, &named("Cleo's"))?.member))
        .await
        .unwrap();

    let removed = place.act(move |tx| members::remove(tx, &ADA, project, other)).await;
    let changed = place
        .act(move |tx| members::set_role(tx, &ADA, project, other, Role::Member))
        .await;

    assert!(matches!(removed, Err(AppError::NotFound)));
    assert!(matches!(changed, Err(AppError::NotFound)));
}

#[tokio::test]
async fn who_is_removed_or_leaves_is_unassigned_with_an_event_for_each_task() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let bob = place.add_bob(project, Role::Member).await;
    let ada = place.member_of(project, "Ada").await;
    place.task(project, &[ada, bob]).await;
    place.task(project, &[bob]).await;
    place.task(project, &[ada]).await;
    let before = place.events().await.len();
    let asked = place
        .read(move |db| members::find_to_remove(db, &ADA, project, bob))
        .await
        .unwrap();
    assert_eq!(asked.tasks, 2);

    let (person, changed) = place
        .act(move |tx| members::remove(tx, &ADA, project, bob))
        .await
        .unwrap();

    assert_eq!((person.name.as_str(), changed), ("Bob", 2));
    let made = place.events().await.split_off(before);
    let told: Vec<_> = made
        .iter()
        .map(|body| (&body["event"], &body["userIds"], &body["initiatorId"]))
        .collect();
    let kind = json!("task.assigneesChanged");
    assert_eq!(
        told,
        [(&kind, &json!([ada]), &json!(1)), (&kind, &json!([]), &json!(1))]
    );

    let bob = place.add_bob(project, Role::Member).await;
    place.task(project, &[bob]).await;
    place.act(move |tx| members::leave(tx, &BOB, project)).await.unwrap();
    let last = place.events().await.pop().unwrap();
    assert_eq!((&last["event"], &last["initiatorId"]), (&kind, &json!(2)));
    assert_eq!(
        place.audit().await[2..],
        ["member.removed", "member.added", "member.left"]
    );
}
