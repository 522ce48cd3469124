//! The product as a person uses it, in a real Chromium: the walk of the documentation from the first start to a deleted webhook, on
//! a desk and on a phone; the walks of the three roles, without script too; every page in every state under axe; what strangers
//! write; what a page weighs. Pictures of every step and page are left in `target/screenshots`.

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the integration tests; a browser needs only a part of it"
)]
#[path = "../it/support/mod.rs"]
mod support;

mod axe;
mod chrome;
mod devtools;
mod hostile;
mod pages;
mod town;
mod walk;
mod walk_roles;
mod weight;
