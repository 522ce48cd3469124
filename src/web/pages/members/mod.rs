//! Who belongs to a project, on pages.

mod confirm;
mod link;
mod list;

pub use confirm::{confirm_hand_over, confirm_leave, confirm_remove, hand_over, leave, remove};
pub use link::{new_link, new_link_page};
pub use list::{add, list, set_role};
