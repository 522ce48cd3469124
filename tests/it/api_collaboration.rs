//! Members over the API: added by the e-mail of their account, given a role, removed.

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
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

    let unknown = api.post(MEMBERS, json!({ "goalId": goal, "email": "nobody" })).await;
    assert_eq!(
        (unknown.status, &unknown.body["error"]["fields"][0]["name"]),
        (400, &json!("email"))
    );
    for refused in [
        bob.post(MEMBERS, json!({ "goalId": goal, "email": "bob@example.com" }))
            .await,
        bob.patch(MEMBERS, json!({ "goalId": goal, "userId": id, "roles": [1] }))
            .await,
        bob.delete(MEMBERS, json!({ "goalId": goal, "id": owner })).await,
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

#[tokio::test]
async fn who_has_no_account_is_invited_works_already_and_joins_with_the_link() {
    let story = Story::begin().await;
    let (api, goal) = (&story.api, &story.goal);
    let body = json!({ "goalId": goal, "email": "Cleo@example.com" });
    let invited = api.post(MEMBERS, body.clone()).await.response().clone();
    assert_eq!(api.post(MEMBERS, body).await.response(), &invited, "the same row");
    assert_eq!(
        (&invited["email"], &invited["roles"]),
        (&json!("cleo@example.com"), &json!([]))
    );

    let task = json!({ "goalId": goal, "description": "Prepare the visit" });
    let task = api.post("/module/tasks", task).await.response()["id"].clone();
    let assigned = json!({ "taskId": task, "userIds": [invited["id"]] });
    api.patch("/module/tasks/task-users", assigned).await.response();
    let one = json!({ "goalId": goal, "id": invited["id"] });
    let first = api
        .post(&format!("{MEMBERS}/link"), one.clone())
        .await
        .response()
        .clone();
    let second = api
        .post(&format!("{MEMBERS}/link"), one.clone())
        .await
        .response()
        .clone();
    let path = |link: &Value| {
        let url = link["url"].as_str().expect("a URL");
        url.strip_prefix(&story.app.base)
            .expect("an address of this server")
            .to_owned()
    };

    let visitor = story.app.visitor();
    visitor.get(&path(&first)).await.assert_status(404);
    let typed = [("login", "cleo"), ("name", "Cleo"), ("password", given::PASSWORD)];
    let joined = visitor.submit(&path(&second), "/account", &typed).await;

    joined
        .assert_status(200)
        .assert_says("Welcome to")
        .assert_says("Prepare the visit");
    let listed = api.get(&format!("{MEMBERS}/{goal}")).await.response()[1].clone();
    assert_eq!(listed["id"], invited["id"], "the membership is the same");
    let task = api.get(&format!("/module/tasks/{task}")).await.response().clone();
    assert_eq!(task["assignedUsers"], json!([invited["id"]]));
    let again = api.post(&format!("{MEMBERS}/link"), one).await;
    assert_eq!(again.status, 409, "{}", again.body);
    let cleo = given::api(&story.app, "cleo").await;
    let left = cleo
        .delete(MEMBERS, json!({ "goalId": goal, "id": invited["id"] }))
        .await;
    assert_eq!(left.response(), &json!(true));
    assert_eq!(cleo.get(&format!("{MEMBERS}/{goal}")).await.status, 403);
}

#[tokio::test]
async fn the_owner_hands_the_project_to_a_manager_and_can_leave_then() {
    let story = Story::begin().await;
    given::person(&story.app, "bob").await;
    let (api, goal) = (&story.api, &story.goal);
    let bob = given::api(&story.app, "bob").await;
    let added = json!({ "goalId": goal, "email": "bob@example.com" });
    let heir = api.post(MEMBERS, added).await.response()["id"].clone();
    let owner = api.get(MEMBERS).await.response()[0]["id"].clone();
    let hand_over = async |by: &ApiClient, to: &Value| {
        let body = json!({ "goalId": goal, "id": to });
        by.post(&format!("{MEMBERS}/owner"), body).await
    };

    let to_a_member = hand_over(api, &heir).await;
    assert_eq!(to_a_member.status, 409, "{}", to_a_member.body);
    let roles = json!({ "goalId": goal, "userId": heir, "roles": [1] });
    api.patch(MEMBERS, roles).await.response();
    assert_eq!(hand_over(&bob, &heir).await.status, 403, "the owner only");
    assert_eq!(hand_over(api, &owner).await.status, 409, "to oneself");
    assert_eq!(hand_over(api, &json!(4711)).await.status, 403);
    let done = hand_over(api, &heir).await.response().clone();
    let again = hand_over(api, &heir).await;

    assert_eq!((&done["id"], &done["goalOwner"]), (&heir, &json!(true)));
    assert_eq!(again.status, 403, "it is somebody else's now");
    let goals = bob.get("/module/goals").await.response().clone();
    assert_eq!(goals[0]["permissions"]["goal_can_delete"], json!(true));
    let left = api.delete(MEMBERS, json!({ "goalId": goal, "id": owner })).await;
    assert_eq!(left.response(), &json!(true));
    assert_eq!(api.get("/module/goals").await.response(), &json!([]));
}
