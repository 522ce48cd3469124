//! Members over the API: added by the e-mail of their account, given a role, removed.

use serde_json::{Value, json};

use crate::support::given;
use crate::support::story::Story;

const MEMBERS: &str = "/module/collaboration";

#[tokio::test]
async fn a_member_is_added_once_made_a_manager_and_removed() {
    let story = Story::begin().await;
    given::person(&story.app, "bob").await;
    let (api, goal) = (&story.api, &story.goal);
    let bob = given::api(&story.app, "bob").await;
    let (own, body) = (
        format!("{MEMBERS}/{goal}"),
        json!({ "goalId": goal, "email": "Bob@example.com" }),
    );

    let before = bob.get(&own).await.status;
    let added = api.post(MEMBERS, body.clone()).await.response().clone();
    let again = api.post(MEMBERS, body).await.response().clone();
    let roles = bob.get(&format!("/module/collaborationroles/{goal}")).await;
    let set = async |roles: Value| {
        let body = json!({ "goalId": goal, "userId": added["id"], "roles": roles });
        api.patch(MEMBERS, body).await
    };
    let manager = set(json!([1])).await.response().clone();
    let member = set(json!([])).await.response().clone();
    let wrong = set(json!([2])).await;
    let listed = api.get(MEMBERS).await.response().clone();
    let of_bob = bob.get(MEMBERS).await.response().clone();
    let removed = api.delete(MEMBERS, json!({ "goalId": goal, "id": added["id"] })).await;
    let after = bob.get(&own).await.status;

    assert_eq!((before, after), (403, 403));
    assert_eq!(added, again, "the same row");
    assert_eq!(
        (&added["email"], &added["goalOwner"]),
        (&json!("bob@example.com"), &json!(false))
    );
    let role = &roles.response()[0];
    assert_eq!(
        (&role["id"], &role["name"], &role["goalId"]),
        (&json!(1), &json!("manager"), goal)
    );
    assert!(role["created"].is_string() && role["goal_id"] == *goal);
    assert_eq!((&manager["roles"], &member["roles"]), (&json!([1]), &json!([])));
    assert_eq!(
        (wrong.status, &wrong.body["error"]["fields"][0]["name"]),
        (400, &json!("roles"))
    );
    let emails: Vec<&Value> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["email"])
        .collect();
    assert_eq!(emails, ["lead@example.com", "bob@example.com"]);
    assert_eq!(of_bob, json!([]), "those of one's own projects");
    assert_eq!(removed.response(), &json!(true));
}

#[tokio::test]
async fn members_are_managed_by_managers_and_the_owner_by_nobody() {
    let story = Story::begin().await;
    given::person(&story.app, "bob").await;
    let (api, goal) = (&story.api, &story.goal);
    let bob = given::api(&story.app, "bob").await;
    let added = api
        .post(MEMBERS, json!({ "goalId": goal, "email": "bob@example.com" }))
        .await;
    let id = added.response()["id"].clone();
    let owner = api.get(MEMBERS).await.response()[0]["id"].clone();

    let unknown = api
        .post(MEMBERS, json!({ "goalId": goal, "email": "nobody@example.com" }))
        .await;
    assert_eq!(
        (unknown.status, &unknown.body["error"]["fields"][0]["name"]),
        (400, &json!("email"))
    );
    for refused in [
        bob.post(MEMBERS, json!({ "goalId": goal, "email": "bob@example.com" }))
            .await,
        bob.patch(MEMBERS, json!({ "goalId": goal, "userId": id, "roles": [1] }))
            .await,
        bob.delete(MEMBERS, json!({ "goalId": goal, "id": id })).await,
        api.delete(MEMBERS, json!({ "goalId": goal, "id": owner })).await,
        api.patch(MEMBERS, json!({ "goalId": goal, "userId": owner, "roles": [] }))
            .await,
        api.delete(MEMBERS, json!({ "goalId": goal, "id": 4711 })).await,
        api.get("/module/collaborationroles/4711").await,
    ] {
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    for malformed in [
        json!({ "goalId": goal }),
        json!({ "goalId": "x", "email": "a@example.com" }),
    ] {
        assert_eq!(api.post(MEMBERS, malformed).await.status, 400);
    }
}
