//! Sessions of programs: two opaque tokens, `access` for 15 minutes of calls and `refresh` to exchange for a new pair.
//! Showing a refresh token that was spent long ago means that somebody copied it: the session ends. And the list of one's own
//! sessions, to end those that are not wanted any more.

use std::time::Duration;

use crate::actions::access::Actor;
use crate::actions::audit;
use crate::db::sessions::{self, NewSession, Session, SessionKind};
use crate::db::users::{self, User};
use crate::db::{Db, Tx};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::moment::Moment;
use crate::domain::token::{Token, hash};
use crate::error::AppError;

/// A browser's session, counted from its last use.
pub const BROWSER: Duration = Duration::from_secs(30 * 24 * 3600);
const ACCESS: Duration = Duration::from_secs(15 * 60);
const REFRESH: Duration = Duration::from_secs(30 * 24 * 3600);
/// A client that asks twice at once, or whose answer was lost, is not a thief.
const SPENT_TWICE: Duration = Duration::from_secs(30);

/// What a program gets at sign-in and at each refresh.
#[derive(Debug)]
pub struct Tokens {
    pub access: Token,
    pub refresh: Token,
}

/// What became of a refresh token.
#[derive(Debug)]
pub enum Exchange {
    Done(Tokens, User),
    /// Unknown, or spent a moment ago.
    Bad,
    /// Spent long ago: the session has ended.
    Ended,
}

pub fn begin(tx: &mut Tx<'_>, user: UserId) -> Result<Tokens, AppError> {
    let tokens = random();
    let new = NewSession {
        user,
        kind: SessionKind::Api,
        token_hash: &tokens.access.hash(),
        refresh_hash: Some(&tokens.refresh.hash()),
        state: "{}",
        token_expires_at: tx.now + ACCESS,
        expires_at: tx.now + REFRESH,
    };
    sessions::insert(tx.db, &new, tx.now)?;
    Ok(tokens)
}

pub fn exchange(tx: &mut Tx<'_>, refresh: &str) -> Result<Exchange, AppError> {
    let shown = hash(refresh);
    let Some((session, spent)) = sessions::find_by_refresh(tx.db, &shown, tx.now)? else {
        return Ok(Exchange::Bad);
    };
    if spent {
        if session
            .refresh_spent_at
            .is_some_and(|at| tx.now.since(at) <= SPENT_TWICE)
        {
            return Ok(Exchange::Bad);
        }
        sessions::end(tx.db, session.id)?;
        let detail = Detail::default().fact("account", users::find(tx.db, session.user_id)?.name);
        audit::without_account(tx, None, Action::SessionCopied, session.id.0, &detail)?;
        return Ok(Exchange::Ended);
    }
    let tokens = random();
    let (access, refresh) = (tokens.access.hash(), tokens.refresh.hash());
    if !sessions::renew(tx.db, session.id, &shown, &access, &refresh, tx.now + ACCESS, tx.now)? {
        return Ok(Exchange::Bad);
    }
    Ok(Exchange::Done(tokens, users::find(tx.db, session.user_id)?))
}

/// Whose access token this is.
pub fn program(db: &mut Db, access: &str, now: Moment) -> Result<(UserId, SessionId), AppError> {
    let session = sessions::find(db, SessionKind::Api, &hash(access), now)?.ok_or(AppError::NotSignedIn)?;
    Ok((session.user_id, session.id))
}

/// One's own, the newest first.
pub fn list(db: &mut Db, actor: &Actor, now: Moment) -> Result<Vec<Session>, AppError> {
    Ok(sessions::of_user(db, actor.user, now)?)
}

/// For who goes on answering after the request: an error when the session was ended meanwhile.
pub fn must_go_on(db: &mut Db, actor: &Actor, session: SessionId, now: Moment) -> Result<(), AppError> {
    if sessions::goes_on(db, actor.user, session, now)? {
        Ok(())
    } else {
        Err(AppError::NotSignedIn)
    }
}

/// Ends one of the actor's own sessions.
pub fn end(tx: &mut Tx<'_>, actor: &Actor, session: SessionId) -> Result<(), AppError> {
    if sessions::end_own(tx.db, actor.user, session)? {
        actor.audit(tx, Action::SessionEnded, Some(session.0), &Detail::default())
    } else {
        Err(AppError::NotFound)
    }
}

/// Ends the session of the request itself; nothing happens when it has ended.
pub fn sign_out(tx: &mut Tx<'_>, actor: &Actor, session: SessionId) -> Result<(), AppError> {
    if sessions::end_own(tx.db, actor.user, session)? {
        actor.audit(tx, Action::SignedOut, Some(actor.user.0), &Detail::default())?;
    }
    Ok(())
}

fn random() -> Tokens {
    Tokens {
        access: Token::random(&mut rand::rng()),
        refresh: Token::random(&mut rand::rng()),
    }
}
