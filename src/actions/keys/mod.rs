//! The master keys: which one seals, opening the vault at the start, and replacing a key while everything runs. Who may do it is
//! whoever has the keys and the database: these are no actions of people in projects.

pub mod rotate;
mod unlock;

use std::sync::Arc;

pub use self::unlock::{given, must_be_given, source, unlock};
use crate::db::{self, Tx, key_checks};
use crate::error::AppError;
use crate::vault::{DoesNotOpen, KeyId, Sealer, Vault};

/// The key under which this transaction seals. It stays the current one until the transaction ends; asked for before any row is
/// changed, because others wait for who waits for it.
pub fn sealer(tx: &mut Tx<'_>, vault: &Vault) -> Result<Arc<Sealer>, AppError> {
    db::turn::to_seal(tx.db)?;
    let sealing = key_checks::sealing(tx.db)?;
    let current = sealing.as_ref().and_then(|row| KeyId::parse(&row.current_key));
    current.and_then(|id| vault.ring().key(id)).ok_or_else(|| AppError::Locked {
        text: "This server lacks the master key with which secrets are sealed now; nothing was changed. Whoever runs it has to \
               start it with that key.",
        detail: match current {
            Some(id) => format!("the current master key is {id}, and this process has {:?}", vault.ring().ids()),
            None => "this database has no current master key".to_owned(),
        },
    })
}

/// For a page that needs what does not open.
pub fn does_not_open(what: impl std::fmt::Display, error: DoesNotOpen) -> AppError {
    AppError::Locked {
        text: "What is sealed of this webhook cannot be opened with the server's master key; nothing was changed. Whoever runs \
               the server has to start it with the right key. Until then a rotated secret and newly entered headers work.",
        detail: format!("{what}: {error}"),
    }
}
