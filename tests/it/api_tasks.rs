//! Tasks over the JSON API.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given;
use crate::support::received::Received;
use crate::support::story::Story;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_that_are_created_many_at_once_all_come_to_be_with_an_event_each() {
    let story = Story::begin().await;

    let task = async |n: usize| story.task(&format!("Task {n}")).await;
    // More at once than connections and workers many times over, and fewer than a slow disk leaves waiting until they are told to come again.
    let calls = (0..1_000).map(task);
    let tasks: Vec<_> = futures_util::stream::iter(calls).buffered(32).collect().await;
    let received = story.receiver.wait_for(1_000).await;

    let ids: BTreeSet<_> = tasks.iter().map(|task| task["id"].as_i64()).collect();
    let sent: BTreeSet<_> = received
        .iter()
        .map(|request| request.json()["task"]["id"].as_i64())
        .collect();
    assert_eq!((ids.len(), received.len()), (1_000, 1_000));
    assert_eq!(sent, ids);
}

#[tokio::test]
async fn the_same_change_through_the_page_and_through_the_api_makes_the_same_events() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let id = story.goal.as_i64().expect("an id");
    let project = given::Project {
        path: format!("/projects/{id}"),
        id,
    };
    let events = async |from: usize, count: usize| {
        let received = story.receiver.wait_for(from + count).await;
        let plain = |request: &Received| {
            let mut body = request.json();
            body["timestamp"] = Value::Null;
            for own in ["id", "dateCreation", "editDate", "dateComplete"] {
                body["task"][own] = Value::Null;
            }
            if body["taskId"].is_i64() {
                body["taskId"] = Value::Null;
            }
            body
        };
        let mut bodies: Vec<Value> = received[from..].iter().map(plain).collect();
        bodies.sort_by_key(|body| body["event"].to_string());
        bodies
    };
    let members = story.api.get(&format!("/module/collaboration/{id}")).await;
    let (member, tag) = (
        members.response()[0]["id"].clone(),
        story.api.get("/module/tags").await.response()[1]["id"].clone(),
    );

    let on_page = given::task(&lead, &project, "Fix login bug").await;
    let mut through_page = events(0, 1).await;
    let typed = [
        ("description", "Fix the login"),
        ("note", "It is the cookie"),
        ("priorityId", "3"),
        ("endDate", "2026-04-01"),
        ("tags", &tag.to_string()),
        ("assignees", &member.to_string()),
    ];
    lead.submit(&on_page.path, &on_page.path, &typed)
        .await
        .assert_status(200);
    through_page.extend(events(1, 2).await);
    let delete = format!("{}/delete", on_page.path);
    lead.submit(&delete, "/delete", &[]).await.assert_status(200);
    through_page.extend(events(3, 1).await);

    let status = &through_page[0]["task"]["statusId"];
    let new = json!({ "goalId": id, "description": "Fix login bug", "statusId": status });
    let task = created(&story.api, new).await["id"].clone();
    let mut through_api = events(4, 1).await;
    let change = json!({ "id": task, "description": "Fix the login", "note": "It is the cookie", "priorityId": 3,
                         "endDate": "2026-04-01" });
    story.api.patch("/module/tasks", change).await.response();
    let toggle = json!({ "tagId": tag, "taskId": task });
    story.api.patch("/module/tags/toggle", toggle).await.response();
    let assign = json!({ "taskId": task, "userIds": [member] });
    story.api.patch("/module/tasks/task-users", assign).await.response();
    through_api.extend(events(5, 3).await);
    story
        .api
        .delete("/module/tasks", json!({ "taskId": task }))
        .await
        .response();
    through_api.extend(events(8, 1).await);

    // The page changes all at once; the API has a call for each kind of change.
    let changed = |bodies: &[Value]| -> Value {
        let all = bodies.iter().filter_map(|body| body["changes"].as_object().cloned());
        json!(all.flatten().collect::<serde_json::Map<_, _>>())
    };
    assert_eq!(changed(&through_page), changed(&through_api));
    let but_updates = |bodies: Vec<Value>| -> Vec<Value> {
        let kept = bodies.into_iter().filter(|body| body["event"] != "task.updated");
        kept.collect()
    };
    let (page, api) = (but_updates(through_page), but_updates(through_api));
    assert_eq!(page.len(), 3);
    assert_eq!(page, api);
}
