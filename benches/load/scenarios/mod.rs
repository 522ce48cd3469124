//! What can be measured, one file each. A scenario prints its table and returns how many acknowledged deliveries were lost.

pub mod backlog;
pub mod fairness;
pub mod history;
pub mod memory;
pub mod publish;
pub mod receivers;
pub mod retention;
pub mod sign_in;
pub mod start;
pub mod watch;
