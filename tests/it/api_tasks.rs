//! Tasks over the JSON API, and events that a host application hands in.

use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given;

/// A project of the first account's, and that account's client.
async fn created(api: &ApiClient, body: Value) -> Value {
    api.post("/module/tasks", body).await.response().clone()
}

#[tokio::test]
async fn a_task_is_created_read_changed_assigned_and_deleted() {
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;

    let task = created(
        &api,
        json!({ "goalId": project.id, "description": " Fix login bug ", "priorityId": null, "endDate": "2031-04-01",
                "endTime": "17:30:00+02:00", "amount": 3 }),
    )
    .await;
    assert_eq!(task["description"], "Fix login bug");
    assert_eq!(
        (&task["priorityId"], &task["endTime"], &task["goalListId"]),
        (&json!(1), &json!("17:30:00"), &json!(null))
    );
    assert_eq!(task["owner"], json!(1));
    let id = task["id"].clone();
    assert_eq!(api.get(&format!("/module/tasks/{id}")).await.response(), &task);

    let changed = api
        .patch("/module/tasks", json!({ "id": id, "note": "why", "endDate": null }))
        .await;
    assert_eq!(changed.response()["note"], "why");
    assert_eq!(changed.response()["endTime"], json!(null));

    let assigned = api
        .patch("/module/tasks/task-users", json!({ "taskId": id, "userIds": [1, 1] }))
        .await;
    assert_eq!(assigned.response(), &json!({ "userIds": [1] }));

    let gone = api.delete("/module/tasks", json!({ "taskId": id })).await;
    assert_eq!(gone.response(), &json!({ "delete": true }));
    assert_eq!(api.get(&format!("/module/tasks/{id}")).await.status, 403);
}

#[tokio::test]
async fn a_list_goes_by_pages_and_finds_words_whatever_their_case() {
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;
    let goal = project.id;
    let mut ids = Vec::new();
    for n in 0..32 {
        ids.push(created(&api, json!({ "goalId": goal, "description": format!("Task {n} 100%") })).await["id"].clone());
    }
    created(
        &api,
        json!({ "goalId": goal, "description": "below", "parentId": ids[0] }),
    )
    .await;
    api.patch("/module/tasks", json!({ "id": ids[1], "complete": true }))
        .await
        .response();
    let list = async |query: &str| {
        let answer = api
            .get(&format!("/module/tasks?goalId={goal}&componentId=0{query}"))
            .await;
        answer.response().as_array().expect("an array").clone()
    };

    assert_eq!(list("&page=0").await.len(), 30);
    assert_eq!(list("&page=1").await.len(), 2);
    assert_eq!(list("&showCompleted=0&unlimited=1").await.len(), 31);
    assert_eq!(list("&firstNew=1").await[0]["id"], ids[31]);
    assert_eq!(list("").await[0]["subtasks"][0]["description"], "below");
    assert_eq!(list("&searchText=TASK%2031").await.len(), 1);
    assert_eq!(list("&searchText=0%25&unlimited=1").await.len(), 32);
    assert!(list("&searchText=_").await.is_empty());
    let endless = format!("/module/tasks?goalId={goal}&searchText={}", "a".repeat(60_000));
    assert_eq!(api.get(&endless).await.status, 400);
    assert!(list("&searchText=%00").await.is_empty());
}

#[tokio::test]
async fn what_is_invalid_is_named_and_what_is_not_the_callers_is_forbidden() {
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;
    let task = created(&api, json!({ "goalId": project.id, "description": "a" })).await["id"].clone();
    given::person(&app, "eve").await;
    let eve = given::api(&app, "eve").await;

    let refused = api
        .post(
            "/module/tasks",
            json!({ "goalId": project.id, "description": " ", "startDate": "soon" }),
        )
        .await;
    assert_eq!(refused.status, 400);
    let names: Vec<_> = refused.body["error"]["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| field["name"].clone())
        .collect();
    assert_eq!(names, ["description", "startDate"]);
    assert_eq!(
        api.post("/module/tasks", json!({ "description": "a" })).await.status,
        400
    );
    for path in ["/module/tasks/x", "/module/tasks?goalId=x", "/module/tasks"] {
        let refused = api.get(path).await;
        assert_eq!(
            (refused.status, &refused.body["error"]["code"]),
            (400, &json!("invalid")),
            "{path}"
        );
    }
    assert_eq!(api.patch("/module/tasks", json!({ "id": task })).await.status, 403);
    assert_eq!(
        api.patch("/module/tasks", json!({ "id": task, "statusId": 999 }))
            .await
            .status,
        403
    );

    let many: Vec<i64> = (1..=50_000).collect();
    let tags = json!({ "id": task, "tags": many });
    assert_eq!(api.patch("/module/tasks", tags).await.status, 403);
    let members = json!({ "taskId": task, "userIds": many });
    assert_eq!(api.patch("/module/tasks/task-users", members).await.status, 403);

    for (there, not_there) in [(task.clone(), json!(99_999))] {
        for id in [there, not_there] {
            assert_eq!(eve.get(&format!("/module/tasks/{id}")).await.status, 403);
            let invalid = json!({ "id": id, "startDate": "soon" });
            assert_eq!(eve.patch("/module/tasks", invalid).await.status, 400);
            assert_eq!(
                eve.patch("/module/tasks", json!({ "id": id, "note": "x" }))
                    .await
                    .status,
                403
            );
            assert_eq!(eve.delete("/module/tasks", json!({ "taskId": id })).await.status, 403);
        }
    }
    assert_eq!(
        eve.post("/module/tasks", json!({ "goalId": project.id, "description": "x" }))
            .await
            .status,
        403
    );
    assert_eq!(
        ApiClient::new(&app.base)
            .get(&format!("/module/tasks/{task}"))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn tasks_that_are_created_at_once_all_come_to_be() {
    let app = App::start().await;
    let (api, project) = given::project_over_api(&app).await;

    let calls = (0..40).map(|n| {
        created(
            &api,
            json!({ "goalId": project.id, "description": format!("Task {n}") }),
        )
    });
    let tasks = futures_util::future::join_all(calls).await;

    let ids: std::collections::BTreeSet<_> = tasks.iter().map(|task| task["id"].as_i64()).collect();
    assert_eq!(ids.len(), 40);
}
