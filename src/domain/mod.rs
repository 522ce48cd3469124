//! The rules of the product as pure code: no clock, no chance, no I/O. Time and randomness come in as arguments.

pub mod field_error;
pub mod ids;
pub mod moment;
pub mod role;
pub(crate) mod smallint;
pub mod target;
