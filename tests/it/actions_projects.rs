//! What can be done with a project, and what stays behind: on the database itself. How it looks is the business of the
//! pages' own tests.

use diesel::prelude::*;
use taskview_webhooks::actions::projects::Edit;
use taskview_webhooks::actions::{members, projects};
use taskview_webhooks::db;
use taskview_webhooks::domain::ids::ProjectId;
use taskview_webhooks::domain::project::ProjectPatch;
use taskview_webhooks::domain::role::Role;
use taskview_webhooks::error::AppError;

use crate::support::place::{ADA, BOB, Place, named};

#[tokio::test]
async fn who_makes_a_project_owns_it_and_finds_statuses_and_tags() {
    let place = Place::new().await;

    let project = place.project("Launch").await;

    let made = place.read(move |db| projects::list(db, &ADA)).await.unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!(
        (made[0].project.id, made[0].role, made[0].open),
        (project, Role::Owner, 0)
    );
    let statuses = place
        .read(move |db| Ok(db::statuses::of_project(db, project)?))
        .await
        .unwrap();
    let names: Vec<_> = statuses.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, ["To do", "In progress", "In review", "Done"]);
    assert!(
        !place
            .read(move |db| Ok(db::tags::of_project(db, project)?))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(place.audit().await, ["project.added"]);
}

#[tokio::test]
async fn own_projects_stand_before_shared_ones_with_their_open_tasks() {
    let place = Place::new().await;
    let shared = place.project("Shared").await;
    place.add_bob(shared, Role::Member).await;
    let own = place
        .act(|tx| Ok(projects::create(tx, &BOB, &named("Own"))?.project.id))
        .await
        .unwrap();
    place.task(shared, &[]).await;

    let listed = place.read(|db| projects::list(db, &BOB)).await.unwrap();

    let seen: Vec<_> = listed.iter().map(|one| (one.project.id, one.role, one.open)).collect();
    assert_eq!(seen, [(own, Role::Owner, 0), (shared, Role::Member, 1)]);
}

#[tokio::test]
async fn an_archived_project_makes_no_events_until_it_is_taken_back() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let archive = |archived| {
        let edit = Edit {
            archived: Some(archived),
            ..Edit::default()
        };
        place.act(move |tx| projects::edit(tx, &ADA, project, &edit))
    };

    assert!(archive(true).await.unwrap().project.archived_at.is_some());
    place.task(project, &[]).await;
    assert_eq!(place.events().await.len(), 0);
    archive(true).await.unwrap();
    assert!(archive(false).await.unwrap().project.archived_at.is_none());
    place.task(project, &[]).await;

    assert_eq!(place.events().await.len(), 1);
    assert_eq!(
        place.audit().await,
        ["project.added", "project.archived", "project.unarchived"]
    );
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_one_without_change_leaves_no_trace() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let rename = |name: &str| {
        let edit = Edit {
            patch: ProjectPatch {
                name: Some(name.to_owned()),
                ..ProjectPatch::default()
            },
            archived: None,
        };
        place.act(move |tx| projects::edit(tx, &ADA, project, &edit))
    };

    assert_eq!(rename("Landing").await.unwrap().project.name, "Landing");
    rename(" Landing ").await.unwrap();
    let refused = rename("").await;

    assert!(matches!(refused, Err(AppError::Invalid(errors)) if errors[0].name == "name"));
    assert_eq!(place.audit().await, ["project.added", "project.edited"]);
}

#[tokio::test]
async fn a_deleted_project_is_gone_at_once_without_events_and_its_rows_follow() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let kept = place.project("Kept").await;
    place.add_bob(project, Role::Manager).await;
    place.task(project, &[]).await;
    place.webhook(project).await;
    let (_, losses) = place.read(move |db| projects::losses(db, &ADA, project)).await.unwrap();
    assert_eq!((losses.tasks, losses.members, losses.webhooks), (1, 1, 1));
    assert!(matches!(
        place.act(move |tx| projects::delete(tx, &BOB, project)).await,
        Err(AppError::Forbidden(_))
    ));

    place.act(move |tx| projects::delete(tx, &ADA, project)).await.unwrap();

    assert_eq!(place.events().await.len(), 1, "the task's own");
    let left = place.read(|db| projects::list(db, &ADA)).await.unwrap();
    assert_eq!(left.iter().map(|one| one.project.id).collect::<Vec<_>>(), [kept]);
    assert!(matches!(
        place.read(move |db| members::list(db, &BOB, project)).await,
        Err(AppError::NotFound)
    ));
    let sealed = place
        .read(|db| {
            use taskview_webhooks::db::schema::webhooks;
            Ok(webhooks::table.select(webhooks::secret_sealed).load::<Vec<u8>>(db)?)
        })
        .await;
    assert_eq!(sealed.unwrap(), [Vec::<u8>::new()]);
    for _ in 0..10 {
        place.act(|tx| Ok(db::webhooks::purge_slice(tx.db, 1)?)).await.unwrap();
        place
            .act(|tx| Ok(db::projects::purge_slice(tx.db, 1, tx.now)?))
            .await
            .unwrap();
    }
    let rows = place
        .read(|db| {
            use taskview_webhooks::db::schema::projects;
            Ok(projects::table.select(projects::id).load::<ProjectId>(db)?)
        })
        .await;
    assert_eq!(rows.unwrap(), [kept]);
}
