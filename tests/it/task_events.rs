//! Which events a change of tasks makes, and which deliveries: on the database itself, because no page shows an event that
//! nobody subscribes to.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use taskview_webhooks::actions::access::Actor;
use taskview_webhooks::actions::tasks;
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::projects::Project;
use taskview_webhooks::db::{DatabaseUrl, Tx, memberships};
use taskview_webhooks::domain::ids::{MemberId, ProjectId, TaskId, UserId};
use taskview_webhooks::domain::task::{TaskDraft, TaskPatch};
use taskview_webhooks::error::AppError;
use taskview_webhooks::store::Store;

use crate::support::database::TestDatabase;

const PROJECT: ProjectId = ProjectId(1);
const ADA: Actor = Actor::account(UserId(1), None);
const BOB: MemberId = MemberId(2);

#[tokio::test]
async fn an_edit_of_fields_and_assignees_makes_both_events_and_one_without_change_makes_none() {
    let place = Place::new().await;
    let task = place
        .add(json!({ "description": "Fix login bug", "note": "why" }))
        .await;

    place
        .edit(
            task,
            json!({ "description": " Fix login bug ", "note": "why", "priorityId": 1 }),
            Some(&[]),
        )
        .await;
    assert_eq!(place.kinds().await, ["task.created"]);

    place
        .edit(
            task,
            json!({ "statusId": 2, "endDate": "2026-04-01" }),
            Some(&[BOB, BOB]),
        )
        .await;
    assert_eq!(
        place.kinds().await,
        ["task.created", "task.updated", "task.assigneesChanged"]
    );
    let bodies = place.bodies().await;
    assert_eq!(bodies[1]["changes"], json!({ "statusId": 2, "endDate": "2026-04-01" }));
    assert_eq!(bodies[1]["task"]["assignedUsers"], json!([2]));
    assert_eq!(bodies[1]["initiatorId"], json!(1));
    assert_eq!(bodies[2]["userIds"], json!([2]));
    assert!(bodies[2].get("changes").is_none());
}

#[tokio::test]
async fn completing_dates_the_task_and_lists_only_what_somebody_did() {
    let place = Place::new().await;
    let task = place.add(json!({ "description": "a" })).await;

    place.edit(task, json!({ "complete": true }), None).await;
    place.edit(task, json!({ "complete": false }), None).await;

    let bodies = place.bodies().await;
    assert_eq!(bodies[1]["changes"], json!({ "complete": true }));
    assert_eq!(bodies[1]["task"]["dateComplete"], bodies[1]["timestamp"]);
    assert_eq!(bodies[1]["task"]["editDate"], bodies[1]["timestamp"]);
    assert_eq!(bodies[2]["task"]["dateComplete"], Value::Null);
}

#[tokio::test]
async fn a_deleted_task_takes_its_subtasks_along_each_with_its_own_event() {
    let place = Place::new().await;
    let parent = place.add(json!({ "description": "parent", "tags": [1] })).await;
    let first = place.add(json!({ "description": "first", "parentId": parent.0 })).await;
    let second = place
        .add(json!({ "description": "second", "parentId": parent.0 }))
        .await;
    assert_eq!(place.kinds().await, ["task.created"; 3]);

    let gone = place.act(move |tx| tasks::delete(tx, &ADA, parent)).await.unwrap().1;

    assert_eq!(gone, 3);
    let bodies = place.bodies().await.split_off(3);
    let ids: Vec<_> = bodies.iter().map(|body| body["taskId"].clone()).collect();
    assert_eq!(ids, [json!(first.0), json!(second.0), json!(parent.0)]);
    assert_eq!(bodies[2]["task"]["subtasks"][1]["description"], "second");
    assert_eq!(bodies[2]["task"]["tags"], json!([1]));
    assert!(matches!(
        place.act(move |tx| tasks::get(tx.db, &ADA, first)).await,
        Err(AppError::NotFound)
    ));
}

#[tokio::test]
async fn subtasks_go_one_level_deep() {
    let place = Place::new().await;
    let parent = place.add(json!({ "description": "parent" })).await;
    let child = place.add(json!({ "description": "child", "parentId": parent.0 })).await;
    let other = place.add(json!({ "description": "other" })).await;

    for (task, new_parent) in [(other, child), (parent, other), (other, other)] {
        let patch = patch(json!({ "parentId": new_parent.0 }));
        let refused = place.act(move |tx| tasks::edit(tx, &ADA, task, &patch, None)).await;
        assert!(
            matches!(refused, Err(AppError::Invalid(_))),
            "{task} below {new_parent}"
        );
    }
    place.edit(child, json!({ "parentId": other.0 }), None).await;
    place.edit(child, json!({ "parentId": null }), None).await;

    let last = place.bodies().await.pop().unwrap();
    assert_eq!(last["changes"], json!({ "parentId": null }));
}

