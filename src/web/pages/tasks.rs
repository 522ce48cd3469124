//! The tasks of a project and the page of one task.

mod asked;
mod fired;
mod form;
mod list;
mod task;
mod view;

pub use list::{add, list};
pub use task::{add_subtask, ask_delete, complete, delete, save, show};
