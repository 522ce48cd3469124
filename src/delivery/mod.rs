//! The background half: claims what is due, sends it and settles the result. Pages and API never call it; they meet it in
//! the database.

mod client;
mod connector;
mod dial;
mod failure;
pub mod resolve;
pub mod sender;

pub use client::roots_from_pem;
