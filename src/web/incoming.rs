//! What holds for the body of every request, before anybody reads it: it is as it was sent, not packed, and it has to come in time. How
//! large it may be is for those who read it.

use std::io::ErrorKind;
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{PayloadError, ResponseError as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, web};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::Instant;

use super::api_error::ApiError;
use crate::context::Context;

const PACKED: &str = "Send the body as it is: a Content-Encoding is not taken here.";

/// Around everything.
pub async fn guard<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    // actix would unpack it, and a bomb of a thousand times its size would be in memory before a limit is asked for.
    let packed = |value: &[u8]| !value.eq_ignore_ascii_case(b"identity");
    let encodings = request.headers().get_all(CONTENT_ENCODING);
    if encodings.map(HeaderValue::as_bytes).any(packed) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let answer = if request.path().starts_with("/module/") {
            ApiError::Http(status, PACKED.to_owned()).error_response()
        } else {
            super::plain(status, PACKED)
        };
        return Ok(request.into_response(answer).map_into_right_body());
    }
    let patience = request
        .app_data::<web::Data<Context>>()
        .map(|ctx| ctx.config().timing.request_body);
    match (request.take_payload(), patience) {
        (Payload::None, _) => {}
        (payload, Some(patience)) => request.set_payload(Payload::Stream {
            payload: Box::pin(in_time(payload, patience)),
        }),
        (payload, None) => request.set_payload(payload),
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// The same, and an error when it has not ended by then: whoever sends a byte now and then holds a connection for ever.
fn in_time(payload: Payload, patience: Duration) -> impl Stream<Item = Result<web::Bytes, PayloadError>> {
    let until = Instant::now() + patience;
    stream::try_unfold(payload, move |mut payload| async move {
        match tokio::time::timeout_at(until, payload.next()).await {
            Ok(chunk) => Ok(chunk.transpose()?.map(|chunk| (chunk, payload))),
            Err(_) => Err(PayloadError::Io(ErrorKind::TimedOut.into())),
        }
    })
}
