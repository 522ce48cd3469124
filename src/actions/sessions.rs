//! Sessions, begun by who has just shown the password. A browser has one key, for 30 days from its last use and 90 in all. A program
//! has two opaque tokens, `access` for 15 minutes of calls and `refresh` to exchange for a new pair; showing a refresh token that was
//! spent long ago means that somebody copied it: the session ends. And the list of one's own, to end those that are not wanted.

use std::time::Duration;

use crate::actions::access::Actor;
use crate::actions::audit;
use crate::actions::sign_ins::Proven;
use crate::db::sessions::{self, Device, NewSession, NewTokens, Session, SessionKind};
use crate::db::users::{self, User};
use crate::db::{Db, Tx};
use crate::domain::audit::{Action, Detail};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::moment::Moment;
use crate::domain::token::{Token, hash};
use crate::error::AppError;

/// A browser's session, counted from its last use.
pub const BROWSER: Duration = Duration::from_secs(30 * 24 * 3600);
/// And counted from the sign-in: a copied cookie is not good for ever because somebody uses it every day.
pub const BROWSER_IN_ALL: Duration = Duration::from_secs(90 * 24 * 3600);
const ACCESS: Duration = Duration::from_secs(15 * 60);
/// Counted from the sign-in; exchanging does not move it.
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

/// Of a browser: the key that its cookie carries.
pub fn begin_in_browser(tx: &mut Tx<'_>, proven: &Proven, device: &Device) -> Result<Token, AppError> {
    proven.must_hold(tx)?;
    let key = Token::random(&mut rand::rng());
    let new = NewSession {
        user: proven.user.id,
        kind: SessionKind::Browser,
        token_hash: &key.hash(),
        refresh_hash: None,
        state: "{}",
        token_expires_at: tx.now + BROWSER,
        expires_at: tx.now + BROWSER,
        device,
    };
    insert(tx, &new)?;
    Ok(key)
}

/// Of a program.
pub fn begin(tx: &mut Tx<'_>, proven: &Proven, device: &Device) -> Result<Tokens, AppError> {
    proven.must_hold(tx)?;
    let tokens = random();
    let new = NewSession {
        user: proven.user.id,
        kind: SessionKind::Api,
        token_hash: &tokens.access.hash(),
        refresh_hash: Some(&tokens.refresh.hash()),
        state: "{}",
        token_expires_at: tx.now + ACCESS,
        expires_at: tx.now + REFRESH,
        device,
    };
    insert(tx, &new)?;
    Ok(tokens)
}

/// The account is locked. Browsers and programs are counted apart: a script that signs in again and again signs nobody out of their
/// browser.
fn insert(tx: &mut Tx<'_>, new: &NewSession<'_>) -> Result<(), AppError> {
    sessions::insert(tx.db, new, tx.now)?;
    sessions::end_oldest(tx.db, new.user, new.kind, tx.limits.sessions)?;
    let address = new.device.address.as_deref().and_then(|text| text.parse().ok());
    Actor::account(new.user, address).audit(tx, Action::SignedIn, Some(new.user.0), &Detail::default())
}

/// A new key for a browser's session, in which the password was just shown.
pub(super) fn rekey(tx: &mut Tx<'_>, user: UserId, session: SessionId) -> Result<Token, AppError> {
    let key = Token::random(&mut rand::rng());
    if sessions::rekey(tx.db, user, session, &key.hash(), tx.now)? {
        Ok(key)
    } else {
        Err(AppError::NotSignedIn)
    }
}

pub fn exchange(tx: &mut Tx<'_>, refresh: &str, device: &Device) -> Result<Exchange, AppError> {
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
    let new = NewTokens {
        token_hash: &tokens.access.hash(),
        refresh_hash: &tokens.refresh.hash(),
        token_expires_at: tx.now + ACCESS,
        device,
    };
    if !sessions::renew(tx.db, session.id, &shown, &new, tx.now)? {
        return Ok(Exchange::Bad);
    }
    Ok(Exchange::Done(tokens, users::find(tx.db, session.user_id)?))
}

/// Whose access token this is.
pub fn program(db: &mut Db, access: &str, now: Moment) -> Result<(UserId, SessionId), AppError> {
    let session = sessions::find(db, SessionKind::Api, &hash(access), now)?.ok_or(AppError::NotSignedIn)?;
    Ok((session.user_id, session.id))
}

/// A browser's session was used now: until when it goes on.
pub fn seen(tx: &mut Tx<'_>, session: &Session) -> Result<(), AppError> {
    let ends = (tx.now + BROWSER).min(session.created_at + BROWSER_IN_ALL);
    Ok(sessions::touch(tx.db, session.id, ends, tx.now)?)
}

/// One's own, those seen last first.
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
    if !sessions::end_own(tx.db, actor.user, session)? {
        return Err(AppError::NotFound);
    }
    actor.audit(tx, Action::SessionEnded, Some(session.0), &Detail::default())
}

/// Ends all of the actor's sessions but the one that asks; returns how many.
pub fn end_others(tx: &mut Tx<'_>, actor: &Actor) -> Result<usize, AppError> {
    let session = actor.session.ok_or(AppError::NotSignedIn)?;
    let ended = sessions::end_others(tx.db, actor.user, session)?;
    if ended > 0 {
        audit_ended(tx, actor, ended)?;
    }
    Ok(ended)
}

/// Ends all of them; returns how many.
pub fn end_all(tx: &mut Tx<'_>, actor: &Actor) -> Result<usize, AppError> {
    let ended = sessions::end_all(tx.db, actor.user)?;
    audit_ended(tx, actor, ended)?;
    Ok(ended)
}

fn audit_ended(tx: &mut Tx<'_>, actor: &Actor, ended: usize) -> Result<(), AppError> {
    let detail = Detail::default().fact("sessions", ended);
    actor.audit(tx, Action::SessionsEnded, Some(actor.user.0), &detail)
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
