//! Where a task stands: the columns that a new project begins with, and the kind of each, which chooses icon and order.
//! A status never completes a task by itself: `complete` is a field of its own.

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
