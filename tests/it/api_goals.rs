//! Projects and their members over the API, as TaskView's own client calls it.

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given;

const GOALS: &str = "/module/goals";

#[tokio::test]
async fn a_project_answers_with_its_fields_and_the_callers_rights() {
    let app = App::start().await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;

    let body = json!({ "name": " Storefront ", "description": null, "color": "#AA00bb", "organizationId": 4 });
    let made = api.post(GOALS, body).await.response().clone();

    let keys: Vec<_> = made
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "id",
        "name",
        "description",
        "color",
        "dateCreation",
        "owner",
        "creatorId",
        "editDate",
        "archive",
        "permissions",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (&made["name"], &made["description"]),
        (&json!("Storefront"), &json!(""))
    );
    assert_eq!((&made["color"], &made["archive"]), (&json!("#aa00bb"), &json!(0)));
    assert_eq!((&made["owner"], &made["creatorId"]), (&json!(1), &json!(1)));
    assert!(
        made["dateCreation"]
            .as_str()
            .is_some_and(|at| at.len() == 24 && at.ends_with('Z'))
    );
    let rights = made["permissions"].as_object().expect("an object");
    assert!(rights.values().all(|right| *right == json!(true)));
    for name in [
        "goal_can_delete",
        "task_can_delete",
        "integrations_can_manage",
        "events_can_publish",
    ] {
        assert!(rights.contains_key(name), "{name}");
    }
    assert_eq!(api.get(GOALS).await.response(), &json!([made]));
}

#[tokio::test]
async fn a_change_is_what_was_sent_and_nothing_else() {
    let app = App::start().await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;
    let made = made(&api, json!({ "name": "Storefront", "description": "Why" })).await;
    let id = made["id"].clone();

    let changed = api
        .patch(GOALS, json!({ "id": id, "name": "Shop", "archive": 1 }))
        .await
        .response()
        .clone();

    assert_eq!((&changed["name"], &changed["archive"]), (&json!("Shop"), &json!(1)));
    assert_eq!(
        (&changed["description"], &changed["color"]),
        (&json!("Why"), &made["color"])
    );
    assert_eq!(
        api.patch(GOALS, json!({ "id": id, "archive": 0 })).await.response()["archive"],
        json!(0)
    );
    assert_eq!(
        api.patch(GOALS, json!({ "id": id })).await.response()["name"],
        json!("Shop")
    );
    assert_eq!(
        api.delete(GOALS, json!({ "goalId": id })).await.response(),
        &json!(true)
    );
    assert_eq!(api.get(GOALS).await.response(), &json!([]));
    assert_eq!(api.delete(GOALS, json!({ "goalId": id })).await.status, 403);
}

#[tokio::test]
async fn what_is_not_valid_is_told_by_field_before_anything_is_looked_up() {
    let app = App::start().await;
    given::lead(&app).await;
    let api = given::api(&app, "lead").await;

    for (body, field) in [
        (json!({ "id": 99, "name": " " }), "name"),
        (json!({ "id": 99, "color": "red" }), "color"),
        (json!({ "id": 99, "archive": 2 }), "archive"),
    ] {
        let refused = api.patch(GOALS, body).await;
        assert_eq!(
            (refused.status, &refused.body["error"]["fields"][0]["name"]),
            (400, &json!(field))
        );
    }
    assert_eq!(api.post(GOALS, json!({ "description": "no name" })).await.status, 400);
    assert_eq!(api.post(GOALS, json!({ "name": 7 })).await.status, 400);
    assert_eq!(api.patch(GOALS, json!({ "name": "no id" })).await.status, 400);
    assert_eq!(api.delete(GOALS, json!({})).await.status, 400);
    let nobody = ApiClient::new(&app.base);
    assert_eq!(nobody.get(GOALS).await.status, 401);
    assert_eq!(nobody.get("/module/collaboration/1").await.status, 401);
}

#[tokio::test]
async fn shared_projects_follow_the_own_ones_with_the_rights_of_the_role() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    given::person(&app, "bob").await;
    let shared = given::project(&lead, "Shared").await;
    given::member(&lead, &shared, "bob").await;
    let bob = given::api(&app, "bob").await;
    let own = made(&bob, json!({ "name": "Own" })).await;

    let listed = bob.get(GOALS).await.response().clone();

    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&own["id"], &json!(shared.id)));
    assert_eq!((&listed[0]["owner"], &listed[1]["owner"]), (&json!(2), &json!(1)));
    let rights = &listed[1]["permissions"];
    assert_eq!(
        (&rights["task_can_delete"], &rights["integrations_can_view"]),
        (&json!(true), &json!(true))
    );
    for name in [
        "goal_can_edit",
        "goal_can_delete",
        "goal_can_manage_users",
        "integrations_can_manage",
        "events_can_publish",
    ] {
        assert_eq!(rights[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn an_id_that_may_not_be_touched_is_403_whether_it_exists_or_not() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    given::person(&app, "bob").await;
    given::person(&app, "eve").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "bob").await;
    let bob = given::api(&app, "bob").await;
    let eve = given::api(&app, "eve").await;

    for (who, id) in [(&bob, project.id), (&eve, project.id), (&eve, 4_711)] {
        assert_eq!(who.patch(GOALS, json!({ "id": id, "name": "Mine" })).await.status, 403);
        assert_eq!(who.delete(GOALS, json!({ "goalId": id })).await.status, 403);
    }
    let known = eve.get(&format!("/module/collaboration/{}", project.id)).await;
    let unknown = eve.get("/module/collaboration/4711").await;
    assert_eq!((known.status, &known.body), (403, &unknown.body));
}

#[tokio::test]
async fn members_are_listed_with_the_ids_that_tasks_name() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    given::person(&app, "bob").await;
    given::person(&app, "cleo").await;
    let project = given::project(&lead, "Storefront").await;
    given::member(&lead, &project, "cleo").await;
    let members = format!("{}/members", project.path);
    let typed = [("email", "bob@example.com"), ("role", "manager")];
    lead.submit(&members, "/members", &typed)
        .await
        .assert_says("bob is a manager now.");
    let cleo = given::api(&app, "cleo").await;

    let listed = cleo
        .get(&format!("/module/collaboration/{}", project.id))
        .await
        .response()
        .clone();

    let told: Vec<_> = listed
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| {
            (
                one["email"].as_str().expect("an e-mail"),
                one["roles"].clone(),
                one["goalOwner"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("lead@example.com", json!([]), json!(true)),
            ("bob@example.com", json!([1]), json!(false)),
            ("cleo@example.com", json!([]), json!(false)),
        ]
    );
    let bob = &listed[1];
    assert_eq!(
        (&bob["goalId"], &bob["goal_id"]),
        (&json!(project.id), &json!(project.id))
    );
    assert_eq!(bob["invitationDate"], bob["invitation_date"]);
    let body = json!({ "goalId": project.id, "description": "Fix login bug" });
    let task = cleo.post("/module/tasks", body).await.response()["id"].clone();
    let assigned = cleo
        .patch(
            "/module/tasks/task-users",
            json!({ "taskId": task, "userIds": [bob["id"]] }),
        )
        .await;
    assert_eq!(assigned.response(), &json!({ "userIds": [bob["id"]] }));
}

async fn made(api: &ApiClient, body: Value) -> Value {
    api.post(GOALS, body).await.response().clone()
}
