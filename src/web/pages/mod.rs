//! The pages, one file per noun.

pub mod account;
pub mod api_tokens;
pub mod audit;
pub mod deliveries;
pub mod diagnosis;
pub mod docs;
pub mod home;
pub mod invitations;
pub mod labels;
pub mod members;
pub mod projects;
pub mod setup;
pub mod sign_in;
pub mod status;
pub mod tasks;
pub mod theme;
pub mod webhooks;

use actix_web::HttpResponse;

use super::page_error::PageError;
use crate::error::AppError;

/// What no line of the table names.
pub async fn nothing_here() -> Result<HttpResponse, PageError> {
    Err(AppError::NotFound.into())
}
