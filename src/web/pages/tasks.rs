//! The tasks of a project and the page of one task.

pub(crate) mod asked;
mod fired;
pub(crate) mod form;
mod list;
mod task;
mod view;

pub use list::{add, list};
pub use task::{add_subtask, ask_delete, complete, delete, save, show};
