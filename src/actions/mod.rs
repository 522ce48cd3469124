//! What a person can do: one function, one transaction, and the permission on its first line. Pages and the JSON API call
//! the same ones.

pub mod access;
pub mod accounts;
pub mod api_tokens;
pub mod audit;
pub mod callers;
pub mod deliveries;
pub mod diagnosis;
pub mod form_tokens;
pub mod hand_in;
pub mod invitations;
pub mod keys;
pub mod members;
pub mod operator;
pub mod projects;
pub mod publish;
pub mod resend_runs;
pub mod retention;
pub mod sessions;
pub mod sign_ins;
pub mod status;
pub mod statuses;
pub mod tags;
pub mod tasks;
pub mod transfer;
pub mod webhooks;
