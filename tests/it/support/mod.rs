//! What the tests stand on: databases, the running program, receivers. Stories belong into the tests, addresses and
//! plumbing in here.

pub mod api_client;
pub mod app;
pub mod browser;
pub mod canary;
pub mod certificates;
pub mod database;
pub mod given;
pub mod held;
pub mod hostile;
pub mod log;
pub mod node_receiver;
pub mod page;
pub mod past;
pub mod place;
pub mod plain_client;
pub mod process;
pub mod queue;
pub mod received;
pub mod receiver;
pub mod sealed;
pub mod snapshot;
pub mod story;
pub mod stream;
pub mod wait;
