//! TaskView Webhooks: a task changes, every webhook that subscribes gets a signed HTTP POST, and a history shows what happened.
//!
//! The modules stand in layer order and imports point down only (`tests/it/architecture.rs` enforces it):
//! `domain` (pure rules) → `db` (the only SQL) → `actions` (what a person can do, permission first)
//! → `delivery` (the background engine) beside `web` (pages and JSON) → `server` and `cli` (the wiring).

pub mod domain;

pub mod db;

pub mod actions;

pub mod delivery;

pub mod backup;
pub mod clock;
pub mod config;
pub mod context;
pub mod data_lock;
pub mod desk;
pub mod error;
pub mod gate;
pub mod key_file;
pub mod limits;
pub mod live;
pub mod master_key;
pub mod metrics;
pub mod node_role;
pub mod nodes;
pub mod own_folder;
pub mod press_limit;
pub mod public_url;
pub mod pulse;
pub mod slots;
pub mod store;
pub mod traces;
pub mod tries;
pub mod vault;
pub mod version;

pub mod web;

pub mod server;

pub mod cli;

/// What holds for every input. It stands in the crate because much of what it asks is private, and is in no program.
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/checks/mod.rs"]
pub mod fuzz;
