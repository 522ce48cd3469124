//! Tasks ready to print: names instead of ids, deadlines in words, the groups of the page.

use chrono::{Datelike, NaiveDate};

use crate::actions::tasks::Board;
use crate::db::memberships::Person;
use crate::db::statuses::Status;
use crate::db::tags::Tag;
use crate::domain::ids::{StatusId, TagId, TaskId};
use crate::domain::moment::Moment;
use crate::domain::status::Category;
use crate::domain::task::Task;
use crate::web::words;

/// A choice of a select, of radios or of checkboxes.
#[derive(Debug, Clone)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub selected: bool,
}

/// A task as one line.
#[derive(Debug)]
pub struct Row {
    pub id: TaskId,
    pub href: String,
    pub name: String,
    pub complete: bool,
    pub priority: i16,
    pub priority_word: &'static str,
    pub status: String,
    /// The number of the icon.
    pub category: i16,
    pub tags: Vec<TagName>,
    pub due: Option<Due>,
    pub faces: Vec<Face>,
    /// `1 of 3`, empty without subtasks.
    pub subtasks_done: String,
    pub subtasks: Vec<Row>,
}

#[derive(Debug)]
pub struct TagName {
    pub id: TagId,
    pub name: String,
    pub color: String,
}

#[derive(Debug)]
pub struct Face {
    pub name: String,
    pub initial: String,
    pub hue: i64,
}

impl TagName {
    pub fn of(tag: &Tag) -> TagName {
        TagName {
            id: tag.id,
            name: tag.name.clone(),
            color: tag.color.clone(),
        }
    }
}

impl Face {
    pub fn of(person: &Person) -> Face {
        Face {
            name: person.name.clone(),
            initial: words::initial(&person.name),
            hue: words::hue(person.user.map_or(person.id.0, |user| user.0)),
        }
    }
}

/// A deadline.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    pub iso: String,
    pub exact: String,
    pub words: String,
    /// `late`, `soon` or empty.
    pub state: &'static str,
}

/// Tasks that stand in the same place.
#[derive(Debug)]
pub struct Group {
    pub name: String,
    pub category: i16,
    pub tasks: Vec<Row>,
}

/// What is being worked on first, then what waits, then what is complete. A group without tasks is left out.
pub fn groups(board: &Board, now: Moment) -> Vec<Group> {
    let shown = [Category::InProgress, Category::InReview, Category::ToDo];
    let group = |name: &str, category: Category, belongs: &dyn Fn(&Task) -> bool| Group {
        name: name.to_owned(),
        category: category as i16,
        tasks: board
            .tasks
            .iter()
            .filter(|task| belongs(task))
            .map(|task| row(task, board, now))
            .collect(),
    };
    let standing_at = |status: StatusId| move |task: &Task| !task.complete && task.status_id == Some(status);

    let mut groups = Vec::new();
    for category in shown.into_iter().chain([Category::Done]) {
        for status in board.statuses.iter().filter(|status| status.category == category) {
            groups.push(group(&status.name, category, &standing_at(status.id)));
        }
        if category == Category::ToDo {
            groups.push(group("No status", Category::ToDo, &|task| {
                !task.complete && task.status_id.is_none()
            }));
        }
    }
    groups.push(group("Completed", Category::Done, &|task| task.complete));
    groups.retain(|group| !group.tasks.is_empty());
    groups
}

pub fn row(task: &Task, board: &Board, now: Moment) -> Row {
    let status = board.statuses.iter().find(|status| Some(status.id) == task.status_id);
    let done = task.subtasks.iter().filter(|subtask| subtask.complete).count();
    Row {
        id: task.id,
        href: format!("/projects/{}/tasks/{}", task.project_id, task.id),
        name: task.description.clone(),
        complete: task.complete,
        priority: task.priority.number(),
        priority_word: task.priority.as_str(),
        status: status.map_or_else(|| "No status".to_owned(), |status| status.name.clone()),
        category: if task.complete {
            Category::Done
        } else {
            status.map_or(Category::ToDo, |status| status.category)
        } as i16,
        tags: board
            .tags
            .iter()
            .filter(|tag| task.tags.contains(&tag.id))
            .map(TagName::of)
            .collect(),
        due: due(task, now),
        faces: faces(task, board),
        subtasks_done: if task.subtasks.is_empty() {
            String::new()
        } else {
            format!("{done} of {}", task.subtasks.len())
        },
        subtasks: task.subtasks.iter().map(|subtask| row(subtask, board, now)).collect(),
    }
}

