//! The delivery history of a webhook and of a whole project, one delivery with all that is kept of it, and what is done from
//! there: sending again, watching, taking away as a file.

mod asked;
mod attempts;
mod curl;
mod export;
mod list;
mod live;
mod resend;
mod row;
mod show;
mod why;

pub use self::export::{of_project as export_of_project, of_webhook as export_of_webhook};
pub use self::list::{of_project, of_webhook};
pub use self::live::{of_project as live_of_project, of_webhook as live_of_webhook};
pub use self::resend::{
    form as resend_form, in_project as retry_in_project, of_webhook as retry_selected, start as resend,
};
pub use self::show::{retry, show};
use super::webhooks::view::path_of;
use crate::actions::deliveries::Place;

impl Place {
    /// Where the history is.
    pub fn history(self) -> String {
        match self.webhook {
            Some(webhook) => format!("{}/{webhook}/deliveries", path_of(self.project)),
            None => format!("/projects/{}/deliveries", self.project),
        }
    }
}
