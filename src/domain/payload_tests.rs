//! The bytes that receivers were promised, key for key.

use serde_json::value::RawValue;

use super::*;
use crate::domain::task::{Priority, diff, sample};

/// The example of the documentation that receivers were written against.
const DOCUMENTED: &str = r#"{
"event": "task.updated",
"timestamp": "2026-03-22T12:00:00.000Z",
"task": {
"id": 123,
"goalId": 774,
"description": "Fix login bug",
"complete": false,
"statusId": 5,
"priorityId": 2,
"tags": [1, 3],
"assignedUsers": [10, 22],
"subtasks": []
},
"changes": {
"statusId": 5
},
"initiatorId": 1
}"#;

const NOON: Moment = Moment(1_774_180_800_000_000);

fn text(bytes: Result<Vec<u8>, TooLarge>) -> String {
    String::from_utf8(bytes.unwrap()).unwrap()
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

#[test]
fn an_update_equals_the_documented_example_key_for_key() {
    use serde_json::{Map, Value};
    let after = sample();
    let mut before = after.clone();
    before.status_id = None;

    let body = text(of_task(
        TaskEvent::Updated(&diff(&before, &after)),
        NOON,
        &after,
        UserId(1),
    ));

    let ours: Map<String, Value> = serde_json::from_str(&body).unwrap();
    let documented: Map<String, Value> = serde_json::from_str(DOCUMENTED).unwrap();
    assert!(ours.keys().eq(documented.keys()));
    for key in ["event", "timestamp", "changes", "initiatorId"] {
        assert_eq!(ours[key].to_string(), documented[key].to_string());
    }
    let (ours, documented) = (
        ours["task"].as_object().unwrap(),
        documented["task"].as_object().unwrap(),
    );
    assert!(ours.iter().take(9).eq(documented.iter()));
    let further: Vec<_> = ours.keys().skip(9).map(String::as_str).collect();
    assert_eq!(
        further,
        [
            "parentId",
            "note",
            "startDate",
            "startTime",
            "endDate",
            "endTime",
            "creatorId",
            "dateCreation",
            "editDate",
            "dateComplete"
        ]
    );
}

#[test]
fn each_event_has_its_own_keys_after_the_task() {
    let task = sample();
    let json = serde_json::to_string(&task).unwrap();
    let head = |event: &str| format!(r#"{{"event":"{event}","timestamp":"2026-03-22T12:00:00.000Z","task":{json}"#);
    let body = |event| text(of_task(event, NOON, &task, UserId(1)));

    assert_eq!(body(TaskEvent::Created), head("task.created") + r#","initiatorId":1}"#);
    assert_eq!(
        body(TaskEvent::AssigneesChanged),
        head("task.assigneesChanged") + r#","taskId":123,"userIds":[10,22],"initiatorId":1}"#
    );
    assert_eq!(
        body(TaskEvent::Deleted),
        head("task.deleted") + r#","taskId":123,"goalId":774,"initiatorId":1}"#
    );
}

#[test]
fn a_task_is_compact_json_with_nulls_for_what_is_absent() {
    let mut task = sample();
    task.priority = Priority::High;
    task.subtasks.clear();

    assert_eq!(
        serde_json::to_string(&task).unwrap(),
        concat!(
            r#"{"id":123,"goalId":774,"description":"Fix login bug","complete":false,"statusId":5,"priorityId":3,"#,
            r#""tags":[1,3],"assignedUsers":[10,22],"subtasks":[],"parentId":null,"note":null,"startDate":null,"#,
            r#""startTime":null,"endDate":null,"endTime":null,"creatorId":1,"dateCreation":"2026-03-22T12:00:00.000Z","#,
            r#""editDate":"2026-03-22T12:00:00.000Z","dateComplete":null}"#,
        )
    );
}

#[test]
fn a_test_says_what_it_is() {
    let expected = r#"{"event":"webhook.test","timestamp":"2026-03-22T12:00:00.000Z","data":{"message":"This is a test webhook delivery"}}"#;

    assert_eq!(String::from_utf8(of_test(NOON)).unwrap(), expected);
}

#[test]
fn a_published_event_is_sent_on_byte_for_byte() {
    let kind = EventKind::custom("invoice.paid").unwrap();
    let (data, task) = (
        raw(r#"{ "amount" : 1.50, "ü":"\u00fc" }"#),
        raw(r#"{"id": 7,"z":1,"a":2}"#),
    );
    let empty = Published {
        kind: &kind,
        task: None,
        data: None,
        task_id: None,
        goal_id: None,
        user_ids: None,
        changes: None,
        initiator_id: None,
    };

    let custom = text(of_published(
        &Published {
            data: Some(&data),
            ..empty
        },
        NOON,
    ));
    assert_eq!(
        custom,
        r#"{"event":"invoice.paid","timestamp":"2026-03-22T12:00:00.000Z","data":{ "amount" : 1.50, "ü":"\u00fc" },"initiatorId":null}"#
    );

    let (users, changes) = (raw("[3, 1]"), raw(r#"{"b":1,"a":2}"#));
    let all = Published {
        kind: &EventKind::TASK_UPDATED,
        task: Some(&task),
        data: None,
        task_id: Some(7),
        goal_id: Some(ProjectId(2)),
        user_ids: Some(&users),
        changes: Some(&changes),
        initiator_id: Some(-4),
    };
    assert_eq!(
        text(of_published(&all, NOON)),
        concat!(
            r#"{"event":"task.updated","timestamp":"2026-03-22T12:00:00.000Z","task":{"id": 7,"z":1,"a":2},"taskId":7,"#,
            r#""goalId":2,"userIds":[3, 1],"changes":{"b":1,"a":2},"initiatorId":-4}"#
        )
    );
}

#[test]
fn a_body_over_256_kib_is_refused_and_one_of_exactly_that_is_not() {
    let kind = EventKind::custom("big.one").unwrap();
    let size_of = |filler: usize| {
        let data = raw(&format!("\"{}\"", "x".repeat(filler)));
        let event = Published {
            kind: &kind,
            task: None,
            data: Some(&data),
            task_id: None,
            goal_id: None,
            user_ids: None,
            changes: None,
            initiator_id: None,
        };
        of_published(&event, NOON).map(|bytes| bytes.len())
    };
    let around = size_of(0).unwrap();

    assert_eq!(size_of(MAX_BYTES - around), Ok(MAX_BYTES));
    assert_eq!(size_of(MAX_BYTES - around + 1), Err(TooLarge));
}
