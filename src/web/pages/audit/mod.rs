//! The audit log as pages and as files: of a project, for its owner and managers, and of the installation, for administrators.

mod asked;
mod export;
mod list;
mod row;
mod words;

pub use self::export::{of_installation as export_of_installation, of_project as export_of_project};
pub use self::list::{of_installation, of_project};
use crate::db::audit_log::Of;

/// Where the log is.
fn path_of(of: Of) -> String {
    match of {
        Of::Project(project) => format!("/projects/{project}/audit"),
        Of::Installation => "/audit".to_owned(),
    }
}
