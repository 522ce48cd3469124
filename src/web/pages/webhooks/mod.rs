//! The pages of a project's webhooks. What they show is in `view`; the forms whose answer is a secret are in `secret`.

mod confirm;
pub(crate) mod form;
mod list;
mod secret;
pub(super) mod view;

pub use confirm::{delete, delete_page, turn_on, turn_on_page};
pub use form::{add, add_page, edit, edit_page};
pub(super) use list::tested;
pub use list::{list, test, toggle};
pub use secret::{rotate, rotate_page};