#[tokio::test]
async fn what_belongs_to_another_project_does_not_exist() {
    let place = Place::new().await;
    let task = place.add(json!({ "description": "a" })).await;
    let stranger = Actor::account(UserId(3), None);

    for wrong in [
        json!({ "statusId": 9 }),
        json!({ "tags": [9] }),
        json!({ "parentId": 999 }),
    ] {
        let patch = patch(wrong.clone());
        let refused = place.act(move |tx| tasks::edit(tx, &ADA, task, &patch, None)).await;
        assert!(matches!(refused, Err(AppError::NotFound)), "{wrong}");
    }
    let foreign = place
        .act(move |tx| tasks::edit(tx, &ADA, task, &TaskPatch::default(), Some(&[MemberId(3)])))
        .await;
    assert!(matches!(foreign, Err(AppError::NotFound)));
    let seen = place.act(move |tx| tasks::get(tx.db, &stranger, task)).await;
    assert!(matches!(seen, Err(AppError::NotFound)));
    assert_eq!(place.kinds().await, ["task.created"]);
}

#[tokio::test]
async fn every_subscribing_webhook_gets_a_delivery_also_when_it_is_off_and_never_when_it_is_deleted() {
    let place = Place::new().await;
    place.webhook(1, "active", "task.created").await;
    place.webhook(2, "off", "task.created").await;
    place.webhook(3, "deleted", "task.created").await;
    place.webhook(4, "active", "task.updated").await;

    let (_, due) = place.add_with_due(json!({ "description": "a" })).await;

    assert_eq!(place.receivers().await, [1, 2]);
    let woken: Vec<_> = due.iter().map(|due| due.webhook.0).collect();
    assert_eq!(woken, [1]);
}

#[tokio::test]
async fn an_archived_project_has_no_events() {
    let place = Place::new().await;
    place.sql("UPDATE projects SET archived_at = 5 WHERE id = 1").await;

    place.add(json!({ "description": "a" })).await;

    assert!(place.kinds().await.is_empty());
}

#[tokio::test]
async fn a_member_who_goes_is_taken_off_every_task_with_an_event_for_each() {
    let place = Place::new().await;
    for _ in 0..2 {
        let task = place.add(json!({ "description": "a" })).await;
        place.edit(task, json!({}), Some(&[BOB, MemberId(1)])).await;
    }

    let count = place
        .act(|tx| {
            let (project, _, _): (Project, _, _) = memberships::of_user(tx.db, ADA.user, PROJECT)?;
            tasks::unassign_member(tx, &project, BOB, ADA.user)
        })
        .await
        .unwrap();

    assert_eq!(count, 2);
    let last = place.bodies().await.split_off(4);
    assert!(
        last.iter()
            .all(|body| body["event"] == "task.assigneesChanged" && body["userIds"] == json!([1]))
    );
}

#[tokio::test]
async fn two_edits_at_once_both_count() {
    let place = Place::new().await;
    let task = place.add(json!({ "description": "a" })).await;

    tokio::join!(
        place.edit(task, json!({ "note": "b" }), None),
        place.edit(task, json!({ "priorityId": 3 }), None),
        place.edit(task, json!({ "tags": [1] }), None),
        place.edit(task, json!({}), Some(&[BOB])),
    );

    let (_, after) = place.act(move |tx| tasks::get(tx.db, &ADA, task)).await.unwrap();
    assert_eq!(after.note.as_deref(), Some("b"));
    assert_eq!(after.priority.number(), 3);
    assert_eq!((after.tags.len(), after.assignees.len()), (1, 1));
}

fn patch(json: Value) -> TaskPatch {
    serde_json::from_value(json).expect("a patch")
}

/// A project of Ada's, where Bob is a member; Eve owns another one.
struct Place {
    store: Store,
    database: TestDatabase,
}

