//! Invitations on the database itself: who gets in, how often, and what happens when several things happen at once.

use std::time::Duration;

use taskview_webhooks::actions::invitations::{self, Link};
use taskview_webhooks::actions::members::Added;
use taskview_webhooks::actions::{access, members, projects};
use taskview_webhooks::db;
use taskview_webhooks::domain::ids::{MemberId, ProjectId};
use taskview_webhooks::domain::role::Role;
use taskview_webhooks::error::AppError;

use crate::support::place::{ADA, BOB, CLEO, Place};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

#[tokio::test]
async fn an_invitation_is_accepted_once_and_keeps_member_id_and_role() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let (id, link) = invite(&place, project, "guest@example.com", Role::Manager).await;
    place.task(project, &[id]).await;

    let token = link.token.clone();
    let joined = place
        .act(move |tx| invitations::accept(tx, &BOB, token.expose()))
        .await
        .unwrap();

    assert_eq!((joined.member, joined.role), (id, Role::Manager));
    assert_eq!(place.member_of(project, "Bob").await, id);
    let token = link.token.clone();
    let again = place
        .act(move |tx| invitations::accept(tx, &CLEO, token.expose()))
        .await;
    assert!(matches!(again, Err(AppError::NotFound)), "{again:?}");
    assert_eq!(
        place.audit().await,
        ["project.added", "member.invited", "invitation.made", "member.joined"]
    );
}

#[tokio::test]
async fn of_two_who_accept_at_once_one_gets_in() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let (id, link) = invite(&place, project, "guest@example.com", Role::Member).await;
    let accept = |who| {
        let token = link.token.clone();
        place.act(move |tx| invitations::accept(tx, &who, token.expose()))
    };

    let (bob, cleo) = tokio::join!(accept(BOB), accept(CLEO));

    let got_in: Vec<_> = [&bob, &cleo].into_iter().filter_map(|one| one.as_ref().ok()).collect();
    assert_eq!(got_in.len(), 1, "{bob:?} {cleo:?}");
    assert_eq!(got_in[0].member, id);
    let refused = [bob, cleo].into_iter().find_map(Result::err);
    assert!(matches!(refused, Some(AppError::NotFound)), "{refused:?}");
}

