//! Who calls the API: the account behind `Authorization: Bearer`. Cookies are not looked at.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};

use super::api_error::ApiError;
use super::client;
use crate::actions::access::Actor;
use crate::actions::sessions;
use crate::context::Context;
use crate::domain::ids::SessionId;
use crate::error::AppError;

#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    pub session: SessionId,
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let token = bearer(request).map(str::to_owned);
        let address = client::address(request);
        let ctx = request.app_data::<web::Data<Context>>().cloned();
        Box::pin(async move {
            let token = token.ok_or(AppError::NotSignedIn)?;
            let ctx = ctx.ok_or_else(|| AppError::Internal("no context".to_owned()))?;
            let now = ctx.now();
            let (user, session) = ctx.read(move |db| sessions::program(db, &token, now)).await?;
            Ok(Caller {
                actor: Actor { user, address },
                session,
            })
        })
    }
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
