//! The delivery history of a webhook and of a whole project, one delivery with all that is kept of it, and what is done from
//! there: sending again, watching, taking away as a file.

pub(crate) mod asked;
pub(crate) mod attempts;
mod curl;
mod export;
mod list;
mod live;
mod resend;
mod row;
mod show;
mod why;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

pub use self::export::export;
pub use self::list::history;
pub use self::live::live;
pub use self::resend::{form as resend_form, selection as retry_selected, start as resend};
pub use self::show::{retry, show};
use super::webhooks::view::path_of;
use crate::actions::deliveries::Place;
use crate::domain::ids::{ProjectId, WebhookId};
use crate::error::AppError;
use crate::web::page_error::PageError;

/// Whose history an address names: that of `{webhook}`, or without one that of the whole `{project}`.
pub struct At(Place);

impl FromRequest for At {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = |name| request.match_info().get(name).map(str::parse::<i64>).transpose();
        ready(match (id("project"), id("webhook")) {
            (Ok(Some(project)), Ok(webhook)) => Ok(At(Place {
                project: ProjectId(project),
                webhook: webhook.map(WebhookId),
            })),
            _ => Err(PageError(AppError::NotFound)),
        })
    }
}

impl Place {
    /// Where the history is.
    pub fn history(self) -> String {
        match self.webhook {
            Some(webhook) => format!("{}/{webhook}/deliveries", path_of(self.project)),
            None => format!("/projects/{}/deliveries", self.project),
        }
    }
}
