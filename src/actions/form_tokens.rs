//! Spending the one-use token of a form, in the transaction of the change itself: a second request with the same token
//! changes nothing and learns when the first one did.

use std::time::Duration;

use crate::db::form_tokens::Spent;
use crate::db::{Db, Tx, form_tokens};
use crate::domain::form_token::{Bound, Checked, GOOD_FOR, check, issue};
use crate::domain::ids::UserId;
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::vault::Vault;

/// The vault's name for the key.
const PURPOSE: &str = "form tokens";
/// Spent ones are kept a little longer than they are good, so that no node's clock brings one back.
const KEPT: Duration = GOOD_FOR.saturating_mul(2);

/// What came of a form that may be sent once.
#[derive(Debug)]
pub enum Once<T> {
    Done(T),
    Already(Spent),
}

/// A token for a hidden field.
pub fn token(vault: &Vault, bound: Bound<'_>, now: Moment) -> String {
    issue(&vault.derive(PURPOSE), bound, rand::random(), now)
}

/// `None` when the form must be shown again.
pub fn checked(vault: &Vault, bound: Bound<'_>, token: &str, now: Moment) -> Option<Checked> {
    check(&vault.derive(PURPOSE), bound, token, now)
}

/// When this token was spent, if it was.
pub fn spent(db: &mut Db, user: UserId, token: Checked) -> Result<Option<Spent>, AppError> {
    Ok(form_tokens::find(db, &token.hash, user)?)
}

/// Spends it for what was done, to which thing, and forgets those that are too old to matter.
pub(super) fn spend(tx: &mut Tx<'_>, user: UserId, token: Checked, action: &str, subject: i64) -> Result<(), AppError> {
    form_tokens::delete_before(tx.db, tx.now - KEPT)?;
    if form_tokens::insert(tx.db, &token.hash, user, action, subject, tx.now)? {
        Ok(())
    } else {
        // Two presses at the same instant on two connections; whoever asks again hears when it was done.
        Err(AppError::Conflict(
            "This was already done a moment ago; nothing was changed now.".into(),
        ))
    }
}
