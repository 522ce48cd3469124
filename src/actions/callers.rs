//! Who calls the API: the account behind the access token of a sign-in, or behind an API token with what it leaves out.

use std::net::IpAddr;
use std::time::Duration;

use crate::actions::access::Actor;
use crate::actions::{api_tokens as tokens, sessions};
use crate::db::{Db, Tx, api_tokens};
use crate::domain::ids::{ApiTokenId, SessionId};
use crate::domain::moment::Moment;
use crate::domain::token::{hash, is_for_program};
use crate::error::AppError;

/// The use of a token is written down no more often than this.
const SEEN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub actor: Actor,
    /// `None` with an API token.
    pub session: Option<SessionId>,
    /// An API token whose use is to be written down.
    pub unseen: Option<ApiTokenId>,
}

/// Whose token this is, or [`AppError::NotSignedIn`].
pub fn find(db: &mut Db, shown: &str, address: Option<IpAddr>, now: Moment) -> Result<Known, AppError> {
    if !is_for_program(shown) {
        let (user, session) = sessions::program(db, shown, now)?;
        return Ok(Known {
            actor: Actor::account(user, address).in_session(session),
            session: Some(session),
            unseen: None,
        });
    }
    let token = api_tokens::find(db, &hash(shown), now)?.ok_or(AppError::NotSignedIn)?;
    let seen = token.last_used_at.is_some_and(|at| now.since(at) < SEEN);
    Ok(Known {
        actor: Actor {
            user: token.user_id,
            address,
            scope: tokens::scope(&token),
            session: None,
        },
        session: None,
        unseen: (!seen).then_some(token.id),
    })
}

pub fn seen(tx: &mut Tx<'_>, id: ApiTokenId) -> Result<(), AppError> {
    Ok(api_tokens::touch(tx.db, id, tx.now)?)
}
