//! Who calls the API: the account behind `Authorization: Bearer`. Cookies are not looked at.

use std::future::{Future, Ready, ready};
use std::net::IpAddr;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};

use super::api_error::ApiError;
use super::client;
use crate::actions::access::Actor;
use crate::actions::callers;
use crate::context::Context;
use crate::domain::ids::SessionId;
use crate::error::AppError;

#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    /// `None` with an API token.
    pub session: Option<SessionId>,
}

/// The token that a call shows, not looked up yet.
#[derive(Clone)]
pub struct Bearer {
    pub token: String,
    /// The client's address, as far as it is known.
    pub address: Option<IpAddr>,
}

impl FromRequest for Bearer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = client::address(request);
        let shown = bearer(request).map(|token| Bearer {
            token: token.to_owned(),
            address,
        });
        ready(shown.ok_or(ApiError::App(AppError::NotSignedIn)))
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let shown = Bearer::from_request(request, payload).into_inner();
        let ctx = request.app_data::<web::Data<Context>>().cloned();
        Box::pin(async move {
            let Bearer { token, address } = shown?;
            let ctx = ctx.ok_or_else(|| AppError::Internal("no context".to_owned()))?;
            let now = ctx.now();
            let known = ctx.read(move |db| callers::find(db, &token, address, now)).await?;
            if let Some(id) = known.unseen {
                ctx.write(move |tx| callers::seen(tx, id)).await?;
            }
            Ok(Caller {
                actor: known.actor,
                session: known.session,
            })
        })
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