impl Place {
    async fn new() -> Place {
        let database = TestDatabase::create();
        let url = DatabaseUrl::parse(&database.url).expect("an address");
        let store = Store::open(&url, Clock::default()).expect("a database");
        let place = Place { store, database };
        for (id, name) in [(1, "ada"), (2, "bob"), (3, "eve")] {
            place.sql(&format!("INSERT INTO users (login, email, name, password_hash, created_at) VALUES ('{name}', '{name}@t.test', '{name}', '', {id})")).await;
        }
        for owner in [1, 3] {
            place.sql(&format!("INSERT INTO projects (name, description, color, creator_id, created_at, edited_at) VALUES ('p', '', '#112233', {owner}, 1, 1)")).await;
        }
        for (project, user, role) in [(1, 1, 2), (1, 2, 0), (2, 3, 2)] {
            place.sql(&format!("INSERT INTO memberships (project_id, user_id, role, created_at) VALUES ({project}, {user}, {role}, 1)")).await;
        }
        place
            .act(|tx| {
                for project in [PROJECT, ProjectId(2)] {
                    taskview_webhooks::db::statuses::insert_defaults(tx.db, project)?;
                    taskview_webhooks::db::tags::insert_defaults(tx.db, project)?;
                }
                Ok(())
            })
            .await
            .expect("statuses and tags");
        place
    }

    async fn act<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
    ) -> Result<T, AppError> {
        self.store.write(action).await.map(|(done, _)| done)
    }

    async fn sql(&self, statement: &str) {
        let statement = statement.to_owned();
        self.act(move |tx| Ok(tx.db.batch_execute(&statement)?))
            .await
            .expect("a statement");
    }

    async fn add(&self, json: Value) -> TaskId {
        self.add_with_due(json).await.0
    }

    async fn add_with_due(&self, json: Value) -> (TaskId, Vec<taskview_webhooks::db::Due>) {
        let draft = patch(json).onto(TaskDraft::blank()).expect("a good task");
        let added = self.store.write(move |tx| tasks::add(tx, &ADA, PROJECT, &draft)).await;
        let ((_, task), notes) = added.expect("added");
        (task.id, notes.due)
    }

    async fn edit(&self, task: TaskId, json: Value, assignees: Option<&[MemberId]>) {
        let (patch, assignees) = (patch(json), assignees.map(<[MemberId]>::to_vec));
        let edited = self
            .act(move |tx| tasks::edit(tx, &ADA, task, &patch, assignees.as_deref()))
            .await;
        edited.expect("edited");
    }

    async fn webhook(&self, id: i64, state: &str, event: &str) {
        let (active, off, deleted) = match state {
            "active" => ("TRUE", "NULL, NULL", "NULL"),
            "off" => ("FALSE", "0, 1", "NULL"),
            _ => ("TRUE", "NULL, NULL", "1"),
        };
        let (secret, empty) = ("'x'", "''");
        let sealed = if deleted == "NULL" { secret } else { empty };
        let sealed = if self.is_sqlite() {
            format!("CAST({sealed} AS BLOB)")
        } else {
            format!("{sealed}::bytea")
        };
        self.sql(&format!(
            "INSERT INTO webhooks (project_id, url, secret_sealed, secret_hint, secret_made_at, secret_made_by, schedule, active, \
             consecutive_failures, off_reason, off_at, discarded_to, created_by, created_at, updated_at, deleted_at) \
             VALUES (1, 'http://h.test', {sealed}, 'abcd', 1, 1, 0, {active}, 0, {off}, 0, 1, 1, 1, {deleted})"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO webhook_events (webhook_id, kind, position) VALUES ({id}, '{event}', 0)"
        ))
        .await;
    }

    fn is_sqlite(&self) -> bool {
        self.database.url.starts_with("sqlite:")
    }

    async fn kinds(&self) -> Vec<String> {
        let bodies = self.bodies().await;
        bodies
            .iter()
            .map(|body| body["event"].as_str().expect("a name").to_owned())
            .collect()
    }

    async fn bodies(&self) -> Vec<Value> {
        use diesel::prelude::*;
        use taskview_webhooks::db::schema::events;
        let found: Vec<Vec<u8>> = self
            .act(|tx| Ok(events::table.order(events::id).select(events::body).load(tx.db)?))
            .await
            .expect("events");
        found
            .iter()
            .map(|body| serde_json::from_slice(body).expect("JSON"))
            .collect()
    }

    async fn receivers(&self) -> Vec<i64> {
        use diesel::prelude::*;
        use taskview_webhooks::db::schema::deliveries;
        self.act(|tx| {
            Ok(deliveries::table
                .order(deliveries::id)
                .select(deliveries::webhook_id)
                .load(tx.db)?)
        })
        .await
        .expect("deliveries")
    }
}
