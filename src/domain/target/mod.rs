//! Where deliveries may go. `url` checks what people type, `address` judges every address before it is dialled, `allow` is
//! the operator's list of exceptions. Nothing here resolves a name or opens a socket.

mod address;
mod allow;
mod url;

pub use address::{Refusal, names_this_machine, vet, vet_this_machine};
pub use allow::{AllowList, range};
pub use url::{TargetUrl, host_of};

/// The setting that a refusal names.
const SETTING: &str = "TASKVIEW_ALLOW_TARGETS";
