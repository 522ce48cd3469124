//! What the tests stand on: databases, the running program, receivers. Stories belong into the tests, addresses and
//! plumbing in here.

pub mod database;
