//! What a browser sends with a form, and the form that came back with errors: which field, which sentence. Pages keep what was
//! typed and print the error beside it.

use std::fmt;

use actix_web::Error;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use actix_web::middleware::Next;

use super::page_error::PageError;
use crate::domain::field_error::FieldError;
use crate::error::AppError;

/// The errors of one form; empty for a fresh one.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The sentence for a field, empty when there is none.
    pub fn of(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|error| error.name == name)
            .map_or("", |error| &error.message)
    }

    pub fn list(&self) -> &[FieldError] {
        &self.0
    }

    pub fn title(&self) -> String {
        match self.0.len() {
            1 => "One thing to correct".to_owned(),
            n => format!("{n} things to correct"),
        }
    }
}

impl From<Vec<FieldError>> for FieldErrors {
    fn from(errors: Vec<FieldError>) -> Self {
        FieldErrors(errors)
    }
}

/// Attributes as they stand in a template. Made from a literal only, so nothing that came from outside can be in it.
#[derive(Debug, Clone, Copy)]
pub struct Attributes(&'static str);

pub fn attr(literal: &'static str) -> Attributes {
    Attributes(literal)
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl askama::FastWritable for Attributes {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        dest.write_str(self.0)?;
        Ok(())
    }
}

impl askama::filters::HtmlSafe for Attributes {}

/// The fields of a form. Unlike actix's own extractor it reads a name that comes several times, as checkboxes send it, into
/// a list, and says what it does not understand on a page.
pub struct Form<T>(pub T);

impl<T: serde::de::DeserializeOwned + 'static> actix_web::FromRequest for Form<T> {
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &actix_web::HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        let bytes = actix_web::web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let fields = serde_html_form::from_bytes(&bytes.await?)
                .map_err(|error| PageError(AppError::invalid("", format!("The form was not understood: {error}."))))?;
            Ok(Form(fields))
        })
    }
}

/// Around all pages: a change comes from a form of ours, and those send nothing but `application/x-www-form-urlencoded`. What
/// another site can make a browser send without asking first, such as text that looks like a form, ends here as well.
pub async fn only_forms<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    if request.method().is_safe() || is_form(request.headers()) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let sentence =
        "This address takes a form as browsers send it (application/x-www-form-urlencoded). Programs use the API.";
    let answer = super::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence);
    Ok(request.into_response(answer).map_into_right_body())
}

/// A button without fields may send nothing.
fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE);
    match (kinds.next().map(HeaderValue::to_str), kinds.next()) {
        (None, _) => {
            let length = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
            length.is_none_or(|length| length == b"0") && !headers.contains_key(TRANSFER_ENCODING)
        }
        (Some(Ok(kind)), None) => {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        }
        _ => false,
    }
}
