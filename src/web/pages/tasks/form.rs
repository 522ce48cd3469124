//! The form of a task: what a browser sends, kept as it was typed so that it can be shown again beside its errors.

use serde::Deserialize;

use crate::domain::calendar::{Date, TimeOfDay};
use crate::domain::ids::{MemberId, TagId};
use crate::domain::task::{Task, TaskPatch};

/// Every field of the page, as text. A browser sends nothing for a box that is not ticked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskForm {
    pub description: String,
    pub note: String,
    #[serde(deserialize_with = "ticked")]
    pub complete: bool,
    pub status_id: String,
    pub priority_id: String,
    pub tags: Vec<TagId>,
    pub assignees: Vec<MemberId>,
    pub start_date: String,
    pub start_time: String,
    pub end_date: String,
    pub end_time: String,
}

impl TaskForm {
    /// The form of a task as it is.
    pub fn of(task: &Task) -> TaskForm {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        TaskForm {
            description: task.description.clone(),
            note: text(task.note.as_deref()),
            complete: task.complete,
            status_id: task.status_id.map(|id| id.to_string()).unwrap_or_default(),
            priority_id: task.priority.number().to_string(),
            tags: task.tags.clone(),
            assignees: task.assignees.clone(),
            start_date: text(task.start_date.as_ref().map(Date::as_str)),
            start_time: text(task.start_time.as_ref().map(TimeOfDay::short)),
            end_date: text(task.end_date.as_ref().map(Date::as_str)),
            end_time: text(task.end_time.as_ref().map(TimeOfDay::short)),
        }
    }

    /// What the form says about the task: everything but its parent. A time input shows no seconds; where it still shows
    /// what the task has, the task's own seconds stay.
    pub fn patch(&self, now: &Task) -> TaskPatch {
        let time = |typed: &String, had: Option<&TimeOfDay>| match had {
            Some(had) if had.short() == typed => Some(Some(had.to_string())),
            _ => Some(Some(typed.clone())),
        };
        TaskPatch {
            description: Some(self.description.clone()),
            complete: Some(self.complete),
            status_id: Some(self.status_id.parse().ok()),
            priority_id: Some(self.priority_id.parse().ok()),
            tags: Some(self.tags.clone()),
            parent_id: None,
            note: Some(Some(self.note.clone())),
            start_date: Some(Some(self.start_date.clone())),
            start_time: time(&self.start_time, now.start_time.as_ref()),
            end_date: Some(Some(self.end_date.clone())),
            end_time: time(&self.end_time, now.end_time.as_ref()),
        }
    }
}

/// A box that was ticked sends its value, whatever it is; one that was not sends nothing.
fn ticked<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = String::deserialize(deserializer)?;
    Ok(!value.is_empty() && value != "false")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::sample;

    #[test]
    fn saving_a_form_that_nobody_touched_changes_nothing() {
        let mut task = sample();
        task.note = Some("two\nlines".into());
        task.end_date = Date::parse("2026-04-01");
        task.end_time = TimeOfDay::parse("17:30:05");
        let mut form = TaskForm::of(&task);
        form.note = "two\r\nlines".into();

        let draft = form.patch(&task).onto(task.draft()).unwrap();

        assert_eq!(draft, task.draft());
    }

    #[test]
    fn what_a_browser_sends_is_read_with_its_repeated_names() {
        let form: TaskForm =
            serde_html_form::from_str("description=a&tags=1&tags=3&assignees=7&complete=true&statusId=&priorityId=3")
                .unwrap();

        assert_eq!(form.tags, [TagId(1), TagId(3)]);
        assert_eq!(form.assignees, [MemberId(7)]);
        assert!(form.complete);
        let patch = form.patch(&sample());
        assert_eq!((patch.status_id, patch.priority_id), (Some(None), Some(Some(3))));
        assert!(!serde_html_form::from_str::<TaskForm>("description=a").unwrap().complete);
    }
}
