//! Signing in with a program, as TaskView's own client does it. These answers are not wrapped in `response`.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::actions::sessions::{self, Exchange, Tokens};
use crate::actions::sign_ins;
use crate::context::Context;
use crate::db::users::User;
use crate::domain::ids::UserId;
use crate::error::AppError;
use crate::web::api_body::JsonBody;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;
use crate::web::client;

/// No `Debug`: it holds a password.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct Credentials {
    /// Or the e-mail.
    #[schema(example = "lead")]
    login: String,
    #[schema(value_type = String, format = Password, example = "correct horse battery staple")]
    password: Zeroizing<String>,
}

#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    #[schema(value_type = String, example = "5d0c…")]
    refresh_token: Zeroizing<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Tokens)]
pub struct SignedIn {
    #[schema(value_type = String, example = "b1f3…")]
    access: Zeroizing<String>,
    #[schema(value_type = String, example = "5d0c…")]
    refresh: Zeroizing<String>,
    /// The word that clients expect; both tokens are opaque.
    #[serde(rename = "type")]
    #[schema(example = "jwt")]
    kind: &'static str,
    #[serde(rename = "userData")]
    user: UserData,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = User)]
pub struct UserData {
    id: UserId,
    #[schema(example = "lead")]
    login: String,
    #[schema(example = "lead@example.com")]
    email: String,
}

impl SignedIn {
    fn new(tokens: &Tokens, user: User) -> Self {
        SignedIn {
            access: Zeroizing::new(tokens.access.expose().to_owned()),
            refresh: Zeroizing::new(tokens.refresh.expose().to_owned()),
            kind: "jwt",
            user: UserData {
                id: user.id,
                login: user.login,
                email: user.email,
            },
        }
    }
}

/// Sign in
///
/// The login is lower-cased; the e-mail works too. `access` is good for 15 minutes, `refresh` for 30 days. After too many failures: 429.
#[utoipa::path(post, path = "/module/auth/login", tag = "Sign-in", operation_id = "signIn", request_body = Credentials, security(()), responses((status = 200, description = "OK", body = SignedIn)))]
pub async fn login(
    ctx: Data<Context>,
    request: HttpRequest,
    JsonBody(sent): JsonBody<Credentials>,
) -> Result<HttpResponse, ApiError> {
    let address = client::address(&request);
    let begun = match sign_ins::prove(&ctx, &sent.login, sent.password, address).await {
        Ok(proven) => {
            let (user, device) = (proven.user.clone(), client::device(&request));
            let begun = ctx.write(move |tx| sessions::begin(tx, &proven, &device)).await;
            begun.map(|tokens| SignedIn::new(&tokens, user))
        }
        Err(error) => Err(error),
    };
    match begun {
        Ok(signed_in) => Ok(HttpResponse::Ok().json(signed_in)),
        Err(AppError::Invalid(_)) => Err(bad("Login or password is wrong.")),
        Err(other) => Err(other.into()),
    }
}

/// Exchange the refresh token for a new pair
///
/// A refresh token is good once. Shown again within 30 seconds it is refused; later that means that somebody copied it, and the session ends.
#[utoipa::path(post, path = "/module/auth/refresh/token", tag = "Sign-in", operation_id = "refreshTokens", request_body = Refresh, security(()), responses((status = 200, description = "OK", body = SignedIn)))]
pub async fn refresh(
    ctx: Data<Context>,
    request: HttpRequest,
    JsonBody(sent): JsonBody<Refresh>,
) -> Result<HttpResponse, ApiError> {
    let device = client::device(&request);
    let exchanged = ctx
        .write(move |tx| sessions::exchange(tx, &sent.refresh_token, &device))
        .await?;
    match exchanged {
        Exchange::Done(tokens, user) => Ok(HttpResponse::Ok().json(SignedIn::new(&tokens, user))),
        Exchange::Bad => Err(bad("The refresh token is unknown or was used already.")),
        Exchange::Ended => Err(AppError::NotSignedIn.into()),
    }
}

/// End the session
///
/// Both tokens of it open nothing any more. An API token has no session: 403.
#[utoipa::path(post, path = "/module/auth/logout", tag = "Sign-in", operation_id = "signOut", responses((status = 204, description = "The session has ended.")))]
pub async fn logout(ctx: Data<Context>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let Some(session) = caller.session else {
        return Err(AppError::Forbidden("An API token has no session to end; it is revoked instead.").into());
    };
    ctx.write(move |tx| sessions::sign_out(tx, &caller.actor, session))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn bad(sentence: &str) -> ApiError {
    ApiError::Http(StatusCode::BAD_REQUEST, sentence.to_owned())
}
