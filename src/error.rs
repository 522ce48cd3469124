//! What can go wrong, in few variants that a reader understands. `web::page_error` and `web::api_error` are its two
//! renderings; errors travel by `?` and are logged once, there.

use std::time::Duration;

use crate::db::WriteError;
use crate::domain::field_error::FieldError;
use crate::domain::permission::Permission;

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("Sign in first.")]
    NotSignedIn,
    /// The thing does not exist, or the caller may not know that it does.
    #[error("There is nothing here: it may be deleted, or it belongs to a project that you are not a member of.")]
    NotFound,
    /// The caller is a member but lacks the right; the sentence says who has it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The role may, the token that was shown may not.
    #[error("This API token does not have the right {}. Make one that has it.", .0.name())]
    TokenLacks(Permission),
    #[error("Some of the input is not valid.")]
    Invalid(Vec<FieldError>),
    #[error("{0}")]
    Conflict(String),
    #[error("{message}")]
    TooMany { message: String, retry_after: Duration },
    /// The database cannot be read or written right now; nothing was changed.
    #[error("The database cannot be reached right now; nothing was changed. Try again in a few seconds.")]
    Unavailable(String),
    /// Two changes got into each other's way, twice in a row; this one was given up.
    #[error("Somebody else changed the same thing at that moment, so nothing was changed here. Try again.")]
    Collided(String),
    /// The master key that is needed is not here. Nothing was changed, and it does not pass by itself.
    #[error("{text}")]
    Locked { text: &'static str, detail: String },
    /// A defect of ours. The text is for the log only.
    #[error("Something went wrong on our side; nothing was changed.")]
    Internal(String),
}

impl AppError {
    /// One field, one sentence.
    pub fn invalid(name: impl Into<String>, message: impl Into<String>) -> Self {
        AppError::Invalid(vec![FieldError {
            name: name.into(),
            message: message.into(),
        }])
    }

    /// Says it in the log, once, where it is answered: trouble that passes by itself, or a defect. Not what has no detail, of which the caller
    /// hears all.
    pub fn log(&self, status: u16, what: &'static str) {
        let Some(detail) = self.detail() else { return };
        match self {
            AppError::Unavailable(_) | AppError::Collided(_) => tracing::warn!(status, detail, "{what}"),
            _ => tracing::error!(status, detail, "{what}"),
        }
    }

    /// What the log should say beyond the sentence for people.
    pub fn detail(&self) -> Option<&str> {
        match self {
            AppError::Unavailable(detail)
            | AppError::Collided(detail)
            | AppError::Locked { detail, .. }
            | AppError::Internal(detail) => Some(detail),
            _ => None,
        }
    }
}

impl From<diesel::result::Error> for AppError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        match error {
            Error::NotFound => AppError::NotFound,
            Error::DatabaseError(
                Kind::ClosedConnection
                | Kind::UnableToSendCommand
                // After a switch to a standby that is not promoted yet.
                | Kind::ReadOnlyTransaction,
                info,
            ) => AppError::Unavailable(info.message().to_owned()),
            // A row that was there when it was looked for is gone when it is referred to.
            Error::DatabaseError(Kind::SerializationFailure | Kind::ForeignKeyViolation, info) => {
                AppError::Collided(info.message().to_owned())
            }
            Error::DatabaseError(_, ref info) if info.message().contains("deadlock detected") => {
                AppError::Collided(info.message().to_owned())
            }
            Error::DatabaseError(_, ref info) if is_passing_trouble(info.message()) => {
                AppError::Unavailable(info.message().to_owned())
            }
            // The connection went away under a transaction.
            Error::BrokenTransactionManager => AppError::Unavailable(error.to_string()),
            Error::RollbackErrorOnCommit { commit_error, .. } => AppError::from(*commit_error),
            other => AppError::Internal(other.to_string()),
        }
    }
}

/// Both databases say in words only that the disk is full or something is locked; diesel keeps no code of theirs.
fn is_passing_trouble(message: &str) -> bool {
    [
        // SQLite
        "database is locked",
        "database table is locked",
        "disk is full",
        "disk I/O error",
        "unable to open database file",
        "attempt to write a readonly database",
        // PostgreSQL and its client
        "terminating connection",
        "server closed the connection",
        "no connection to the server",
        "could not send data to server",
        "could not receive data from server",
        "the database system is",
        "due to lock timeout",
        "due to statement timeout",
        "No space left on device",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

impl From<WriteError> for AppError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Panicked => AppError::Internal(error.to_string()),
            WriteError::NotCommitted(_) | WriteError::Closed => AppError::Unavailable(error.to_string()),
        }
    }
}

impl From<diesel::r2d2::PoolError> for AppError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        AppError::Unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind as Kind, Error};

    use super::*;

    fn of(kind: Kind, message: &str) -> AppError {
        Error::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn what_passes_is_an_outage_and_what_does_not_is_a_defect() {
        for passing in [
            of(Kind::Unknown, "database or disk is full"),
            of(Kind::Unknown, "database is locked"),
            of(
                Kind::Unknown,
                "FATAL:  terminating connection due to administrator command",
            ),
            of(Kind::Unknown, "FATAL:  the database system is starting up"),
            of(Kind::Unknown, "canceling statement due to lock timeout"),
            of(Kind::ClosedConnection, "Verbindung wird abgebrochen"),
            of(Kind::ReadOnlyTransaction, "cannot execute INSERT"),
            Error::BrokenTransactionManager.into(),
        ] {
            assert!(matches!(passing, AppError::Unavailable(_)), "{passing:?}");
        }
        for collision in [
            of(Kind::Unknown, "deadlock detected"),
            of(Kind::SerializationFailure, "could not serialize access"),
            of(Kind::ForeignKeyViolation, "violates foreign key constraint"),
        ] {
            assert!(matches!(collision, AppError::Collided(_)), "{collision:?}");
        }
        for defect in [
            of(Kind::Unknown, "no such column: x"),
            of(Kind::UniqueViolation, "duplicate key"),
            of(Kind::CheckViolation, "violates check"),
        ] {
            assert!(matches!(defect, AppError::Internal(_)), "{defect:?}");
        }
    }
}
