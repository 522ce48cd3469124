//! Where a task stands: the columns of a project, those that a new one begins with, and the kind of each, which chooses icon and
//! order. A status never completes a task by itself: `complete` is a field of its own.

use crate::domain::field_error::FieldError;
use crate::domain::smallint::small_int_enum;

small_int_enum! {
    /// What a status means, whatever it is called.
    #[derive(PartialOrd, Ord)]
    pub enum Category {
        ToDo = 0 => "to do",
        InProgress = 1 => "in progress",
        InReview = 2 => "in review",
        Done = 3 => "done",
    }
}

/// What a new project begins with, in order.
pub const DEFAULTS: &[(&str, Category)] = &[
    ("To do", Category::ToDo),
    ("In progress", Category::InProgress),
    ("In review", Category::InReview),
    ("Done", Category::Done),
];

const MAX_NAME: usize = 50;

/// A status that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusDraft {
    pub name: String,
    pub category: Category,
}

impl StatusDraft {
    /// All that is wrong is told at once.
    pub fn check(name: &str, category: &str) -> Result<StatusDraft, Vec<FieldError>> {
        let name = name.trim();
        let mut errors = Vec::new();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            errors.push(FieldError::new(
                "name",
                format!("A name has 1 to {MAX_NAME} characters."),
            ));
        }
        let category = category.parse();
        if category.is_err() {
            let words: Vec<_> = Category::ALL.iter().map(|one| one.as_str()).collect();
            errors.push(FieldError::new(
                "category",
                format!("A status is one of: {}.", words.join(", ")),
            ));
        }
        match category {
            Ok(category) if errors.is_empty() => Ok(StatusDraft {
                name: name.to_owned(),
                category,
            }),
            _ => Err(errors),
        }
    }
}

/// Whether these statuses will do for a project: a task that is not done needs a place.
pub fn will_do(statuses: impl IntoIterator<Item = Category>) -> bool {
    statuses.into_iter().any(|category| category != Category::Done)
}

/// One place up or down in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Up,
    Down,
}

/// Makes the step; `false`: it stands at that end already, or is none of them.
pub fn shift<T: PartialEq>(order: &mut [T], which: &T, step: Step) -> bool {
    let Some(place) = order.iter().position(|one| one == which) else {
        return false;
    };
    let other = match step {
        Step::Up => place.checked_sub(1),
        Step::Down => Some(place + 1).filter(|&next| next < order.len()),
    };
    if let Some(other) = other {
        order.swap(place, other);
    }
    other.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_short_name_and_a_kind() {
        let wrong = |name: &str, category: &str| -> Vec<String> {
            let errors = StatusDraft::check(name, category).err().unwrap_or_default();
            errors.into_iter().map(|error| error.name).collect()
        };

        assert_eq!(
            StatusDraft::check(" Blocked ", "in progress"),
            Ok(StatusDraft {
                name: "Blocked".into(),
                category: Category::InProgress
            })
        );
        assert_eq!(wrong(" ", "waiting"), ["name", "category"]);
        assert_eq!(wrong(&"ä".repeat(50), "done"), [""; 0]);
        assert_eq!(wrong(&"ä".repeat(51), "done"), ["name"]);
        assert_eq!(wrong("a\nb", ""), ["name", "category"]);
    }

    #[test]
    fn a_task_that_is_not_done_always_has_a_place() {
        assert!(will_do(DEFAULTS.iter().map(|one| one.1)));
        assert!(will_do([Category::Done, Category::InReview]));
        assert!(!will_do([Category::Done, Category::Done]));
        assert!(!will_do([]));
    }

    #[test]
    fn a_step_swaps_neighbours_and_stops_at_the_ends() {
        let stepped = |which: i32, step| {
            let mut order = [1, 2, 3];
            shift(&mut order, &which, step).then_some(order)
        };

        assert_eq!(stepped(2, Step::Up), Some([2, 1, 3]));
        assert_eq!(stepped(2, Step::Down), Some([1, 3, 2]));
        assert_eq!(stepped(1, Step::Up), None);
        assert_eq!(stepped(3, Step::Down), None);
        assert_eq!(stepped(4, Step::Up), None);
    }
}
