//! A task as payloads and the API show it, what may be written about one, and what an edit really changed.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::domain::calendar::{Date, TimeOfDay};
use crate::domain::field_error::FieldError;
use crate::domain::ids::{MemberId, ProjectId, StatusId, TagId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::domain::smallint::small_int_enum;

/// Characters.
pub const MAX_DESCRIPTION: usize = 2_000;
/// Characters.
pub const MAX_NOTE: usize = 20_000;
pub const MAX_SUBTASKS: usize = 100;
/// Bytes of a task's JSON with its subtasks. It leaves room in the 256 KiB of a payload for `changes`, which repeats at most
/// one description and one note: so a task that could be written can also be edited and deleted, with its event.
pub const MAX_JSON_BYTES: usize = 160 * 1024;

small_int_enum! {
    /// A number on the wire, a word for people.
    #[derive(PartialOrd, Ord)]
    pub enum Priority {
        Low = 1 => "low",
        Medium = 2 => "medium",
        High = 3 => "high",
    }
}

impl Priority {
    pub fn number(self) -> i16 {
        self as i16
    }

    pub fn from_number(number: i64) -> Option<Priority> {
        Priority::ALL
            .iter()
            .copied()
            .find(|priority| i64::from(priority.number()) == number)
    }

    fn as_number<S: Serializer>(priority: &Priority, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i16(priority.number())
    }
}

/// The whole of a task at one moment. The order of the fields is the order of the payload's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: TaskId,
    #[serde(rename = "goalId")]
    pub project_id: ProjectId,
    #[schema(example = "Fix login bug")]
    pub description: String,
    #[schema(example = false)]
    pub complete: bool,
    #[schema(required)]
    pub status_id: Option<StatusId>,
    #[serde(rename = "priorityId", serialize_with = "Priority::as_number")]
    #[schema(value_type = i64, minimum = 1, maximum = 3, example = 2)]
    pub priority: Priority,
    /// A set: ascending.
    pub tags: Vec<TagId>,
    /// A set: ascending.
    #[serde(rename = "assignedUsers")]
    pub assignees: Vec<MemberId>,
    /// Oldest first; a subtask has none.
    #[schema(no_recursion, example = json!([]))]
    pub subtasks: Vec<Task>,
    #[schema(required, example = json!(null))]
    pub parent_id: Option<TaskId>,
    #[schema(required, example = json!(null))]
    pub note: Option<String>,
    #[schema(required)]
    pub start_date: Option<Date>,
    #[schema(required)]
    pub start_time: Option<TimeOfDay>,
    #[schema(required)]
    pub end_date: Option<Date>,
    #[schema(required)]
    pub end_time: Option<TimeOfDay>,
    pub creator_id: UserId,
    #[serde(rename = "dateCreation")]
    pub created_at: Moment,
    #[serde(rename = "editDate")]
    pub edited_at: Moment,
    #[serde(rename = "dateComplete")]
    #[schema(required, example = json!(null))]
    pub completed_at: Option<Moment>,
}

impl Task {
    /// What a person wrote about it: the base of the next edit.
    pub fn draft(&self) -> TaskDraft {
        TaskDraft {
            description: self.description.clone(),
            complete: self.complete,
            status_id: self.status_id,
            priority: self.priority,
            tags: self.tags.clone(),
            parent_id: self.parent_id,
            note: self.note.clone(),
            start_date: self.start_date.clone(),
            start_time: self.start_time.clone(),
            end_date: self.end_date.clone(),
            end_time: self.end_time.clone(),
        }
    }

    /// Whether every event about it fits a payload.
    pub fn fits_a_payload(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|json| json.len() <= MAX_JSON_BYTES)
    }
}

/// What a person writes about a task, checked. Who is assigned is a change of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDraft {
    pub description: String,
    pub complete: bool,
    pub status_id: Option<StatusId>,
    pub priority: Priority,
    pub tags: Vec<TagId>,
    pub parent_id: Option<TaskId>,
    pub note: Option<String>,
    pub start_date: Option<Date>,
    pub start_time: Option<TimeOfDay>,
    pub end_date: Option<Date>,
    pub end_time: Option<TimeOfDay>,
}

impl TaskDraft {
    /// A task of which only the text is known.
    pub fn blank() -> TaskDraft {
        TaskDraft {
            description: String::new(),
            complete: false,
            status_id: None,
            priority: Priority::Low,
            tags: Vec::new(),
            parent_id: None,
            note: None,
            start_date: None,
            start_time: None,
            end_date: None,
            end_time: None,
        }
    }
}

/// What somebody sent, unchecked: `None` is "not given", `Some(None)` is "taken away". Pages and the API both fill this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[schema(as = TaskFields)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskPatch {
    #[schema(example = "Fix login bug", min_length = 1, max_length = 2000)]
    pub description: Option<String>,
    pub complete: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<StatusId>)]
    pub status_id: Option<Option<StatusId>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 3, example = 2)]
    pub priority_id: Option<Option<i64>>,
    pub tags: Option<Vec<TagId>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<TaskId>)]
    pub parent_id: Option<Option<TaskId>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 20000)]
    pub note: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Date>)]
    pub start_date: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<TimeOfDay>)]
    pub start_time: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Date>)]
    pub end_date: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<TimeOfDay>)]
    pub end_time: Option<Option<String>>,
}