#[tokio::test]
async fn accepting_and_a_new_link_at_once_leave_one_of_two_states() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    for number in 0..10 {
        let email = format!("guest{number}@example.com");
        let (id, link) = invite(&place, project, &email, Role::Member).await;
        let token = link.token.clone();
        let accept = place.act(move |tx| invitations::accept(tx, &BOB, token.expose()));
        let renew = place.act(move |tx| invitations::new_link(tx, &ADA, project, id));

        let (joined, renewed) = tokio::join!(accept, renew);

        match (joined, renewed) {
            (Ok(_), Err(AppError::Conflict(_))) => {}
            (Err(AppError::NotFound), Ok(_)) => {}
            other => panic!("{other:?}"),
        }
        place
            .act(move |tx| members::remove(tx, &ADA, project, id))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_link_ends_after_a_week_by_a_newer_one_by_withdrawing_and_with_the_project() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let (id, first) = invite(&place, project, "guest@example.com", Role::Member).await;
    let is_good = async |link: &Link, after: Duration| {
        let (token, at) = (link.token.clone(), link.expires_at - WEEK + after);
        let found = place.read(move |db| invitations::find(db, token.expose(), at)).await;
        match found {
            Ok(_) => true,
            Err(AppError::NotFound) => false,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert!(is_good(&first, WEEK - Duration::from_secs(1)).await);
    assert!(!is_good(&first, WEEK).await);

    let second = place
        .act(move |tx| invitations::new_link(tx, &ADA, project, id))
        .await
        .unwrap();
    assert!(!is_good(&first, Duration::ZERO).await);
    assert!(is_good(&second, Duration::ZERO).await);
    let later = second.expires_at;
    let swept = place
        .act(move |tx| Ok(db::invitations::sweep(tx.db, 100, later)?))
        .await;
    assert_eq!(swept.unwrap(), 1);
    assert!(!is_good(&second, Duration::ZERO).await);

    let third = place
        .act(move |tx| invitations::new_link(tx, &ADA, project, id))
        .await
        .unwrap();
    place
        .act(move |tx| members::remove(tx, &ADA, project, id))
        .await
        .unwrap();
    assert!(!is_good(&third, Duration::ZERO).await);
    let (_, fourth) = invite(&place, project, "guest@example.com", Role::Member).await;
    place.act(move |tx| projects::delete(tx, &ADA, project)).await.unwrap();
    assert!(!is_good(&fourth, Duration::ZERO).await);
}

#[tokio::test]
async fn a_link_ends_with_the_rights_of_who_made_it() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let bob = place.add_bob(project, Role::Manager).await;
    let guest = place
        .act(move |tx| {
            Ok(members::add(tx, &BOB, project, "guest@example.com", Role::Manager)?
                .person()
                .id)
        })
        .await
        .unwrap();
    let link = place
        .act(move |tx| invitations::new_link(tx, &BOB, project, guest))
        .await
        .unwrap();
    let is_good = async || {
        let (token, now) = (link.token.clone(), link.expires_at - WEEK);
        place
            .read(move |db| Ok(invitations::find(db, token.expose(), now).is_ok()))
            .await
            .unwrap()
    };
    assert!(is_good().await);

    let disabled = |at: &str| format!("UPDATE users SET disabled_at = {at} WHERE login = 'bob'");
    place.sql(disabled("1")).await;
    assert!(!is_good().await, "the account is disabled");
    place.sql(disabled("NULL")).await;
    assert!(is_good().await);
    place
        .act(move |tx| members::set_role(tx, &ADA, project, bob, Role::Member))
        .await
        .unwrap();
    assert!(!is_good().await, "a member invites nobody");
    place
        .act(move |tx| members::remove(tx, &ADA, project, bob))
        .await
        .unwrap();
    let token = link.token.clone();
    let back = place.act(move |tx| invitations::accept(tx, &BOB, token.expose())).await;
    assert!(matches!(back, Err(AppError::NotFound)), "{back:?}");
}

#[tokio::test]
async fn a_disabled_account_cannot_become_the_owner() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let bob = place.add_bob(project, Role::Manager).await;
    place
        .sql("UPDATE users SET disabled_at = 1 WHERE login = 'bob'".to_owned())
        .await;

    let refused = place.act(move |tx| members::hand_over(tx, &ADA, project, bob)).await;

    assert!(
        matches!(&refused, Err(AppError::Conflict(words)) if words.contains("disabled")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_member_cannot_join_twice_and_the_link_stays_for_somebody_else() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let (_, link) = invite(&place, project, "guest@example.com", Role::Member).await;
    let accept = |who| {
        let token = link.token.clone();
        place.act(move |tx| invitations::accept(tx, &who, token.expose()))
    };

    let refused = accept(ADA).await;
    assert!(matches!(refused, Err(AppError::Conflict(_))), "{refused:?}");
    accept(BOB).await.unwrap();
}

#[tokio::test]
async fn who_got_an_account_meanwhile_is_added_in_the_place_that_waits() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let (id, link) = invite(&place, project, "dora@example.com", Role::Member).await;
    place
        .sql(
            "INSERT INTO users (login, email, name, password_hash, created_at) \
             VALUES ('dora', 'dora@example.com', 'Dora', '-', 0)"
                .to_owned(),
        )
        .await;

    let added = place
        .act(move |tx| members::add(tx, &ADA, project, "dora@example.com", Role::Manager))
        .await
        .unwrap();

    assert!(
        matches!(&added, Added::New(person) if person.id == id && person.name == "Dora" && person.role == Role::Manager),
        "{added:?}"
    );
    let token = link.token.clone();
    let used = place.act(move |tx| invitations::accept(tx, &BOB, token.expose())).await;
    assert!(matches!(used, Err(AppError::NotFound)), "{used:?}");
}

#[tokio::test]
async fn of_two_hand_overs_at_once_one_holds_and_the_project_has_one_owner() {
    let place = Place::new().await;
    let project = place.project("Launch").await;
    let bob = place.add_bob(project, Role::Manager).await;
    let cleo = place
        .act(move |tx| {
            Ok(members::add(tx, &ADA, project, "cleo@example.com", Role::Manager)?
                .person()
                .id)
        })
        .await
        .unwrap();
    let hand_over = |to: MemberId| place.act(move |tx| members::hand_over(tx, &ADA, project, to));

    let (one, two) = tokio::join!(hand_over(bob), hand_over(cleo));

    let refused: Vec<_> = [&one, &two].into_iter().filter_map(|one| one.as_ref().err()).collect();
    assert!(matches!(refused[..], [AppError::Forbidden(_)]), "{one:?} {two:?}");
    let (_, people) = place.read(move |db| members::list(db, &ADA, project)).await.unwrap();
    let owners: Vec<_> = people.iter().filter(|person| person.role == Role::Owner).collect();
    assert_eq!(owners.len(), 1);
    assert_eq!(place.audit().await.last().unwrap(), "project.handed_over");
}

#[tokio::test]
async fn who_leaves_while_becoming_the_owner_does_not_leave_the_project_without_one() {
    let place = Place::new().await;
    for _ in 0..10 {
        let project = place.project("Launch").await;
        let bob = place.add_bob(project, Role::Manager).await;
        let hand_over = place.act(move |tx| members::hand_over(tx, &ADA, project, bob));
        let leave = place.act(move |tx| members::leave(tx, &BOB, project));

        let (given, left) = tokio::join!(hand_over, leave);

        assert!(given.is_ok() != left.is_ok(), "{given:?} {left:?}");
        let owner = place
            .read(move |db| {
                let ada = access::member(db, &ADA, project, READ)?;
                Ok(db::memberships::people(db, ada.project.id)?)
            })
            .await
            .unwrap();
        assert_eq!(owner[0].role, Role::Owner);
    }
}

const READ: taskview_webhooks::domain::permission::Permission =
    taskview_webhooks::domain::permission::Permission::ComponentCanWatchContent;

async fn invite(place: &Place, project: ProjectId, email: &str, role: Role) -> (MemberId, Link) {
    let email = email.to_owned();
    place
        .act(move |tx| {
            let id = members::add(tx, &ADA, project, &email, role)?.person().id;
            Ok((id, invitations::new_link(tx, &ADA, project, id)?))
        })
        .await
        .expect("an invitation")
}
