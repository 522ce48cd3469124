//! Signing in with a program, as TaskView's own client does it. These answers are not wrapped in `response`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::actions::accounts;
use crate::actions::sessions::{self, Exchange, Tokens};
use crate::context::Context;
use crate::db::users::User;
use crate::domain::ids::UserId;
use crate::error::AppError;
use crate::web::api_error::ApiError;
use crate::web::caller::Caller;
use crate::web::client;

#[derive(Serialize)]
struct SignedIn {
    access: String,
    refresh: String,
    /// The word that clients expect; both tokens are opaque.
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "userData")]
    user: UserData,
}

#[derive(Serialize)]
struct UserData {
    id: UserId,
    login: String,
    email: String,
}

impl SignedIn {
    fn new(tokens: &Tokens, user: User) -> Self {
        SignedIn {
            access: tokens.access.expose().to_owned(),
            refresh: tokens.refresh.expose().to_owned(),
            kind: "jwt",
            user: UserData {
                id: user.id,
                login: user.login,
                email: user.email,
            },
        }
    }
}

pub async fn login(ctx: Data<Context>, request: HttpRequest, body: Json<Value>) -> Result<HttpResponse, ApiError> {
    let (Some(login), Some(password)) = (body["login"].as_str(), body["password"].as_str()) else {
        return Err(bad("Send login and password as strings."));
    };
    let password = Zeroizing::new(password.to_owned());
    let address = client::address(&request);
    let user = match accounts::sign_in(&ctx, login, password, address).await {
        Ok(user) => user,
        Err(AppError::Invalid(_)) => return Err(bad("Login or password is wrong.")),
        Err(other) => return Err(other.into()),
    };
    let id = user.id;
    let tokens = ctx.write(move |tx| sessions::begin(tx, id)).await?;
    Ok(HttpResponse::Ok().json(SignedIn::new(&tokens, user)))
}

pub async fn refresh(ctx: Data<Context>, body: Json<Value>) -> Result<HttpResponse, ApiError> {
    let Some(token) = body["refreshToken"]
        .as_str()
        .map(|token| Zeroizing::new(token.to_owned()))
    else {
        return Err(bad("Send refreshToken as a string."));
    };
    match ctx.write(move |tx| sessions::exchange(tx, &token)).await? {
        Exchange::Done(tokens, user) => Ok(HttpResponse::Ok().json(SignedIn::new(&tokens, user))),
        Exchange::Bad => Err(bad("The refresh token is unknown or was used already.")),
        Exchange::Ended => Err(AppError::NotSignedIn.into()),
    }
}

pub async fn logout(ctx: Data<Context>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let Some(session) = caller.session else {
        return Err(AppError::Forbidden("An API token has no session to end; it is revoked instead.").into());
    };
    ctx.write(move |tx| sessions::end(tx, &caller.actor, session)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn bad(sentence: &str) -> ApiError {
    ApiError::Http(StatusCode::BAD_REQUEST, sentence.to_owned())
}
