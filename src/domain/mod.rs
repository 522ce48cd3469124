//! The rules of the product as pure code: no clock, no chance, no I/O. Time and randomness come in as arguments.

pub mod calendar;
pub mod delivery;
pub mod described;
pub mod diagnosis;
pub mod email;
pub mod event;
pub mod event_docs;
pub mod field_error;
pub mod form_token;
pub mod health;
pub mod ids;
pub mod moment;
pub mod own_header;
pub mod payload;
pub mod permission;
pub mod project;
pub mod retry;
pub mod role;
pub mod secret;
pub mod signature;
pub(crate) mod smallint;
pub mod status;
pub mod tag;
pub mod target;
pub mod task;
pub mod token;
