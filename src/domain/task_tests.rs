//! Tables of what may be written about a task and of what counts as a change.

use super::*;

/// The task of the documentation's example.
pub(crate) use crate::domain::event_docs::example_task as sample;

fn patch(json: &str) -> TaskPatch {
    serde_json::from_str(json).unwrap()
}

fn edited(json: &str) -> Result<TaskDraft, Vec<FieldError>> {
    patch(json).onto(sample().draft())
}

fn complaints(json: &str) -> Vec<String> {
    edited(json).unwrap_err().into_iter().map(|error| error.name).collect()
}

#[test]
fn what_was_not_given_stays_and_null_takes_away() {
    assert_eq!(edited("{}").unwrap(), sample().draft());
    assert!(patch(r#"{"id": 4, "amount": 7}"#).is_empty());
    assert!(!patch(r#"{"statusId": null}"#).is_empty());

    let draft = edited(r#"{"statusId": null, "priorityId": null, "note": "  ", "tags": [3, 1, 3]}"#).unwrap();

    assert_eq!(draft.status_id, None);
    assert_eq!(draft.priority, Priority::Low);
    assert_eq!(draft.note, None);
    assert_eq!(draft.tags, [TagId(1), TagId(3)]);
}

#[test]
fn texts_are_trimmed_and_bounded_in_characters() {
    assert_eq!(edited(r#"{"description": "  Küche \n"}"#).unwrap().description, "Küche");
    assert_eq!(edited(r#"{"note": "a\r\nb"}"#).unwrap().note.unwrap(), "a\nb");
    assert!(edited(&format!(r#"{{"description": "{}"}}"#, "ü".repeat(2000))).is_ok());
    assert!(edited(&format!(r#"{{"note": "{}"}}"#, "ü".repeat(20000))).is_ok());

    for (json, name) in [
        (r#"{"description": "   "}"#.to_owned(), "description"),
        (format!(r#"{{"description": "{}"}}"#, "ü".repeat(2001)), "description"),
        (format!(r#"{{"note": "{}"}}"#, "ü".repeat(20001)), "note"),
        (r#"{"description": "a\u0000b"}"#.to_owned(), "description"),
        (r#"{"note": "a\u001bb"}"#.to_owned(), "note"),
        (r#"{"priorityId": 0}"#.to_owned(), "priorityId"),
        (r#"{"priorityId": 4}"#.to_owned(), "priorityId"),
    ] {
        assert_eq!(complaints(&json), [name], "{json}");
    }
}

#[test]
fn a_new_task_needs_a_description() {
    let errors = TaskPatch::default().onto(TaskDraft::blank()).unwrap_err();

    assert_eq!(errors, [FieldError::new("description", "Enter a description.")]);
}

#[test]
fn a_time_needs_its_date() {
    let draft = edited(r#"{"endDate": "2026-04-01", "endTime": "17:30+02:00"}"#).unwrap();
    assert_eq!(draft.end_date.as_ref().map(Date::as_str), Some("2026-04-01"));
    assert_eq!(draft.end_time.as_ref().map(TimeOfDay::as_str), Some("17:30:00"));

    let dropped = patch(r#"{"endDate": null}"#).onto(draft.clone()).unwrap();
    assert_eq!((dropped.end_date, dropped.end_time), (None, None));

    let kept_time = patch(r#"{"endDate": "", "endTime": "17:30"}"#).onto(draft);
    assert_eq!(kept_time.unwrap_err()[0].name, "endTime");
    assert_eq!(complaints(r#"{"startTime": "08:00"}"#), ["startTime"]);
    assert_eq!(
        complaints(r#"{"startDate": "soon", "startTime": "08:00"}"#),
        ["startDate"]
    );
    assert_eq!(
        complaints(r#"{"startDate": "2026-02-30", "endTime": "25:00"}"#),
        ["startDate", "endTime"]
    );
}

#[test]
fn only_what_really_changed_is_listed_in_the_order_of_the_payload() {
    let before = sample();
    let mut after = before.clone();
    after.edited_at = Moment(1_774_180_900_000_000);
    after.completed_at = Some(after.edited_at);
    after.assignees = vec![MemberId(10)];
    after.subtasks = vec![sample()];
    assert!(diff(&before, &after).is_empty());

    after.end_date = Date::parse("2026-04-01");
    after.tags.clear();
    after.priority = Priority::High;
    after.complete = true;
    after.status_id = None;
    after.note = Some("why".into());

    let changes = diff(&before, &after);

    assert_eq!(
        serde_json::to_string(&changes).unwrap(),
        r#"{"complete":true,"statusId":null,"priorityId":3,"tags":[],"note":"why","endDate":"2026-04-01"}"#
    );
}

#[test]
fn every_field_of_a_draft_is_compared() {
    let before = sample();
    for json in [
        r#"{"description":"x"}"#,
        r#"{"complete":true}"#,
        r#"{"statusId":6}"#,
        r#"{"priorityId":1}"#,
        r#"{"tags":[1]}"#,
        r#"{"parentId":9}"#,
        r#"{"note":"x"}"#,
        r#"{"startDate":"2026-04-01"}"#,
        r#"{"endDate":"2026-04-01"}"#,
    ] {
        let draft = edited(json).unwrap();
        let after = Task {
            description: draft.description,
            complete: draft.complete,
            status_id: draft.status_id,
            priority: draft.priority,
            tags: draft.tags,
            parent_id: draft.parent_id,
            note: draft.note,
            start_date: draft.start_date,
            start_time: draft.start_time,
            end_date: draft.end_date,
            end_time: draft.end_time,
            ..before.clone()
        };

        assert_eq!(serde_json::to_string(&diff(&before, &after)).unwrap(), json);
    }
}

#[test]
fn the_largest_task_that_can_be_written_can_be_edited_with_its_event() {
    use crate::domain::payload::{TaskEvent, of_task};
    let mut task = sample();
    task.description = "\u{1F600}".repeat(MAX_DESCRIPTION);
    task.note = Some("\u{1F600}".repeat(MAX_NOTE));
    let mut before = task.clone();
    before.description = "x".into();
    before.note = None;
    while task.fits_a_payload() {
        let mut subtask = sample();
        subtask.note = Some("x".repeat(1_000));
        task.subtasks.push(subtask);
    }
    task.subtasks.pop();

    let body = of_task(TaskEvent::Updated(&diff(&before, &task)), Moment(0), &task, UserId(1));

    assert!(body.is_ok());
}
