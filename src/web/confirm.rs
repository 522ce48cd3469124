//! The password once more, in the form of what opens doors or cannot be undone, when the sign-in is too old for it. The actions insist on
//! it (`access::fresh`); this is the field that asks, and the check that renews the session.

use zeroize::Zeroizing;

use super::signed_in::SignedIn;
use crate::actions::{access, sign_ins};
use crate::context::Context;
use crate::error::AppError;

const FIELD: &str = "password";

/// The field, for a template: `form::confirm`.
#[derive(Debug, Default)]
pub struct Confirm {
    pub wanted: bool,
    pub error: String,
}

/// What a form sends that may hold the field.
#[derive(serde::Deserialize)]
pub struct Typed {
    #[serde(default)]
    pub password: Zeroizing<String>,
}

impl Confirm {
    /// As a fresh page shows it.
    pub fn of(who: &SignedIn) -> Self {
        Confirm {
            wanted: access::is_stale(who.authenticated_at, who.now),
            error: String::new(),
        }
    }
}

/// `Some` when the form is to be shown again, with this field. A right password makes the session as good as new.
pub async fn ask_again(
    ctx: &Context,
    who: &SignedIn,
    password: Zeroizing<String>,
) -> Result<Option<Confirm>, AppError> {
    if !access::is_stale(who.authenticated_at, who.now) {
        return Ok(None);
    }
    let error = if password.is_empty() {
        "Enter your password: you signed in more than 12 hours ago.".to_owned()
    } else {
        match sign_ins::confirm(ctx, &who.actor, password, FIELD).await {
            Ok(()) => return Ok(None),
            Err(AppError::Invalid(fields)) => fields.into_iter().map(|field| field.message).collect(),
            Err(other) => return Err(other),
        }
    };
    Ok(Some(Confirm { wanted: true, error }))
}
