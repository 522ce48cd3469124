//! Projects. One that is deleted is hidden at once (`deleted_at`); the rows below it go in slices.

use diesel::prelude::*;

use crate::domain::ids::{ProjectId, UserId};
use crate::domain::moment::Moment;

/// The columns in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    pub description: String,
    /// `#rrggbb`
    pub color: String,
    pub creator_id: UserId,
    pub created_at: Moment,
    pub edited_at: Moment,
    pub archived_at: Option<Moment>,
    pub deleted_at: Option<Moment>,
}
