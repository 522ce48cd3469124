//! The only SQL: one file per table, functions are verbs. Nothing awaits in here, and no transaction outlives its action.

pub mod api_tokens;
pub mod attempts;
pub mod audit_log;
pub mod backlog;
pub(crate) mod connection;
pub mod deliveries;
pub mod events;
pub mod form_tokens;
pub mod health;
pub mod history;
mod hot;
pub mod hourly;
pub mod idempotency_keys;
pub mod invitations;
pub mod key_checks;
pub mod memberships;
pub mod notify;
pub(crate) mod pool;
pub mod projects;
pub mod publish;
pub mod resend;
pub mod resend_runs;
pub mod schema;
pub mod sessions;
pub mod statuses;
pub mod tags;
pub mod tasks;
pub mod transaction;
pub mod turn;
pub mod users;
pub mod webhooks;
pub mod writer;

pub use connection::{DatabaseUrl, Db, Purpose};
pub use pool::Pool;
pub use transaction::{Due, Handed, Lane, Notes, Tx};
pub use writer::WriteError;
