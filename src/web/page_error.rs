//! An [`AppError`] as a page: what happened in one sentence and the way out. The handler's error is plain at first; the
//! middleware, which knows who asked, puts the frame of the pages around it and writes the log.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::delivery_words::kept_in_words;
use super::page::Shell;
use super::signed_in::SignedIn;
use super::{request_id, theme};
use crate::context::Context;
use crate::error::AppError;

/// Where links to what is not kept for ever lead.
const DELIVERY: &str = "/projects/{project}/webhooks/{webhook}/deliveries/{delivery}";

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PageError(#[from] pub AppError);

#[derive(Template)]
#[template(path = "errors/framed.html")]
struct Framed {
    shell: Shell,
    says: Says,
}

#[derive(Template)]
#[template(path = "errors/plain.html")]
struct Plain {
    theme: &'static str,
    says: Says,
}

/// The words of an error page.
struct Says {
    code: u16,
    title: &'static str,
    text: String,
    /// What is wrong with which field, where a form cannot say it itself.
    fields: Vec<String>,
    /// For the operator, who finds it in the log.
    id: String,
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self.0 {
            AppError::NotSignedIn => StatusCode::UNAUTHORIZED,
            AppError::NotFound => StatusCode::NOT_FOUND,
            AppError::Forbidden(_) | AppError::TokenLacks(_) => StatusCode::FORBIDDEN,
            AppError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AppError::Conflict(_) => StatusCode::CONFLICT,
            AppError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            AppError::Unavailable(_) | AppError::Collided(_) | AppError::Locked { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            AppError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match &self.0 {
            AppError::TooMany { retry_after, .. } => {
                response.insert_header((RETRY_AFTER, retry_after.as_secs().max(1)));
            }
            AppError::Unavailable(_) => {
                response.insert_header((RETRY_AFTER, 5));
            }
            AppError::Collided(_) => {
                response.insert_header((RETRY_AFTER, 1));
            }
            _ => {}
        }
        let mut says = Says::refused(self.status_code());
        says.add(&self.0);
        let plain = Plain { theme: "", says }
            .render()
            .unwrap_or_else(|_| self.0.to_string());
        response.content_type(ContentType::html()).body(plain)
    }
}

/// Around all pages: turns what failed into a page.
pub async fn dress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let response = next.call(request).await?;
    let error = response
        .response()
        .error()
        .and_then(|error| error.as_error::<PageError>());
    let says = match error {
        Some(PageError(error)) => Says::of(error, response.status(), response.request()),
        // What actix refused by itself: a path that does not parse, a body that is no form.
        None if response.status().is_client_error() && !is_html(&response) => {
            let mut says = Says::refused(response.status());
            let ctx = response.request().app_data::<web::Data<Context>>();
            if let (StatusCode::PAYLOAD_TOO_LARGE, Some(ctx)) = (response.status(), ctx) {
                says.text = ctx.config().limits.body_too_large();
            }
            says
        }
        None => return Ok(response.map_into_left_body()),
    };
    let kept = response.headers().get(RETRY_AFTER).cloned();
    let (request, old) = response.into_parts();
    let text = render(says, &request).await?;
    let mut dressed = HttpResponse::build(old.status());
    dressed.content_type(ContentType::html());
    if let Some(seconds) = kept {
        dressed.insert_header((RETRY_AFTER, seconds));
    }
    Ok(ServiceResponse::new(request, dressed.body(text)).map_into_right_body())
}

async fn render(says: Says, request: &HttpRequest) -> Result<String, Error> {
    // A frame needs the database; without either the words stand alone.
    let shell = match (
        SignedIn::from_request(request, &mut Payload::None).await,
        request.app_data::<web::Data<Context>>(),
    ) {
        (Ok(who), Some(ctx)) => {
            let title = says.title;
            ctx.read(move |db| who.shell(db, title)).await.ok()
        }
        _ => None,
    };
    let text = match shell {
        Some(shell) => Framed { shell, says }.render(),
        None => Plain {
            theme: theme::of(request),
            says,
        }
        .render(),
    };
    text.map_err(|error| PageError(AppError::Internal(error.to_string())).into())
}

fn is_html<B>(response: &ServiceResponse<B>) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

impl Says {
    fn of(error: &AppError, status: StatusCode, request: &HttpRequest) -> Self {
        error.log(status.as_u16(), "a page failed");
        let mut says = Says::refused(status);
        says.add(error);
        let ctx = request.app_data::<web::Data<Context>>();
        if let (AppError::NotFound, Some(DELIVERY), Some(ctx)) = (error, request.match_pattern().as_deref(), ctx) {
            let kept = kept_in_words(ctx.config().kept);
            says.text = format!("{} Or the delivery has been removed: {kept}", says.text);
        }
        if matches!(error, AppError::Internal(_)) {
            says.id = request_id::of(request);
        }
        says
    }

    fn add(&mut self, error: &AppError) {
        match error {
            AppError::NotFound | AppError::Internal(_) => {}
            AppError::Invalid(fields) => self.fields = fields.iter().map(|field| field.message.clone()).collect(),
            AppError::Collided(_) => {
                self.title = "That did not work this time";
                self.text = error.to_string();
            }
            AppError::Locked { .. } => {
                self.title = "The master key is missing";
                self.text = error.to_string();
            }
            other => self.text = other.to_string(),
        }
    }

    fn refused(status: StatusCode) -> Self {
        let (title, text) = match status {
            StatusCode::UNAUTHORIZED => ("Sign in first", "This page is for people with an account."),
            StatusCode::FORBIDDEN => ("You may not do this", ""),
            StatusCode::NOT_FOUND => (
                "There is nothing here",
                "The address may be mistyped, the thing may be deleted, or it belongs to a project that you are not a member of.",
            ),
            StatusCode::METHOD_NOT_ALLOWED => ("There is nothing here", "This address answers to a form only."),
            StatusCode::CONFLICT => ("That did not go together", ""),
            StatusCode::PAYLOAD_TOO_LARGE => ("That is too much", ""),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => (
                "Something is not filled in right",
                "Nothing was saved. Go back and correct it.",
            ),
            StatusCode::TOO_MANY_REQUESTS => ("Too many at once", ""),
            StatusCode::SERVICE_UNAVAILABLE => ("The database cannot be reached", ""),
            _ => (
                "Something broke on our side",
                "What you typed was not saved. Deliveries go on as usual.",
            ),
        };
        Says {
            code: status.as_u16(),
            title,
            text: text.to_owned(),
            fields: Vec::new(),
            id: String::new(),
        }
    }
}