impl TaskPatch {
    /// Nothing was given.
    pub fn is_empty(&self) -> bool {
        *self == TaskPatch::default()
    }

    /// Whether it can be put onto a task, whichever that is: the API answers for what was sent before it looks for the task.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let any_day = Date::parse("2000-01-01");
        let any = TaskDraft {
            description: "any".to_owned(),
            start_date: any_day.clone(),
            end_date: any_day,
            ..TaskDraft::blank()
        };
        self.onto(any).map(drop)
    }

    /// The draft with what was given put in its place. All that is wrong is told at once, under the names that were sent.
    /// Taking a date away takes its time away too, unless a time was given.
    pub fn onto(&self, base: TaskDraft) -> Result<TaskDraft, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut draft = base;
        if let Some(description) = &self.description {
            draft.description = checked_text("description", description.trim(), MAX_DESCRIPTION, &mut errors);
        }
        if draft.description.is_empty() {
            errors.push(FieldError::new("description", "Enter a description."));
        }
        if let Some(note) = &self.note {
            let note = checked_text("note", note.as_deref().unwrap_or_default(), MAX_NOTE, &mut errors);
            draft.note = Some(note).filter(|note| !note.trim().is_empty());
        }
        draft.complete = self.complete.unwrap_or(draft.complete);
        draft.status_id = self.status_id.unwrap_or(draft.status_id);
        draft.parent_id = self.parent_id.unwrap_or(draft.parent_id);
        if let Some(number) = self.priority_id {
            match number.map_or(Some(Priority::Low), Priority::from_number) {
                Some(priority) => draft.priority = priority,
                None => errors.push(FieldError::new(
                    "priorityId",
                    "A priority is 1 (low), 2 (medium) or 3 (high).",
                )),
            }
        }
        if let Some(tags) = &self.tags {
            draft.tags.clone_from(tags);
            as_set(&mut draft.tags);
        }

        let mut when = |date_name, time_name, given: [&Option<Option<String>>; 2], place: (&mut _, &mut _)| {
            let (date, time) = place;
            put(
                date_name,
                given[0],
                Date::parse,
                "A date is written YYYY-MM-DD.",
                date,
                &mut errors,
            );
            if date.is_none() && given[0].is_some() && given[1].is_none() {
                *time = None;
            }
            put(
                time_name,
                given[1],
                TimeOfDay::parse,
                "A time is written HH:MM.",
                time,
                &mut errors,
            );
            if time.is_some() && date.is_none() && !errors.iter().any(|error| error.name == date_name) {
                errors.push(FieldError::new(time_name, "A time needs its date."));
            }
        };
        let start = (&mut draft.start_date, &mut draft.start_time);
        when("startDate", "startTime", [&self.start_date, &self.start_time], start);
        let end = (&mut draft.end_date, &mut draft.end_time);
        when("endDate", "endTime", [&self.end_date, &self.end_time], end);

        if errors.is_empty() { Ok(draft) } else { Err(errors) }
    }
}

/// Ascending and without repetition, as payloads list ids.
pub fn as_set<T: Ord>(ids: &mut Vec<T>) {
    ids.sort_unstable();
    ids.dedup();
}

/// The fields that an edit really changed, with their new values, under the names and in the order of the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Changes(Map<String, Value>);

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What is listed in `changes`. Who is assigned makes another event, and what follows from a change (`editDate`,
/// `dateComplete`) or belongs to other tasks (`subtasks`) is not listed.
pub(crate) const COMPARED: &[&str] = &[
    "description",
    "complete",
    "statusId",
    "priorityId",
    "tags",
    "parentId",
    "note",
    "startDate",
    "startTime",
    "endDate",
    "endTime",
];

/// Compares what receivers see, so that a name and a value in `changes` can never differ from those in `task`.
pub fn diff(before: &Task, after: &Task) -> Changes {
    let (before, after) = (json_of(before), json_of(after));
    let changed = COMPARED.iter().filter(|&&name| before.get(name) != after.get(name));
    Changes(
        changed
            .filter_map(|&name| Some((name.to_owned(), after.get(name)?.clone())))
            .collect(),
    )
}

fn json_of(task: &Task) -> Map<String, Value> {
    match serde_json::to_value(task) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// A field that is there is `Some`, also when it is null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Line ends as `\n` (browsers send `\r\n`), within the bound, and free of control characters: PostgreSQL keeps no NUL.
fn checked_text(name: &str, text: &str, max: usize, errors: &mut Vec<FieldError>) -> String {
    let text = text.replace("\r\n", "\n");
    if text.chars().count() > max {
        errors.push(FieldError::new(name, format!("At most {max} characters.")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        errors.push(FieldError::new(name, "Control characters are not allowed."));
    }
    text
}

/// Puts a date or time in its place. An empty text is "taken away": that is what an empty form field sends.
fn put<T>(
    name: &str,
    given: &Option<Option<String>>,
    parse: fn(&str) -> Option<T>,
    complaint: &str,
    place: &mut Option<T>,
    errors: &mut Vec<FieldError>,
) {
    let Some(text) = given else { return };
    match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => *place = None,
        Some(text) => match parse(text) {
            Some(value) => *place = Some(value),
            None => errors.push(FieldError::new(name, complaint)),
        },
    }
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
#[cfg(test)]
pub(crate) use tests::sample;
