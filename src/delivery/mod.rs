//! The background half: claims what is due, sends it and settles the result. Pages and API never call it; they meet it in
//! the database.

mod answer;
pub mod attempt;
mod claims;
mod client;
mod connector;
mod dial;
pub mod engine;
mod failure;
pub mod janitor;
pub mod lanes;
mod redact;
pub mod request;
pub mod resolve;
mod rounds;
pub mod sender;
pub mod settle;
mod socket;
mod tally;

pub use client::roots_from_pem;
