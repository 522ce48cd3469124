//! The product as a person uses it, in a real Chromium: the walk of the documentation from the first start to a deleted webhook,
//! on a desk and on a phone. Pictures of every step are left in `target/screenshots`.

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
mod pages;
mod town;
mod walk;
mod weight;
