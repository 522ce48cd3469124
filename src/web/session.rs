//! Sessions of browsers as rows, so that they can be listed and revoked: the store that actix-session keeps them in. The
//! cookie carries a random key, the table its hash. The store makes no row: signing in does, in `actions::sessions`, and the cookie gets
//! the key that came of it. So there is none before somebody has signed in, and one that was ended while a request ran stays ended.

use std::collections::HashMap;
use std::time::Duration;

use actix_session::config::{CookieContentSecurity, PersistentSession};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_session::{Session, SessionMiddleware};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::cookie::{Key, SameSite, time::Duration as CookieDuration};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use super::page_error::PageError;
use crate::actions::sessions::{self as actions, BROWSER_IN_ALL};
use crate::context::Context;
use crate::db::sessions::{self, SessionKind};
use crate::db::users;
use crate::domain::token::{Token, hash};
use crate::error::AppError;

/// What the state of a session holds under which name. All of it is added when it is loaded.
pub const USER: &str = "user";
pub const ID: &str = "id";
pub const LOGIN: &str = "login";
pub const NAME: &str = "name";
/// Only for the frame of the pages; what an administrator may see asks the database.
pub const ADMINISTRATOR: &str = "administrator";
pub const AUTHENTICATED: &str = "authenticated";
/// Of a session that was just begun: its key, on the way to the cookie.
const KEY: &str = "key";

/// A session that is in use is written down as seen no more often than this.
const SEEN: Duration = Duration::from_secs(15 * 60);

#[derive(Clone)]
pub struct Sessions(Context);

/// The cookie: out of the script's reach, not sent along from other sites, encrypted under a key derived from the root that
/// lies sealed in the database.
pub fn middleware(ctx: &Context) -> SessionMiddleware<Sessions> {
    let https = ctx.config().is_https();
    // As long as the row can live; when it ends before, by lying idle, the table knows.
    let life = CookieDuration::seconds(i64::try_from(BROWSER_IN_ALL.as_secs()).unwrap_or(i64::MAX));
    SessionMiddleware::builder(
        Sessions(ctx.clone()),
        Key::derive_from(ctx.vault().derive("cookies").as_slice()),
    )
    .cookie_name(if https { "__Host-session" } else { "session" }.to_owned())
    .cookie_secure(https)
    .cookie_http_only(true)
    .cookie_same_site(SameSite::Lax)
    .cookie_path("/".to_owned())
    .cookie_content_security(CookieContentSecurity::Private)
    .session_lifecycle(PersistentSession::default().session_ttl(life))
    .build()
}

/// Around the middleware: a session that cannot be read or written now is the database's trouble and passes.
pub async fn within_reach<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    next.call(request).await.map_err(|error| {
        tracing::error!(%error, "a session could not be read or written");
        PageError(AppError::Unavailable(error.to_string())).into()
    })
}

/// Gives this browser the key of a session that was just begun, or got a new key. A session that the browser came with, whoever gave it
/// to it, is ended.
pub fn begin(session: &Session, key: &Token) -> Result<(), AppError> {
    session.clear();
    session
        .insert(KEY, key.expose())
        .map_err(|error| AppError::Internal(error.to_string()))?;
    session.renew();
    Ok(())
}

impl SessionStore for Sessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        let (hash, now) = (hash(key.as_ref()), self.0.now());
        let found = self
            .0
            .read(move |db| {
                let Some(session) = sessions::find(db, SessionKind::Browser, &hash, now)? else {
                    return Ok(None);
                };
                let user = users::find(db, session.user_id)?;
                Ok(Some((session, user)))
            })
            .await
            .map_err(|error| LoadError::Other(error.into()))?;
        let Some((session, user)) = found else { return Ok(None) };
        if now.since(session.last_seen_at) > SEEN {
            let seen = session.clone();
            self.0
                .write(move |tx| actions::seen(tx, &seen))
                .await
                .map_err(|error| LoadError::Other(error.into()))?;
        }
        let mut state: HashMap<String, String> =
            serde_json::from_str(&session.state).map_err(|error| LoadError::Deserialization(error.into()))?;
        let text = |value: &str| serde_json::Value::from(value).to_string();
        state.insert(USER.to_owned(), user.id.to_string());
        state.insert(ID.to_owned(), session.id.to_string());
        state.insert(LOGIN.to_owned(), text(&user.login));
        state.insert(NAME.to_owned(), text(&user.name));
        state.insert(ADMINISTRATOR.to_owned(), user.administrator.to_string());
        state.insert(AUTHENTICATED.to_owned(), session.authenticated_at.0.to_string());
        Ok(Some(state))
    }

    async fn save(&self, state: HashMap<String, String>, _: &CookieDuration) -> Result<SessionKey, SaveError> {
        let key = state
            .get(KEY)
            .and_then(|text| serde_json::from_str::<String>(text).ok());
        let Some(key) = key else {
            return Err(SaveError::Other(
                AppError::Internal("a session that nobody began".to_owned()).into(),
            ));
        };
        key.try_into()
            .map_err(|_| SaveError::Other(AppError::NotSignedIn.into()))
    }

    async fn update(
        &self,
        key: SessionKey,
        state: HashMap<String, String>,
        _: &CookieDuration,
    ) -> Result<SessionKey, UpdateError> {
        let (hash, kept) = (hash(key.as_ref()), stored(&state));
        self.0
            .write(move |tx| Ok(sessions::set_state_by_token(tx.db, &hash, &kept)?))
            .await
            .map_err(|error| UpdateError::Other(error.into()))?;
        Ok(key)
    }

    /// A session in use goes on: `load` sees to that, and writes only now and then.
    async fn update_ttl(&self, _: &SessionKey, _: &CookieDuration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let hash = hash(key.as_ref());
        self.0
            .write(move |tx| Ok(sessions::end_by_token(tx.db, &hash)?))
            .await?;
        Ok(())
    }
}

/// The state without what the row and the account say already.
fn stored(state: &HashMap<String, String>) -> String {
    let rest: HashMap<_, _> = state
        .iter()
        .filter(|(name, _)| ![USER, ID, LOGIN, NAME, ADMINISTRATOR, AUTHENTICATED, KEY].contains(&name.as_str()))
        .collect();
    serde_json::json!(rest).to_string()
}