/// The statuses as choices, with the one of none in front.
pub fn statuses(board: &Board, chosen: &str) -> Vec<Choice> {
    let none = Choice {
        value: String::new(),
        label: "No status".to_owned(),
        selected: chosen.is_empty(),
    };
    let choice = |status: &Status| Choice {
        value: status.id.to_string(),
        label: status.name.clone(),
        selected: status.id.to_string() == chosen,
    };
    std::iter::once(none).chain(board.statuses.iter().map(choice)).collect()
}

/// Two faces fit; of more the second place counts the rest.
fn faces(task: &Task, board: &Board) -> Vec<Face> {
    let assigned: Vec<_> = board
        .people
        .iter()
        .filter(|person| task.assignees.contains(&person.id))
        .collect();
    let shown = if assigned.len() > 2 { 1 } else { assigned.len() };
    let mut faces: Vec<Face> = assigned[..shown].iter().map(|person| Face::of(person)).collect();
    let rest = &assigned[shown..];
    if !rest.is_empty() {
        let names: Vec<_> = rest.iter().map(|person| person.name.as_str()).collect();
        faces.push(Face {
            name: names.join(", "),
            initial: format!("+{}", rest.len()),
            hue: 0,
        });
    }
    faces
}

/// A deadline is a wall-clock time of no zone; it is compared with UTC.
fn due(task: &Task, now: Moment) -> Option<Due> {
    let date = task.end_date.as_ref()?;
    let day = date.day()?;
    let (today, clock) = (
        now.datetime().date_naive(),
        now.datetime().format("%H:%M:%S").to_string(),
    );
    let passed_today = day == today && task.end_time.as_ref().is_some_and(|time| *time.as_str() < *clock);
    let state = match (day - today).num_days() {
        _ if task.complete => "",
        ..0 => "late",
        0 if passed_today => "late",
        0 | 1 => "soon",
        _ => "",
    };
    let time = task
        .end_time
        .as_ref()
        .map(|time| format!(" {}", time.short()))
        .unwrap_or_default();
    Some(Due {
        iso: date.to_string(),
        exact: format!("{date}{time}"),
        words: day_in_words(day, today),
        state,
    })
}

fn day_in_words(day: NaiveDate, today: NaiveDate) -> String {
    match (day - today).num_days() {
        -1 => "yesterday".to_owned(),
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        _ if day.year() == today.year() => day.format("%-d %b").to_string(),
        _ => day.format("%-d %b %Y").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{Date, TimeOfDay};
    use crate::domain::task::sample;

    #[test]
    fn a_deadline_is_late_soon_or_neither() {
        // 2026-03-22, noon
        let now = Moment(1_774_180_800_000_000);
        let table = [
            ("2026-03-20", None, false, "20 Mar", "late"),
            ("2026-03-21", None, false, "yesterday", "late"),
            ("2026-03-22", None, false, "today", "soon"),
            ("2026-03-22", Some("11:59"), false, "today", "late"),
            ("2026-03-22", Some("12:00"), false, "today", "soon"),
            ("2026-03-23", None, false, "tomorrow", "soon"),
            ("2026-03-24", None, false, "24 Mar", ""),
            ("2027-01-02", None, false, "2 Jan 2027", ""),
            ("2026-03-20", None, true, "20 Mar", ""),
        ];
        for (date, time, complete, words, state) in table {
            let mut task = sample();
            task.end_date = Date::parse(date);
            task.end_time = time.and_then(TimeOfDay::parse);
            task.complete = complete;

            let due = due(&task, now).unwrap();

            assert_eq!((due.words.as_str(), due.state), (words, state), "{date} {time:?}");
        }
    }
}
