//! The tags and statuses of a project, on one page: what its tasks are sorted by.

mod list;
mod statuses;
mod tags;

pub use list::list;
pub use statuses::{
    add as add_status, ask_remove as ask_remove_status, edit as edit_status, edit_page as status_page,
    remove as remove_status, reorder as reorder_status,
};
pub use tags::{
    add as add_tag, ask_remove as ask_remove_tag, edit as edit_tag, edit_page as tag_page, remove as remove_tag,
};

use crate::domain::ids::ProjectId;

/// The page's address.
fn path_of(project: ProjectId) -> String {
    format!("/projects/{project}/labels")
}
