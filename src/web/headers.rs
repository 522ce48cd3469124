//! What every answer tells the browser about its own safety: no script or style but ours, no frame, no guessing of types, no
//! device, nothing for pages of other sites, and no copy of a signed-in page in a cache; and by which id the request is in the log. A request that is no HTTP never gets
//! here: the server below answers it with a bare 400.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::request_id;
use crate::context::Context;

/// No `unsafe-*`, no other host. `form-action` and `base-uri` do not fall back to `default-src`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What browsers let a page ask for, but for writing to the clipboard, which the copy buttons do. Only names that Chromium knows:
/// of others it complains on every page.
const FEATURES: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), compute-pressure=(), \
     display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), \
     idle-detection=(), keyboard-map=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), otp-credentials=(), \
     payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), \
     screen-wake-lock=(), serial=(), storage-access=(), sync-xhr=(), usb=(), window-management=(), \
     xr-spatial-tracking=()";

const SAFE: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("permissions-policy"), FEATURES),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
];

/// A year. Other hosts of the domain are not ours to decide about, so without `includeSubDomains`.
const TLS_ONLY: &str = "max-age=31536000";

/// Wraps everything the server answers, errors included.
pub async fn safe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let https = request
        .app_data::<web::Data<Context>>()
        .is_some_and(|ctx| ctx.config().is_https());
    let id = HeaderValue::from_str(&request_id::of(request.request())).ok();
    match next.call(request).await {
        Ok(mut response) => {
            add(response.headers_mut(), https, id);
            Ok(response)
        }
        // It came past every handler: an error of what wraps them, which becomes an answer only further out.
        Err(error) => {
            let mut response = error.error_response();
            add(response.headers_mut(), https, id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

fn add(headers: &mut HeaderMap, https: bool, request_id: Option<HeaderValue>) {
    for (name, value) in SAFE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(id) = request_id {
        headers.insert(request_id::HEADER, id);
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    // Pages show secrets and what only a member may see; static files have said something else by now.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
